import type { Plan } from './run';

/** What is known not to hold yet: said here, counted apart, and refused once it holds. */
export interface Known {
  /** Of the fault's name; absent: whatever the fault. */
  fault?: RegExp;
  scenario?: RegExp;
  /** Each thing that is broken must be one of these. */
  broken: RegExp;
  why: string;
}

export const KNOWN: readonly Known[] = [];

/** The entry that accounts for everything a plan broke. */
export function knownFailure({ scenario, faults }: Plan, broken: readonly string[]): Known | undefined {
  return KNOWN.find(
    (known) =>
      (known.scenario === undefined || known.scenario.test(scenario)) &&
      (known.fault === undefined || faults.some(({ name }) => known.fault?.test(name))) &&
      broken.every((each) => known.broken.test(each)),
  );
}
