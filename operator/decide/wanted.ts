import { type Capacity, capacity } from './capacity';
import { type Learning, learn, untilNextStep, warmUpSeconds } from './learning';
import type { EventNote, Observation } from './model';
import type { PodFacts } from './pods';
import { type Spare, type SpareFloor, spareBeside, spareFloor } from './spare';

/** How many Pods are wanted now, what decided on it, and what was learned on the way. */
export interface Wanted extends Capacity {
  spare: Spare;
  floor: SpareFloor;
  /** Undefined: autoIdle is off. */
  learning?: Learning;
  /** Milliseconds until a window opens or closes, or autoIdle looks again; undefined: never. */
  waitMs?: number;
}

/** A timer counts no further than 24.8 days. */
const LONGEST_WAIT_MS = 86_400_000;

export function wantedOf(observation: Observation, facts: readonly PodFacts[]): Wanted {
  const { hsd, claims, serverNow, now } = observation;
  const { spec } = hsd;
  const busy = facts.filter((f) => f.busy).length;
  const learning = learn(observation, facts);
  const floor = spareFloor({
    spec,
    now: serverNow,
    forecast: learning?.forecast,
    warmUpSeconds: learning ? warmUpSeconds(learning) : 0,
  });
  const spare = spareBeside(floor, spec, busy);
  const { idleTarget, minReplicas, nextChange } = spare;
  const waits = [
    nextChange === undefined ? undefined : Math.max(0, nextChange - serverNow),
    untilNextStep(learning, now),
  ].filter((ms) => ms !== undefined);
  return {
    ...capacity({ busy, waiting: claims.waiting, idleTarget, minReplicas, maxReplicas: spec.maxReplicas }),
    spare,
    floor,
    ...(learning && { learning }),
    ...(waits.length > 0 && { waitMs: Math.min(LONGEST_WAIT_MS, ...waits) }),
  };
}

/** Told once, when another source decides than before. */
export function spareEvents({ spareKey, hsd }: Observation, { key, idleTarget, why }: Spare): EventNote[] {
  if (spareKey === undefined || spareKey === key) return [];
  const before = hsd.status.capacity?.message;
  const note = `${idleTarget} idle Pods are wanted: ${why}${before === undefined ? '' : ` (before: ${before})`}`;
  return [{ type: 'Normal', reason: 'IdleTargetSource', action: 'Scale', note }];
}
