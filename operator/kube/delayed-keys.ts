import type { Clock, Timer } from './clock';

interface Entry {
  key: string;
  atMs: number;
}

/** Keys that become due, the earliest time of each counting: a binary heap behind one timer. */
export class DelayedKeys {
  /** When each key is due. A heap entry that says otherwise is left over from a later time and skipped. */
  private readonly dueMs = new Map<string, number>();
  private readonly heap: Entry[] = [];
  private timer: { timer: Timer; atMs: number } | undefined;

  /** @param onDue called once for each key that becomes due, in order of time */
  constructor(
    private readonly clock: Clock,
    private readonly onDue: (key: string) => void,
  ) {}

  /** Makes `key` due in `delayMs`, unless it is due earlier anyway. */
  set(key: string, delayMs: number): void {
    const atMs = this.clock.monotonic() + delayMs;
    if (atMs >= (this.dueMs.get(key) ?? Number.POSITIVE_INFINITY)) return;
    this.dueMs.set(key, atMs);
    this.push({ key, atMs });
    this.arm();
  }

  clear(): void {
    this.timer?.timer.cancel();
    this.timer = undefined;
    this.dueMs.clear();
    this.heap.length = 0;
  }

  private arm(): void {
    const first = this.heap[0];
    if (first === undefined || (this.timer !== undefined && this.timer.atMs <= first.atMs)) return;
    this.timer?.timer.cancel();
    const delayMs = Math.max(0, first.atMs - this.clock.monotonic());
    this.timer = { timer: this.clock.setTimeout(() => this.fire(), delayMs), atMs: first.atMs };
  }

  private fire(): void {
    this.timer = undefined;
    const now = this.clock.monotonic();
    for (let first = this.heap[0]; first !== undefined && first.atMs <= now; first = this.heap[0]) {
      this.pop();
      if (this.dueMs.get(first.key) !== first.atMs) continue;
      this.dueMs.delete(first.key);
      this.onDue(first.key);
    }
    this.arm();
  }

  private push(entry: Entry): void {
    let at = this.heap.length;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = this.heap[parentAt];
      if (parent === undefined || parent.atMs <= entry.atMs) break;
      this.heap[at] = parent;
      at = parentAt;
    }
    this.heap[at] = entry;
  }

  private pop(): void {
    const last = this.heap.pop();
    if (last === undefined || this.heap.length === 0) return;
    let at = 0;
    for (let child = this.smallerChild(at); child !== undefined; child = this.smallerChild(at)) {
      if (child.entry.atMs >= last.atMs) break;
      this.heap[at] = child.entry;
      at = child.at;
    }
    this.heap[at] = last;
  }

  private smallerChild(at: number): { at: number; entry: Entry } | undefined {
    const left = this.heap[2 * at + 1];
    const right = this.heap[2 * at + 2];
    if (left === undefined) return undefined;
    if (right !== undefined && right.atMs < left.atMs) return { at: 2 * at + 2, entry: right };
    return { at: 2 * at + 1, entry: left };
  }
}
