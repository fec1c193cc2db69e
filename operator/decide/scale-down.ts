import type { Scale } from './events';
import type { DeploymentView, Observation, PodView, Write } from './model';
import { isProbed, type PodFacts } from './pods';

/**
 * How long a Pod stays marked `draining` before it is ended. The ReplicaSet controller reads deletion costs from its
 * own cache and was reported to miss one written 0.6 s before the scale call (kubernetes/kubernetes#126138).
 */
export const DRAIN_GRACE_MS = 1_000;

/** A victim that has not answered its probe is looked at again after this. */
const ASK_AGAIN_MS = 1_000;

export interface Drain {
  /** Pods on their way out, by uid. */
  victims: ReadonlySet<string>;
  /** What the child may be lowered to now; undefined: not yet, or nothing to lower. */
  lowerTo?: number;
  /** Busy Pods that dropped readiness: ReplicaSets end those first, so they leave the child with the same step. */
  detach: PodView[];
  /** Detached Pods whose grace is over. */
  end: PodView[];
  /** Pods whose probe must be asked once more before they go. */
  probe: string[];
  waitMs?: number;
}

export interface DrainInput {
  observation: Observation;
  facts: readonly PodFacts[];
  /** What the child should hold in the end. */
  replicas: number;
  idleWanted: number;
  /** Pods the child's ReplicaSets say they hold (Revisions). */
  held: number;
  /** False during a takeover or a rollout: the child is not lowered then. */
  mayLower: boolean;
}

export function drain({ observation, facts, replicas, idleWanted, held, mayLower }: DrainInput): Drain {
  const attached = facts.filter((f) => f.attached);
  const surplus = mayLower ? Math.max(0, attached.length - replicas) : 0;
  const fromChild = pickVictims(
    attached.filter((f) => !f.spared),
    surplus,
    facts,
  );
  const leaving = new Set(fromChild.map((f) => f.pod.uid));
  const detached = detachedVictims(observation, facts, leaving, idleWanted);
  const wait = longestWait(observation, fromChild);
  const over = detached.filter((f) => waitOf(observation, f) === 0);
  // Pods that are missing need no drain; Pods that are there and not seen yet do.
  const unseen = Math.max(0, held - attached.length);
  const floor = Math.max(replicas, attached.length - fromChild.length + unseen);
  const isTooMany = floor < (observation.child?.replicas ?? 0);
  const unasked = mayLower && isTooMany ? unaskedPods(observation, attached, fromChild) : [];
  const lower = mayLower && wait === 0 && isTooMany && unasked.length === 0 && !isBlind(observation, attached);
  return {
    victims: new Set([...leaving, ...detached.map((f) => f.pod.uid)]),
    detach: lower ? attached.filter((f) => f.spared && !f.pod.ready).map((f) => f.pod) : [],
    end: over.map((f) => f.pod),
    probe: [...staleProbes(observation, [...fromChild, ...detached]), ...unasked],
    ...(lower && { lowerTo: floor }),
    ...waitOfAll(observation, [...fromChild, ...detached]),
  };
}

/**
 * Probed Pods (uids) beside the chosen ones that were not asked since those were chosen, nor since they dropped readiness.
 * A lowered ReplicaSet ends a Pod that is not Ready before the one that was chosen, and a session may have begun in it.
 */
function unaskedPods(
  { hsd, probes, drainingSince, unreadySince }: Observation,
  attached: readonly PodFacts[],
  chosen: readonly PodFacts[],
): string[] {
  const chosenAt = Math.max(0, ...chosen.map(({ pod }) => drainingSince.get(pod.uid) ?? 0));
  // Those that must be spared anyway have rules of their own.
  const others = attached.filter((f) => !chosen.includes(f) && !f.spared && f.pod.running && isProbed(f.pod, hsd.spec));
  const isAsked = ({ uid }: PodView): boolean =>
    (probes.get(uid)?.checkedAt ?? 0) > Math.max(chosenAt, unreadySince.get(uid) ?? 0);
  return others.filter(({ pod }) => !isAsked(pod)).map(({ pod }) => pod.uid);
}

/**
 * Whether a lowered ReplicaSet could end a Pod nobody chose, which may hold a session nobody knows of. Where the guard
 * reads the annotation of every Pod that is no harm.
 */
function isBlind({ child, guarded, hsd }: Observation, attached: readonly PodFacts[]): boolean {
  const unread = attached.filter(({ pod }) => !guarded || isProbed(pod, hsd.spec));
  // Its mark still says it should be the first to go; the one that says otherwise is written by this plan.
  if (unread.some((f) => f.spared && f.pod.state === 'draining')) return true;
  // It may have made the missing Pods by now. Without a quota or the like in their way they are seen soon.
  const someCome = attached.length < (child?.replicas ?? 0) && child?.replicaFailure === undefined;
  return someCome && unread.some((f) => f.pod.state !== 'busy');
}

