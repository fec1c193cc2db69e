import { ApiClient } from '../../../operator/kube/client';
import { type Change, Reflector, type ReflectorOptions } from '../../../operator/kube/reflector';
import type { Versioned } from '../../../operator/kube/store';
import type { KubeObject } from '../../../operator/kube/types';
import { FakeClock } from '../support/fake-clock';
import { sendStatus } from '../support/http-server';
import { recordingLogger } from '../support/logger';
import { MiniApi } from '../support/mini-api';
import { turns, until } from '../support/until';

interface Thing extends Versioned {
  color?: string;
}

let api: MiniApi;
let client: ApiClient;
let clock: FakeClock;
let reflector: Reflector<Thing>;
let changes: string[];
const logger = recordingLogger();

function toThing({ metadata }: KubeObject): Thing | undefined {
  if (metadata.labels?.unreadable) throw new Error('cannot read it');
  if (metadata.labels?.foreign) return undefined;
  const { uid, namespace = '', name, resourceVersion } = metadata;
  return { uid, namespace, name, resourceVersion, color: metadata.labels?.color };
}

function note({ previous, current }: Change<Thing>): void {
  const thing = current ?? previous;
  const sign = previous === undefined ? '+' : current === undefined ? '-' : '~';
  changes.push(`${sign}${thing?.name}${thing?.color ? `=${thing.color}` : ''}`);
  if (thing?.color === 'explosive') throw new Error('handler failed');
}

function reflect(options: Partial<ReflectorOptions<Thing>> = {}): Reflector<Thing> {
  const base = { client, path: '/things', transform: toThing, onChange: note, clock, random: () => 0.5, logger };
  reflector = new Reflector<Thing>({ ...base, ...options });
  return reflector;
}

async function follow(options?: Partial<ReflectorOptions<Thing>>): Promise<void> {
  reflect(options).start();
  await reflector.whenSynced();
  await until(() => api.openWatches === 1);
}

const content = (): string[] => [...reflector.values()].map(({ name, color }) => (color ? `${name}=${color}` : name));
const watchRequests = () => api.server.requests.filter(({ query }) => query.watch === 'true');

beforeEach(async () => {
  changes = [];
  logger.lines.length = 0;
  clock = new FakeClock();
  api = await MiniApi.start();
  // The client has the machine's clock: moving the fake one must not end requests under way.
  client = new ApiClient({ server: api.url, tls: {} }, { userAgent: 'test' });
});

afterEach(async () => {
  await reflector.stop();
  await client.close();
  await api.stop();
});

describe('following', () => {
  test('lists, then watches from the version of the list with bookmarks and a spread timeout', async () => {
    api.add('a');
    await follow({ query: { labelSelector: 'x=y' } });
    expect(content()).toEqual(['a']);
    const [list, watch] = api.server.requests;
    expect(list?.query).toEqual({ labelSelector: 'x=y', limit: '500' });
    expect(watch?.query).toEqual({
      labelSelector: 'x=y',
      watch: 'true',
      resourceVersion: api.resourceVersion,
      allowWatchBookmarks: 'true',
      timeoutSeconds: '450',
    });
  });

  test('reports additions, changes and deletions in order', async () => {
    await follow();
    api.add('a');
    api.change('a', { color: 'red' });
    api.add('b');
    api.remove('a');
    await until(() => changes.length === 4);
    expect(changes).toEqual(['+a', '~a=red', '+b', '-a=red']);
    expect(reflector.get('ns', 'b')).toBe(reflector.byUid('uid-2'));
    expect(reflector.size).toBe(1);
  });

  test.each([1, 2, 7])('a stream in chunks of %d bytes is read alike', async (chunkBytes) => {
    await follow();
    api.chunkBytes = chunkBytes;
    api.add('käse', { color: '茶' });
    api.remove('käse');
    await until(() => changes.length === 2);
    expect(changes).toEqual(['+käse=茶', '-käse=茶']);
  });

  test('repeated events are one change each', async () => {
    await follow();
    api.isRepeating = true;
    api.add('a');
    api.change('a', { color: 'red' });
    api.remove('a');
    api.add('b');
    await until(() => changes.includes('+b'));
    expect(changes).toEqual(['+a', '~a=red', '-a=red', '+b']);
  });

  test('a throwing change handler is logged and stops nothing', async () => {
    await follow();
    api.add('a', { color: 'explosive' });
    api.add('b');
    await until(() => changes.length === 2);
    expect(content()).toEqual(['a=explosive', 'b']);
    expect(logger.lines).toMatchObject([{ level: 'error', message: 'change handler failed', fields: { name: 'a' } }]);
  });

  test('an object that cannot be read is logged and left out, in a list and in a watch', async () => {
    api.add('a', { unreadable: 'yes' });
    await follow();
    api.add('b', { unreadable: 'yes' });
    api.add('c');
    await until(() => changes.length === 1);
    expect(content()).toEqual(['c']);
    expect(logger.lines.map(({ fields }) => fields.name)).toEqual(['a', 'b']);
  });

  test('an object that becomes foreign is deleted', async () => {
    await follow();
    api.add('a');
    api.change('a', { foreign: 'yes' });
    await until(() => changes.length === 2);
    expect(changes).toEqual(['+a', '-a']);
  });

  test('starting twice follows once', async () => {
    reflect();
    reflector.start();
    reflector.start();
    await until(() => api.openWatches === 1);
    await turns();
    expect(api.count('list')).toBe(1);
    expect(api.openWatches).toBe(1);
  });
});

