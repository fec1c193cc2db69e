import { advance, type Forecast, NO_FORECAST, type Step, stepSeconds } from './auto-idle';
import type { Observation, PodView } from './model';
import type { PodFacts } from './pods';
import { autoIdleSettings } from './spare';

/** From what a pass sees to what autoIdle learns: sessions that begin, and how long Pods take to become Ready. */

export interface Learning {
  /** Absent until a warm-up has been seen and a quarter of it has passed. */
  forecast?: Forecast;
  /** Seconds from creation to readiness of the last Pods that became Ready, newest last. */
  warmUps: readonly number[];
  /** The time (Observation.now) up to which steps were taken, and of the last look. */
  steppedAt: number;
  lookedAt: number;
  /** Of the last look: Pods without a session, Pods that had never been Ready, callers that waited. */
  free: ReadonlySet<string>;
  unready: ReadonlySet<string>;
  waiting: number;
  /** The step under way. */
  step: Step;
}

/** What of it rides on the status, for the next operator. */
export interface Learned {
  forecast: Forecast;
  warmUpSeconds: number;
}

/** So many warm-ups are enough to tell a usual one from a slow one. */
const WARM_UPS = 20;
/** A process that slept that long starts a new step instead of making up for thousands. */
const MOST_STEPS = 5_000;

/** The learning after this look; undefined: autoIdle is off. */
export function learn(observation: Observation, facts: readonly PodFacts[]): Learning | undefined {
  if (observation.hsd.spec.autoIdle === undefined) return undefined;
  const before = observation.learning ?? freshLearning(observation, facts);
  const seen = looked(before, observation, facts);
  return stepped({ ...seen, ...lookOf(observation, facts), warmUps: warmUpsOf(before, facts) }, observation);
}

/** The 90th percentile: spares must last for a slow start, too. 0: none was seen. */
export function warmUpSeconds({ warmUps }: Pick<Learning, 'warmUps'>): number {
  const sorted = [...warmUps].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * 0.9) - 1)] ?? 0;
}

/** Milliseconds until the next step is due; undefined: there is nothing to learn from yet. */
export function untilNextStep(learning: Learning | undefined, now: number): number | undefined {
  if (learning === undefined || learning.warmUps.length === 0) return undefined;
  return Math.max(0, learning.steppedAt + stepSeconds(warmUpSeconds(learning)) * 1000 - now);
}

export function learnedOf({ forecast, warmUps }: Learning): Learned | undefined {
  if (forecast === undefined) return undefined;
  const short = (value: unknown): unknown => (typeof value === 'number' ? Number(value.toPrecision(4)) : value);
  const text = JSON.stringify({ forecast, warmUpSeconds: warmUpSeconds({ warmUps }) }, (_key, value) => short(value));
  return JSON.parse(text) as Learned;
}

/** What the last operator wrote down, or what the Pods there are tell: the quickest of them flapped least. */
function freshLearning(observation: Observation, facts: readonly PodFacts[]): Learning {
  const { now, hsd } = observation;
  const learned = readLearned(hsd.status.capacity?.learned);
  const quickest = facts.filter(({ pod }) => pod.ready && pod.readySince > 0).map(({ pod }) => warmUpOf(pod));
  const warmUps = learned ? [learned.warmUpSeconds] : quickest.length > 0 ? [Math.min(...quickest)] : [];
  const look = lookOf(observation, facts);
  const step = { found: 0, missed: 0, isEmpty: false, demand: demandOf(observation, facts), lowestDemand: 0 };
  return {
    ...(learned && { forecast: learned.forecast }),
    warmUps,
    steppedAt: now,
    lookedAt: now,
    ...look,
    step: { ...step, lowestDemand: step.demand },
  };
}

