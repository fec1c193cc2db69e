import { Backoff } from './backoff';
import type { Clock, Random } from './clock';
import { Deferred } from './deferred';
import { DelayedKeys } from './delayed-keys';
import type { Logger } from './logger';

export interface WorkQueueOptions {
  clock: Clock;
  random: Random;
  logger: Logger;
  /** First delay of `addRateLimited`. Default: 5. */
  baseDelayMs?: number;
  /** Longest delay of `addRateLimited`. Default: 1,000,000 (17 minutes), as in client-go. */
  maxDelayMs?: number;
}

type Worker = (key: string) => Promise<void>;

/**
 * Keys that need work, each at most once. A key is never with two workers at a time; added while it is being worked on, it
 * comes again afterwards. First come, first served: a key that comes again goes to the end.
 */
export class WorkQueue {
  /** Waiting for a worker, in order; entries before `head` are done with. */
  private waiting: string[] = [];
  private head = 0;
  /** Every key that needs work, with the monotonic time since when. Superset of `waiting`. */
  private readonly dirty = new Map<string, number>();
  private readonly processing = new Set<string>();
  private readonly delays: DelayedKeys;
  private readonly backoffs = new Map<string, Backoff>();
  private worker: Worker | undefined;
  private concurrency = 0;
  private isPumpScheduled = false;
  private drained: Deferred | undefined;
  /** Monotonic time of the last sign that work gets done. */
  private progressedMs = 0;

  constructor(private readonly options: WorkQueueOptions) {
    this.delays = new DelayedKeys(options.clock, (key) => this.add(key));
  }

  /** `key` needs work. Already waiting: no effect. */
  add(key: string): void {
    if (this.drained !== undefined || this.dirty.has(key)) return;
    this.dirty.set(key, this.options.clock.monotonic());
    if (!this.processing.has(key)) this.enqueue(key);
  }

  /** `key` needs work in `delayMs`. Of several delays the earliest counts; 0 or less: at once. */
  addAfter(key: string, delayMs: number): void {
    if (this.drained !== undefined) return;
    if (delayMs > 0) this.delays.set(key, delayMs);
    else this.add(key);
  }

  /** `key` failed and needs work again, later each time until `forget(key)`. */
  addRateLimited(key: string): void {
    let backoff = this.backoffs.get(key);
    if (backoff === undefined) {
      const { baseDelayMs = 5, maxDelayMs = 1_000_000, random } = this.options;
      backoff = new Backoff(baseDelayMs, maxDelayMs, random);
      this.backoffs.set(key, backoff);
    }
    this.addAfter(key, backoff.next());
  }

  /** `key` succeeded, or is gone: its next failure is the first. */
  forget(key: string): void {
    this.backoffs.delete(key);
  }

  /**
   * Gives keys to `worker`, at most `concurrency` at a time, until `shutDown`. What a worker rejects with is logged, and
   * its key comes again by `addRateLimited`; calling `forget` after a success is up to the worker.
   */
  run(worker: Worker, concurrency: number): void {
    if (this.worker !== undefined) throw new Error('the work queue is already running');
    if (!(concurrency >= 1)) throw new RangeError(`concurrency must be at least 1, got ${concurrency}`);
    this.worker = worker;
    this.concurrency = concurrency;
    this.schedulePump();
  }

  /** Takes and hands out no more keys; resolves when the running workers are done. */
  shutDown(): Promise<void> {
    if (this.drained === undefined) {
      this.drained = new Deferred();
      this.delays.clear();
      this.waiting = [];
      this.head = 0;
      this.dirty.clear();
      this.resolveWhenDrained();
    }
    return this.drained.promise;
  }

  /** Keys waiting for a worker; those being worked on or delayed do not count. */
  get size(): number {
    return this.waiting.length - this.head;
  }

  /** How long the first key in line has been needing work, in milliseconds; 0 when none is waiting. */
  get oldestAgeMs(): number {
    const first = this.waiting[this.head];
    const since = first === undefined ? undefined : this.dirty.get(first);
    return since === undefined ? 0 : this.options.clock.monotonic() - since;
  }

  /**
   * How long nothing has got done although there is work, in milliseconds; 0 when there is none. Unlike `oldestAgeMs` it
   * does not grow while a long queue moves, however slowly.
   */
  get stalledMs(): number {
    return this.hasWork ? this.options.clock.monotonic() - this.progressedMs : 0;
  }

  /** A worker has come a step further with a key that takes many. */
  progressed(): void {
    this.progressedMs = this.options.clock.monotonic();
  }

  private get hasWork(): boolean {
    return this.size > 0 || this.processing.size > 0;
  }

  private enqueue(key: string): void {
    if (!this.hasWork) this.progressed();
    this.waiting.push(key);
    this.schedulePump();
  }

  /** In the next turn of the event loop, so that all events of one network read are in before their keys are handled. */
  private schedulePump(): void {
    if (this.isPumpScheduled || this.worker === undefined) return;
    this.isPumpScheduled = true;
    setImmediate(() => {
      this.isPumpScheduled = false;
      this.pump();
    });
  }

  private pump(): void {
    while (this.worker !== undefined && this.processing.size < this.concurrency) {
      const key = this.shift();
      if (key === undefined) return;
      this.dirty.delete(key);
      this.processing.add(key);
      void this.work(this.worker, key);
    }
  }

  private async work(worker: Worker, key: string): Promise<void> {
    try {
      await worker(key);
    } catch (err) {
      this.options.logger.error({ err, key }, 'worker failed');
      this.addRateLimited(key);
    }
    this.processing.delete(key);
    this.progressed();
    if (this.dirty.has(key)) this.enqueue(key);
    this.schedulePump();
    this.resolveWhenDrained();
  }

  private shift(): string | undefined {
    const key = this.waiting[this.head];
    if (key === undefined) return undefined;
    this.head += 1;
    // Array.shift would move the whole rest each time.
    if (this.head * 2 > this.waiting.length) {
      this.waiting = this.waiting.slice(this.head);
      this.head = 0;
    }
    return key;
  }

  private resolveWhenDrained(): void {
    if (this.processing.size === 0) this.drained?.resolve();
  }
}
