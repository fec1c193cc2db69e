import type { Outcome } from '../decide/attempts';
import { ApiError, isForbidden, isInvalid, isOutdated, NetworkError } from '../kube/errors';

/**
 * What `error` says of the one write it came from; undefined: it says something of the whole process or of the way to the
 * API server, and no other write would fare better.
 */
export function outcomeOf(error: unknown): Outcome | undefined {
  if (isOutdated(error)) return { how: 'outdated' };
  if (error instanceof ApiError) {
    const { message, code, retryAfterMs } = error;
    const isRefusal = isForbidden(error) || isInvalid(error) || code === 400;
    const how = isRefusal ? 'refused' : 'failed';
    return { how, message, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  }
  // A webhook that hangs holds up what it is asked about, and nothing else.
  const isOneAnswer = error instanceof NetworkError && (error.code === 'Timeout' || error.code === 'Malformed');
  return isOneAnswer ? { how: 'failed', message: error.message } : undefined;
}
