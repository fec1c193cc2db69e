import { DRAIN_ANNOTATION, RETIRE_FINALIZER } from '../api/names';
import {
  byUsers,
  constraints,
  labelledObjects,
  mapOf,
  type PolicyInput,
  policyWithBinding,
  ruleFor,
} from './admission';
import { CONTROLLER_MANAGER } from './guard';

/** Who deletes the dependents of a deleted object. */
const GARBAGE_COLLECTOR = 'system:serviceaccount:kube-system:generic-garbage-collector';

/** Who is held back, given whom the guard refuses: where all controllers share one user, so does the collector. */
export function collectors(guardedUsers: readonly string[]): string[] {
  return guardedUsers.includes(CONTROLLER_MANAGER) ? [GARBAGE_COLLECTOR, CONTROLLER_MANAGER] : [GARBAGE_COLLECTOR];
}

/** What the drain guard's two objects are made of. */
export interface DrainGuardInput extends PolicyInput {
  /** User names the garbage collector goes by. */
  readonly users: readonly string[];
}

/**
 * A ValidatingAdmissionPolicy and its binding that make the garbage collector wait for the sessions of an hsd with
 * `sessions.onDelete: Drain`.
 *
 * A foreground deletion (`kubectl delete --cascade=foreground`, Argo CD's default) removes dependents before the owner's
 * other finalizers are through, so the finalizer alone would come too late. The operator marks what has to stay and
 * takes the mark away when the last session has ended. People and the namespace controller are not held back.
 */
export function drainGuardManifests(input: DrainGuardInput) {
  return policyWithBinding('Validating', input, {
    failurePolicy: 'Fail',
    matchConstraints: constraints(
      [
        ruleFor('apps', 'deployments', 'DELETE'),
        ruleFor('apps', 'replicasets', 'DELETE'),
        ruleFor('', 'pods', 'DELETE'),
        ruleFor('policy', 'poddisruptionbudgets', 'DELETE'),
      ],
      labelledObjects,
    ),
    matchConditions: [
      { name: 'garbage-collector', expression: byUsers(input.users) },
      {
        name: 'drains',
        // The Deployment controller copies the mark of a child to its ReplicaSets: of those it says something only on a
        // retired one.
        expression: `${mapOf('oldObject', 'annotations')}[?'${DRAIN_ANNOTATION}'].orValue('') == 'true' && (request.resource.resource != 'replicasets' || '${RETIRE_FINALIZER}' in oldObject.metadata.?finalizers.orValue([]))`,
      },
    ],
    variables: [
      {
        name: 'namespaceGoes',
        expression: 'namespaceObject.metadata.?deletionTimestamp.hasValue()',
      },
    ],
    validations: [
      {
        expression: 'variables.namespaceGoes',
        messageExpression:
          "request.kind.kind + ' ' + oldObject.metadata.namespace + '/' + oldObject.metadata.name + ' waits for the sessions of its HotStandbyDeployment (sessions.onDelete: Drain)'",
        message: 'waits for the sessions of its HotStandbyDeployment (sessions.onDelete: Drain)',
        reason: 'Forbidden',
      },
    ],
  });
}
