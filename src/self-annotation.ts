import type { ApiObjectMetadata } from 'cdk8s';
import { ApiResource, type IServiceAccount, type k8s, Role, ServiceAccount } from 'cdk8s-plus-28';
import type { Construct } from 'constructs';
import { ANNOTATOR_LABEL } from './api/names';

/** What a Pod must know of itself to write its own annotation, by environment variable. */
const OWN_FIELDS = {
  POD_NAME: 'metadata.name',
  POD_NAMESPACE: 'metadata.namespace',
  POD_UID: 'metadata.uid',
} as const;

/** A ServiceAccount whose Pods may read and patch Pods, labelled so that the install's policy limits each to itself. */
export function annotatorAccount(
  scope: Construct,
  given: IServiceAccount | undefined,
  metadata: ApiObjectMetadata,
): IServiceAccount {
  const account = given ?? new ServiceAccount(scope, 'Annotator', { metadata });
  if (account instanceof ServiceAccount) {
    account.metadata.addLabel(ANNOTATOR_LABEL, 'true');
  }
  const role = new Role(scope, 'AnnotatorRole', { metadata });
  role.allow(['get', 'patch'], ApiResource.PODS);
  role.bind(account);
  return account;
}

/** `spec` with the ServiceAccount's token in it and the Pod's own name, namespace and uid in every environment. */
export function selfAnnotatingPod(spec: k8s.PodSpec, account: IServiceAccount): k8s.PodSpec {
  return {
    ...spec,
    serviceAccountName: account.name,
    automountServiceAccountToken: true,
    containers: spec.containers.map((container) => ({ ...container, env: withOwnFields(container.env) })),
  };
}

/** A variable the user set is the user's. */
function withOwnFields(env: k8s.EnvVar[] = []): k8s.EnvVar[] {
  const missing = Object.entries(OWN_FIELDS).filter(([name]) => !env.some((variable) => variable.name === name));
  return [...env, ...missing.map(([name, fieldPath]) => ({ name, valueFrom: { fieldRef: { fieldPath } } }))];
}
