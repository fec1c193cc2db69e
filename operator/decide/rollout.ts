import { isDeepStrictEqual } from 'node:util';
import { RETIRE_FINALIZER } from '../../src/api/names';
import type { DeploymentView, Observation, ReplicaSetView, TemplateKeys, Write } from './model';
import { isLive } from './pods';
import { childManifest, settingsOf, templateHash, templateKeys } from './template';

/**
 * A changed template never goes through the Deployment's own rolling update, which would end busy Pods: the old
 * revision is *retired*. Its ReplicaSet is handed to the hsd with a finalizer and deleted, which makes the ReplicaSet
 * controller let go of it; its Pods then become the hsd's own, and live on as detached ones until they are free and no
 * longer needed. The finalizer keeps the garbage collector from them until the last one is ours: a Pod made in the last
 * moment is not in the collector's books yet, so orphan propagation would leave it to be collected
 * (docs/adr/0003-retire-revisions.md). Every step can be the last one before a crash.
 */
export interface Revisions {
  /** ReplicaSets of the child that hold Pods of another revision: to be handed to the hsd. */
  old: ReplicaSetView[];
  /** ReplicaSets handed over already and not deleted yet. */
  handedOver: ReplicaSetView[];
  /** ReplicaSets handed over and deleted, which our finalizer holds. */
  leaving: ReplicaSetView[];
  /** Pods the child's other ReplicaSets say they hold: there may be some the watch of Pods has not shown yet. */
  held: number;
  /** uids of every ReplicaSet that no longer manages Pods for the child, `old` included. */
  retired: ReadonlySet<string>;
  /** The child is ours and carries the template Git asks for (or the last one the API server accepted). */
  templateApplied: boolean;
  /** So are the settings beside the template, and its label. */
  settingsApplied: boolean;
  /**
   * The template is the right one but for our own keys, which somebody took out or changed, by hand or by a policy: what
   * is made from it nobody would see, so the child is not raised by it.
   */
  defaced: boolean;
  /** Nothing of an earlier revision is on its way: only then is a new retirement begun or the child lowered. */
  settled: boolean;
}

export function revisions(observation: Observation): Revisions {
  const { child, hsd, replicaSets } = observation;
  const goal = goalOf(observation);
  const isIntact = child !== undefined && isDeepStrictEqual(child.templateKeys, goal.keys);
  const isHashed = child !== undefined && child.templateHash === goal.hash;
  // A child that was orphaned is made from the right template, yet not ours.
  const templateApplied = isHashed && isIntact && !child.templateEdited && child.controller?.uid === hsd.uid;
  const mine = replicaSets.filter((rs) => child !== undefined && rs.controller?.uid === child.uid && !rs.deleting);
  const old = child === undefined ? [] : mine.filter((rs) => holdsPods(rs) && isOld(rs, child, goal, templateApplied));
  const handedOver = replicaSets.filter((rs) => !rs.deleting && rs.controller?.uid === hsd.uid);
  const deleting = replicaSets.filter((rs) => rs.deleting);
  const gone = new Set(deleting.map((rs) => rs.uid));
  const unowned = observation.pods.some((pod) => isLive(pod) && (!pod.controller || gone.has(pod.controller.uid)));
  return {
    old,
    handedOver,
    leaving: deleting.filter((rs) => rs.controller?.uid === hsd.uid && isRetired(rs)),
    held: mine.filter((rs) => !old.includes(rs)).reduce((sum, rs) => sum + rs.statusReplicas, 0),
    retired: new Set([...old, ...handedOver, ...deleting].map((rs) => rs.uid)),
    templateApplied,
    settingsApplied:
      child !== undefined && child.hsd === hsd.name && isDeepStrictEqual(child.settings, settingsOf(hsd)),
    defaced: isHashed && goal.hash !== undefined && !isIntact,
    settled: old.length === 0 && handedOver.length === 0 && !unowned && child?.paused !== true,
  };
}

interface Goal {
  hash: string | undefined;
  keys: TemplateKeys;
}

/** What the child's template should be: while Git's is refused, the last one that was accepted. */
function goalOf({ hsd, child, refusal }: Observation): Goal {
  const keys = templateKeys(hsd);
  if (refusal?.generation !== hsd.generation) return { hash: templateHash(hsd), keys };
  const { busyKey: _, ...common } = keys;
  const busyKey = child?.templateKeys.busyKey;
  return { hash: child?.templateHash, keys: { ...common, ...(busyKey !== undefined && { busyKey }) } };
}

