import { type Attempts, attempted, type Outcome } from './attempts';
import { timestamp } from './conditions';
import type { Learning } from './learning';
import type {
  Growth,
  HsdView,
  Observation,
  Plan,
  PodView,
  Recollection,
  Recommendation,
  Refusal,
  SeenReady,
  Write,
} from './model';
import { busyKeys, isLive } from './pods';
import { askedPods } from './probing';
import { stabilizationWindowMs } from './stabilization';

/**
 * What is kept of one hsd from pass to pass, and never changed in place. Losing it costs time, never a Pod. Every time in
 * it is one of Observation.now, the monotonic clock, but for `lastScaleTime`.
 */
export interface Memory {
  readonly hsdUid: string;
  readonly drainingSince: ReadonlyMap<string, number>;
  readonly unreadySince: ReadonlyMap<string, number>;
  readonly seenReady: ReadonlyMap<string, SeenReady>;
  /** Newest last, each smaller than the one before: no other can be the highest of a stabilization window. */
  readonly recommendations: readonly Recommendation[];
  readonly asked: ReadonlySet<string>;
  readonly lastScaleTime?: string;
  readonly growth?: Growth;
  readonly seenKeys: ReadonlySet<string>;
  readonly learning?: Learning;
  readonly spareKey?: string;
  readonly attempts: Attempts;
  readonly refusal?: Refusal & { attempts: number; retryAt: number };
}

/** First and longest time until a refused child is tried again: quotas and webhooks change without a new generation. */
const REFUSAL_RETRY_MS = 15_000;
const REFUSAL_RETRY_MAX_MS = 300_000;

/**
 * The memory of who has seen nothing yet. HPA's answer to a restart: what runs now was wanted just now, so a cool-down is
 * never cut short.
 */
export function newMemory({ hsd, child, pods, now }: Pick<Observation, 'hsd' | 'child' | 'pods' | 'now'>): Memory {
  const detached = pods.filter((pod) => isLive(pod) && pod.controller?.uid === hsd.uid).length;
  const recommendations = child === undefined ? [] : [{ at: now, replicas: child.replicas + detached }];
  return {
    hsdUid: hsd.uid,
    drainingSince: new Map(),
    unreadySince: new Map(),
    seenReady: new Map(),
    recommendations,
    asked: new Set(),
    seenKeys: new Set(),
    attempts: new Map(),
  };
}

/** What of it counts now, for the next observation. */
export function recall(memory: Memory, hsd: HsdView, pods: readonly PodView[], now: number): Recollection {
  const { refusal, asked, lastScaleTime, growth, seenKeys, attempts, learning, spareKey } = memory;
  const draining = pods.filter((pod) => pod.state === 'draining');
  const unready = pods.filter((pod) => pod.running && !pod.ready);
  return {
    drainingSince: new Map(draining.map(({ uid }) => [uid, memory.drainingSince.get(uid) ?? now])),
    unreadySince: new Map(unready.map(({ uid }) => [uid, memory.unreadySince.get(uid) ?? now])),
    seenReady: readyPods(memory, hsd, pods, now),
    recommendations: aged(memory.recommendations, hsd, now),
    asked,
    seenKeys,
    attempts,
    ...(lastScaleTime !== undefined && { lastScaleTime }),
    ...(growth !== undefined && { growth }),
    ...(learning !== undefined && { learning }),
    ...(spareKey !== undefined && { spareKey }),
    ...(refusal !== undefined && now < refusal.retryAt && { refusal }),
  };
}

function readyPods(
  { seenReady }: Memory,
  { spec }: HsdView,
  pods: readonly PodView[],
  now: number,
): ReadonlyMap<string, SeenReady> {
  if (!spec.minReadySeconds) return new Map();
  const ready = pods.filter((pod) => pod.ready);
  return new Map(
    ready.map(({ uid, readySince }) => {
      const known = seenReady.get(uid);
      return [uid, known?.readySince === readySince ? known : { readySince, at: now }];
    }),
  );
}

/** What was wanted last was wanted until now. */
function aged(recommendations: readonly Recommendation[], hsd: HsdView, now: number): Recommendation[] {
  const windowMs = stabilizationWindowMs(hsd);
  const last = recommendations.slice(-1).map(({ replicas }) => ({ at: now, replicas }));
  return [...recommendations.slice(0, -1).filter(({ at }) => at + windowMs > now), ...last];
}

/** The memory after `plan` was made of `observation`. */
export function remember(memory: Memory, observation: Observation, plan: Plan): Memory {
  const { recommendation: replicas, growth = memory.growth, spareKey = memory.spareKey } = plan;
  const { learning: _, ...rest } = memory;
  // A plan that asked for no spares (a deletion) leaves what was learned as it is.
  const learning = plan.floor === undefined ? memory.learning : plan.learning;
  const { drainingSince, unreadySince, seenReady, recommendations, now } = observation;
  const higher = recommendations.filter((before) => replicas === undefined || before.replicas > replicas);
  return {
    ...rest,
    drainingSince,
    unreadySince,
    seenReady,
    recommendations: replicas === undefined ? higher : [...higher, { at: now, replicas }],
    asked: askedPods(observation),
    seenKeys: busyKeys(observation),
    attempts: plan.attempts,
    ...(growth !== undefined && { growth }),
    ...(learning !== undefined && { learning }),
    ...(spareKey !== undefined && { spareKey }),
  };
}

/**
 * The memory after `write` was carried out.
 *
 * @param now as Observation.now
 * @param time of the API server
 */
export function carriedOut(memory: Memory, write: Write, now: number, time: number): Memory {
  const { refusal: _, ...unrefused } = memory;
  const attempts = attempted(memory.attempts, write, { how: 'done' }, now);
  const after = { ...(write.kind === 'applyChild' ? unrefused : memory), attempts };
  const isScaling = write.kind === 'scaleChild' || (write.kind === 'applyChild' && write.child === undefined);
  return isScaling ? { ...after, lastScaleTime: timestamp(time) } : after;
}

/** The memory after `write` was not carried out. */
export function notCarriedOut(memory: Memory, write: Write, outcome: Outcome, now: number): Memory {
  return { ...memory, attempts: attempted(memory.attempts, write, outcome, now) };
}

/** The memory after the API server refused the child, which is tried again later each time. */
export function refused(memory: Memory, refusal: Refusal, now: number): Memory {
  const attempts = (memory.refusal?.attempts ?? 0) + 1;
  const delayMs = Math.min(REFUSAL_RETRY_MAX_MS, REFUSAL_RETRY_MS * 2 ** (attempts - 1));
  return { ...memory, refusal: { ...refusal, attempts, retryAt: now + delayMs } };
}

/** Milliseconds until a refused child is to be tried again; undefined: none is. */
export function retryInMs({ refusal }: Memory, now: number): number | undefined {
  return refusal && Math.max(0, refusal.retryAt - now);
}
