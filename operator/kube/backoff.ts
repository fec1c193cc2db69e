import type { Random } from './clock';

/** Exponential backoff: `baseMs`, doubling up to `capMs`, each jittered down by up to half. */
export class Backoff {
  private failures = 0;

  constructor(
    private readonly baseMs: number,
    private readonly capMs: number,
    private readonly random: Random,
  ) {}

  /** Milliseconds to wait after one more failure; at least `atLeastMs` (a Retry-After), jittered up. */
  next(atLeastMs = 0): number {
    // 2^30 * 1 ms is 12 days: the exponent stays finite however long it fails.
    const wholeMs = Math.min(this.capMs, this.baseMs * 2 ** Math.min(this.failures, 30));
    this.failures += 1;
    const jitteredMs = wholeMs * (0.5 + this.random() / 2);
    return Math.max(jitteredMs, atLeastMs * (1 + this.random() / 4));
  }

  /** Things work again. */
  reset(): void {
    this.failures = 0;
  }
}
