import { advance, type Forecast, NO_FORECAST, stepSeconds } from '../../operator/decide/auto-idle';
import { clamped } from '../../operator/decide/capacity';
import { autoIdleSettings, type SpareFloor, spareBeside, spareFloor } from '../../operator/decide/spare';
import type { HotStandbySpec } from '../../src/api/types';
import { Line } from './line';

/** A pool driven by a list of sessions, by the very functions that the operator decides with. */

export interface Scenario {
  spec: Pick<HotStandbySpec, 'idleTarget' | 'idlePercent' | 'schedules' | 'autoIdle' | 'minReplicas' | 'maxReplicas'>;
  /** When each session begins: seconds since the epoch, in order. */
  arrivals: Float64Array;
  warmUpSeconds: number;
  sessionSeconds: number;
  /** Called with the state after every quarter of a warm-up, for a picture. */
  onStep?: (sample: Sample) => void;
}

export interface Sample {
  /** Seconds since the epoch. */
  at: number;
  busy: number;
  waiting: number;
  available: number;
  starting: number;
  spare: number;
}

export interface Outcome {
  sessions: number;
  /** Sessions that found no available Pod. */
  missed: number;
  /** How long each of those waited, in seconds, unsorted. */
  waits: Float64Array;
  /** Available and starting Pods without a session, from the first session's start to the last's. */
  idlePodHours: number;
  busyPodHours: number;
  maxPods: number;
}

/** Runs the pool from the first session to the start of the last one; sessions still waiting then wait on until served. */
export function simulate(scenario: Scenario): Outcome {
  return new Pool(scenario).run();
}

class Pool {
  private readonly starting = new Line();
  private readonly ends = new Line();
  private readonly waiting = new Line();
  private readonly waits: number[] = [];
  private readonly settings;
  private readonly stepLength: number;
  private forecast: Forecast = NO_FORECAST;
  private floor: SpareFloor;
  private now: number;
  private nextStep: number;
  private busy = 0;
  private available: number;
  private idleSeconds = 0;
  private busySeconds = 0;
  private maxPods = 0;
  private found = 0;
  private missed = 0;
  private missedInAll = 0;
  private lowestDemand = 0;

  constructor(private readonly scenario: Scenario) {
    const { arrivals, spec, warmUpSeconds } = scenario;
    this.settings = { ...autoIdleSettings(spec), warmUpSeconds };
    this.stepLength = stepSeconds(warmUpSeconds);
    this.now = arrivals[0] ?? 0;
    const isSteady = spec.autoIdle === undefined && spec.schedules === undefined && scenario.onStep === undefined;
    this.nextStep = isSteady ? Number.POSITIVE_INFINITY : this.now + this.stepLength;
    this.floor = this.newFloor();
    this.available = this.wanted();
  }

  run(): Outcome {
    const { arrivals } = this.scenario;
    const last = arrivals[arrivals.length - 1] ?? 0;
    for (let index = 0; index < arrivals.length; index += 1) {
      const arrival = arrivals[index] ?? 0;
      while (this.nextEvent() < arrival) this.step(last);
      this.passTo(arrival, last);
      this.arrive();
      this.adjust();
    }
    while (this.waiting.size > 0 && this.nextEvent() < Number.POSITIVE_INFINITY) this.step(last);
    return {
      sessions: arrivals.length,
      missed: this.missedInAll,
      waits: Float64Array.from(this.waits),
      idlePodHours: this.idleSeconds / 3600,
      busyPodHours: this.busySeconds / 3600,
      maxPods: this.maxPods,
    };
  }

  private nextEvent(): number {
    return Math.min(this.starting.first, this.ends.first, this.nextStep);
  }

  /** The next thing that happens by itself. */
  private step(last: number): void {
    const at = this.nextEvent();
    this.passTo(at, last);
    if (at === this.ends.first) this.end();
    else if (at === this.starting.first) this.becomeReady();
    else this.learn();
    this.adjust();
  }

  private passTo(time: number, last: number): void {
    const seconds = Math.min(time, last) - Math.min(this.now, last);
    this.idleSeconds += seconds * (this.available + this.starting.size);
    this.busySeconds += seconds * this.busy;
    this.now = time;
  }

  private arrive(): void {
    if (this.available > 0) {
      this.available -= 1;
      this.found += 1;
      this.begin();
    } else {
      this.missed += 1;
      this.missedInAll += 1;
      this.waiting.push(this.now);
    }
  }

  private begin(): void {
    this.busy += 1;
    this.ends.push(this.now + this.scenario.sessionSeconds);
  }

  private end(): void {
    this.ends.shift();
    this.busy -= 1;
    this.lowestDemand = Math.min(this.lowestDemand, this.busy + this.waiting.size);
    this.free();
  }

  private becomeReady(): void {
    this.starting.shift();
    this.free();
  }

  /** A Pod can take a session: who waits longest gets it. */
  private free(): void {
    if (this.waiting.size === 0) {
      this.available += 1;
      return;
    }
    this.waits.push(this.now - this.waiting.shift());
    this.begin();
  }

  private learn(): void {
    const { available, found, missed, lowestDemand, scenario } = this;
    this.nextStep += this.stepLength;
    const demand = this.busy + this.waiting.size;
    if (scenario.spec.autoIdle !== undefined) {
      const step = { found, missed, isEmpty: available === 0, demand, lowestDemand };
      this.forecast = advance(this.forecast, step, this.settings);
    }
    this.found = 0;
    this.missed = 0;
    this.lowestDemand = demand;
    this.floor = this.newFloor();
    scenario.onStep?.({
      at: this.now,
      busy: this.busy,
      waiting: this.waiting.size,
      available: this.available,
      starting: this.starting.size,
      spare: this.floor.idleTarget,
    });
  }

  private newFloor(): SpareFloor {
    const { spec, warmUpSeconds } = this.scenario;
    const forecast = this.forecast === NO_FORECAST ? undefined : this.forecast;
    return spareFloor({ spec, now: this.now * 1000, forecast, warmUpSeconds });
  }

  private wanted(): number {
    const { spec } = this.scenario;
    const { idleTarget, minReplicas } = spareBeside(this.floor, spec, this.busy);
    const wish = this.busy + this.waiting.size + idleTarget;
    return Math.max(this.busy, clamped(wish, minReplicas, spec.maxReplicas));
  }

  /** As the child does it: Pods that are not Ready yet go first. */
  private adjust(): void {
    let surplus = this.busy + this.available + this.starting.size - this.wanted();
    for (; surplus < 0; surplus += 1) this.starting.push(this.now + this.scenario.warmUpSeconds);
    for (; surplus > 0 && this.starting.size > 0; surplus -= 1) this.starting.pop();
    this.available -= Math.min(this.available, Math.max(0, surplus));
    this.maxPods = Math.max(this.maxPods, this.busy + this.available + this.starting.size);
  }
}
