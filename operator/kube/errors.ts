/** What an API server says when it refuses a request (meta/v1 Status). */
export interface ApiStatus {
  status?: string;
  message?: string;
  reason?: string;
  code?: number;
  details?: ApiStatusDetails;
}

export interface ApiStatusDetails {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  /** Which fields are wrong and why, for reason `Invalid`. */
  causes?: { reason?: string; message?: string; field?: string }[];
  retryAfterSeconds?: number;
}

/**
 * The longest a server's Retry-After is believed. It is meant in seconds (API priority and fairness says 1); an hour, from
 * whatever stands between, would be an hour without an operator.
 */
const LONGEST_RETRY_AFTER_MS = 30_000;

/** The API server refused a request. `message` is the server's own words. */
export class ApiError extends Error {
  /** HTTP status, for example 409. */
  readonly code: number;
  /** Machine-readable reason, for example `Conflict`; empty when something else than an API server answered. */
  readonly reason: string;
  readonly details: ApiStatusDetails | undefined;
  /** How long the server asks to wait, in milliseconds, 30,000 at most. */
  readonly retryAfterMs: number | undefined;

  constructor(code: number, status: ApiStatus, retryAfterMs?: number) {
    super(status.message || `the server answered HTTP ${code}`);
    this.name = 'ApiError';
    this.code = code;
    this.reason = status.reason ?? '';
    this.details = status.details;
    const asked = retryAfterMs ?? Number(status.details?.retryAfterSeconds ?? 0) * 1000;
    this.retryAfterMs = asked > 0 ? Math.min(asked, LONGEST_RETRY_AFTER_MS) : undefined;
  }
}

/**
 * Why no answer came:
 * `Refused` nobody listens, `NotFound` the host name is unknown, `Unreachable` no route, `Certificate` TLS failed,
 * `Reset` the connection broke, `Timeout` the deadline passed, `Malformed` the answer is not what an API server sends,
 * `Aborted` the caller gave up, `Closed` the client was closed, `Failed` anything else.
 */
export type NetworkErrorCode =
  | 'Refused'
  | 'NotFound'
  | 'Unreachable'
  | 'Certificate'
  | 'Reset'
  | 'Timeout'
  | 'Malformed'
  | 'Aborted'
  | 'Closed'
  | 'Failed';

/** No (complete) answer came. A write may have been carried out all the same. */
export class NetworkError extends Error {
  constructor(
    readonly code: NetworkErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'NetworkError';
  }
}

/** The configuration is missing or wrong; `message` is one line saying what and what to do. */
export class ConfigError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ConfigError';
  }
}

const CODES: Record<string, NetworkErrorCode> = {
  ECONNREFUSED: 'Refused',
  ENOTFOUND: 'NotFound',
  EAI_AGAIN: 'NotFound',
  EHOSTUNREACH: 'Unreachable',
  ENETUNREACH: 'Unreachable',
  EADDRNOTAVAIL: 'Unreachable',
  ECONNRESET: 'Reset',
  EPIPE: 'Reset',
  UND_ERR_SOCKET: 'Reset',
  ETIMEDOUT: 'Timeout',
  UND_ERR_CONNECT_TIMEOUT: 'Timeout',
  UND_ERR_HEADERS_TIMEOUT: 'Timeout',
  UND_ERR_BODY_TIMEOUT: 'Timeout',
  UND_ERR_ABORTED: 'Aborted',
  UND_ERR_CLOSED: 'Closed',
  UND_ERR_DESTROYED: 'Closed',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'Certificate',
  SELF_SIGNED_CERT_IN_CHAIN: 'Certificate',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'Certificate',
  UNABLE_TO_GET_ISSUER_CERT: 'Certificate',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'Certificate',
  // Plain HTTP where TLS was spoken.
  ERR_SSL_WRONG_VERSION_NUMBER: 'Malformed',
};

/** Node prefixes the codes of its TLS and HTTP parser errors. */
const CODE_PREFIXES: [string, NetworkErrorCode][] = [
  ['ERR_TLS', 'Certificate'],
  ['ERR_SSL', 'Certificate'],
  ['CERT_', 'Certificate'],
  ['HPE_', 'Malformed'],
];

/** The NetworkError for whatever undici, net or tls threw while talking to `server`. */
export function toNetworkError(error: unknown, server: string): NetworkError {
  if (error instanceof NetworkError) return error;
  const { message, code: systemCode } = rootCause(error);
  const code = CODES[systemCode] ?? CODE_PREFIXES.find(([prefix]) => systemCode.startsWith(prefix))?.[1] ?? 'Failed';
  return new NetworkError(code, `${server}: ${message}`, { cause: error });
}

interface SystemError {
  message?: string;
  code?: unknown;
  name?: string;
  errors?: unknown[];
}

/**
 * Happy eyeballs reports an AggregateError with an empty message; its first error says what happened. Told apart by
 * shape: errors of Node's own modules belong to another realm inside a vm context.
 */
function rootCause(error: unknown): { message: string; code: string } {
  if (typeof error !== 'object' || error === null) return { message: String(error), code: '' };
  const { errors, message, code, name } = error as SystemError;
  if (Array.isArray(errors) && errors.length > 0) return rootCause(errors[0]);
  const systemCode = typeof code === 'string' ? code : '';
  // OpenSSL's end with a line break.
  return { message: message?.trim() || systemCode || name || 'failed', code: systemCode };
}

const is = (error: unknown, code: number): boolean => error instanceof ApiError && error.code === code;

/** The object does not exist, or the API server does not serve its kind. */
export const isNotFound = (error: unknown): boolean => is(error, 404);
/** create: the name is taken. Both this and a conflict are HTTP 409. */
export const isAlreadyExists = (error: unknown): boolean => is(error, 409) && reasonOf(error) === 'AlreadyExists';
/** The object has changed meanwhile, a precondition failed, or another field manager owns a field. */
export const isConflict = (error: unknown): boolean => is(error, 409) && reasonOf(error) !== 'AlreadyExists';
/** The resourceVersion or continue token is too old: list again. */
export const isGone = (error: unknown): boolean => is(error, 410) || reasonOf(error) === 'Expired';
/** Validation refused the object; `details.causes` names the fields. */
export const isInvalid = (error: unknown): boolean => is(error, 422);
/** RBAC, admission or quota refused the request. */
export const isForbidden = (error: unknown): boolean => is(error, 403);

/**
 * The object is not what it was when it was read: changed, gone, or another one of the same name (for a merge patch
 * without resourceVersion the API server calls a wrong `metadata.uid` Invalid, not Conflict).
 */
export const isOutdated = (error: unknown): boolean =>
  isConflict(error) || isNotFound(error) || (isInvalid(error) && isAboutUid(error));

function isAboutUid(error: unknown): boolean {
  return error instanceof ApiError && (error.details?.causes?.some((cause) => cause.field === 'metadata.uid') ?? false);
}

/**
 * Whether the same request may succeed later with nothing changed: no answer, overload, a server's own failure.
 * 500 counts: the API server answers it for etcd timeouts and failing webhooks.
 */
export function isRetryable(error: unknown): boolean {
  if (error instanceof NetworkError) return error.code !== 'Aborted' && error.code !== 'Closed';
  return error instanceof ApiError && (error.code === 408 || error.code === 429 || error.code >= 500);
}

function reasonOf(error: unknown): string {
  return error instanceof ApiError ? error.reason : '';
}
