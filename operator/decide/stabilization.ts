import { DEFAULTS } from '../../src/api/defaults';
import type { Capacity } from './capacity';
import type { HsdView, Observation } from './model';

export interface Stabilized {
  /** How many Pods there should be now, the stabilization window considered. */
  replicas: number;
  /** Milliseconds until the window may let the number sink; undefined: it holds nothing back. */
  waitMs?: number;
}

/**
 * HPA's meaning of `behavior.scaleDown.stabilizationWindowSeconds`: the number of Pods does not sink below the highest
 * one wanted within the window. Scaling up is never held back, nor is what a lowered maxReplicas asks for.
 *
 * @param current Pods there are now, by the child's replicas and the busy detached ones
 */
export function stabilize(
  { hsd, now, recommendations }: Observation,
  { desired, idleWanted }: Capacity,
  current: number,
): Stabilized {
  const { maxReplicas = Number.POSITIVE_INFINITY } = hsd.spec;
  const windowMs = stabilizationWindowMs(hsd);
  const most = Math.min(current, Math.max(maxReplicas, desired - idleWanted));
  if (windowMs === 0 || desired >= most) return { replicas: desired };
  const higher = recommendations.filter(({ at, replicas }) => at + windowMs > now && replicas > desired);
  if (higher.length === 0) return { replicas: desired };
  // No spread: a window of an hour can hold more numbers than a call takes arguments.
  const highest = higher.reduce((high, { replicas }) => Math.max(high, replicas), 0);
  const oldest = higher.reduce((old, { at }) => Math.min(old, at), now);
  return { replicas: Math.min(most, highest), waitMs: oldest + windowMs - now };
}

export function stabilizationWindowMs({ spec }: Pick<HsdView, 'spec'>): number {
  return (spec.behavior?.scaleDown?.stabilizationWindowSeconds ?? DEFAULTS.stabilizationWindowSeconds) * 1000;
}
