import {
  ApiError,
  isAlreadyExists,
  isConflict,
  isForbidden,
  isGone,
  isInvalid,
  isNotFound,
  isRetryable,
  NetworkError,
  toNetworkError,
} from '../../../operator/kube/errors';

const refused = (code: number, reason = ''): ApiError => new ApiError(code, { reason });

const predicates = { isAlreadyExists, isConflict, isForbidden, isGone, isInvalid, isNotFound, isRetryable };

describe('kinds of errors', () => {
  const cases: { name: string; error: unknown; want: (keyof typeof predicates)[] }[] = [
    { name: 'a changed object', error: refused(409, 'Conflict'), want: ['isConflict'] },
    { name: 'a taken name', error: refused(409, 'AlreadyExists'), want: ['isAlreadyExists'] },
    { name: 'an absent object', error: refused(404, 'NotFound'), want: ['isNotFound'] },
    { name: 'a version that is too old', error: refused(410, 'Gone'), want: ['isGone'] },
    { name: 'a version that is too old, newer word', error: refused(410, 'Expired'), want: ['isGone'] },
    { name: 'a wrong object', error: refused(422, 'Invalid'), want: ['isInvalid'] },
    { name: 'a missing permission', error: refused(403, 'Forbidden'), want: ['isForbidden'] },
    { name: 'a bad request', error: refused(400, 'BadRequest'), want: [] },
    { name: 'overload', error: refused(429, 'TooManyRequests'), want: ['isRetryable'] },
    { name: 'a failure of the server', error: refused(500, 'InternalError'), want: ['isRetryable'] },
    { name: 'a cache that is behind', error: refused(504, 'Timeout'), want: ['isRetryable'] },
    { name: 'a broken connection', error: new NetworkError('Reset', 'x'), want: ['isRetryable'] },
    { name: 'a caller that gave up', error: new NetworkError('Aborted', 'x'), want: [] },
    { name: 'a mistake in the program', error: new TypeError('x'), want: [] },
  ];

  test.each(cases)('$name', ({ error, want }) => {
    const matching = Object.entries(predicates).filter(([, matches]) => matches(error));
    expect(matching.map(([name]) => name)).toEqual(want);
  });
});

test('details carry the seconds to wait when there is no Retry-After header', () => {
  expect(new ApiError(429, { details: { retryAfterSeconds: 2 } }).retryAfterMs).toBe(2000);
});

test.each([
  [3_600, 30_000],
  [Number.POSITIVE_INFINITY, 30_000],
  [30, 30_000],
  [0.5, 500],
  [0, undefined],
  [-1, undefined],
  [Number.NaN, undefined],
])('a server that asks to wait %d s is waited for %s ms', (seconds, want) => {
  expect(new ApiError(429, {}, seconds * 1000).retryAfterMs).toBe(want);
  expect(new ApiError(503, { details: { retryAfterSeconds: seconds } }).retryAfterMs).toBe(want);
});

describe('network errors', () => {
  const withCode = (code: string, message = 'what happened'): Error => Object.assign(new Error(message), { code });
  const cases: [string, unknown, string, string][] = [
    ['an unknown host', withCode('ENOTFOUND'), 'NotFound', 'what happened'],
    ['no route', withCode('EHOSTUNREACH'), 'Unreachable', 'what happened'],
    ['an unknown authority', withCode('UNABLE_TO_VERIFY_LEAF_SIGNATURE'), 'Certificate', 'what happened'],
    ['an expired certificate', withCode('CERT_HAS_EXPIRED'), 'Certificate', 'what happened'],
    ['a certificate of another host', withCode('ERR_TLS_CERT_ALTNAME_INVALID'), 'Certificate', 'what happened'],
    ['an answer that is not HTTP', withCode('HPE_INVALID_CONSTANT'), 'Malformed', 'what happened'],
    ['several addresses that all refuse', new AggregateError([withCode('ECONNREFUSED')]), 'Refused', 'what happened'],
    ['an error without a message', withCode('EPIPE', ''), 'Reset', 'EPIPE'],
    ['something unheard of', 'odd', 'Failed', 'odd'],
  ];

  test.each(cases)('%s', (_name, error, code, message) => {
    expect(toNetworkError(error, 'https://k')).toMatchObject({ code, message: `https://k: ${message}` });
  });
});
