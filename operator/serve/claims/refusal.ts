import { GROUP } from '../../../src/api/names';
import { ApiError } from '../../kube/errors';

/** Why a claim is refused, as machines read it; beside these the API server's own words (NotFound, Forbidden, ...). */
export type WaitReason = 'PoolEmpty' | 'MaxReplicasReached' | 'Paused' | 'Deleting' | 'TooManyWaiting';

export interface RefusalDetails {
  name?: string;
  group?: string;
  kind?: string;
  /** Which fields are wrong and why. */
  causes?: readonly { reason: string; message: string; field: string }[];
  retryAfterSeconds?: number;
  /** Where the caller stands among those who wait, from 1. */
  position?: number;
  /** When it may have a Pod, as far as can be told. */
  etaSeconds?: number;
}

/** A request that is refused, answered as a Kubernetes `Status`. */
export class Refusal extends Error {
  constructor(
    readonly code: number,
    readonly reason: string,
    message: string,
    readonly details: RefusalDetails = {},
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.name = 'Refusal';
  }

  /** meta/v1 Status. */
  get status(): Record<string, unknown> {
    const { code, reason, message, details } = this;
    const kind = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure' };
    return { ...kind, message, reason, ...(Object.keys(details).length > 0 && { details }), code };
  }

  get replyHeaders(): Readonly<Record<string, string>> {
    const { retryAfterSeconds } = this.details;
    return { ...this.headers, ...(retryAfterSeconds !== undefined && { 'retry-after': String(retryAfterSeconds) }) };
  }
}

export const unauthorized = (message: string): Refusal =>
  new Refusal(401, 'Unauthorized', message, {}, { 'www-authenticate': 'Bearer' });

export const forbidden = (message: string): Refusal => new Refusal(403, 'Forbidden', message);

export const notFound = (kind: string, name: string, message: string): Refusal =>
  new Refusal(404, 'NotFound', message, { name, kind, group: GROUP });

/** What is wrong with which field, and what would be right. */
export const badRequest = (field: string, message: string): Refusal =>
  new Refusal(400, 'BadRequest', `${field}: ${message}`, { causes: [{ reason: 'FieldValueInvalid', message, field }] });

export const conflict = (sessionId: string, message: string): Refusal =>
  new Refusal(409, 'SessionConflict', message, { name: sessionId, kind: 'claims', group: GROUP });

/** Nothing is wrong with the request: the same one may succeed in a moment. */
export const unavailable = (message: string, retryAfterSeconds = 1): Refusal =>
  new Refusal(503, 'ServiceUnavailable', message, { retryAfterSeconds });

/** No Pod now. */
export function noPod(reason: WaitReason, message: string, details: RefusalDetails): Refusal {
  return new Refusal(429, reason, message, details);
}

/** A write nobody answered: it may have been carried out, and the same session finds out. */
export function unknownOutcome(error: unknown): Refusal {
  const why = error instanceof ApiError ? `HTTP ${error.code}` : 'no answer';
  return unavailable(`the API server did not take the claim (${why}): ask again with the same session id`);
}
