import { type Outcome, type Scenario, simulate } from './engine';

export interface FixedOutcome {
  idleTarget: number;
  outcome: Outcome;
}

/**
 * The smallest fixed idleTarget, within the same limits, with which no more sessions miss than `most`. It always exists:
 * as many spares as sessions miss none, and beyond maxReplicas more spares change nothing.
 */
export function bestFixed(scenario: Scenario, most: number): FixedOutcome {
  const { minReplicas, maxReplicas } = scenario.spec;
  const run = (idleTarget: number): Outcome =>
    simulate({ ...scenario, spec: { idleTarget, minReplicas, maxReplicas }, onStep: undefined });
  const limit = maxReplicas ?? scenario.arrivals.length;
  let low = 0;
  let high = 1;
  while (high < limit && run(high).missed > most) {
    low = high + 1;
    high *= 2;
  }
  high = Math.min(high, limit);
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (run(middle).missed <= most) high = middle;
    else low = middle + 1;
  }
  return { idleTarget: low, outcome: run(low) };
}
