import type { Call, Fate } from '../cluster/client';
import type { Pod } from '../cluster/objects';
import type { OperatorProcess } from '../cluster/operator-process';
import type { Stage } from '../stage';

/** Where a fault strikes: one write of an operator. */
export interface Point {
  stage: Stage;
  operator: OperatorProcess;
  call: Call;
}

/** One thing that can go wrong. */
export interface FaultType {
  /** Whether it makes sense for this write; absent: for every one. */
  strikes?: (point: Point) => boolean;
  /** When the request leaves: what becomes of it. */
  before?: (point: Point) => Fate | undefined;
  /** When it was done, before its reply arrives. */
  after?: (point: Point) => void;
  /** What becomes of the same request later, until the faults are lifted. */
  holds?: (first: Call, call: Call) => Fate | undefined;
  /** It stays until the faults are lifted; what is asked of the pool meanwhile. */
  lasts?: 'can grow' | 'cannot grow';
  /** No Pod counts that this one struck: its truth is nobody's to know. */
  excuses?: (point: Point) => Pod | undefined;
}

/** Faults by their name. */
export type Faults = Record<string, FaultType>;

/** A map without some of its keys. */
export const without = (map: Readonly<Record<string, string>> | undefined, ...keys: string[]): Record<string, string> =>
  Object.fromEntries(Object.entries(map ?? {}).filter(([key]) => !keys.includes(key)));
