import { GROUP, PLURAL } from '../api/names';
import { PERMISSIONS, type PermissionScope } from '../api/permissions';
import { CLAIMS_SUBRESOURCE } from '../api/sessions';

/** One RBAC rule, as a Role holds it. */
export interface PolicyRule {
  readonly apiGroups: string[];
  readonly resources: string[];
  readonly verbs: string[];
  readonly resourceNames?: string[];
}

/**
 * The rules of the permissions table that must hold in `scope`, one rule a row. `own` names the operator's own object
 * where a row is about that alone; without it the rule holds for every name.
 */
export function operatorRules(scope: PermissionScope, own?: string): PolicyRule[] {
  return PERMISSIONS.filter((permission) => permission.scope === scope).map((permission) => ({
    apiGroups: [permission.apiGroup],
    resources: [...permission.resources],
    verbs: [...permission.verbs],
    ...(permission.isOwnAlone && own !== undefined && { resourceNames: [own] }),
  }));
}

const READ = ['get', 'list', 'watch'];
const WRITE = ['create', 'update', 'patch', 'delete', 'deletecollection'];

/** What a role for people grants, and which of the built-in roles take it over. */
export interface UserRole {
  readonly suffix: string;
  readonly aggregateTo: readonly string[];
  readonly rules: PolicyRule[];
}

/**
 * Roles the built-in view, edit and admin roles aggregate. Who may edit HotStandbyDeployments may run Pods under any
 * ServiceAccount of the namespace, exactly as who may edit Deployments, so both go to `edit`.
 */
export const USER_ROLES: readonly UserRole[] = [
  {
    suffix: 'view',
    aggregateTo: ['view', 'edit', 'admin'],
    rules: [
      { apiGroups: [GROUP], resources: [PLURAL], verbs: [...READ] },
      { apiGroups: [GROUP], resources: [`${PLURAL}/status`, `${PLURAL}/scale`], verbs: ['get'] },
    ],
  },
  {
    suffix: 'edit',
    aggregateTo: ['edit', 'admin'],
    rules: [
      { apiGroups: [GROUP], resources: [PLURAL], verbs: [...READ, ...WRITE] },
      { apiGroups: [GROUP], resources: [`${PLURAL}/scale`], verbs: ['get', 'update', 'patch'] },
    ],
  },
  {
    // What the claims service asks about; no object of that name exists. Bind it to a dispatcher's ServiceAccount.
    suffix: 'claims',
    aggregateTo: ['edit', 'admin'],
    rules: [
      {
        apiGroups: [GROUP],
        resources: [`${PLURAL}/${CLAIMS_SUBRESOURCE}`],
        verbs: ['create', 'get', 'list', 'update', 'delete'],
      },
    ],
  },
];
