import { DRAIN_FINALIZER, KOPF_FINALIZER } from '../../src/api/names';
import { budgetWrites, removedBudget } from './budget';
import { eventOfEnd } from './events';
import { markWrite } from './marks';
import type { HsdView, Observation, Plan, Write } from './model';
import { type PodFacts, podFacts, stateOf } from './pods';
import type { Explanation, PlanReason } from './reasons';
import { type Revisions, retirement, revisions } from './rollout';
import { drain, scaleWrites } from './scale-down';
import { endWrite, sessionEnds, untilExpiry } from './sessions';
import { statusOf } from './status';
import { drains } from './template';

/**
 * Ownership and finalizers are all that stands between a deleted hsd and the garbage collector. With
 * `sessions.onDelete: Drain` the object stays until the last session has ended.
 */
export function deletionPlan(seen: Observation): Omit<Plan, 'attempts'> {
  const { hsd, child } = seen;
  // Somebody else's Deployment of that name is none of ours to lower.
  const observation = child?.controller?.uid === hsd.uid ? seen : { ...seen, child: undefined };
  const foreign = removal(hsd, KOPF_FINALIZER);
  const revs = revisions(observation);
  if (!hsd.finalizers.includes(DRAIN_FINALIZER)) {
    return plan(observation, [...foreign, ...rest(observation, revs)], 'Deleting');
  }
  const facts = podFacts(observation, revs.retired);
  const detached = facts.filter((f) => !f.attached);
  const isReleased = !drains(hsd);
  if (isReleased || isEmpty(observation, revs, facts)) {
    // The garbage collector may have them all from now on.
    const release: Write[] = observation.child?.settings.drainOnDelete
      ? [{ kind: 'releaseChild', child: observation.child }]
      : [];
    const marks = detached.flatMap((f) => markWrite(hsd, f.pod, stateOf(f, false), false) ?? []);
    // A finalizer taken off wakes the collector; whatever it was refused before then waits for its own backoff.
    const freed = [...marks, ...removedBudget(observation), ...release];
    return plan(observation, [...foreign, ...freed, ...removal(hsd, DRAIN_FINALIZER)], 'Deleting');
  }
  return drainPlan(observation, revs, facts, foreign);
}

/** `kubectl delete --cascade=orphan`: the garbage collector takes the hsd's name off everything first. */
const ORPHAN_FINALIZER = 'orphan';

/**
 * A deleted hsd that something else still holds (a foreground deletion waits for its dependents). What was on its way to
 * be the hsd's own gets there, so that nothing waits for ReplicaSets that wait for us, and no Pod is left without owner.
 */
function rest(observation: Observation, revs: Revisions): Write[] {
  if (observation.hsd.finalizers.includes(ORPHAN_FINALIZER)) return [];
  const { adopt, release } = retirement(observation, revs);
  return [...adopt, ...release];
}

/**
 * Idle Pods too must be gone, and none on its way: the garbage collector would not see a session that starts in this
 * very moment.
 */
function isEmpty({ child }: Observation, revs: Revisions, facts: readonly PodFacts[]): boolean {
  if (revs.handedOver.length > 0 || revs.leaving.length > 0) return false;
  if (child === undefined) return facts.every((f) => f.attached && !f.spared);
  return facts.length === 0 && revs.held === 0 && child.replicas === 0 && child.observedGeneration === child.generation;
}

function removal({ finalizers }: HsdView, finalizer: string): Write[] {
  return finalizers.includes(finalizer) ? [{ kind: 'removeFinalizer', finalizer }] : [];
}

function plan({ hsd }: Observation, writes: Write[], reason: PlanReason): Omit<Plan, 'attempts'> {
  return { writes, status: hsd.status, events: [], probe: [], ended: [], reason };
}

/** Idle Pods go at once; the child sinks to the number of its busy ones. A rollout on its way ends with adoption. */
function drainPlan(
  observation: Observation,
  revs: Revisions,
  facts: readonly PodFacts[],
  foreign: Write[],
): Omit<Plan, 'attempts'> {
  const { hsd, child } = observation;
  const busy = facts.filter((f) => f.busy).length;
  const replicas = heldReplicas(facts, child?.replicas ?? 0);
  const going = drain({ observation, facts, replicas, idleWanted: 0, held: revs.held, mayLower: child !== undefined });
  const lowered = child ? scaleWrites(observation, child, replicas, going).writes : [];
  const { adopt, handOver, release } = retirement(observation, revs);
  // One that is missing is made anew only for a busy Pod.
  const budget = budgetWrites(observation, busy > 0);
  const ended = sessionEnds(observation, facts);
  const ending = new Set([...going.end, ...ended.map(({ pod }) => pod)].map((pod) => pod.uid));
  const marks = facts
    .filter((f) => !ending.has(f.pod.uid) && !observation.claims.reserved.has(f.pod.uid))
    .flatMap((f) => markWrite(hsd, f.pod, stateOf(f, going.victims.has(f.pod.uid)), f.attached) ?? []);
  const ends = going.end.map((pod): Write => ({ kind: 'deletePod', pod }));
  const waits = [going.waitMs, untilExpiry(observation, facts)].filter((ms) => ms !== undefined);
  const waiting: Explanation = { reason: 'Draining', message: waitingFor(facts) };
  const capacity = { desired: busy, idleWanted: 0 };
  return {
    writes: [
      ...foreign,
      ...budget.missing,
      ...budget.wrong,
      ...marks,
      ...ended.map((end) => endWrite(hsd, end)),
      ...lowered,
      ...adopt,
      ...handOver,
      ...release,
      ...ends,
    ],
    status: statusOf({
      observation,
      facts,
      victims: going.victims,
      capacity,
      settled: false,
      waiting,
    }),
    events: ended.map(eventOfEnd),
    probe: going.probe,
    ended,
    reason: 'Draining',
    ...(waits.length > 0 && { requeueAfterMs: Math.min(...waits) }),
  };
}

/**
 * What the child keeps: its spared Pods. Raised (somebody lowered it) it is for sessions alone: a rolling update that
 * nobody mends any more adds Pods of its own to whatever the child says, and some of those nobody can ask.
 */
function heldReplicas(facts: readonly PodFacts[], replicas: number): number {
  const attached = facts.filter((f) => f.attached);
  const busy = attached.filter((f) => f.busy).length;
  return Math.max(busy, Math.min(replicas, attached.filter((f) => f.spared).length));
}

/** So many names are enough to go and look. */
const NAMED = 5;

function waitingFor(facts: readonly PodFacts[]): string {
  const names = facts
    .filter((f) => f.spared)
    .map((f) => f.pod.name)
    .sort();
  if (names.length === 0) return 'being deleted: waiting for idle Pods to go';
  const shown = names.slice(0, NAMED).join(', ');
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
  return `being deleted: waiting for the sessions of ${shown}${more}; set spec.sessions.onDelete to Delete to end them now`;
}
