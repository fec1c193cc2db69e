/**
 * `ms` since 1970 as Kubernetes' MicroTime. Leases and Events refuse fewer than 6 fraction digits
 * (https://github.com/kubernetes-client/javascript/issues/828).
 */
export function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}
