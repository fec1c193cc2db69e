import { markLabels } from '../../src/api/marks';
import {
  CLAIMED_AT_ANNOTATION,
  CLAIMED_BY_ANNOTATION,
  DRAIN_ANNOTATION,
  EXPIRES_AT_ANNOTATION,
  RECORD_ANNOTATIONS,
  SESSION_ANNOTATION,
} from '../../src/api/names';
import { markWrite } from './marks';
import type { HsdView, Observation, PodView, SessionEnd, SessionView, Write } from './model';
import { busyKeyOf, isLive, isProbed, type PodFacts } from './pods';

/**
 * The Pod is the record of its claim: one patch with uid and resourceVersion makes it busy and says for whom, one takes
 * both back. No second object can leak or disagree (docs/design.md, sessions).
 */

/** The patch of a claim or of its end, as `metadata` of a merge patch. */
export interface RecordPatch {
  uid: string;
  resourceVersion: string;
  labels: Record<string, string>;
  annotations: Record<string, string | null>;
}

/** Makes `pod` the session's: record, busy annotation and marks, whether or not an admission policy adds these, too. */
export function claimPatch(hsd: HsdView, pod: PodView, session: SessionView): RecordPatch {
  const key = isProbed(pod, hsd.spec) ? undefined : (pod.busyKey ?? busyKeyOf(hsd.spec));
  return {
    uid: pod.uid,
    resourceVersion: pod.resourceVersion,
    labels: markLabels(hsd.name, 'busy'),
    annotations: { ...marks(hsd, pod, 'busy'), ...(key !== undefined && { [key]: 'true' }), ...recordOf(session) },
  };
}

/** Another end for the same session. */
export function renewPatch(pod: PodView, expiresAt: number): RecordPatch {
  const { uid, resourceVersion } = pod;
  return { uid, resourceVersion, labels: {}, annotations: { [EXPIRES_AT_ANNOTATION]: rfc3339(expiresAt) } };
}

/**
 * Ends the session. A Pod that marks itself is idle with that; where HTTP probes tell, the record alone goes, and the
 * probe decides what the Pod is.
 */
export function endPatch(hsd: HsdView, pod: PodView): RecordPatch {
  const { uid, resourceVersion } = pod;
  if (isProbed(pod, hsd.spec)) return { uid, resourceVersion, labels: {}, annotations: endedRecord() };
  const keys = pod.trueKeys.filter((key) => key === pod.busyKey || key === busyKeyOf(hsd.spec));
  return {
    uid,
    resourceVersion,
    labels: markLabels(hsd.name, 'idle'),
    annotations: {
      ...marks(hsd, pod, 'idle'),
      ...Object.fromEntries(keys.map((key) => [key, null])),
      ...endedRecord(),
    },
  };
}

/** Without what says how the Pod is deleted: who owns it is none of a claim's business. */
function marks(hsd: HsdView, pod: PodView, state: 'busy' | 'idle'): Record<string, string | null> {
  const { [DRAIN_ANNOTATION]: _, ...annotations } = markWrite(hsd, pod, state, true)?.annotations ?? {};
  return annotations;
}

function recordOf({ id, claimedBy, claimedAt, expiresAt }: SessionView): Record<string, string | null> {
  return {
    [SESSION_ANNOTATION]: id,
    [CLAIMED_BY_ANNOTATION]: claimedBy,
    [CLAIMED_AT_ANNOTATION]: rfc3339(claimedAt),
    [EXPIRES_AT_ANNOTATION]: expiresAt === undefined ? null : rfc3339(expiresAt),
  };
}

function endedRecord(): Record<string, null> {
  return Object.fromEntries(RECORD_ANNOTATIONS.map((key) => [key, null]));
}

/** Milliseconds stay: `hsd.paia.tech/*` times are ours, and a TTL of one second would lose most of itself. */
export function rfc3339(ms: number): string {
  return new Date(ms).toISOString();
}

/** Whether the time of a session has run out at `serverNow` (the API server's clock). */
export function isExpired({ expiresAt }: SessionView, serverNow: number): boolean {
  return expiresAt !== undefined && expiresAt <= serverNow;
}

