import { setTimeout as sleep } from 'node:timers/promises';

/** How long a condition may take on a busy two-core machine before one gives up on it, and the pause between two looks. */
const patience = { deadlineMs: 30_000, pollMs: 25 };

/** Changes both for this process, or for this test file. */
export function havePatience(change: Partial<typeof patience>): void {
  Object.assign(patience, change);
}

/**
 * Reads until `check` holds: resolves with what it returns, rejects with its last complaint. `check` says "not yet" by
 * throwing (an `expect` that fails, for example).
 */
export async function eventually<T>(check: () => Promise<T> | T, deadlineMs = patience.deadlineMs): Promise<T> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > end) throw error;
      await sleep(patience.pollMs);
    }
  }
}

/** The same for a question whose "not yet" is undefined. Rejects with "`what` not within N s". */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  deadlineMs = patience.deadlineMs,
): Promise<T> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > end) throw new Error(`${what} not within ${deadlineMs / 1000} s`);
    await sleep(patience.pollMs);
  }
}

/** Checks that something stays true: reads again and again for `forMs`. Only for "nothing happens" tests. */
export async function consistently(check: () => Promise<void> | void, forMs: number): Promise<void> {
  const end = performance.now() + forMs;
  while (performance.now() < end) {
    await check();
    await sleep(patience.pollMs);
  }
}
