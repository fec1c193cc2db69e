import { BUSY_KEY_ANNOTATION, NAME_LABEL, STATE_LABEL } from '../api/names';

/** Who the guard refuses unless told otherwise: the only caller that ends a Pod to reach a replica count. */
export const REPLICASET_CONTROLLER = 'system:serviceaccount:kube-system:replicaset-controller';

/** The same controller where the controller manager runs without --use-service-account-credentials. */
const CONTROLLER_MANAGER = 'system:kube-controller-manager';

/** Whether a guard against `users` keeps a ReplicaSet from ending a busy Pod: the operator relies on it if told so. */
export function guardsReplicaSets(users: readonly string[]): boolean {
  return users.includes(REPLICASET_CONTROLLER) || users.includes(CONTROLLER_MANAGER);
}

/** What the guard's two objects are made of. */
export interface GuardInput {
  /** Name of the policy and of its binding. */
  readonly name: string;
  readonly labels: Record<string, string>;
  /** User names refused; every other caller (people, garbage collector, node lifecycle) may delete. */
  readonly users: readonly string[];
  /** Namespaces it holds in; undefined means all. */
  readonly namespaces?: readonly string[];
}

/**
 * A ValidatingAdmissionPolicy and its binding that refuse `users` the DELETE of a busy Pod.
 *
 * The API server evaluates it inside the delete transaction, on the object it is about to remove: a busy mark whose
 * write was answered without a deletionTimestamp holds from then on, operator running or not. The label selector and the
 * user condition keep every other delete in the cluster free of CEL.
 */
export function guardManifests(input: GuardInput) {
  const { name, labels, users, namespaces } = input;
  const policy = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name, labels },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: {
        // For a DELETE the selector is matched against the object that would go.
        objectSelector: { matchExpressions: [{ key: NAME_LABEL, operator: 'Exists' }] },
        resourceRules: [
          { apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['DELETE'], scope: 'Namespaced' },
        ],
      },
      matchConditions: [
        {
          name: 'guarded-user',
          expression: `request.userInfo.username in [${users.map((user) => JSON.stringify(user)).join(', ')}]`,
        },
      ],
      // Optional access all the way: with failurePolicy Fail an expression that errs would hold every Pod.
      variables: [
        { name: 'annotations', expression: 'oldObject.metadata.?annotations.orValue({})' },
        { name: 'busyKey', expression: `variables.annotations[?'${BUSY_KEY_ANNOTATION}'].orValue('')` },
        {
          name: 'busyByAnnotation',
          expression: "variables.annotations[?variables.busyKey].orValue('').lowerAscii() == 'true'",
        },
        {
          name: 'busyByState',
          expression: `oldObject.metadata.?labels[?'${STATE_LABEL}'].orValue('') == 'busy'`,
        },
      ],
      validations: [
        {
          expression: '!variables.busyByAnnotation && !variables.busyByState',
          messageExpression:
            "'Pod ' + oldObject.metadata.namespace + '/' + oldObject.metadata.name + ' is busy: HotStandby keeps it until its session ends'",
          message: 'the Pod is busy: HotStandby keeps it until its session ends',
          reason: 'Forbidden',
        },
      ],
    },
  };
  const binding = {
    apiVersion: policy.apiVersion,
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name, labels },
    spec: {
      policyName: name,
      validationActions: ['Deny'],
      ...(namespaces && { matchResources: { namespaceSelector: namespaceSelector(namespaces) } }),
    },
  };
  return { policy, binding };
}

function namespaceSelector(namespaces: readonly string[]) {
  return { matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: [...namespaces] }] };
}
