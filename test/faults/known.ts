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

const ROLLOUT =
  /Pods, \d+ desired|idle Pods, \d+ wanted|the child (has|is paused)|detached Pod is idle|another template|available|replicas|Ready is|busy|grow|Generation|labelled|ReplicaSet|deletion|rest|hammers|refusal/;

export const KNOWN: readonly Known[] = [
  {
    fault: /no annotations in its template|no busy-key/,
    broken: ROLLOUT,
    why: 'a Pod that says neither how it marks itself nor can be asked is spared for ever',
  },
  {
    scenario: /from probes/,
    broken: ROLLOUT,
    why: 'Pods that were started for probes cannot be asked any more once Git says nothing of them',
  },
  {
    fault: /spec: another key|spec: http mode/,
    scenario: /prob/,
    broken: ROLLOUT,
    why: 'Pods that were started for probes cannot be asked any more once Git says nothing of them',
  },
  {
    fault: /stored with .* from now on/,
    broken: ROLLOUT,
    why: 'what a policy changed in the child is mended late, or not at all, after the policy has gone',
  },
  {
    fault: /keeps no label of HotStandby|replaces its labels/,
    broken: /./,
    why: 'a Pod without our labels is found again by its owner alone, which orphaning and retirement take away',
  },
  {
    scenario: /drain/,
    fault: /deleted|hangs|ReplicaSet/,
    broken: /./,
    why: 'a child deleted by hand takes its sessions along, sessions.onDelete: Drain or not',
  },
  {
    scenario: /child deleted, drain/,
    broken: /./,
    why: 'a child deleted by hand takes its sessions along, sessions.onDelete: Drain or not',
  },
  {
    scenario: /^orphan$/,
    fault: /replaces its annotations|no name label/,
    broken: /was ended by|keeps our finalizer/,
    why: 'an orphaned pool has nobody who mends what its Pods lose',
  },
  {
    scenario: /delete with drain/,
    fault: /refused (409|422) from now on/,
    broken: /the deletion hangs/,
    why: 'a finalizer whose removal was refused as outdated is not tried again once that is over',
  },
];

/** The entry that accounts for everything a plan broke. */
export function knownFailure({ scenario, faults }: Plan, broken: readonly string[]): Known | undefined {
  return KNOWN.find(
    (known) =>
      (known.scenario === undefined || known.scenario.test(scenario)) &&
      (known.fault === undefined || faults.some(({ name }) => known.fault?.test(name))) &&
      broken.every((each) => known.broken.test(each)),
  );
}
