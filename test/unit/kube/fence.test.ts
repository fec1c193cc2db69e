import type { Api } from '../../../operator/kube/api';
import { Fence, NotLeading } from '../../../operator/kube/fence';

/** Answers every call with its arguments. */
const echo = new Proxy({} as Api, {
  get:
    (_target, verb: string) =>
    (...request: unknown[]) => {
      sent.push(verb);
      return Promise.resolve(request);
    },
});

let sent: string[];
let isLeading: boolean;
const fence = new Fence(echo, () => isLeading);

beforeEach(() => {
  sent = [];
  isLeading = true;
});

const body = { metadata: { name: 'rooms' } };
const options = { timeoutMs: 5 };
const writes: [verb: string, send: () => Promise<unknown>, request: unknown[]][] = [
  ['create', () => fence.create('/path', body, options), ['/path', body, options]],
  ['update', () => fence.update('/path', body, options), ['/path', body, options]],
  ['apply', () => fence.apply('/path', body, { force: true }), ['/path', body, { force: true }]],
  ['mergePatch', () => fence.mergePatch('/path', body, options), ['/path', body, options]],
  [
    'jsonPatch',
    () => fence.jsonPatch('/path', [{ op: 'remove', path: '/a' }]),
    ['/path', [{ op: 'remove', path: '/a' }]],
  ],
  ['delete', () => fence.delete('/path', { uid: '1' }), ['/path', { uid: '1' }]],
];

test.each(writes)(
  '%s passes as it is while this process leads, and is not sent once it does not',
  async (verb, send, request) => {
    expect(await send()).toEqual(request);
    isLeading = false;
    await expect(send()).rejects.toBeInstanceOf(NotLeading);
    expect(sent).toEqual([verb]);
  },
);

test('reads pass at all times: a follower keeps its caches', async () => {
  isLeading = false;
  const { signal } = new AbortController();
  expect(await fence.get('/path', { limit: 1 }, options)).toEqual(['/path', { limit: 1 }, options]);
  expect(await fence.list('/path', { limit: 1 }, options)).toEqual(['/path', { limit: 1 }, options]);
  expect(await fence.watch('/path', {}, signal, 5)).toEqual(['/path', {}, signal, 5]);
});
