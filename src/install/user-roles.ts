import type { UserRole } from './rbac';

const RBAC = 'rbac.authorization.k8s.io';

/** A ClusterRole for people, which the API server adds to the built-in roles it names. */
export function userRoleManifest(
  name: string,
  labels: Record<string, string>,
  { suffix, aggregateTo, rules }: UserRole,
) {
  const aggregation = Object.fromEntries(aggregateTo.map((role) => [`${RBAC}/aggregate-to-${role}`, 'true']));
  return {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRole',
    metadata: { name: `${name}-${suffix}`, labels: { ...labels, ...aggregation } },
    rules,
  };
}
