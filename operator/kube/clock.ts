/** Time, timers and chance as the operator sees them: injected, so that tests decide what they are. */

/** A pending call of `Clock.setTimeout`. */
export interface Timer {
  /** The call will not happen. Without effect once it has happened. */
  cancel(): void;
}

export interface Clock {
  /** Wall clock: milliseconds since 1970. May jump; only for timestamps that others read. */
  now(): number;
  /** Milliseconds since some fixed moment; never goes backwards. Use it for every duration and deadline. */
  monotonic(): number;
  /** Calls `callback` once, `delayMs` from now at the earliest. */
  setTimeout(callback: () => void, delayMs: number): Timer;
}

/** A number of at least 0 and below 1. */
export type Random = () => number;

/** Node takes a longer delay for 1 ms (https://nodejs.org/api/timers.html#settimeoutcallback-delay-args). */
const LONGEST_TIMER_MS = 2_147_483_647;

/** The machine's clock. Delays above 24.8 days end after 24.8 days. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout(callback, delayMs) {
    const timer = setTimeout(callback, Math.min(delayMs, LONGEST_TIMER_MS));
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Resolves after `delayMs`, or at once when `signal` aborts; never rejects. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const finish = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const timer = clock.setTimeout(finish, delayMs);
    signal?.addEventListener('abort', finish, { once: true });
  });
}
