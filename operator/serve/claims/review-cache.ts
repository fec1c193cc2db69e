import { createHash } from 'node:crypto';
import type { Clock } from '../../kube/clock';

interface Entry<T> {
  value: Promise<T>;
  /** Monotonic. */
  until: number;
}

/**
 * Answers of reviews for a short time, by a hash of the question: no token stays in memory. Bounded; of two callers with
 * the same question at once the second waits for the first one's answer. Failures are not kept.
 */
export class ReviewCache<T> {
  private readonly entries = new Map<string, Entry<T>>();

  /** @param keepMs how long an answer holds */
  constructor(
    private readonly clock: Clock,
    private readonly max: number,
    private readonly keepMs: (value: T) => number,
  ) {}

  get(question: readonly string[], ask: () => Promise<T>): Promise<T> {
    const key = createHash('sha256').update(JSON.stringify(question)).digest('base64');
    const known = this.entries.get(key);
    if (known !== undefined && known.until > this.clock.monotonic()) return known.value;
    const entry: Entry<T> = { value: ask(), until: Number.POSITIVE_INFINITY };
    this.entries.delete(key);
    if (this.entries.size >= this.max) this.dropOldest();
    this.entries.set(key, entry);
    // An answer holds from the question on: what was revoked meanwhile is noticed no later for it.
    const asked = this.clock.monotonic();
    entry.value.then(
      (value) => {
        entry.until = asked + this.keepMs(value);
      },
      () => {
        if (this.entries.get(key) === entry) this.entries.delete(key);
      },
    );
    return entry.value;
  }

  get size(): number {
    return this.entries.size;
  }

  private dropOldest(): void {
    const [oldest] = this.entries.keys();
    if (oldest !== undefined) this.entries.delete(oldest);
  }
}
