import { API_VERSION, PLURAL } from '../../src/api/names';

/** Paths of the API server for the resources the operator touches. Every part is URL-encoded. */

/** `namespace` undefined: the resource in all namespaces (list and watch only). */
function collection(root: string, resource: string, namespace?: string): string {
  return namespace === undefined
    ? `${root}/${resource}`
    : `${root}/namespaces/${encodeURIComponent(namespace)}/${resource}`;
}

/** Builders for one namespaced resource. */
export class ResourcePaths {
  constructor(
    private readonly root: string,
    private readonly resource: string,
  ) {}

  /** The collection in one namespace, or in all of them when `namespace` is undefined. */
  list(namespace?: string): string {
    return collection(this.root, this.resource, namespace);
  }

  /** One object, or a subresource of it (`status`, `scale`, ...). */
  one(namespace: string, name: string, subresource?: string): string {
    const path = `${this.list(namespace)}/${encodeURIComponent(name)}`;
    return subresource === undefined ? path : `${path}/${encodeURIComponent(subresource)}`;
  }
}

export const paths = {
  hsds: new ResourcePaths(`/apis/${API_VERSION}`, PLURAL),
  deployments: new ResourcePaths('/apis/apps/v1', 'deployments'),
  replicaSets: new ResourcePaths('/apis/apps/v1', 'replicasets'),
  pods: new ResourcePaths('/api/v1', 'pods'),
  events: new ResourcePaths('/apis/events.k8s.io/v1', 'events'),
  leases: new ResourcePaths('/apis/coordination.k8s.io/v1', 'leases'),
  podDisruptionBudgets: new ResourcePaths('/apis/policy/v1', 'poddisruptionbudgets'),
  /** The Node called `name`, or all of them. */
  nodes: (name?: string): string =>
    name === undefined ? '/api/v1/nodes' : `/api/v1/nodes/${encodeURIComponent(name)}`,
  tokenReviews: '/apis/authentication.k8s.io/v1/tokenreviews',
  subjectAccessReviews: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
  localSubjectAccessReviews: (namespace: string): string =>
    collection('/apis/authorization.k8s.io/v1', 'localsubjectaccessreviews', namespace),
  selfSubjectAccessReviews: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
  /** What the API server serves of HotStandby's own group and version: 404 while the CRD is not installed. */
  hsdDiscovery: `/apis/${API_VERSION}`,
} as const;

/**
 * Resource and subresource a path speaks of, for metrics: `pods`, `deployments/scale`; `other` for paths outside
 * /api and /apis. The number of results is bounded by the resources in use, whatever the objects are called.
 */
export function resourceOf(path: string): string {
  const parts = path.split('/').filter((part) => part !== '');
  const skipped = parts[0] === 'api' ? 2 : parts[0] === 'apis' ? 3 : undefined;
  if (skipped === undefined) return 'other';
  const rest = parts.slice(skipped);
  const [resource, , subresource] = rest[0] === 'namespaces' && rest.length > 2 ? rest.slice(2) : rest;
  if (resource === undefined) return 'discovery';
  return subresource === undefined ? resource : `${resource}/${subresource}`;
}