function isRetired({ finalizers }: ReplicaSetView): boolean {
  return finalizers.includes(RETIRE_FINALIZER);
}

function holdsPods(rs: ReplicaSetView): boolean {
  return rs.replicas > 0 || rs.statusReplicas > 0;
}

/**
 * While the child is paused with its new template, every other revision is old. Otherwise a foreign rollout
 * (`kubectl rollout restart`) is recognised by its revision number, once the Deployment controller has caught up.
 */
function isOld(rs: ReplicaSetView, child: DeploymentView, goal: Goal, applied: boolean): boolean {
  if (!applied) return false;
  if (child.paused) return rs.templateHash !== goal.hash || !isDeepStrictEqual(rs.templateKeys, goal.keys);
  if (child.observedGeneration !== child.generation) return false;
  return Number(rs.revision) < Number(child.revision);
}

/**
 * The next steps of a rollout, in order.
 *
 * @param replicas what the child should hold once the old revisions are detached, no fewer than it holds now
 */
export function rolloutWrites(observation: Observation, revs: Revisions, replicas: number): Write[] {
  const { child } = observation;
  if (child === undefined) return [];
  const { adopt, handOver, release } = retirement(observation, revs);
  if (!revs.templateApplied) {
    const held = revs.defaced ? child.replicas : Math.max(child.replicas, replicas);
    const next = revs.settled || child.paused ? applyTemplate(observation, child, held) : [...handOver, ...release];
    return [...adopt, ...next];
  }
  if (child.paused) return [...adopt, ...handOver, resume(child, replicas)];
  const settings = revs.settingsApplied ? [] : applySettings(observation, child);
  return [...adopt, ...handOver, ...settings, ...release];
}

/** What brings the Pods of old revisions under the hsd's own hand, in this order. */
export function retirement(
  { pods, emptied }: Observation,
  { old, handedOver, leaving }: Revisions,
): Record<'adopt' | 'handOver' | 'release', Write[]> {
  // Until its controller knows of the deletion it would make a taken Pod anew.
  const quiet = leaving.filter((rs) => rs.observed);
  const givers = new Set(quiet.map((rs) => rs.uid));
  const ours = pods.filter((pod) => isLive(pod) && (!pod.controller || givers.has(pod.controller.uid)));
  return {
    // First of all: a new ReplicaSet of the template they were made from would take orphans for its own surplus.
    adopt: ours.map((pod) => ({ kind: 'ownPod', pod })),
    // Again without its finalizer: an operator of before 0.2.0 handed it over.
    handOver: [...old, ...handedOver.filter((rs) => !isRetired(rs))].map((rs) => ({
      kind: 'ownReplicaSet',
      replicaSet: rs,
    })),
    release: [
      // A ReplicaSet being deleted neither makes nor ends Pods.
      ...handedOver.filter(isRetired).map((replicaSet): Write => ({ kind: 'deleteReplicaSet', replicaSet })),
      ...quiet
        .filter((rs) => emptied.has(rs.uid))
        .map((replicaSet): Write => ({ kind: 'releaseReplicaSet', replicaSet })),
    ],
  };
}

function applySettings({ hsd, refusal }: Observation, child: DeploymentView): Write[] {
  if (refusal?.generation === hsd.generation) return [];
  const manifest = childManifest(hsd, child.replicas, false);
  return [{ kind: 'applyChild', child, manifest, takeOwnership: false }];
}

/** Labels first: neither the watch nor the guard sees the Pods of a child the original operator made. */
function applyTemplate(observation: Observation, child: DeploymentView, replicas: number): Write[] {
  const { hsd, unlabelled, refusal, replicaSets } = observation;
  if (refusal?.generation === hsd.generation) return [];
  if (unlabelled.pods.length > 0 || unlabelled.replicaSets.length > 0) {
    return unlabelled.replicaSets.map((replicaSet): Write => ({ kind: 'labelReplicaSet', replicaSet, hsd: hsd.name }));
  }
  const keys = templateKeys(hsd);
  const sameTemplate = child.templateHash === templateHash(hsd) && isDeepStrictEqual(child.templateKeys, keys);
  const paused = !sameTemplate && replicaSets.some((rs) => rs.controller?.uid === child.uid && holdsPods(rs));
  const manifest = childManifest(hsd, replicas, paused);
  return [
    { kind: 'applyChild', child, manifest, takeOwnership: child.templateHash === undefined || child.templateEdited },
  ];
}

function resume(child: DeploymentView, replicas: number): Write {
  return { kind: 'resumeChild', child, replicas };
}
