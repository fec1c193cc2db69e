import { demandQuantile } from './demand';

/**
 * `autoIdle`: how many spares a pool needs so that a given share of its sessions finds one.
 *
 * `busy + spare` is a base-stock policy: every session orders one Pod, which takes a warm-up. So a session finds none
 * when as many as `spare` others began within the warm-up before it, and `spare = 1 + Q(hitTarget)` of that number. Its
 * mean comes from the faster of a slow and a quick average of the arrivals, its scatter from how wrong that forecast was
 * lately, and a correction closes the loop over what both leave out (docs/capacity.md; He, Liu, Whitt 2016).
 */

/** What autoIdle has learned. Plain numbers: it survives in a status. */
export interface Forecast {
  /** How long it has watched, in seconds. */
  seconds: number;
  /** Sessions a second, averaged over windowSeconds. */
  slow: number;
  /** The same over a twelfth of it: what a rush looks like while it begins. */
  quick: number;
  /** Mean of what was forecast for a warm-up, and of the squares of how wrong that was. */
  forecast: number;
  squaredError: number;
  /** Factor on the quantile: grows with every session that found none, shrinks with every one that did. */
  correction: number;
  /** Most Pods that were needed at once beyond those of one warm-up ago; forgotten within days. */
  peak: number;
  /** The answer before rounding. */
  spare: number;
  /** Of the last four steps, oldest first: sessions, forecasts made at their ends, and fewest Pods in use. */
  sessions: readonly number[];
  forecasts: readonly number[];
  lowest: readonly number[];
}

/** One quarter of a warm-up, as it went. */
export interface Step {
  /** Sessions that began and found a spare. */
  found: number;
  /** Sessions that began and had to wait, or are reckoned to have been turned away. */
  missed: number;
  /** No Pod was available at its end: demand goes unseen. */
  isEmpty: boolean;
  /** Busy Pods and waiting callers, at its end and the fewest during it. */
  demand: number;
  lowestDemand: number;
}

export interface ForecastSettings {
  warmUpSeconds: number;
  /** Share of sessions that shall find a spare, above 0 and below 1. */
  hitTarget: number;
  windowSeconds: number;
}

/** Steps in a warm-up. */
const STEPS = 4;
/** Below this a pass for every step would cost more than the spares it saves. */
const MIN_STEP_SECONDS = 2.5;
const DAY_SECONDS = 86_400;
/** How long the scatter is remembered, in windows. */
const SCATTER_WINDOWS = 4;
/** The spare sinks by this share a step at most: a lull of a minute is no reason to let a warm pool go. */
const DECAY = 0.02;
/** How hard one session pulls at the correction, and how far it goes. */
const GAIN = 0.05;
const MIN_CORRECTION = 0.5;
const MAX_CORRECTION = 8;
/** The spare stays below this multiple of the highest need of the last days: the correction alone knows no end. */
const PEAK_FACTOR = 1.5;

export const NO_FORECAST: Forecast = {
  seconds: 0,
  slow: 0,
  quick: 0,
  forecast: 0,
  squaredError: 0,
  correction: 1,
  peak: 0,
  spare: 0,
  sessions: [0, 0, 0, 0],
  forecasts: [],
  lowest: [0, 0, 0, 0],
};

/** Seconds between two steps. */
export function stepSeconds(warmUpSeconds: number): number {
  return Math.max(MIN_STEP_SECONDS, warmUpSeconds / STEPS);
}

/** Spares to keep, a whole number of at least 1 once anything has been learned. */
export function spareOf({ spare }: Forecast): number {
  // What is a whole number but for rounding stays that number.
  return Math.ceil(spare - 1e-9);
}

/** Sessions expected to begin within the next warm-up. */
export function expectedSessions({ slow, quick }: Forecast, warmUpSeconds: number): number {
  return Math.max(slow, quick) * stepSeconds(warmUpSeconds) * STEPS;
}

/** What was learned, and one more step. */
export function advance(before: Forecast, step: Step, settings: ForecastSettings): Forecast {
  const { hitTarget, warmUpSeconds } = settings;
  const seconds = before.seconds + stepSeconds(warmUpSeconds);
  const next = { ...before, seconds, ...rates(before, step, settings, seconds) };
  const mean = expectedSessions(next, warmUpSeconds);
  const scatter = scatterOf(before, step, settings, seconds);
  const lowest = [...before.lowest.slice(1), step.lowestDemand];
  const faded = before.peak * Math.exp(-stepSeconds(warmUpSeconds) / DAY_SECONDS);
  const peak = Math.max(faded, step.demand - Math.min(...lowest));
  const correction = corrected(before.correction, step, hitTarget);
  const dispersion = scatter.forecast > 0 ? Math.max(1, scatter.squaredError / scatter.forecast) : 1;
  const wanted = 1 + correction * demandQuantile(mean, dispersion, hitTarget);
  const spare = Math.max(Math.min(wanted, 1 + PEAK_FACTOR * peak), before.spare * (1 - DECAY));
  const forecasts = [...before.forecasts, mean].slice(-STEPS);
  return { ...next, ...scatter, correction, peak, spare, lowest, forecasts, sessions: counted(before, step) };
}

function counted({ sessions }: Forecast, { found, missed }: Step): number[] {
  return [...sessions.slice(1), found + missed];
}

function rates(
  { slow, quick }: Forecast,
  { found, missed, isEmpty }: Step,
  settings: ForecastSettings,
  seconds: number,
): Pick<Forecast, 'slow' | 'quick'> {
  const { windowSeconds, warmUpSeconds } = settings;
  const lead = stepSeconds(warmUpSeconds) * STEPS;
  const rate = (found + missed) / stepSeconds(warmUpSeconds);
  const average = (before: number, over: number): number => {
    const after = before + (rate - before) * fadeOf(over, settings, seconds);
    // While nothing is available nobody can begin a session: that says nothing of how many want to.
    return isEmpty ? Math.max(before, after) : after;
  };
  return {
    slow: average(slow, Math.max(windowSeconds, 4 * lead)),
    quick: average(quick, Math.max(windowSeconds / 12, 2 * lead)),
  };
}

/** How wrong the forecast of a warm-up ago was about the sessions that followed. */
function scatterOf(
  before: Forecast,
  step: Step,
  settings: ForecastSettings,
  seconds: number,
): Pick<Forecast, 'forecast' | 'squaredError'> {
  const { forecast, squaredError } = before;
  const [made] = before.forecasts;
  if (made === undefined || before.forecasts.length < STEPS) return { forecast, squaredError };
  const error = counted(before, step).reduce((sum, count) => sum + count, 0) - made;
  const fade = fadeOf(SCATTER_WINDOWS * settings.windowSeconds, settings, seconds);
  return {
    forecast: forecast + (made - forecast) * fade,
    squaredError: squaredError + (error * error - squaredError) * fade,
  };
}

/** Weight of the newest step in an average over so many seconds; of all there is while there is less. */
function fadeOf(over: number, { warmUpSeconds }: ForecastSettings, seconds: number): number {
  const step = stepSeconds(warmUpSeconds);
  return Math.max(1 - Math.exp(-step / over), Math.min(1, step / seconds));
}

/** In balance exactly when the share of missed sessions is what hitTarget allows. */
function corrected(correction: number, { found, missed }: Step, hitTarget: number): number {
  const pull = GAIN * (missed - (found + missed) * (1 - hitTarget));
  return Math.min(MAX_CORRECTION, Math.max(MIN_CORRECTION, correction * Math.exp(pull)));
}
