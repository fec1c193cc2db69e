import { capacity } from './capacity';
import type { Growth, HsdView, Observation } from './model';
import type { PodFacts } from './pods';
import { wasReady } from './readiness';
import type { Spare } from './spare';

/**
 * The bound on what a pool grows to while no Pod of its template has ever been available. Such a Pod never was a spare
 * one, so its being busy tells nothing of demand: a busy mark in the template, an app that answers 302 to everything, a
 * flag set at start-up. Each would call for the next one, without end. Callers who wait for a Pod of a template that cannot
 * work are demand of the same kind.
 *
 * Beyond what would be wanted without them it refills at once, then in steps that wait twice as long each time, then no
 * more. One Pod that is available ends all of it: from then on sessions alone count. Sessions that start before
 * their Pod is Ready are slowed by this until the first of them has ended.
 */
const FIRST_STEP_MS = 30_000;
/** The last of them comes 15.5 minutes after the first: 0, 30, 90, 210, 450 and 930 s. */
export const MOST_STEPS = 6;

export interface Bounded {
  /** What the child should hold, the bound considered. */
  replicas: number;
  /** To be remembered until the next decision. */
  growth: Growth;
  /** Growth is held back: so many Pods are busy that never were available. */
  bornBusy?: number;
  /** Milliseconds until it may take the next step; undefined: there is none. */
  waitMs?: number;
}

/**
 * The bound holds back, it does not lower: never fewer than there are, or than the child holds.
 *
 * @param spare how many idle Pods are wanted beside the busy ones
 * @param wanted what the child should hold if every busy Pod counts
 */
export function boundGrowth(
  observation: Observation,
  facts: readonly PodFacts[],
  spare: Spare,
  wanted: number,
): Bounded {
  const { child, hsd, now, growth: known = {} } = observation;
  if (child === undefined) return { replicas: wanted, growth: known };
  const { templateHash: template = '' } = child;
  if (isProven(observation, facts, template)) return { replicas: wanted, growth: { proven: template } };
  const first = withoutBornBusy(hsd, facts, spare);
  const step = Math.max(1, spare.idleTarget);
  const { held: _, ...unheld } = known;
  if (wanted <= first + step) return { replicas: wanted, growth: unheld };
  const since = known.held?.template === template ? known.held.since : now;
  const steps = stepsAfter(now - since);
  const attached = facts.filter((f) => f.attached);
  const replicas = Math.min(wanted, Math.max(first + step * steps, child.replicas, attached.length));
  const growth = { ...unheld, held: { template, since } };
  if (replicas === wanted) return { replicas, growth };
  const bornBusy = attached.filter((f) => f.busy).length;
  const waitMs = steps < MOST_STEPS ? since + startOf(steps + 1) - now : undefined;
  return { replicas, growth, bornBusy, ...(waitMs !== undefined && { waitMs }) };
}

/**
 * A Pod of this template is available, or was once: as remembered, or as the status says, by its fingerprint or (by an
 * operator of before 0.2.0) by the target that was met.
 */
function isProven({ hsd, growth, claims }: Observation, facts: readonly PodFacts[], template: string): boolean {
  // A claim takes what is available: with callers waiting no pass may ever see it free.
  const isClaimed = ({ pod }: PodFacts): boolean => pod.session !== undefined || claims.reserved.has(pod.uid);
  const isSeen = facts.some((f) => f.attached && (f.free || isClaimed(f)));
  const known = growth?.proven ?? hsd.status.availableTemplate;
  return known === template || isSeen || wasReady(hsd);
}

/** What the child should hold if sessions on Pods of earlier templates were the only ones. */
function withoutBornBusy({ spec }: HsdView, facts: readonly PodFacts[], spare: Spare): number {
  const busy = facts.filter((f) => f.busy && !f.attached).length;
  return capacity({ ...spec, ...spare, busy }).desired - busy;
}

/** Milliseconds from the first step to the one with this number, which counts from 1. */
function startOf(step: number): number {
  return FIRST_STEP_MS * (2 ** (step - 1) - 1);
}

function stepsAfter(elapsedMs: number): number {
  const steps = 1 + Math.floor(Math.log2(1 + Math.max(0, elapsedMs) / FIRST_STEP_MS));
  return Math.min(MOST_STEPS, steps);
}