/** Sessions that are over, though nobody released them: run out, or held by a Pod that got them second. */
export function sessionEnds({ serverNow }: Observation, facts: readonly PodFacts[]): SessionEnd[] {
  const first = new Map<string, PodView>();
  // What stands on a Pod that its app calls idle again is over, and taken away with its marks.
  const held = facts.filter((f) => f.busy && f.pod.session !== undefined).map((f) => f.pod);
  for (const pod of held) {
    const { id } = pod.session ?? { id: '' };
    const other = first.get(id);
    if (other === undefined || isEarlier(pod, other)) first.set(id, pod);
  }
  return held.flatMap((pod): SessionEnd[] => {
    const { session } = pod;
    if (session === undefined) return [];
    if (isExpired(session, serverNow)) return [{ pod, session, reason: 'Expired' }];
    // An id nobody can have claimed is no session twice: somebody wrote it by hand, for whatever it is worth.
    if (session.id === '' || first.get(session.id) === pod) return [];
    return [{ pod, session, reason: 'Duplicate' }];
  });
}

function isEarlier(one: PodView, other: PodView): boolean {
  const [a, b] = [one.session?.claimedAt ?? 0, other.session?.claimedAt ?? 0];
  return a === b ? one.uid < other.uid : a < b;
}

/** The write that ends a session; one that was renewed or released meanwhile has another resourceVersion. */
export function endWrite(hsd: HsdView, { pod }: SessionEnd): Write {
  const { labels, annotations } = endPatch(hsd, pod);
  return { kind: 'endSession', pod, labels, annotations };
}

/** Milliseconds until the next session runs out; undefined: none will. */
export function untilExpiry({ serverNow }: Observation, facts: readonly PodFacts[]): number | undefined {
  const left = facts.map((f) => (f.pod.session?.expiresAt ?? Number.POSITIVE_INFINITY) - serverNow);
  const next = Math.min(...left.filter((ms) => ms > 0), Number.POSITIVE_INFINITY);
  return next === Number.POSITIVE_INFINITY ? undefined : next;
}

/** Whether the record on `pod` is that of a session: a finished Pod holds none. */
export function holdsSession(pod: PodView): boolean {
  return pod.session !== undefined && pod.phase !== 'Succeeded' && pod.phase !== 'Failed';
}

/** Whether a claim may have the Pod: Ready and free, on its way nowhere, and nobody's. */
export function isClaimable(hsd: HsdView, { pod, free }: PodFacts): boolean {
  return free && pod.hsd === hsd.name && pod.state !== 'draining' && pod.session === undefined && isLive(pod);
}

/** What choosing looks at beside the Pods. */
export type Choice = Pick<Observation, 'hsd' | 'replicaSets' | 'pods'>;

/**
 * Pods a claim may have, best first: the newest revision (sessions start on what Git says now), then the node that holds
 * most of this hsd's Pods (the others can empty), then the oldest Pod.
 */
export function claimOrder({ hsd, replicaSets, pods }: Choice, facts: readonly PodFacts[]): PodView[] {
  const revisions = new Map(replicaSets.map((rs) => [rs.uid, Number(rs.revision) || 0]));
  const perNode = new Map<string, number>();
  for (const { node = '' } of pods) perNode.set(node, (perNode.get(node) ?? 0) + 1);
  const rank = (pod: PodView): readonly number[] => [
    // A detached Pod is of a revision that was retired: before every other it may be needed no more.
    -(revisions.get(pod.controller?.uid ?? '') ?? -1),
    -(perNode.get(pod.node ?? '') ?? 0),
    pod.createdAt,
  ];
  return facts
    .filter((f) => isClaimable(hsd, f))
    .map(({ pod }) => ({ pod, rank: rank(pod) }))
    .sort((a, b) => compare(a.rank, b.rank) || (a.pod.uid < b.pod.uid ? -1 : 1))
    .map(({ pod }) => pod);
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}

/** Whether a Pod has every label asked for. Its state is no label to ask for: it changes with the claim. */
export function hasLabels({ labels }: Pick<PodView, 'labels'>, wanted: Readonly<Record<string, string>> = {}): boolean {
  return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}

/**
 * How long until the caller at `position` (from 1) has a Pod, by how long others took to become Ready; undefined when
 * nothing is known or nothing more may be started.
 *
 * @param startedAgoMs ages of the Pods on their way
 * @param canGrow Pods for the callers beyond them are (being) asked for
 */
export function etaMs(
  position: number,
  startedAgoMs: readonly number[],
  warmUpMs: number | undefined,
  canGrow: boolean,
): number | undefined {
  if (warmUpMs === undefined) return undefined;
  const left = startedAgoMs.map((age) => Math.max(0, warmUpMs - age)).sort((a, b) => a - b);
  return left[position - 1] ?? (canGrow ? warmUpMs : undefined);
}