/** Anybody who may write the status may have written it: numbers of the right kind, or nothing at all. */
function readLearned(value: unknown): Learned | undefined {
  const { forecast, warmUpSeconds: seconds } = (value ?? {}) as {
    forecast?: Record<string, unknown>;
    warmUpSeconds?: unknown;
  };
  if (!isCount(seconds) || seconds === 0 || typeof forecast !== 'object' || forecast === null) return undefined;
  const isSound = Object.entries(NO_FORECAST).every(([key, like]) => {
    const given = forecast[key];
    return Array.isArray(like)
      ? Array.isArray(given) && given.length <= 4 && (like.length === 0 || given.length === 4) && given.every(isCount)
      : isCount(given);
  });
  return isSound ? { forecast: forecast as unknown as Forecast, warmUpSeconds: seconds } : undefined;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 && value < 1e12;
}

function lookOf({ claims }: Observation, facts: readonly PodFacts[]): Pick<Learning, 'free' | 'unready' | 'waiting'> {
  return {
    free: new Set(facts.filter((f) => !f.busy).map((f) => f.pod.uid)),
    unready: new Set(facts.filter(({ pod }) => isStarting(pod)).map((f) => f.pod.uid)),
    waiting: claims.waiting,
  };
}

/** A Pod that flaps lately has another state. */
function isStarting({ ready, state }: PodView): boolean {
  return !ready && (state === undefined || state === 'starting');
}

function demandOf({ claims }: Observation, facts: readonly PodFacts[]): number {
  return facts.filter((f) => f.busy).length + claims.waiting;
}

/** The step under way, with what happened since the last look. */
function looked(before: Learning, observation: Observation, facts: readonly PodFacts[]): Learning {
  const { now, claims } = observation;
  const begun = facts.filter((f) => f.busy && before.free.has(f.pod.uid)).length;
  const joined = Math.max(0, claims.waiting - before.waiting);
  const served = Math.max(0, before.waiting - claims.waiting);
  const isEmpty = !facts.some((f) => f.free);
  const demand = demandOf(observation, facts);
  const step = {
    found: before.step.found + Math.max(0, begun - served),
    missed: before.step.missed + joined + turnedAway(before, now),
    isEmpty,
    demand,
    lowestDemand: Math.min(before.step.lowestDemand, demand),
  };
  return { ...before, lookedAt: now, step };
}

/**
 * Who finds no Pod and does not wait leaves no trace. While nothing was available as many are reckoned to have come as
 * usually do; callers that wait for a Pod are seen.
 */
function turnedAway({ step, forecast, waiting, lookedAt }: Learning, now: number): number {
  if (!step.isEmpty || waiting > 0 || forecast === undefined) return 0;
  return (Math.max(forecast.slow, forecast.quick) * (now - lookedAt)) / 1000;
}

/** In whole seconds, as the API server writes times: one that is over within its second took some of it. */
function warmUpOf({ readySince, createdAt }: PodView): number {
  return Math.max(500, readySince - createdAt) / 1000;
}

/** Readiness that is gained later, after a flap, says nothing of a start: a Pod counts when it was seen without. */
function warmUpsOf({ warmUps, unready }: Learning, facts: readonly PodFacts[]): readonly number[] {
  const started = facts.filter(({ pod }) => pod.ready && unready.has(pod.uid) && pod.readySince > 0);
  const seconds = started.map(({ pod }) => warmUpOf(pod));
  return seconds.length === 0 ? warmUps : [...warmUps, ...seconds].slice(-WARM_UPS);
}

function stepped(learning: Learning, { now, hsd }: Observation): Learning {
  const warmUp = warmUpSeconds(learning);
  if (warmUp === 0) return { ...learning, steppedAt: now };
  const lengthMs = stepSeconds(warmUp) * 1000;
  const steps = Math.floor((now - learning.steppedAt) / lengthMs);
  if (steps <= 0) return learning;
  const settings = { ...autoIdleSettings(hsd.spec), warmUpSeconds: warmUp };
  const { demand, isEmpty } = learning.step;
  const next: Step = { found: 0, missed: 0, isEmpty, demand, lowestDemand: demand };
  let forecast = advance(learning.forecast ?? NO_FORECAST, learning.step, settings);
  for (let n = 1; n < Math.min(steps, MOST_STEPS); n += 1) forecast = advance(forecast, next, settings);
  return { ...learning, forecast, steppedAt: learning.steppedAt + steps * lengthMs, step: next };
}
