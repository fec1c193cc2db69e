/** Everything a run can find out. What was not asked for is absent. */
import type { Writes } from './audit';
import type { BurstTimes, SteadyResult } from './load';
import type { Reactions } from './reaction';
import type { Summary } from './stats';
import type { ProbeFigures } from './workers/probe-worker';

/** Of the operator, while something went on. */
export interface Usage {
  /** Of one core. */
  cpuPercent: number;
  loopP99Ms: number;
  /** At its end. */
  rssMb: number;
}

export interface BurstResult {
  /** Of all rounds, the middle one. */
  operator: BurstTimes;
  bare: BurstTimes;
  /** For each flip of the busy annotation, both ways. */
  writesPerFlip: number;
}

export interface SteadyComparison {
  operator: SteadyResult;
  bare: SteadyResult;
  usage: Usage;
  writes: Writes;
}

export interface MemoryResult {
  /** Pods in sight, and the operator's resident memory some time after a fresh start, MB. */
  points: { pods: number; rssMb: number; heapMb: number }[];
  /** Before it was stopped after all the load of the run at the largest size, MB. */
  afterLoadMb?: number;
}

export interface ColdStart {
  pods: number;
  /** Seconds from the start of the process: to the first decision, and to the end of a bare paged list. Middle ones. */
  operator: number;
  bareList: number;
  /** The same without the start of the process: from `starting`, and from the first request. */
  operatorWithoutStart: number;
  bareListWithoutStart: number;
}

export interface RawPatches {
  perSecond: number;
  /** Milliseconds. */
  latency: Summary;
  connections: number;
}

export interface Results {
  /** By where: `6 Pods`. */
  reactions: Map<string, Reactions>;
  /** Write requests for each flip of single sessions at the smallest size. */
  writesPerSingleFlip?: number;
  rest?: { seconds: number; pods: number; writes: Writes };
  steady?: SteadyComparison;
  /** By where. */
  bursts: Map<string, BurstResult>;
  memory: MemoryResult;
  coldStart?: ColdStart;
  raw?: RawPatches;
  probes?: ProbeFigures;
  /** Seconds until the many hsds had all their Pods, from nothing. */
  fill?: { pods: number; seconds: number };
  busyPodsLost: number;
}

export function noResults(): Results {
  return { reactions: new Map(), bursts: new Map(), memory: { points: [] }, busyPodsLost: 0 };
}
