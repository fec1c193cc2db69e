import { NAME_LABEL, TEMPLATE_HASH_ANNOTATION } from '../../src/api/names';
import type { ChildManifest, Write } from './model';
import { fingerprint } from './template';

/**
 * One failure stays one failure: a write that is refused, or that the API server takes and does not keep (a policy changes
 * it back), is tried again later each time, and nothing else waits for it but what would do harm without it.
 */

/** What became of a write. `outdated`: somebody else was faster. `refused`: it will be again unless something changes. */
export type Outcome =
  | { how: 'done' }
  | { how: 'outdated' }
  | { how: 'refused' | 'failed'; message: string; retryAfterMs?: number };

/** A write that was sent and is wanted all the same. */
export interface Attempt {
  readonly kind: Write['kind'];
  readonly how: Outcome['how'];
  /** How often in a row it came out like this. */
  readonly count: number;
  readonly at: number;
  readonly retryAt: number;
  /** What was to be done, in words. */
  readonly what: string;
  /** The API server's words. */
  readonly message?: string;
  /** The child itself is concerned, not one Pod or what protects it. */
  readonly isChild: boolean;
}

export type Attempts = ReadonlyMap<string, Attempt>;

/** First and longest wait, by outcome; doubled each time. */
const WAITS: Record<Outcome['how'], readonly [firstMs: number, longestMs: number]> = {
  // The reply is in the cache: a write that is wanted again at once was not kept.
  done: [250, 300_000],
  outdated: [5, 1_000],
  refused: [1_000, 60_000],
  failed: [1_000, 60_000],
};
/** From so many in a row on it is told: a cache that lags, a lost race or a server's hiccup is no news. */
const TOLD_FROM: Record<Outcome['how'], number> = { done: 3, outdated: 10, refused: 1, failed: 2 };
/** A write that did not last is remembered for so long after nobody wants it: it alternates with another one. */
const LASTING_MS = 60_000;

/** The attempts after `write` came out as it did, without those that it takes back. */
export function attempted(attempts: Attempts, write: Write, outcome: Outcome, now: number): Attempts {
  const id = idOf(write);
  const before = attempts.get(id);
  const count = before?.how === outcome.how ? before.count + 1 : 1;
  const [first, longest] = WAITS[outcome.how];
  const asked = 'retryAfterMs' in outcome ? (outcome.retryAfterMs ?? 0) : 0;
  // Once is nothing: a plan that is carried out in steps may ask for the same write twice.
  const waitMs = outcome.how === 'done' && count === 1 ? 0 : Math.min(longest, first * 2 ** Math.min(count - 1, 20));
  const attempt: Attempt = {
    kind: write.kind,
    how: outcome.how,
    count,
    at: now,
    retryAt: now + Math.max(waitMs, asked),
    what: inWords(write),
    isChild: CHILD_WRITES.has(write.kind),
    ...('message' in outcome && { message: outcome.message }),
  };
  const isTurn = outcome.how === 'done' && before?.how !== 'done';
  const others = isTurn ? [...attempts].filter(([, other]) => !undoes(write, other)) : attempts;
  return new Map([...others, [id, attempt]]);
}

/**
 * Whether `write`, carried out, takes back itself what `other` did, so that another one of it is no sign of a policy: two
 * sessions that begin and end three times a minute scale the child to the same two numbers three times each. What was
 * refused will be again.
 */
function undoes(write: Write, other: Attempt): boolean {
  if (other.how === 'refused') return false;
  // Another template, or other settings: whatever a rollout does to the child is done anew.
  return write.kind === 'applyChild' ? other.isChild : write.kind === 'scaleChild' && other.kind === 'scaleChild';
}

/** Attempts at what is wanted still; of the others those that may come again. */
export function stillWanted(attempts: Attempts, writes: readonly Write[], now: number): Attempts {
  if (attempts.size === 0) return attempts;
  const ids = new Set(writes.map(idOf));
  const kept = [...attempts].filter(([id, { isChild, at }]) => ids.has(id) || (isChild && now < at + LASTING_MS));
  return kept.length === attempts.size ? attempts : new Map(kept);
}

/** Milliseconds until one that is told of, and that nobody wants any more, is forgotten: the status has to say so then. */
export function untilForgotten(attempts: Attempts, writes: readonly Write[], now: number): number | undefined {
  if (attempts.size === 0) return undefined;
  const ids = new Set(writes.map(idOf));
  const told = [...attempts].filter(([id, attempt]) => !ids.has(id) && isTold(attempt));
  return told.length === 0 ? undefined : Math.min(...told.map(([, { at }]) => at + LASTING_MS - now));
}

/** Writes whose time has come, without those that need one whose time has not. */
export function dueWrites(
  writes: readonly Write[],
  attempts: Attempts,
  now: number,
): { due: Write[]; held: Write[]; waitMs?: number } {
  const held: Write[] = [];
  const due: Write[] = [];
  const waits: number[] = [];
  for (const write of writes) {
    const waitMs = (attempts.get(idOf(write))?.retryAt ?? now) - now;
    if (waitMs > 0) waits.push(waitMs);
    if (waitMs > 0 || needsAny(write, held)) held.push(write);
    else due.push(write);
  }
  return { due, held, ...(waits.length > 0 && { waitMs: Math.min(...waits) }) };
}

