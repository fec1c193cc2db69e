import { DEFAULTS } from '../../src/api/defaults';

/** How many Pods there should be. Numbers in, numbers out. */

export interface CapacityInput {
  busy: number;
  idleTarget: number;
  minReplicas?: number;
  maxReplicas?: number;
}

/** `TooManyReplicas` and `TooFewReplicas` are HPA's words for a wish beyond maxReplicas or below minReplicas. */
export type Limit = 'TooManyReplicas' | 'TooFewReplicas';

export interface Capacity {
  desired: number;
  /** Idle Pods within `desired`: what is left of idleTarget once the limits have had their say. */
  idleWanted: number;
  limit?: Limit;
}

/**
 * `clamp(busy + idleTarget, minReplicas, maxReplicas)`, never below `busy`: a session in progress outranks a lowered
 * maxReplicas. The CRD refuses max < min; if it comes all the same, max wins.
 */
export function capacity({
  busy,
  idleTarget,
  minReplicas = DEFAULTS.minReplicas,
  maxReplicas,
}: CapacityInput): Capacity {
  const wish = busy + idleTarget;
  const raised = Math.max(wish, minReplicas);
  const capped = maxReplicas === undefined ? raised : Math.min(raised, maxReplicas);
  const desired = Math.max(capped, busy);
  const limit: Limit | undefined = desired < wish ? 'TooManyReplicas' : desired > wish ? 'TooFewReplicas' : undefined;
  return { desired, idleWanted: desired - busy, ...(limit && { limit }) };
}
