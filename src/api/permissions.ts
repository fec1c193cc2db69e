import { GROUP, PLURAL } from './names';

/**
 * Where a permission must hold: `watched` in every namespace whose HotStandbyDeployments the operator looks after (the
 * whole cluster by default), `lease` only in the namespace that holds its leader-election Lease. `cluster` is for
 * cluster-scoped resources and optional: an install for single namespaces does without.
 */
export type PermissionScope = 'watched' | 'lease' | 'cluster';

/** One RBAC rule the operator needs. `resources` may name a subresource: `deployments/scale`. */
export interface Permission {
  readonly apiGroup: string;
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly scope: PermissionScope;
  /** Holds for the one object of the operator's name. */
  readonly isOwnAlone?: boolean;
  /** What the operator does with it. */
  readonly why: string;
}

/**
 * Everything the operator may do, and nothing more: its Roles are made from this table and its start-up preflight asks
 * the API server for exactly these. No wildcard, no Secrets, no create on Pods.
 */
export const PERMISSIONS: readonly Permission[] = [
  {
    apiGroup: GROUP,
    resources: [PLURAL],
    verbs: ['get', 'list', 'watch', 'patch'],
    scope: 'watched',
    why: "reads what should run; patch sets and removes its own finalizer, removes the original operator's, and nothing else",
  },
  {
    apiGroup: GROUP,
    resources: [`${PLURAL}/status`],
    verbs: ['patch'],
    scope: 'watched',
    why: 'reports counts and conditions',
  },
  {
    // blockOwnerDeletion in an ownerReference needs it where OwnerReferencesPermissionEnforcement is on (OpenShift).
    apiGroup: GROUP,
    resources: [`${PLURAL}/finalizers`],
    verbs: ['update'],
    scope: 'watched',
    why: 'owns the child Deployment and detached Pods',
  },
  {
    apiGroup: 'apps',
    resources: ['deployments'],
    verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'],
    scope: 'watched',
    why: 'keeps the child Deployment',
  },
  {
    apiGroup: 'apps',
    resources: ['deployments/scale'],
    verbs: ['patch'],
    scope: 'watched',
    why: 'scales the child Deployment',
  },
  {
    apiGroup: 'apps',
    resources: ['replicasets'],
    verbs: ['get', 'list', 'watch', 'patch', 'delete'],
    scope: 'watched',
    why: 'retires old revisions without ending their Pods',
  },
  {
    apiGroup: '',
    resources: ['pods'],
    verbs: ['get', 'list', 'watch', 'patch', 'delete'],
    scope: 'watched',
    why: 'reads and marks states, ends detached Pods that are idle',
  },
  {
    apiGroup: 'policy',
    resources: ['poddisruptionbudgets'],
    verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'],
    scope: 'watched',
    why: 'refuses the eviction of busy Pods',
  },
  {
    apiGroup: 'events.k8s.io',
    resources: ['events'],
    verbs: ['create', 'patch'],
    scope: 'watched',
    why: 'reports scaling and errors',
  },
  {
    apiGroup: '',
    resources: ['nodes'],
    verbs: ['get', 'list', 'watch'],
    scope: 'cluster',
    why: 'takes idle Pods on cordoned nodes out of service',
  },
  {
    apiGroup: 'coordination.k8s.io',
    resources: ['leases'],
    verbs: ['create'],
    scope: 'lease',
    why: 'makes its Lease, whose name a create cannot be limited to',
  },
  {
    apiGroup: 'coordination.k8s.io',
    resources: ['leases'],
    verbs: ['get', 'update', 'patch'],
    scope: 'lease',
    isOwnAlone: true,
    why: 'elects the one replica that writes',
  },
];
