import { DEFAULT_BUSY_ANNOTATION, SESSION_ANNOTATION, STATE_LABEL } from '../api/names';
import {
  busyIn,
  busyKeyIn,
  byUsers,
  constraints,
  labelledObjects,
  mapOf,
  type PolicyInput,
  policyWithBinding,
  quote,
  ruleFor,
} from './admission';

/** Who the guard refuses unless told otherwise: the only caller that ends a Pod to reach a replica count. */
export const REPLICASET_CONTROLLER = 'system:serviceaccount:kube-system:replicaset-controller';

/** Who ends Pods of a lower priority to make room. */
export const SCHEDULER = 'system:kube-scheduler';

/** Every controller where the controller manager runs without --use-service-account-credentials. */
export const CONTROLLER_MANAGER = 'system:kube-controller-manager';

/** Whether a guard against `users` keeps a ReplicaSet from ending a busy Pod: the operator relies on it if told so. */
export function guardsReplicaSets(users: readonly string[]): boolean {
  return users.includes(REPLICASET_CONTROLLER) || users.includes(CONTROLLER_MANAGER);
}

/** What the guard's two objects are made of. */
export interface GuardInput extends PolicyInput {
  /** User names refused; every other caller (people, garbage collector, node lifecycle) may delete. */
  readonly users: readonly string[];
}

/**
 * A ValidatingAdmissionPolicy and its binding that refuse `users` the DELETE of a busy Pod.
 *
 * The API server evaluates it inside the delete transaction, on the object it is about to remove: a busy mark whose
 * write was answered without a deletionTimestamp holds from then on, operator running or not. The label selector and the
 * user condition keep every other delete in the cluster free of CEL.
 */
export function guardManifests(input: GuardInput) {
  return policyWithBinding('Validating', input, {
    failurePolicy: 'Fail',
    // For a DELETE the selector is matched against the object that would go.
    matchConstraints: constraints([ruleFor('', 'pods', 'DELETE')], labelledObjects),
    matchConditions: [{ name: 'guarded-user', expression: byUsers(input.users) }],
    variables: [
      { name: 'annotations', expression: mapOf('oldObject', 'annotations') },
      // Its app may have replaced all annotations by the busy one: until the key is back the default one counts.
      { name: 'busyKey', expression: busyKeyIn('variables.annotations', DEFAULT_BUSY_ANNOTATION) },
      { name: 'busyByAnnotation', expression: busyIn('variables.annotations', 'variables.busyKey') },
      {
        name: 'busyByState',
        expression: `oldObject.metadata.?labels[?'${STATE_LABEL}'].orValue('') == 'busy'`,
      },
      {
        // A Pod that marks itself says by its busy annotation when its claim is over; the other has nothing but the record.
        name: 'busyByRecord',
        expression: `variables.busyKey == '' && ${quote(SESSION_ANNOTATION)} in variables.annotations`,
      },
    ],
    validations: [
      {
        expression: '!variables.busyByAnnotation && !variables.busyByState && !variables.busyByRecord',
        messageExpression:
          "'Pod ' + oldObject.metadata.namespace + '/' + oldObject.metadata.name + ' is busy: HotStandby keeps it until its session ends'",
        message: 'the Pod is busy: HotStandby keeps it until its session ends',
        reason: 'Forbidden',
      },
    ],
  });
}