/** Whether `write` would do harm if one of these was not carried out before it. */
export function needsAny(write: Write, missing: readonly Write[]): boolean {
  const isMissing = (...kinds: Write['kind'][]): boolean => missing.some(({ kind }) => kinds.includes(kind));
  switch (write.kind) {
    // A child that goes on with an old ReplicaSet ends its Pods.
    case 'resumeChild':
      return isMissing('ownReplicaSet', 'ownPod');
    // Pods that are still its own go with it.
    case 'releaseReplicaSet':
      return isMissing('ownPod', 'disownPod');
    // What is marked still the garbage collector may never have.
    case 'removeFinalizer':
      return missing.length > 0;
    default:
      return false;
  }
}

/** Why one of them is worth telling, worst first; undefined: none is. */
export function troubleOf(attempts: Attempts): { isChild: boolean; message: string } | undefined {
  const told = [...attempts.values()].filter(isTold);
  const [worst] = told.sort((a, b) => Number(b.isChild) - Number(a.isChild) || (a.what < b.what ? -1 : 1));
  if (worst === undefined) return undefined;
  const more = told.length > 1 ? ` (and ${told.length - 1} more)` : '';
  return { isChild: worst.isChild, message: `cannot ${worst.what}: ${whyOf(worst)}${more}; trying again` };
}

function isTold({ how, count }: Attempt): boolean {
  return count >= TOLD_FROM[how];
}

function whyOf({ how, message = '' }: Attempt): string {
  if (how === 'done')
    return 'the API server takes it and stores something else: does an admission policy or a webhook change it?';
  return how === 'outdated' ? 'it changes faster than it can be written' : message;
}

const CHILD_WRITES: ReadonlySet<Write['kind']> = new Set([
  'scaleChild',
  'resumeChild',
  'applyChild',
  'releaseChild',
  'labelReplicaSet',
  'ownReplicaSet',
  'deleteReplicaSet',
  'releaseReplicaSet',
]);

/** The same for the same change of the same object. */
function idOf(write: Write): string {
  switch (write.kind) {
    case 'scaleChild':
      return `${write.kind}/${write.child.uid}/${write.replicas}`;
    case 'resumeChild':
    case 'releaseChild':
      return `${write.kind}/${write.child.uid}`;
    case 'applyChild':
      return `${write.kind}/${write.child?.uid}/${goalOf(write.manifest)}`;
    case 'markPod':
    case 'endSession':
      return `${write.kind}/${write.pod.uid}/${JSON.stringify([write.labels, write.annotations])}`;
    case 'ownPod':
    case 'disownPod':
    case 'deletePod':
      return `${write.kind}/${write.pod.uid}`;
    case 'labelReplicaSet':
    case 'ownReplicaSet':
    case 'deleteReplicaSet':
    case 'releaseReplicaSet':
      return `${write.kind}/${write.replicaSet.uid}`;
    case 'createBudget':
      return `${write.kind}/${write.name}`;
    case 'repairBudget':
    case 'markBudget':
    case 'deleteBudget':
      return `${write.kind}/${write.budget.uid}`;
    case 'addFinalizer':
    case 'removeFinalizer':
      return `${write.kind}/${write.finalizer}`;
  }
}

/** What a manifest is for: not the count, nor the pause, of the step of a rollout that brings it. */
function goalOf({ metadata, spec: { replicas: _, paused: __, template, ...settings } }: ChildManifest): string {
  const { annotations } = (template as { metadata?: { annotations?: Record<string, string> } }).metadata ?? {};
  return fingerprint({ metadata, settings, template: annotations?.[TEMPLATE_HASH_ANNOTATION] });
}

function inWords(write: Write): string {
  switch (write.kind) {
    case 'scaleChild':
      return `scale Deployment ${write.child.name} to ${write.replicas}`;
    case 'resumeChild':
    case 'releaseChild':
      return `go on with Deployment ${write.child.name}`;
    case 'applyChild':
      return `apply Deployment ${write.manifest.metadata.name}`;
    case 'markPod':
      return `mark Pod ${write.pod.name} ${write.state}`;
    case 'endSession':
      return `end the session of Pod ${write.pod.name}`;
    case 'ownPod':
    case 'disownPod':
      return `change the owner of Pod ${write.pod.name}`;
    case 'deletePod':
      return `end Pod ${write.pod.name}`;
    case 'labelReplicaSet':
      return `label ReplicaSet ${write.replicaSet.name} (${NAME_LABEL})`;
    case 'ownReplicaSet':
    case 'deleteReplicaSet':
    case 'releaseReplicaSet':
      return `retire ReplicaSet ${write.replicaSet.name}`;
    case 'createBudget':
      return `create PodDisruptionBudget ${write.name}`;
    case 'repairBudget':
    case 'markBudget':
    case 'deleteBudget':
      return `write PodDisruptionBudget ${write.budget.name}`;
    case 'addFinalizer':
    case 'removeFinalizer':
      return `write the finalizer ${write.finalizer}`;
  }
}
