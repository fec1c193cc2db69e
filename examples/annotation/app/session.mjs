import { setTimeout as sleep } from 'node:timers/promises';
import { clearMark, MarkRefused, markBusy } from './busy-mark.mjs';

const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 10_000;
const stop = new AbortController();

/** starting -> idle -> marking -> busy -> clearing -> idle ...; `leaving` (the Pod is being deleted) is final. */
let state = 'starting';

/** What the one session of this Pod is doing. */
export const currentState = () => state;

/** Whether requestStop was called. */
export const stopRequested = () => stop.signal.aborted;

/** From now on no session starts; a running one goes on until it ends. */
export const requestStop = () => stop.abort();

/** Starts the session. Resolves with the HTTP status and a message: 201 started, 409 one is there, 503 not on this Pod. */
export async function startSession() {
  if (stopRequested() || state === 'leaving') return [503, 'this Pod is going away: take another one'];
  if (state === 'starting' || state === 'clearing') return [503, 'this Pod is not free yet: try again'];
  if (state !== 'idle') return [409, 'this Pod holds a session already: take another one'];
  state = 'marking';
  try {
    const { deletionTimestamp } = await markBusy();
    // Too late: the Pod was being deleted before it was marked. The mark goes with it.
    state = deletionTimestamp ? 'leaving' : 'busy';
    return deletionTimestamp ? [503, 'this Pod is being deleted: take another one'] : [201, 'session started'];
  } catch (error) {
    console.error(`cannot mark the Pod busy: ${error.message}`);
    if (error instanceof MarkRefused) state = 'idle';
    else void clear('clearing');
    return [503, `cannot mark the Pod busy: ${error.message}`];
  }
}

/** Ends the session. Resolves once the mark is off (200), or at once when there is no session (404). */
export async function endSession() {
  if (state !== 'busy') return [404, 'no session here'];
  await clear('clearing');
  return [200, 'session ended'];
}

/** An earlier run of this container may have died in a session and left its mark on the Pod. */
export const clearStaleMark = () => clear('starting');

/** Takes the mark off, as often as it takes; once the Pod is told to stop, one attempt is enough: the mark goes with it. */
async function clear(meanwhile) {
  state = meanwhile;
  for (let wait = FIRST_RETRY_MS; ; wait = Math.min(2 * wait, LAST_RETRY_MS)) {
    try {
      const { deletionTimestamp } = await clearMark();
      state = deletionTimestamp ? 'leaving' : 'idle';
      return;
    } catch (error) {
      console.error(`cannot clear the busy mark: ${error.message}`);
    }
    await sleep(wait, undefined, { signal: stop.signal }).catch(() => {});
    if (stopRequested()) {
      state = 'leaving';
      return;
    }
  }
}
