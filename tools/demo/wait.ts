import type { Clock } from '../../operator/kube/clock';
import type { Model } from './model';

export interface WaitOptions {
  model: Model;
  clock: Clock;
  signal: AbortSignal;
  /** Longest wait in milliseconds. */
  deadlineMs: number;
}

/**
 * Resolves to the milliseconds until `check` held; looks again after every change the watches tell of. Rejects with what
 * was awaited when the deadline has passed, and with the signal's reason when it aborts.
 */
export function waitUntil(what: string, check: () => boolean, options: WaitOptions): Promise<number> {
  const { model, clock, signal, deadlineMs } = options;
  const startedMs = clock.monotonic();
  return new Promise((resolve, reject) => {
    const end = (settle: () => void): void => {
      unsubscribe();
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
      settle();
    };
    const look = (): void => {
      if (check()) end(() => resolve(clock.monotonic() - startedMs));
    };
    const onAbort = (): void => end(() => reject(signal.reason));
    const timer = clock.setTimeout(
      () => end(() => reject(new Error(`waited ${deadlineMs / 1000} s in vain: ${what}`))),
      deadlineMs,
    );
    const unsubscribe = model.subscribe(look);
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
    else look();
  });
}
