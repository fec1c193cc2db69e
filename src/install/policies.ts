import type { ApiObjectProps } from 'cdk8s';
import type { Construct } from 'constructs';
import type { HotStandbyOperatorProps } from '../hot-standby-operator-props';
import { clusterObject } from './cluster-object';
import { collectors, drainGuardManifests } from './drain-guard';
import { guardManifests, guardsReplicaSets, REPLICASET_CONTROLLER, SCHEDULER } from './guard';
import { marksManifests } from './marks';
import { selfAnnotationManifests } from './self-annotation';

/** Which of `HotStandbyOperatorProps` choose the policies. */
type Choice = Pick<
  HotStandbyOperatorProps,
  | 'admissionGuard'
  | 'admissionMarks'
  | 'guardPreemption'
  | 'guardedUsers'
  | 'namespaces'
  | 'ownNamespaceOnly'
  | 'selfAnnotationPolicy'
>;

/** What the policies are called after and labelled with. */
export interface PoliciesInput {
  /** First part of every name. */
  readonly name: string;
  readonly labels: Record<string, string>;
  /** Namespace of the operator, where it looks after no other. */
  readonly namespace?: string;
}

/**
 * The admission policies an install asks for.
 *
 * Throws when one of them could not be kept to the operator's own namespace because that has no name.
 */
export function addPolicies(scope: Construct, input: PoliciesInput, props: Choice): void {
  const { name } = input;
  const users = guardedUsers(props);
  const common = (property: keyof Choice) => ({ labels: input.labels, namespaces: heldIn(property, input, props) });
  if (hasGuard(props)) {
    const shared = common('admissionGuard');
    add(scope, 'Guard', guardManifests({ ...shared, name: `${name}-busy-pod-guard`, users }));
    add(scope, 'DrainGuard', drainGuardManifests({ ...shared, name: `${name}-drain-guard`, users: collectors(users) }));
  }
  if (props.selfAnnotationPolicy ?? !props.ownNamespaceOnly) {
    const manifests = selfAnnotationManifests({ ...common('selfAnnotationPolicy'), name: `${name}-self-annotation` });
    add(scope, 'SelfAnnotation', manifests);
  }
  if (props.admissionMarks) {
    addMarks(scope, { ...common('admissionMarks'), name });
  }
}

/** The marks policy alone. */
export function addMarks(scope: Construct, input: PoliciesInput & { readonly namespaces?: readonly string[] }): void {
  add(scope, 'Marks', marksManifests({ ...input, name: `${input.name}-busy-pod-marks` }));
}

/** Whether the operator may rely on the guard: lower a ReplicaSet first and let go of its busy Pods after. */
export function guarded(props: Choice): boolean {
  return hasGuard(props) && guardsReplicaSets(guardedUsers(props));
}

/**
 * Throws when a property contradicts another one.
 */
export function validatePolicies(props: Choice): void {
  if (props.guardedUsers?.length === 0) {
    throw new Error(
      "'guardedUsers' is empty, so the guard would refuse nobody: name users or set 'admissionGuard: false'",
    );
  }
  if (props.guardPreemption && !hasGuard(props)) {
    throw new Error("'guardPreemption' is true without the guard: leave it out or set 'admissionGuard: true'");
  }
}

function hasGuard(props: Choice): boolean {
  return props.admissionGuard ?? !props.ownNamespaceOnly;
}

function guardedUsers(props: Choice): string[] {
  const users = props.guardedUsers ?? [REPLICASET_CONTROLLER];
  return props.guardPreemption && !users.includes(SCHEDULER) ? [...users, SCHEDULER] : users;
}

function heldIn(property: keyof Choice, { namespace }: PoliciesInput, props: Choice): readonly string[] | undefined {
  if (!props.ownNamespaceOnly) {
    return props.namespaces;
  }
  if (namespace === undefined) {
    throw new Error(`'${property}' with 'ownNamespaceOnly' must know its namespace: give 'namespace'`);
  }
  return [namespace];
}

function add(scope: Construct, id: string, manifests: { policy: ApiObjectProps; binding: ApiObjectProps }): void {
  clusterObject(scope, id, manifests.policy);
  clusterObject(scope, `${id}Binding`, manifests.binding);
}
