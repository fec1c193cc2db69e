import type { PodState } from '../../src/api/marks';
import { DRAIN_ANNOTATION, DRAIN_FINALIZER, KIND } from '../../src/api/names';
import { dueWrites, stillWanted, untilForgotten } from './attempts';
import { budgetWrites } from './budget';
import { cordonWrites } from './cordon';
import { deletionPlan } from './deletion';
import { alreadySaid, type Doings, eventOfEnd, eventsOf } from './events';
import { boundGrowth } from './growth';
import { selectorText } from './labels';
import { type MarkWrite, markWrite } from './marks';
import type { DeploymentView, EventNote, HsdView, Observation, Plan, PodView, SessionEnd, Write } from './model';
import { orphanWrites } from './orphans';
import { ownObjects } from './ownership';
import { type PodFacts, podFacts, stateOf, untilAvailable } from './pods';
import { unaskedPods } from './probing';
import type { Explanation, ObstacleReason, PlanReason } from './reasons';
import { reservedSelector } from './reserved';
import { type Revisions, revisions, rolloutWrites } from './rollout';
import { type Drain, drain, scaleWrites } from './scale-down';
import { endWrite, sessionEnds, untilExpiry } from './sessions';
import { stabilize } from './stabilization';
import { statusOf } from './status';
import { childManifest, drains } from './template';
import { spareEvents, type Wanted, wantedOf } from './wanted';

/**
 * From what was seen to what to do, in one pure step: no clock, no I/O, no randomness. Deciding twice about the same
 * observation gives the same plan; carrying a plan out and deciding again gives an empty one.
 */
export function decide(seen: Observation): Plan {
  const observation = ownObjects(seen);
  const { now } = observation;
  const orphans = orphanWrites(observation.orphans);
  const first = hsdPlan(observation);
  const wanted = [...orphans, ...first.writes];
  const attempts = stillWanted(observation.attempts, wanted, now);
  // What is not wanted any more is not worth telling.
  const plan = attempts === observation.attempts ? first : hsdPlan({ ...observation, attempts });
  const { due, held, waitMs } = dueWrites(wanted, attempts, now);
  return {
    ...plan,
    writes: due,
    attempts,
    events: held.length > 0 ? plan.events.filter(({ type }) => type === 'Warning') : plan.events,
    probe: [...new Set([...plan.probe, ...unaskedPods(observation)])],
    ...(orphans.length > 0 && { reason: 'Release' }),
    ...requeueAfter(plan.requeueAfterMs, waitMs, untilForgotten(attempts, wanted, now)),
  };
}

/** A plan before it is known which of its writes have to wait. */
type Draft = Omit<Plan, 'attempts'>;

function hsdPlan(observation: Observation): Draft {
  const { hsd } = observation;
  if (hsd.deleting) return deletionPlan(observation);
  const plan = livingPlan(observation);
  return hsd.spec.paused === true ? { ...plan, writes: [], events: [], probe: [], ended: [], reason: 'Paused' } : plan;
}

function livingPlan(observation: Observation): Draft {
  const { hsd, child } = observation;
  const obstacle = obstacleOf(hsd, child);
  const revs = revisions(observation);
  const facts = podFacts(observation, revs.retired);
  const wanted = wantedOf(observation, facts);
  if (obstacle !== undefined) return obstaclePlan(observation, facts, wanted, obstacle);
  return workPlan(observation, revs, facts, wanted);
}

/** A child that is being deleted goes away by itself: not an error. */
type Obstacle = Explanation<ObstacleReason> | Explanation<'ChildDeleting'>;

/** Why there can be no child, or why the Deployment with its name cannot be this hsd's. */
function obstacleOf(hsd: HsdView, child: DeploymentView | undefined): Obstacle | undefined {
  const reserved = reservedSelector(hsd.spec);
  if (reserved !== undefined) return reserved;
  if (child === undefined) return undefined;
  const name = `Deployment ${child.namespace}/${child.name}`;
  const owner = child.controller;
  const leftover = owner?.kind === KIND && owner.name === hsd.name && owner.uid !== hsd.uid;
  if (child.deleting || leftover) {
    return { reason: 'ChildDeleting', message: `${name} is being deleted; a new one follows` };
  }
  if (owner !== undefined && owner.uid !== hsd.uid) {
    const message = `${name} belongs to ${owner.kind} ${owner.name}: rename this ${KIND} or delete that Deployment`;
    return { reason: 'ChildConflict', message };
  }
  if (!sameLabels(child.matchLabels, hsd.spec.selector.matchLabels)) {
    const message = `${name} has another selector (${selectorText(child.matchLabels)}) than spec.selector (${selectorText(hsd.spec.selector.matchLabels)}), and a Deployment's selector cannot change: delete it or rename this ${KIND}`;
    return { reason: 'SelectorConflict', message };
  }
  return undefined;
}

