import type { ApiObjectMetadata } from 'cdk8s';
import {
  ApiResource,
  type IServiceAccount,
  type ISubject,
  type k8s,
  Role,
  ServiceAccount,
  type SubjectConfiguration,
} from 'cdk8s-plus-28';
import { Construct } from 'constructs';
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
  role.bind(account instanceof ServiceAccount ? account : new PodsAccount(role, account.name, metadata.namespace));
  return account;
}

/** An account known by its name alone: cdk8s-plus takes it to be in `default`, and Pods run as one of their own namespace. */
class PodsAccount extends Construct implements ISubject {
  public constructor(
    scope: Construct,
    private readonly account: string,
    private readonly namespace: string | undefined,
  ) {
    super(scope, 'Account');
  }

  public toSubjectConfiguration(): SubjectConfiguration {
    return { kind: 'ServiceAccount', name: this.account, namespace: this.namespace };
  }
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
