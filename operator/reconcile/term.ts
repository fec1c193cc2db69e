import { Backoff } from '../kube/backoff';
import { type Clock, type Random, sleep } from '../kube/clock';
import type { Logger } from '../kube/logger';

export interface TermOptions {
  clock: Clock;
  random: Random;
  logger: Logger;
  /** Brings every cache to what the API server holds now. */
  refresh: () => Promise<void>;
  /** The caches are fresh: work may begin. */
  onBegun: () => void;
}

const RETRY_MS = 200;
const RETRY_MAX_MS = 5_000;

/**
 * The time one process leads. A follower's caches may be late (a watch that hangs for seconds is not noticed until then),
 * and what the leader before has done in its last moments is not in them: nothing is written before the API server
 * itself was asked.
 */
export class Term {
  private current: AbortController | undefined;
  private hasLooked = false;

  constructor(private readonly options: TermOptions) {}

  /** Whether the API server has been looked at since this process leads. */
  get hasBegun(): boolean {
    return this.hasLooked;
  }

  /** This process leads from now on. Resolves when it has begun, or ended before. */
  async begin(): Promise<void> {
    this.end();
    const { clock, random, logger, refresh, onBegun } = this.options;
    const current = new AbortController();
    this.current = current;
    const { signal } = current;
    const backoff = new Backoff(RETRY_MS, RETRY_MAX_MS, random);
    while (!signal.aborted) {
      try {
        await refresh();
        if (signal.aborted) return;
        this.hasLooked = true;
        return onBegun();
      } catch (err) {
        const delayMs = backoff.next();
        logger.warn({ err, delayMs: Math.round(delayMs) }, 'cannot look at the API server before leading');
        await sleep(clock, delayMs, signal);
      }
    }
  }

  /** It leads no more, or stops. */
  end(): void {
    this.current?.abort();
    this.current = undefined;
    this.hasLooked = false;
  }
}
