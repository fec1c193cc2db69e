import { BUSY_KEY_ANNOTATION, NAME_LABEL } from '../api/names';

/** Served as v1: validating policies since Kubernetes 1.30, mutating ones since 1.36. */
const API_VERSION = 'admissionregistration.k8s.io/v1';

/** The API server's defaults of what a policy or a binding matches. */
const EVERYTHING = { matchPolicy: 'Equivalent', namespaceSelector: {}, objectSelector: {} };

/** What every admission policy here and its binding are made of. */
export interface PolicyInput {
  /** Name of the policy and of its binding. */
  readonly name: string;
  readonly labels: Record<string, string>;
  /** Namespaces it holds in; undefined means all. */
  readonly namespaces?: readonly string[];
}

/** A policy with its binding; policies of `kind` Mutating take no validationActions. */
export function policyWithBinding<S extends object, B extends object>(
  kind: 'Mutating' | 'Validating',
  { name, labels, namespaces }: PolicyInput,
  spec: S,
  bindingSpec?: B,
) {
  const policy = { apiVersion: API_VERSION, kind: `${kind}AdmissionPolicy`, metadata: { name, labels }, spec };
  const binding = {
    apiVersion: API_VERSION,
    kind: `${kind}AdmissionPolicyBinding`,
    metadata: { name, labels },
    spec: {
      policyName: name,
      ...(kind === 'Validating' && { validationActions: ['Deny'] }),
      ...bindingSpec,
      ...(namespaces && { matchResources: { ...EVERYTHING, namespaceSelector: namespaceSelector(namespaces) } }),
    },
  };
  return { policy, binding };
}

function namespaceSelector(namespaces: readonly string[]) {
  return { matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: [...namespaces] }] };
}

/** Only objects of HotStandbyDeployments: for every other one the API server evaluates no expression. */
export const labelledObjects = { matchExpressions: [{ key: NAME_LABEL, operator: 'Exists' }] };

/**
 * What a policy looks at. With the API server's defaults: the field is one for server-side apply, and one that differs
 * from what is stored conflicts with whoever stored it.
 */
export function constraints<R extends object>(resourceRules: R[], objectSelector: object = {}) {
  return { ...EVERYTHING, objectSelector, resourceRules };
}

/** A rule over one resource of one API group at v1. */
export function ruleFor(apiGroup: string, resource: string, operation: 'UPDATE' | 'DELETE') {
  return {
    apiGroups: [apiGroup],
    apiVersions: ['v1'],
    resources: [resource],
    operations: [operation],
    scope: 'Namespaced',
  };
}

/** A match condition: the request is by one of `users`. */
export function byUsers(users: readonly string[]): string {
  return `request.userInfo.username in [${users.map(quote).join(', ')}]`;
}

// Optional access all the way: an expression that errs would refuse the write (failurePolicy Fail) or lose the mark.

/** CEL: labels or annotations of `object` or `oldObject`; an empty map when there are none. */
export function mapOf(object: 'object' | 'oldObject', field: 'annotations' | 'labels'): string {
  return `${object}.metadata.?${field}.orValue({})`;
}

/** CEL: the annotation key that says busy, by annotations in `variable`; `absent` in http mode, or where it got lost. */
export function busyKeyIn(variable: string, absent = ''): string {
  return `${variable}[?${quote(BUSY_KEY_ANNOTATION)}].orValue('${absent}')`;
}

/** CEL: whether annotations in `variable` say busy under the key in `key`. */
export function busyIn(variable: string, key: string): string {
  return `${variable}[?${key}].orValue('').lowerAscii() == 'true'`;
}

/** A CEL string literal. */
export function quote(text: string): string {
  return JSON.stringify(text);
}
