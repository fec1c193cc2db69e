import type { Write } from '../decide/model';

/** Writes to one Pod each do not wait for one another; so many at a time keep within an API server's fair share. */
const PARALLEL = 16;
/** Most Pod writes of one pass: the next pass scales first again, so a burst of marks never delays a new Pod. */
const POD_WRITES_PER_PASS = 48;

const POD_WRITES = new Set<Write['kind']>(['markPod', 'endSession', 'ownPod', 'disownPod', 'deletePod']);

/**
 * Groups a plan's writes into runs to send one after the other, the writes of one run at the same time. What exceeds a
 * pass is left to the next one, which decides anew; nothing that follows a left-out write is sent.
 */
export function batches(writes: readonly Write[]): { runs: Write[][]; more: boolean } {
  const runs: Write[][] = [];
  let podWrites = 0;
  for (const write of writes) {
    const last = runs.at(-1);
    const isPodWrite = POD_WRITES.has(write.kind);
    if (isPodWrite && ++podWrites > POD_WRITES_PER_PASS) return { runs, more: true };
    if (isPodWrite && last?.[0] && last.length < PARALLEL && areAlike(last[0], write)) last.push(write);
    else runs.push([write]);
  }
  return { runs, more: false };
}

const BESIDE_CHILD: ReadonlySet<Write['kind']> = new Set(['markPod', 'endSession', 'deletePod']);

/** Whether these runs of writes leave the child alone, so that it can be raised beside them. */
export function leaveChild(runs: readonly (readonly Write[])[]): boolean {
  return runs.every(([write]) => write !== undefined && BESIDE_CHILD.has(write.kind));
}

/** Marks that take Pods out of `idle` wait for those that bring others in. */
function areAlike(one: Write, other: Write): boolean {
  return one.kind === other.kind && isDraining(one) === isDraining(other);
}

function isDraining(write: Write): boolean {
  return write.kind === 'markPod' && write.state === 'draining';
}