function sameLabels(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

const NOBODY_GOES: Drain = { victims: new Set(), detach: [], end: [], probe: [] };

function obstaclePlan(observation: Observation, facts: readonly PodFacts[], wanted: Wanted, obstacle: Obstacle): Draft {
  const stalled = obstacle.reason === 'ChildDeleting' ? undefined : obstacle;
  const ended = sessionEnds(observation, facts);
  return {
    // A child can be held in deletion for days: its Pods go on serving, and need their marks.
    writes: [
      ...ended.map((end) => endWrite(observation.hsd, end)),
      ...(stalled === undefined ? markWrites(observation, facts, NOBODY_GOES, ended) : []),
    ],
    ended,
    status: statusOf({
      observation,
      facts,
      victims: NOBODY_GOES.victims,
      capacity: wanted,
      wanted,
      settled: false,
      ...(obstacle.reason === 'ChildDeleting' ? { waiting: obstacle } : { stalled: obstacle }),
    }),
    events: stalled === undefined || alreadySaid(observation, stalled) ? [] : [warning(stalled)],
    probe: [],
    reason: obstacle.reason,
    ...knowledgeOf(wanted),
    // Nobody tells the operator when somebody else's Deployment goes away.
    ...requeueAfter(stalled && 30_000, wanted.waitMs, untilExpiry(observation, facts)),
  };
}

function warning({ reason, message }: Explanation<ObstacleReason>): EventNote {
  return { type: 'Warning', reason, action: 'Reconcile', note: message };
}

function workPlan(observation: Observation, revs: Revisions, facts: readonly PodFacts[], wanted: Wanted): Draft {
  const { hsd, child, refusal } = observation;
  const stalled = refusal?.generation === hsd.generation ? refusal : undefined;
  const busy = facts.filter((f) => f.busy).length;
  const busyDetached = facts.filter((f) => f.busy && !f.attached).length;
  const stabilized = stabilize(observation, wanted, (child?.replicas ?? 0) + busyDetached);
  // A Pod whose probe fails is not counted busy, yet may be: the child holds it even beyond what is wanted.
  const spared = child === undefined ? 0 : facts.filter((f) => f.attached && f.spared).length;
  const bounded = boundGrowth(observation, facts, wanted.spare, Math.max(stabilized.replicas - busyDetached, spared));
  const { replicas } = bounded;
  const going = drain({
    observation,
    facts,
    replicas,
    idleWanted: stabilized.replicas - busy,
    held: revs.held,
    mayLower: mayLower(observation, revs),
  });
  // A paused child is between two steps of a rollout: the step that unpauses it carries the replicas.
  const scale = child?.paused === false && !revs.defaced ? scaleWrites(observation, child, replicas, going) : undefined;
  const creation = child === undefined && stalled === undefined ? [createChild(observation, facts, replicas)] : [];
  // Lowering has its own order (drain); a step of a rollout only ever keeps or raises what the child holds.
  const steps = rolloutWrites(observation, revs, Math.max(replicas, facts.filter((f) => f.attached).length));
  const budget = budgetWrites(observation, stabilized.replicas > 0 || hasPods(observation, revs, facts));
  const ended = sessionEnds(observation, facts);
  const writes = [
    ...addedFinalizer(hsd),
    ...budget.missing,
    ...creation,
    ...(scale?.writes ?? []),
    ...budget.wrong,
    ...markWrites(observation, facts, going, ended),
    ...ended.map((end) => endWrite(hsd, end)),
    ...steps,
    ...(mayLower(observation, revs) ? cordonWrites(observation, facts, stabilized.replicas - busy) : []),
    ...going.end.map((pod): Write => ({ kind: 'deletePod', pod })),
    ...budget.useless,
    ...removedFinalizer(observation, revs, facts),
  ];
  const done: Doings = {
    created: creation.length > 0,
    replicas,
    ...(scale && { scale }),
    ...(stalled && { stalled }),
    rollingOut: !revs.templateApplied && steps.some((step) => step.kind === 'applyChild'),
  };
  const settled = revs.settled && revs.templateApplied && child?.observedGeneration === child?.generation;
  return {
    writes,
    status: statusOf({
      observation,
      facts,
      victims: going.victims,
      capacity: wanted,
      wanted,
      stabilized,
      bounded,
      settled,
      stalled,
    }),
    events: [
      ...eventsOf(observation, wanted, done),
      ...spareEvents(observation, wanted.spare),
      ...ended.map(eventOfEnd),
    ],
    recommendation: wanted.desired,
    growth: bounded.growth,
    ...knowledgeOf(wanted),
    ended,
    probe: going.probe,
    reason: reasonOf(writes, stalled !== undefined),
    ...requeueAfter(
      going.waitMs,
      stabilized.waitMs,
      bounded.waitMs,
      wanted.waitMs,
      untilAvailable(facts, observation),
      untilNextLook(child),
      untilExpiry(observation, facts),
    ),
  };
}

function knowledgeOf({ learning, floor, spare }: Wanted): Pick<Plan, 'learning' | 'floor' | 'spareKey'> {
  return { floor, spareKey: spare.key, ...(learning && { learning }) };
}

/** No watch shows a child whose label was taken off. */
function untilNextLook(child: DeploymentView | undefined): number | undefined {
  return child !== undefined && child.hsd === undefined ? 5_000 : undefined;
}

function requeueAfter(...waits: (number | undefined)[]): { requeueAfterMs?: number } {
  const ahead = waits.filter((ms) => ms !== undefined);
  return ahead.length === 0 ? {} : { requeueAfterMs: Math.min(...ahead) };
}

function mayLower({ child, unlabelled }: Observation, revs: Revisions): boolean {
  return child !== undefined && revs.settled && revs.templateApplied && unlabelled.pods.length === 0;
}

/** Pods there are, are being made, or have not been seen yet. */
function hasPods({ child, unlabelled }: Observation, { held }: Revisions, facts: readonly PodFacts[]): boolean {
  return facts.length > 0 || unlabelled.pods.length > 0 || held > 0 || (child?.replicas ?? 0) > 0;
}

/** Kept on the object from the start: a finalizer cannot be added to one that is being deleted. */
function addedFinalizer({ spec, finalizers }: HsdView): Write[] {
  const isWanted = drains({ spec }) && !finalizers.includes(DRAIN_FINALIZER);
  return isWanted ? [{ kind: 'addFinalizer', finalizer: DRAIN_FINALIZER }] : [];
}

/** Last of all: what is still marked for draining when the object goes, the garbage collector may never have. */
function removedFinalizer({ hsd, child, budget }: Observation, revs: Revisions, facts: readonly PodFacts[]): Write[] {
  if (drains(hsd) || !hsd.finalizers.includes(DRAIN_FINALIZER)) return [];
  const isMarked =
    child?.settings.drainOnDelete ||
    budget?.drainOnDelete ||
    revs.handedOver.length > 0 ||
    facts.some(({ pod }) => pod.marks[DRAIN_ANNOTATION] !== undefined);
  return isMarked ? [] : [{ kind: 'removeFinalizer', finalizer: DRAIN_FINALIZER }];
}

/** A ReplicaSet without an owner will be adopted, at the new child's size: it keeps its Pods until they are drained. */
function createChild({ hsd, replicaSets }: Observation, facts: readonly PodFacts[], replicas: number): Write {
  const orphaned = new Set(replicaSets.filter((rs) => !rs.deleting && !rs.controller).map((rs) => rs.uid));
  const held = facts.filter((f) => orphaned.has(f.pod.controller?.uid ?? '')).length;
  const manifest = childManifest(hsd, Math.max(replicas, held), false);
  return { kind: 'applyChild', manifest, takeOwnership: false };
}

/** Marks that protect come first. Pods leave `idle` last: a Service over idle Pods has their successors by then. */
function markWrites(
  observation: Observation,
  facts: readonly PodFacts[],
  going: Drain,
  ended: readonly SessionEnd[],
): MarkWrite[] {
  const { hsd, unlabelled, claims } = observation;
  // The write that ends a session marks its Pod, too, and so does the claim that is on its way to a reserved one.
  const ending = new Set([...going.end, ...ended.map(({ pod }) => pod)].map((pod) => pod.uid));
  const strangers = unlabelled.pods.map((pod) => ({ pod, state: strangerState(pod, observation), attached: true }));
  const own = facts
    .filter((f) => !ending.has(f.pod.uid) && !claims.reserved.has(f.pod.uid))
    .map((f) => ({ pod: f.pod, state: stateOf(f, going.victims.has(f.pod.uid)), attached: f.attached }));
  const marks = [...strangers, ...own].flatMap(
    ({ pod, state, attached }) => markWrite(hsd, pod, state, attached) ?? [],
  );
  const to = (...states: PodState[]): MarkWrite[] => marks.filter(({ state }) => states.includes(state));
  return [...to('busy'), ...to('starting', 'idle'), ...to('draining')];
}

function strangerState(pod: PodView, observation: Observation): ReturnType<typeof stateOf> {
  const [facts] = podFacts({ ...observation, pods: [pod] }, new Set());
  return facts === undefined ? 'starting' : stateOf(facts, false);
}

function reasonOf(writes: readonly Write[], stalled: boolean): PlanReason {
  if (writes.some((w) => w.kind === 'applyChild')) return 'Apply';
  if (writes.some((w) => w.kind === 'scaleChild')) return 'Scale';
  if (writes.length > 0) return 'Mark';
  return stalled ? 'Stalled' : 'Settled';
}
