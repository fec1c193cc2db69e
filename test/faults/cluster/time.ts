import type { Clock, Random, Timer } from '../../../operator/kube/clock';

interface Due {
  atMs: number;
  order: number;
  callback: (() => void) | undefined;
}

const realImmediate = setImmediate;
const realClear = clearImmediate;

/** Everything promises have to do is done before the next turn of Node's own event loop. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    realImmediate(resolve);
  });
}

/**
 * Time that passes only when nothing is left to do: timers and `setImmediate` in one order that depends on nothing
 * outside. While it is installed, the global `setImmediate` is its own.
 */
export class VirtualTime {
  elapsedMs = 0;
  readonly startMs = Date.parse('2026-01-01T00:00:00Z');
  private readonly heap: Due[] = [];
  private immediates: (() => void)[] = [];
  private orders = 0;

  install(): void {
    const schedule = (callback: (...args: unknown[]) => void, ...args: unknown[]): { callback: () => void } => {
      const handle = { callback: () => callback(...args) };
      this.immediates.push(() => handle.callback());
      return handle;
    };
    const clear = (handle: { callback: () => void } | undefined): void => {
      if (handle) handle.callback = () => undefined;
    };
    Object.assign(globalThis, { setImmediate: schedule, clearImmediate: clear });
  }

  uninstall(): void {
    Object.assign(globalThis, { setImmediate: realImmediate, clearImmediate: realClear });
  }

  now(): number {
    return this.startMs + this.elapsedMs;
  }

  /** Calls `callback` in `delayMs`; what is due at the same time comes in the order of asking. */
  after(delayMs: number, callback: () => void): Timer {
    const due: Due = { atMs: this.elapsedMs + Math.max(0, delayMs), order: ++this.orders, callback };
    this.push(due);
    return {
      cancel: () => {
        due.callback = undefined;
      },
    };
  }

  /** Lets time pass until `untilMs`, or until `isOver` says so after something has happened. */
  async run(untilMs: number, isOver: () => boolean = () => false): Promise<void> {
    await this.drain();
    for (let first = this.heap[0]; first !== undefined && first.atMs <= untilMs; first = this.heap[0]) {
      this.pop();
      if (first.callback === undefined) continue;
      this.elapsedMs = Math.max(this.elapsedMs, first.atMs);
      first.callback();
      await this.drain();
      if (isOver()) return;
    }
    this.elapsedMs = Math.max(this.elapsedMs, untilMs);
  }

  private async drain(): Promise<void> {
    await turn();
    while (this.immediates.length > 0) {
      const now = this.immediates;
      this.immediates = [];
      for (const callback of now) {
        callback();
        await turn();
      }
    }
  }

  private push(due: Due): void {
    let at = this.heap.length;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = this.heap[parentAt];
      if (parent === undefined || !isBefore(due, parent)) break;
      this.heap[at] = parent;
      at = parentAt;
    }
    this.heap[at] = due;
  }

  private pop(): void {
    const last = this.heap.pop();
    if (last === undefined || this.heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const left = this.heap[child];
      if (left === undefined) break;
      const right = this.heap[child + 1];
      if (right !== undefined && isBefore(right, left)) child += 1;
      const smaller = this.heap[child];
      if (smaller === undefined || !isBefore(smaller, last)) break;
      this.heap[at] = smaller;
      at = child;
    }
    this.heap[at] = last;
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** The clock of one process: it stops with it, and its wall clock may be wrong. */
export class ProcessClock implements Clock {
  isStopped = false;

  constructor(
    private readonly time: VirtualTime,
    private readonly skewMs = 0,
  ) {}

  now(): number {
    return this.time.now() + this.skewMs;
  }

  monotonic(): number {
    return this.time.elapsedMs;
  }

  setTimeout(callback: () => void, delayMs: number): Timer {
    return this.time.after(delayMs, () => {
      if (!this.isStopped) callback();
    });
  }
}

/** Numbers that depend on the seed alone (mulberry32). */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
