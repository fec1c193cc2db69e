import { DEFAULTS } from '../../src/api/defaults';
import type { HsdView, Observation } from './model';

export interface Stabilized {
  /** How many Pods there should be now, the stabilization window considered. */
  replicas: number;
  /** Milliseconds until the window may let the number sink; undefined: it holds nothing back. */
  waitMs?: number;
}

/**
 * HPA's meaning of `behavior.scaleDown.stabilizationWindowSeconds`: the number of Pods does not sink below the highest
 * one wanted within the window. Scaling up is never held back.
 *
 * @param current Pods there are now, by the child's replicas and the busy detached ones
 */
export function stabilize({ hsd, now, recommendations }: Observation, wanted: number, current: number): Stabilized {
  const windowMs = stabilizationWindowMs(hsd);
  if (windowMs === 0 || wanted >= current) return { replicas: wanted };
  const higher = recommendations.filter(({ at, replicas }) => at + windowMs > now && replicas > wanted);
  if (higher.length === 0) return { replicas: wanted };
  const highest = Math.max(...higher.map(({ replicas }) => replicas));
  const waitMs = Math.min(...higher.map(({ at }) => at + windowMs - now));
  return { replicas: Math.min(current, highest), waitMs };
}

export function stabilizationWindowMs({ spec }: Pick<HsdView, 'spec'>): number {
  return (spec.behavior?.scaleDown?.stabilizationWindowSeconds ?? DEFAULTS.stabilizationWindowSeconds) * 1000;
}
