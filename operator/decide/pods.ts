import { DEFAULTS } from '../../src/api/defaults';
import type { PodState } from '../../src/api/marks';
import type { HotStandbySpec } from '../../src/api/types';
import { ignoresCordon } from './cordon';
import type { Observation, PodView } from './model';

/** What is known of one live Pod, once. Everything else in decide/ builds on it. */
export interface PodFacts {
  pod: PodView;
  /** Holds a session, by its mark or by its last answered probe. */
  busy: boolean;
  /** The last probe failed: the state is the last known one. */
  unknown: boolean;
  /** Must not be ended: busy, or nobody can tell. */
  spared: boolean;
  /** In the child's current or another ReplicaSet of the child, which alone may end it; else the operator alone may. */
  attached: boolean;
  /** Its node is cordoned, and a replacement would land on another: no session should start there. */
  cordoned: boolean;
  /** Ready and free: could take a session now, unless it is draining. */
  free: boolean;
}

/** A Pod that is not on its way out: neither deleted nor finished. */
export function isLive(pod: PodView): boolean {
  return !pod.deleting && pod.phase !== 'Succeeded' && pod.phase !== 'Failed';
}

/** The annotation key of an hsd in annotation mode; undefined in http mode. */
export function busyKeyOf(spec: HotStandbySpec): string | undefined {
  const probe = spec.busyProbe;
  return probe?.mode === 'http' ? undefined : (probe?.annotationKey ?? DEFAULTS.busyProbe.annotationKey);
}

/**
 * Whether HTTP probes tell of its sessions: it was started for them, whatever the mode is now. Any other Pod marks
 * itself with the annotation it was told at its start; one taken over (no label yet) is read by the mode of its hsd.
 */
export function isProbed(pod: PodView, spec: HotStandbySpec): boolean {
  return pod.busyKey === undefined && (pod.hsd !== undefined || busyKeyOf(spec) === undefined);
}

/** What is read to know a Pod. */
export type Sight = Pick<
  Observation,
  'hsd' | 'now' | 'serverNow' | 'seenReady' | 'cordoned' | 'probes' | 'claims' | 'replicaSets' | 'seenKeys'
> & {
  pods: readonly PodView[];
};

/** @param retired uids of the ReplicaSets that no longer manage their Pods for the child */
export function podFacts(observation: Sight, retired: ReadonlySet<string>): PodFacts[] {
  const { cordoned: nodes, hsd } = observation;
  const isPinned = ignoresCordon(hsd.spec);
  const keys = busyKeys(observation);
  return observation.pods.filter(isLive).map((pod) => {
    const { busy, unknown } = sessionOf(pod, observation, keys);
    const cordoned = pod.node !== undefined && nodes.has(pod.node) && !isPinned && !pod.ignoresCordon;
    const available = pod.ready && warmUpLeft(observation, pod) <= 0;
    return {
      pod,
      busy,
      unknown,
      spared: busy || unknown,
      attached: isAttached(pod, retired),
      cordoned,
      free: available && !busy && !unknown && !cordoned,
    };
  });
}

/**
 * Every annotation key a session of this hsd may be marked with. A Pod marks itself as it was told at its start, or by the
 * key of the spec, whichever that was when the session began: a key that was seen once counts for every Pod.
 */
export function busyKeys({
  hsd,
  pods,
  replicaSets,
  seenKeys,
}: Pick<Observation, 'hsd' | 'pods' | 'replicaSets' | 'seenKeys'>): ReadonlySet<string> {
  const keys = [
    busyKeyOf(hsd.spec),
    ...pods.map((p) => p.busyKey),
    ...replicaSets.map((rs) => rs.templateKeys.busyKey),
  ];
  return new Set([...seenKeys, ...keys.filter((key) => key !== undefined)]);
}

function sessionOf(
  pod: PodView,
  { hsd, probes, claims }: Sight,
  keys: ReadonlySet<string>,
): { busy: boolean; unknown: boolean } {
  // A claim is being written to it: the next view of it may be busy, and the caller may have its answer by then.
  if (claims.reserved.has(pod.uid)) return { busy: true, unknown: false };
  const marked = pod.trueKeys.some((key) => keys.has(key));
  if (!isProbed(pod, hsd.spec)) return { busy: marked, unknown: false };
  // Until its claim is released the record alone holds it, whatever the app says (and before it says anything).
  if (pod.session !== undefined) return { busy: true, unknown: false };
  // Its own key may be lost, and nobody know whether it ever had one.
  if (marked && busyKeyOf(hsd.spec) !== undefined) return { busy: true, unknown: false };
  // No container runs: there is no session to lose, and nothing that could answer a probe.
  if (pod.phase === 'Pending' || !pod.running) return { busy: false, unknown: false };
  const answer = probes.get(pod.uid);
  if (answer !== undefined && answer.state !== 'unknown') return { busy: answer.state === 'busy', unknown: false };
  // Its last answer may not have become a mark yet (an API server that was away); a new operator knows the mark alone.
  return { busy: (answer?.lastAnswer ?? pod.state) === 'busy', unknown: true };
}

/**
 * A Pod whose ReplicaSet is not in the cache yet counts as attached: the two watches are not ordered, and a detached
 * Pod is one the operator itself may end.
 */
function isAttached(pod: PodView, retired: ReadonlySet<string>): boolean {
  return pod.controller?.kind === 'ReplicaSet' && !retired.has(pod.controller.uid);
}

/**
 * The state a Pod's label should say. A Pod that was idle once stays `idle` when its readiness flaps: Services look at
 * readiness themselves, and each flap would cost a write. On a cordoned node it leaves `idle`, so that no session starts.
 */
export function stateOf(facts: PodFacts, draining: boolean): PodState {
  if (facts.busy) return 'busy';
  if (draining || (facts.cordoned && !facts.unknown)) return 'draining';
  const { state, ready } = facts.pod;
  // `draining` is a plan, not what the Pod does: one taken back before it was ever Ready starts still.
  const served = state === 'idle' || state === 'busy' || (state === 'draining' && ready);
  return served || facts.free ? 'idle' : 'starting';
}

/**
 * Milliseconds until a Ready Pod has been so for minReadySeconds; 0 or less: it has. By the time its node gave or by
 * how long it has been seen so, whichever comes first: a clock that is ahead or was put back must not stop anything.
 */
function warmUpLeft({ hsd, now, serverNow, seenReady }: Sight, { uid, readySince }: PodView): number {
  const warmUp = warmUpMs(hsd.spec);
  if (warmUp === 0) return 0;
  const seen = seenReady.get(uid);
  const seenAt = seen?.readySince === readySince ? seen.at : now;
  return Math.min(readySince + warmUp - serverNow, seenAt + warmUp - now);
}

/** Milliseconds until the next Pod has been Ready for minReadySeconds; undefined when none is waiting for that. */
export function untilAvailable(facts: readonly PodFacts[], observation: Observation): number | undefined {
  const waits = facts.filter((f) => f.pod.ready).map((f) => warmUpLeft(observation, f.pod));
  const ahead = waits.filter((ms) => ms > 0);
  return ahead.length === 0 ? undefined : Math.min(...ahead);
}

function warmUpMs({ minReadySeconds = DEFAULTS.minReadySeconds }: HotStandbySpec): number {
  return minReadySeconds * 1000;
}
