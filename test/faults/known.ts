import { planText } from './plans';
import type { Plan } from './run';
import { SCENARIOS } from './scenarios';

/** What is known not to hold yet: said here, counted apart, and refused once it holds. */
export interface Known {
  /** The one plan, by its text, where a pattern would say too much. */
  plan?: string;
  /** Of the fault's name; absent: whatever the fault. */
  fault?: RegExp;
  /** Of the scenario's name; absent: whatever the scenario. */
  scenario?: RegExp;
  /** Each thing that is broken must be one of these. */
  broken: RegExp;
  why: string;
}

/** What a plan broke. */
export interface Failure {
  plan: Plan;
  broken: readonly string[];
}

/** A session that ends, a write that could end one, a pool without end: a pattern never accounts for one of these. */
const LOSS = /was ended by|without a precondition|grows without end/;

/** The pool does not come to what is wanted, but nobody is hurt. */
const UNSETTLED =
  /Pods, \d+ desired|idle Pods, \d+ wanted|^the child (has|is paused)|detached Pod is idle|another template|^status (says|is of)|observedGeneration|busyCount|Ready is|does not grow|busy Pod is not marked|unmarked while busy|marked busy and is not|is not labelled|retired ReplicaSet|the deletion hangs|outlives the deletion|at rest|hammers|refusal/;

export const KNOWN: readonly Known[] = [
  {
    fault: /no annotations in its template|no busy-key/,
    broken: UNSETTLED,
    why: 'a Pod that says neither how it marks itself nor can be asked is spared for ever',
  },
  {
    scenario: /from probes/,
    broken: UNSETTLED,
    why: 'Pods that were started for probes cannot be asked any more once Git says nothing of them',
  },
  {
    fault: /spec: another key|spec: http mode/,
    scenario: /prob/,
    broken: UNSETTLED,
    why: 'Pods that were started for probes cannot be asked any more once Git says nothing of them',
  },
  {
    fault: /stored with .* from now on/,
    broken: UNSETTLED,
    why: 'what a policy changed in the child is mended late, or not at all, after the policy has gone',
  },
  {
    fault: /keeps no label of HotStandby|replaces its labels/,
    broken: UNSETTLED,
    why: 'a Pod without our labels is found again by its owner alone, which orphaning and retirement take away',
  },
  {
    scenario: /^orphan$/,
    fault: /replaces its annotations|no name label/,
    broken: /keeps our finalizer/,
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
export function knownFailure({ plan, broken }: Failure, entries = KNOWN): Known | undefined {
  return entries.find((known) => covers(known, plan) && broken.every((each) => allows(known, each)));
}

/** Entries that can go: all of their plans were run, and none fails like that any more. */
export function outlived(
  ran: readonly Plan[],
  swept: ReadonlySet<string>,
  failures: readonly Failure[],
  entries = KNOWN,
): Known[] {
  const used = new Set(failures.map((failure) => knownFailure(failure, entries)));
  const texts = new Set(ran.map(planText));
  const isJudged = ({ plan, scenario }: Known): boolean =>
    plan !== undefined
      ? texts.has(plan)
      : SCENARIOS.every(({ name }) => scenario?.test(name) === false || swept.has(name));
  return entries.filter((known) => isJudged(known) && !used.has(known));
}

function covers({ plan, scenario, fault }: Known, tried: Plan): boolean {
  return (
    (plan === undefined || plan === planText(tried)) &&
    (scenario === undefined || scenario.test(tried.scenario)) &&
    (fault === undefined || tried.faults.some(({ name }) => fault.test(name)))
  );
}

function allows({ plan, broken }: Known, what: string): boolean {
  return broken.test(what) && (plan !== undefined || !LOSS.test(what));
}
