import type { Clock, Timer } from '../../../operator/kube/clock';

interface FakeTimer {
  atMs: number;
  callback: () => void;
}

/** A clock that stands still until `advance`. */
export class FakeClock implements Clock {
  private elapsedMs = 0;
  private wallMs: number;
  private readonly timers = new Set<FakeTimer>();

  constructor(start = '2026-01-01T00:00:00.000Z') {
    this.wallMs = Date.parse(start);
  }

  now(): number {
    return this.wallMs;
  }

  monotonic(): number {
    return this.elapsedMs;
  }

  setTimeout(callback: () => void, delayMs: number): Timer {
    const timer = { atMs: this.elapsedMs + Math.max(0, delayMs), callback };
    this.timers.add(timer);
    return { cancel: () => this.timers.delete(timer) };
  }

  /** Lets `ms` pass; calls what becomes due, in order, each at its own time. */
  advance(ms: number): void {
    const endMs = this.elapsedMs + ms;
    for (let next = this.nextUntil(endMs); next !== undefined; next = this.nextUntil(endMs)) {
      this.timers.delete(next);
      this.moveTo(Math.max(next.atMs, this.elapsedMs));
      next.callback();
    }
    this.moveTo(endMs);
  }

  /** The wall clock is set to another time; durations are not affected. */
  jumpWallClock(ms: number): void {
    this.wallMs += ms;
  }

  get pendingTimers(): number {
    return this.timers.size;
  }

  private nextUntil(endMs: number): FakeTimer | undefined {
    let first: FakeTimer | undefined;
    for (const timer of this.timers) {
      if (timer.atMs <= endMs && (first === undefined || timer.atMs < first.atMs)) first = timer;
    }
    return first;
  }

  private moveTo(ms: number): void {
    this.wallMs += ms - this.elapsedMs;
    this.elapsedMs = ms;
  }
}
