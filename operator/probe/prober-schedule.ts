/** Something that happens at a time. `at` must not change while it is in a heap. */
export interface Timed {
  /** Milliseconds on the monotonic clock. */
  at: number;
  /** Position in the heap that holds it, -1 when none does. Written by the heap. */
  slot: number;
}

/**
 * Binary heap ordered by `at` that can also remove an item from its middle, so that a Pod that went away leaves nothing
 * behind (its next probe may be a day ahead). One timer for its head replaces one timer per target.
 */
export class TimedHeap<T extends Timed> {
  private readonly items: T[] = [];

  get size(): number {
    return this.items.length;
  }

  /** The earliest item, undefined when empty. */
  peek(): T | undefined {
    return this.items[0];
  }

  push(item: T): void {
    this.siftUp(item, this.items.length);
  }

  /** Removes and returns the earliest item. */
  pop(): T | undefined {
    const first = this.items[0];
    if (first) this.remove(first);
    return first;
  }

  /** Removes `item`; nothing happens when it is not in the heap. */
  remove(item: T): void {
    const hole = item.slot;
    if (this.items[hole] !== item) return;
    item.slot = -1;
    const last = this.items.pop();
    if (!last || last === item) return;
    const parent = this.items[(hole - 1) >> 1];
    if (hole > 0 && parent && last.at < parent.at) this.siftUp(last, hole);
    else this.siftDown(last, hole);
  }

  clear(): void {
    for (const item of this.items) item.slot = -1;
    this.items.length = 0;
  }

  private place(item: T, slot: number): void {
    this.items[slot] = item;
    item.slot = slot;
  }

  private siftUp(item: T, from: number): void {
    let slot = from;
    while (slot > 0) {
      const parentSlot = (slot - 1) >> 1;
      const parent = this.items[parentSlot];
      if (!parent || parent.at <= item.at) break;
      this.place(parent, slot);
      slot = parentSlot;
    }
    this.place(item, slot);
  }

  private siftDown(item: T, from: number): void {
    let slot = from;
    for (;;) {
      const left = 2 * slot + 1;
      const leftItem = this.items[left];
      if (!leftItem) break;
      const rightItem = this.items[left + 1];
      const rightFirst = rightItem !== undefined && rightItem.at < leftItem.at;
      const child = rightFirst ? rightItem : leftItem;
      if (item.at <= child.at) break;
      this.place(child, slot);
      slot = rightFirst ? left + 1 : left;
    }
    this.place(item, slot);
  }
}

/** Where in its period a Pod is probed, 0 <= phase < 1: FNV-1a of its uid, so equal after a restart and even over many Pods. */
export function phaseOf(uid: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < uid.length; i++) {
    hash = Math.imul(hash ^ uid.charCodeAt(i), 0x01000193);
  }
  // FNV's high bits hardly move on the last characters, where uids of one batch differ: mix once more (murmur3's finalizer).
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

/** The first time >= `earliest` at which a Pod with this phase is due, all in milliseconds. */
export function nextSlot(earliest: number, periodMs: number, phase: number): number {
  const offset = phase * periodMs;
  return Math.ceil((earliest - offset) / periodMs) * periodMs + offset;
}