/** Not Ready first, then the emptiest node (it may become free), then the newest; whoever is draining stays chosen. */
function pickVictims(candidates: PodFacts[], count: number, all: readonly PodFacts[]): PodFacts[] {
  if (count <= 0) return [];
  const perNode = new Map<string, number>();
  for (const { pod } of all) perNode.set(pod.node ?? '', (perNode.get(pod.node ?? '') ?? 0) + 1);
  const rank = ({ pod, cordoned }: PodFacts): number[] => [
    cordoned ? 0 : 1,
    pod.state === 'draining' ? 0 : 1,
    pod.ready ? 1 : 0,
    perNode.get(pod.node ?? '') ?? 0,
    -pod.createdAt,
  ];
  return [...candidates].sort((a, b) => compare(rank(a), rank(b)) || (a.pod.uid < b.pod.uid ? -1 : 1)).slice(0, count);
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [i, value] of a.entries()) {
    const difference = value - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * Detached Pods that are free (or were, until their node was cordoned) go as soon as enough others could take a session;
 * those that serve nobody go at once.
 */
function detachedVictims(
  { hsd }: Observation,
  facts: readonly PodFacts[],
  leaving: ReadonlySet<string>,
  idleWanted: number,
): PodFacts[] {
  // Until its ReplicaSet is gone a retired Pod would be made anew.
  const candidates = facts.filter((f) => !f.attached && !f.spared && f.pod.controller?.uid === hsd.uid);
  const free = candidates.filter((f) => f.free || (f.cordoned && f.pod.ready));
  const others = facts.filter((f) => f.attached && f.free && !leaving.has(f.pod.uid)).length;
  const surplus = Math.max(0, free.length - Math.max(0, idleWanted - others));
  return [...candidates.filter((f) => !free.includes(f)), ...pickVictims(free, surplus, facts)];
}

/** Milliseconds until a draining Pod may go; a full grace for one that is not marked yet. */
function waitOf({ now, drainingSince, probes, hsd }: Observation, { pod }: PodFacts): number {
  const since = drainingSince.get(pod.uid);
  if (pod.state !== 'draining' || since === undefined) return DRAIN_GRACE_MS;
  const reprobed = !isProbed(pod, hsd.spec) || !pod.running || (probes.get(pod.uid)?.checkedAt ?? 0) > since;
  const left = Math.max(0, since + DRAIN_GRACE_MS - now);
  // Its answer brings the next pass sooner.
  return reprobed ? left : Math.max(left, ASK_AGAIN_MS);
}

function longestWait(observation: Observation, victims: readonly PodFacts[]): number {
  return victims.reduce((longest, f) => Math.max(longest, waitOf(observation, f)), 0);
}

function waitOfAll(observation: Observation, victims: readonly PodFacts[]): { waitMs?: number } {
  const waits = victims.map((f) => waitOf(observation, f)).filter((ms) => ms > 0);
  return waits.length === 0 ? {} : { waitMs: Math.min(...waits) };
}

function staleProbes({ hsd, probes, drainingSince }: Observation, victims: readonly PodFacts[]): string[] {
  return victims
    .filter(
      ({ pod }) =>
        isProbed(pod, hsd.spec) &&
        pod.state === 'draining' &&
        (probes.get(pod.uid)?.checkedAt ?? 0) <= (drainingSince.get(pod.uid) ?? 0),
    )
    .map(({ pod }) => pod.uid);
}

/** Brings the child to `replicas` at once when it holds fewer, and to what `going` allows when it holds more. */
export function scaleWrites(observation: Observation, child: DeploymentView, replicas: number, going: Drain): Scale {
  if (replicas > child.replicas) return scaleTo(child, replicas);
  if (going.lowerTo === undefined) return { writes: [] };
  const detach = going.detach.map((pod): Write => ({ kind: 'ownPod', pod }));
  // Whom no guard protects a lowered ReplicaSet could end first: better one Pod too many for a moment.
  if (!going.detach.every((pod) => observation.guarded && guardSees(pod))) return { writes: detach };
  const lowered = scaleTo(child, going.lowerTo - detach.length);
  return { ...lowered, writes: [...lowered.writes, ...detach] };
}

/** The admission policy knows a busy Pod by its annotation, or in http mode by its label. */
function guardSees({ busyKey, state, trueKeys }: PodView): boolean {
  return busyKey === undefined ? state === 'busy' : trueKeys.includes(busyKey);
}

function scaleTo(child: DeploymentView, replicas: number): Scale {
  return { writes: [{ kind: 'scaleChild', child, replicas }], event: { from: child.replicas, to: replicas } };
}
