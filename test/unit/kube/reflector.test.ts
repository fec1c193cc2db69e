import type { ApiClient } from '../../../operator/kube/client';
import { turns, until } from '../support/until';
import { api, changes, client, clock, content, follow, logger, reflect, reflector } from './reflector-setup';

describe('following', () => {
  test('lists, then watches from the version of the list with bookmarks and a spread timeout', async () => {
    api.add('a');
    await follow({ query: { labelSelector: 'x=y' } });
    expect(content()).toEqual(['a']);
    const [list, watch] = api.server.requests;
    expect(list?.query).toEqual({ labelSelector: 'x=y', limit: '200' });
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

  test('a reply that comes after a list without the object does not bring it back', async () => {
    const reply = api.add('a');
    api.remove('a');
    await follow();
    reflector.observe(reply);
    expect(content()).toEqual([]);
    reflector.observe(api.add('a'));
    expect(content()).toEqual(['a']);
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

describe('a look at what the server holds now', () => {
  test('brings what a late watch has not delivered, and the watch adds nothing to it', async () => {
    api.add('a');
    api.add('b');
    await follow();
    const letOn = api.holdWatches();
    api.change('a', { color: 'red' });
    api.remove('b');
    api.add('c');
    expect(content()).toEqual(['a', 'b']);
    await reflector.refresh();
    expect(content()).toEqual(['a=red', 'c']);
    const before = [...changes];
    letOn();
    api.add('d');
    await until(() => changes.includes('+d'));
    expect(changes).toEqual([...before, '+d']);
  });

  test('fails when the server does not answer, and leaves the copy as it is', async () => {
    api.add('a');
    await follow();
    api.failNext((_request, response) => response.destroy());
    await expect(reflector.refresh()).rejects.toThrow();
    expect(content()).toEqual(['a']);
  });
});
