import { DEFAULTS } from '../../src/api/defaults';
import type { LimitReason } from './reasons';

/** How many Pods there should be. Numbers in, numbers out. */

export interface CapacityInput {
  busy: number;
  /** Callers of the claims service without a Pod yet [0]: each will take one, beside those kept idle. */
  waiting?: number;
  idleTarget: number;
  minReplicas?: number;
  maxReplicas?: number;
}

export interface Capacity {
  desired: number;
  /** Pods within `desired` that are not busy: what is left of waiting + idleTarget once the limits have had their say. */
  idleWanted: number;
  limit?: LimitReason;
}

/**
 * `clamp(busy + waiting + idleTarget, minReplicas, maxReplicas)`, never below `busy`: a session in progress outranks a lowered
 * maxReplicas. The CRD refuses max < min; if it comes all the same, max wins.
 */
export function capacity({
  busy,
  waiting = 0,
  idleTarget,
  minReplicas = DEFAULTS.minReplicas,
  maxReplicas,
}: CapacityInput): Capacity {
  const wish = busy + waiting + idleTarget;
  const desired = Math.max(busy, clamped(wish, minReplicas, maxReplicas));
  const limit: LimitReason | undefined =
    desired < wish ? 'TooManyReplicas' : desired > wish ? 'TooFewReplicas' : undefined;
  return { desired, idleWanted: desired - busy, ...(limit && { limit }) };
}

/** Within the limits; where they contradict each other the upper one counts. */
export function clamped(wish: number, minReplicas: number, maxReplicas = Number.POSITIVE_INFINITY): number {
  return Math.min(Math.max(wish, minReplicas), maxReplicas);
}