describe('lists', () => {
  test('come in pages of one snapshot; what happens meanwhile comes by the watch', async () => {
    for (let i = 0; i < 7; i += 1) api.add(`a${i}`);
    api.onPage = (page) => {
      if (page === 1) api.remove('a6');
      if (page === 2) api.add('late');
    };
    await follow({ pageSize: 3 });
    await until(() => changes.includes('+late'));
    expect(api.count('list')).toBe(3);
    expect(content()).toEqual(['a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'late']);
  });

  test('a token that expires between two pages starts the list again', async () => {
    for (let i = 0; i < 5; i += 1) api.add(`a${i}`);
    api.onPage = (page) => {
      if (page === 1 && api.count('list') === 2) api.compact();
    };
    reflect({ pageSize: 2 }).start();
    await until(
      () => reflector.synced,
      () => clock.advance(1000),
    );
    expect(content()).toEqual(['a0', 'a1', 'a2', 'a3', 'a4']);
    expect(changes).toHaveLength(5);
  });

  test('nothing is shown before the list is complete', async () => {
    for (let i = 0; i < 4; i += 1) api.add(`a${i}`);
    const sizes: number[] = [];
    api.onPage = () => sizes.push(reflector.size);
    await follow({ pageSize: 2 });
    expect(sizes).toEqual([0, 0]);
    expect(reflector.size).toBe(4);
  });

  test('the event loop turns between two pages', async () => {
    for (let i = 0; i < 4; i += 1) api.add(`a${i}`);
    const order: string[] = [];
    const pages = {
      list: async () => {
        order.push('page');
        setImmediate(() => order.push('turn'));
        const isLast = order.filter((entry) => entry === 'page').length === 3;
        return { metadata: { resourceVersion: '1', continue: isLast ? undefined : 'more' }, items: [] };
      },
      watch: client.watch.bind(client),
    };
    reflect({ client: pages as unknown as ApiClient }).start();
    await reflector.whenSynced();
    expect(order).toEqual(['page', 'turn', 'page', 'turn', 'page']);
  });
});

describe('own writes', () => {
  test('a reply is seen at once, and its event later is no change', async () => {
    api.add('a');
    await follow();
    const reply = api.change('a', { color: 'red' });
    reflector.observe(reply);
    expect(reflector.get('ns', 'a')).toMatchObject({ color: 'red' });
    api.add('b');
    await until(() => changes.includes('+b'));
    expect(changes).toEqual(['+a', '~a=red', '+b']);
  });

  test('a reply that comes after a newer event changes nothing', async () => {
    await follow();
    const reply = api.add('a', { color: 'old' });
    api.change('a', { color: 'new' });
    await until(() => changes.length === 2);
    reflector.observe(reply);
    expect(content()).toEqual(['a=new']);
    expect(changes).toEqual(['+a=old', '~a=new']);
  });

  test('a reply that comes after the deletion does not bring the object back', async () => {
    await follow();
    api.add('a');
    const reply = api.change('a', { color: 'red' });
    api.remove('a');
    await until(() => changes.includes('-a=red'));
    reflector.observe(reply);
    expect(content()).toEqual([]);
  });

  test('a reply that shows an object has become foreign deletes it', async () => {
    api.add('a');
    await follow();
    reflector.observe(api.change('a', { foreign: 'yes' }));
    expect(content()).toEqual([]);
  });

  test('an object created while a list is being read survives the list', async () => {
    for (let i = 0; i < 4; i += 1) api.add(`a${i}`);
    api.onPage = (page) => {
      if (page === 1) reflector.observe(api.add('own'));
    };
    await follow({ pageSize: 2 });
    expect(content().sort()).toEqual(['a0', 'a1', 'a2', 'a3', 'own']);
  });
});

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

  test('a server that falls silent is left for a new connection', async () => {
    const silent = new ApiClient({ server: api.url, tls: {} }, { userAgent: 'test', clock });
    await follow({ client: silent, idleTimeoutMs: 125_000 });
    const before = api.count('watch');
    clock.advance(125_000);
    await until(() => api.count('watch') === before + 1, passTime);
    await silent.close();
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

describe('stopping', () => {
  test('ends the watch, leaves no timer, and the copy stays readable', async () => {
    api.add('a');
    await follow();
    await reflector.stop();
    await until(() => api.openWatches === 0);
    expect(clock.pendingTimers).toBe(0);
    expect(content()).toEqual(['a']);
    expect(() => reflector.start()).toThrow('was stopped');
  });

  test('during a backoff starts no further watch', async () => {
    api.failNext((_request, response) => response.destroy());
    reflect().start();
    await until(() => logger.lines.length === 1);
    await reflector.stop();
    clock.advance(60_000);
    await turns();
    expect(api.count('list')).toBe(1);
    expect(api.count('watch')).toBe(0);
  });

  test('before the first list rejects those who wait for it', async () => {
    api.failNext(() => {});
    reflect().start();
    const waiting = reflector.whenSynced();
    await until(() => api.count('list') === 1);
    await Promise.all([expect(waiting).rejects.toThrow('stopped before its first list'), reflector.stop()]);
  });

  test('waiting for the first list can be given up', async () => {
    api.failNext(() => {});
    reflect().start();
    const controller = new AbortController();
    const waiting = reflector.whenSynced(controller.signal);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });
});
