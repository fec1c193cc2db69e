import type { Capacity } from './capacity';
import type { Bounded } from './growth';
import type { Observation } from './model';
import type { PodFacts } from './pods';
import type { Explanation, ObstacleReason, RefusalReason } from './reasons';
import type { Stabilized } from './stabilization';
import type { Wanted } from './wanted';

/** What a status is made from. */
export interface StatusInput {
  observation: Observation;
  facts: readonly PodFacts[];
  victims: ReadonlySet<string>;
  capacity: Capacity;
  /** What decides on the number of idle Pods; absent while the hsd goes. */
  wanted?: Wanted;
  /** Nothing of an earlier template or takeover is on its way. */
  settled: boolean;
  /** Why the child cannot be brought to what the spec asks for. */
  stalled?: Explanation<ObstacleReason | RefusalReason>;
  /** What a deleted hsd waits for, or one whose child is being deleted. */
  waiting?: Explanation;
  /** What the stabilization window makes of `capacity.desired`. */
  stabilized?: Stabilized;
  /** What the bound on growth makes of that. */
  bounded?: Bounded;
}

/** Live Pods, counted. */
export interface Counts {
  busy: number;
  available: number;
  starting: number;
  draining: number;
  detached: number;
  unknown: number;
  failing: number;
  ready: number;
  /** Busy ones that were claimed. */
  claimed: number;
  /** Detached Pods of an earlier template that still wait for their turn. */
  leftover: number;
}
