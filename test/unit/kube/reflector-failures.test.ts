import { ApiClient } from '../../../operator/kube/client';
import { sendStatus } from '../support/http-server';
import { turns, until } from '../support/until';
import { api, changes, clock, content, follow, logger, reflect, reflector, watchRequests } from './reflector-setup';

describe('failures', () => {
  const passTime = (): void => clock.advance(1000);

  test('a watch that ends in an orderly way goes on where it was, without a list', async () => {
    await follow();
    api.add('a');
    await until(() => changes.length === 1);
    clock.advance(300_000);
    api.endWatches('end');
    const position = api.resourceVersion;
    api.add('b');
    await until(() => changes.length === 2);
    expect(api.count('list')).toBe(1);
    expect(watchRequests()[1]?.query.resourceVersion).toBe(position);
    expect(clock.monotonic()).toBe(300_000);
  });

  test('a cut watch that had worked is resumed at once', async () => {
    await follow();
    api.add('a');
    await until(() => changes.length === 1);
    clock.advance(5000);
    api.endWatches('cut');
    api.add('b');
    await until(() => changes.length === 2);
    expect(clock.monotonic()).toBe(5000);
    expect(api.count('list')).toBe(1);
  });

  test('a bookmark moves the position of a quiet watch', async () => {
    await follow();
    const other = api.resourceVersion;
    api.compact();
    api.bookmark();
    const before = reflector.lastActivityMs;
    clock.advance(5000);
    api.bookmark();
    await until(() => reflector.lastActivityMs > before);
    api.endWatches('end');
    await until(() => api.openWatches === 1, passTime);
    expect(watchRequests()[1]?.query.resourceVersion).toBe(api.resourceVersion);
    expect(api.resourceVersion).not.toBe(other);
    expect(api.count('list')).toBe(1);
  });

  test('a position that is too old leads to a list that reports what was missed', async () => {
    api.add('gone');
    api.add('kept');
    api.add('recreated');
    await follow();
    clock.advance(60_000);
    api.failNext((_request, response) => response.destroy());
    api.endWatches('cut');
    api.remove('gone');
    api.remove('recreated');
    api.add('recreated');
    api.add('new');
    api.compact();
    changes.length = 0;
    await until(() => changes.length === 4, passTime);
    expect(changes).toEqual(['-gone', '-recreated', '+recreated', '+new']);
    expect(content()).toEqual(['kept', 'recreated', 'new']);
    expect(reflector.synced).toBe(true);
  });

  test('an API server without answers is asked again with growing delays, at most 30 s', async () => {
    reflect().start();
    await until(() => reflector.synced);
    await until(() => api.openWatches === 1);
    for (let i = 0; i < 9; i += 1) api.failNext((_request, response) => response.destroy());
    api.endWatches('cut');
    await until(() => api.openWatches === 1, passTime);
    const delays = logger.lines.map(({ fields }) => fields.delayMs);
    // 0.75 of 800, 1600, ...: the middle of the jitter.
    expect(delays).toEqual([600, 1200, 2400, 4800, 9600, 19_200, 22_500, 22_500, 22_500, 22_500]);
  });

  test.each([
    [500, 'InternalError'],
    [503, 'ServiceUnavailable'],
    [403, 'Forbidden'],
    [404, 'NotFound'],
    [400, 'BadRequest'],
  ])('HTTP %d is not the end', async (code, reason) => {
    await follow();
    api.failNext(
      (_request, response) => sendStatus(response, code, reason, 'no'),
      (_request, response) => sendStatus(response, code, reason, 'no'),
    );
    api.endWatches('cut');
    api.add('a');
    await until(() => changes.length === 1, passTime);
    expect(content()).toEqual(['a']);
    expect(logger.lines.filter(({ level }) => level === 'warn').length).toBeGreaterThanOrEqual(2);
  });

  test('Retry-After is waited for', async () => {
    await follow();
    api.failNext((_request, response) => sendStatus(response, 429, 'TooManyRequests', 'slow', { 'retry-after': '20' }));
    api.endWatches('end');
    await until(() => logger.lines.length > 0, passTime);
    const refusedAt = clock.monotonic();
    await until(() => api.openWatches === 1, passTime);
    expect(clock.monotonic() - refusedAt).toBeGreaterThanOrEqual(19_000);
  });

  test('a list that fails does not make the reflector synced', async () => {
    api.failNext((_request, response) => sendStatus(response, 500, 'InternalError', 'no'));
    reflect().start();
    await until(() => logger.lines.length === 1);
    expect(reflector.synced).toBe(false);
    await until(() => reflector.synced, passTime);
  });

  test('a line that makes no sense is not the end', async () => {
    await follow();
    api.sendRaw('{"type":"MODIFIED","object":{}}\n');
    await until(() => logger.lines.length > 0);
    api.add('a');
    await until(() => changes.length === 1, passTime);
  });

  test('a watch on which nothing comes any more is given up within two minutes, and what it kept back is seen', async () => {
    const impatient = new ApiClient({ server: api.url, tls: {} }, { userAgent: 'test', clock });
    await follow({ client: impatient });
    api.add('seen');
    await until(() => changes.length === 1);
    clock.advance(5000);
    const bookmark = { type: 'BOOKMARK', object: { metadata: { resourceVersion: api.resourceVersion } } };
    // From then on the connection is open and silent: not even bookmarks come.
    api.failNext((_request, response) => void response.writeHead(200).write(`${JSON.stringify(bookmark)}\n`));
    api.endWatches('end');
    await until(() => watchRequests().length === 2 && reflector.lastActivityMs === clock.monotonic());
    api.add('kept back');
    clock.advance(60_000);
    await turns();
    expect(watchRequests()).toHaveLength(2);
    clock.advance(60_000);
    await until(() => changes.length === 2);
    expect(watchRequests()).toHaveLength(3);
    expect(api.count('list')).toBe(1);
    await reflector.stop();
    await impatient.close();
  });

  describe('a server whose history went back is taken as it is', () => {
    test.each([
      { name: 'when it refuses the position', isRefusing: true },
      { name: 'when it sends a bookmark', isSendingBookmarks: true },
      { name: 'when it says nothing at all', isMute: true },
    ])('$name', async ({ isRefusing, isSendingBookmarks, isMute = false }) => {
      api.add('a');
      api.add('b');
      const impatient = new ApiClient({ server: api.url, tls: {} }, { userAgent: 'test', clock });
      await follow({ client: impatient, idleTimeoutMs: 125_000 });
      clock.advance(5000);
      api.restore(50);
      api.add('b');
      changes.length = 0;
      if (isRefusing) api.failNext((_, response) => sendStatus(response, 410, 'Expired', 'too old'));
      api.endWatches('cut');
      const lists = api.count('list');
      const passTimeUnlessListing = (): void => {
        if (isSendingBookmarks) api.bookmark();
        if (api.server.unanswered === api.openWatches && api.count('list') === lists) clock.advance(1000);
      };
      await until(() => changes.length === 3, passTimeUnlessListing);
      expect(changes).toEqual(['-a', '-b', '+b']);
      expect(clock.monotonic() >= 125_000).toBe(isMute);
      await until(() => api.openWatches === 1);
      api.change('b', { color: 'red' });
      await until(() => changes.length === 4);
      expect(content()).toEqual(['b=red']);
      await reflector.stop();
      await impatient.close();
    });
  });
});
