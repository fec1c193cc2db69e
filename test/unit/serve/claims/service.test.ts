import { ClaimsClient, poolPath, type StatusBody } from '../../../e2e/support/claims-client';
import { until } from '../../support/until';
import { FakeCluster } from './fake-cluster';

let cluster: FakeCluster;
const clients: ClaimsClient[] = [];

async function start(limits?: ConstructorParameters<typeof FakeCluster>[0]): Promise<void> {
  cluster = new FakeCluster(limits);
  cluster.setHsd();
  await cluster.start();
}

beforeEach(() => start());
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await cluster.service.stop();
});

function as(user = 'lobby', pool = 'rooms', connections = 128): ClaimsClient {
  const client = new ClaimsClient(() => cluster.at, poolPath('default', pool), user, connections);
  clients.push(client);
  return client;
}

const statuses = (replies: readonly { status: number }[]): number[] => replies.map(({ status }) => status).sort();

describe('a claim', () => {
  test('is one write, answered with all a caller needs', async () => {
    cluster.addPods(1);
    const { status, body } = await as().claim({ sessionId: 's-1', ttlSeconds: 60 });
    expect(status).toBe(201);
    expect(body).toEqual({
      sessionId: 's-1',
      pod: {
        name: 'pod-1',
        namespace: 'default',
        uid: 'uid-pod-1',
        ip: '10.0.0.1',
        node: 'node-1',
        labels: { app: 'rooms', 'hsd.paia.tech/name': 'rooms', 'hsd.paia.tech/state': 'busy' },
        ports: [{ name: 'game', containerPort: 7777, protocol: 'UDP' }],
      },
      claimedAt: expect.stringMatching(/^\d{4}-.*Z$/),
      expiresAt: expect.stringMatching(/^\d{4}-.*Z$/),
      waitedMilliseconds: expect.any(Number),
    });
    expect(cluster.writes).toBe(1);
  });

  test('gets a session id where it brings none', async () => {
    cluster.addPods(1);
    expect((await as().claim()).body.sessionId).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('of 100 sessions on 100 Pods, each asked for three times at once: one Pod each, one write each', async () => {
    cluster.addPods(100);
    const ids = Array.from({ length: 100 }, (_, i) => `s-${i}`);
    const replies = await Promise.all([...ids, ...ids, ...ids].map((sessionId) => as().claim({ sessionId })));
    expect(statuses(replies)).toEqual([...Array(200).fill(200), ...Array(100).fill(201)]);
    expect(new Set(replies.map(({ body }) => `${body.sessionId} ${body.pod.uid}`)).size).toBe(100);
    expect(cluster.writes).toBe(100);
    expect(cluster.sessions).toEqual([...ids].sort());
  });

  test('whose Pod has changed meanwhile takes the next one, or the same when the watch has caught up', async () => {
    const [first] = cluster.addPods(2) as [string, string];
    cluster.touch(first);
    expect((await as().claim({ sessionId: 'a' })).body.pod.name).toBe('pod-2');
    expect((await as().claim<StatusBody>({ sessionId: 'b' })).body.reason).toBe('PoolEmpty');
    const waiting = as().claim({ sessionId: 'c', waitSeconds: 30 });
    await until(() => cluster.service.waiting === 1);
    cluster.world.pods.observe('default', cluster.pod(first));
    expect((await waiting).body.pod.name).toBe('pod-1');
  });

  test('whose Pod was being ended that very moment takes another one', async () => {
    cluster.addPods(2);
    cluster.verdicts.push('end');
    const { body } = await as().claim({ sessionId: 'a' });
    expect(body.pod).toEqual(expect.not.objectContaining({ terminating: true }));
    expect((await as().get('a')).body.pod.uid).toBe(body.pod.uid);
  });

  test('that a policy refuses three times says so, and hurts nobody else', async () => {
    cluster.addPods(4);
    cluster.verdicts.push('refuse', 'refuse', 'refuse');
    const refused = await as().claim<StatusBody>({ sessionId: 'a' });
    expect(refused).toMatchObject({ status: 503, body: { message: expect.stringContaining('a policy refuses') } });
    expect((await as().claim({ sessionId: 'b' })).status).toBe(201);
  });

  test.each(['lose', 'cut'] as const)(
    'with no answer to its write (%s) is made once: who asks again has its Pod',
    async (how) => {
      cluster.addPods(2);
      cluster.verdicts.push(how);
      const first = await as().claim<StatusBody>({ sessionId: 'a' });
      expect(first.status).toBe(503);
      const again = await as().claim({ sessionId: 'a', waitSeconds: 10 });
      expect([200, 201]).toContain(again.status);
      expect(cluster.sessions).toEqual(['a']);
      expect(cluster.writes).toBe(1);
    },
  );

  test('with no answer to its write, whose caller never asks again, leaves nothing', async () => {
    cluster.addPods(1);
    cluster.verdicts.push('lose');
    expect((await as().claim<StatusBody>({ sessionId: 'a' })).status).toBe(503);
    await until(() => cluster.sessions.length === 0);
    expect(cluster.service.view('default/rooms')).toEqual({ reserved: new Set(), waiting: expect.any(Number) });
  });
});

describe('a session', () => {
  test('is released as often as one likes, at one write, though a kubelet writes in between', async () => {
    const [name] = cluster.addPods(1) as [string];
    await as().claim({ sessionId: 'a' });
    cluster.touch(name);
    const replies = await Promise.all([1, 2, 3].map(() => as().release('a')));
    expect(statuses(replies)).toEqual([204, 204, 204]);
    expect(cluster.writes).toBe(2);
    expect(cluster.pod(name).metadata).toMatchObject({
      labels: { 'hsd.paia.tech/state': 'idle' },
      annotations: { 'hsd.paia.tech/busy-key': 'paia.tech/busy' },
    });
    expect(Object.keys(cluster.pod(name).metadata.annotations ?? {})).toEqual(['hsd.paia.tech/busy-key']);
    expect((await as().claim({ sessionId: 'b' })).body.pod.name).toBe(name);
  });

  test('of another user is kept from who may not read it', async () => {
    cluster.addPods(1);
    await as().claim({ sessionId: 'a' });
    cluster.createOnly.add('thief');
    const reply = await as('thief').claim<StatusBody>({ sessionId: 'a' });
    expect(reply).toMatchObject({ status: 409, body: { reason: 'SessionConflict' } });
    expect(JSON.stringify(reply.body)).not.toContain('pod-1');
    expect((await as('admin').claim({ sessionId: 'a' })).status).toBe(200);
  });

  test('on a Pod that is being ended says so, is lost with it, and can be claimed anew', async () => {
    const [name] = cluster.addPods(1) as [string];
    await as().claim({ sessionId: 'a' });
    const going = cluster.pod(name);
    going.metadata.deletionTimestamp = new Date().toISOString();
    cluster.touch(name);
    cluster.world.pods.observe('default', cluster.pod(name));
    expect((await as().get('a')).body.pod.terminating).toBe(true);
    expect((await as().claim({ sessionId: 'a' })).body.pod.terminating).toBe(true);
    cluster.remove(name);
    expect(await as().get<StatusBody>('a')).toMatchObject({ status: 410, body: { reason: 'PodLost' } });
    cluster.addPods(1);
    expect((await as().claim({ sessionId: 'a' })).status).toBe(201);
    expect((await as().get('a')).status).toBe(200);
  });

  test('is renewed by a write only when less than half of its time is left', async () => {
    cluster.addPods(1);
    await as().claim({ sessionId: 'a', ttlSeconds: 100 });
    for (let i = 0; i < 5; i += 1) await as().renew('a', 150);
    expect(cluster.writes).toBe(1);
    const { body } = await as().renew('a', 300);
    expect(cluster.writes).toBe(2);
    expect(cluster.pod('pod-1').metadata.annotations).toMatchObject({ 'hsd.paia.tech/expires-at': body.expiresAt });
    expect((await as().claim({ sessionId: 'a', ttlSeconds: 700 })).body.expiresAt).not.toBe(body.expiresAt);
    expect(cluster.writes).toBe(3);
    expect((await as().renew<StatusBody>('nobody', 5)).status).toBe(404);
  });
});

describe('callers that wait', () => {
  test('are demand, served in order of arrival, each with a Pod of its own', async () => {
    const order: string[] = [];
    const replies = [];
    for (let i = 0; i < 10; i += 1) {
      replies.push(
        as()
          .claim({ sessionId: `w-${i}`, waitSeconds: 30 })
          .then(({ body }) => order.push(body.sessionId)),
      );
      await until(() => cluster.service.waiting === i + 1);
    }
    expect(cluster.demand.at(-1)).toBe(10);
    for (let i = 0; i < 10; i += 1) {
      cluster.addPods(1);
      await until(() => order.length === i + 1);
    }
    await Promise.all(replies);
    expect(order).toEqual(Array.from({ length: 10 }, (_, i) => `w-${i}`));
    expect(cluster.service.view('default/rooms').waiting).toBe(0);
  });

  test('do not wait for one that wants what there is not', async () => {
    const zoned = as().claim({ sessionId: 'z', waitSeconds: 30, selector: { zone: 'a' } });
    await until(() => cluster.service.waiting === 1);
    cluster.addPods(1);
    expect((await as().claim({ sessionId: 'b' })).status).toBe(201);
    cluster.addPods(1, (pod) => Object.assign(pod.metadata.labels ?? {}, { zone: 'a' }));
    expect((await zoned).status).toBe(201);
  });

  test('hear after their time where they stand, and keep their place for the next try', async () => {
    const ahead = as().claim({ sessionId: 'first', waitSeconds: 30 });
    await until(() => cluster.service.waiting === 1);
    const late = await as().claim<StatusBody>({ sessionId: 'second', waitSeconds: 1 });
    expect(late).toMatchObject({ status: 429, body: { reason: 'PoolEmpty', details: { position: 2 } } });
    expect(late.headers['retry-after']).toBe(String(late.body.details?.retryAfterSeconds));
    const third = as().claim({ sessionId: 'third', waitSeconds: 30 });
    await until(() => cluster.service.waiting === 3);
    const again = as().claim({ sessionId: 'second', waitSeconds: 30 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    cluster.addPods(2);
    expect([(await ahead).status, (await again).status]).toEqual([201, 201]);
    cluster.addPods(1);
    expect((await third).status).toBe(201);
  });

  test.each<[string, () => void]>([
    ['Paused', () => cluster.setHsd({ paused: true })],
    ['Deleting', () => cluster.setHsd({}, new Date().toISOString())],
  ])('hear at once that the pool is %s, and nobody new may wait', async (reason, close) => {
    const waiting = as().claim<StatusBody>({ sessionId: 'a', waitSeconds: 30 });
    await until(() => cluster.service.waiting === 1);
    close();
    expect(await waiting).toMatchObject({ status: 429, body: { reason } });
    cluster.addPods(1);
    expect(await as().claim<StatusBody>({ waitSeconds: 30 })).toMatchObject({ status: 429, body: { reason } });
  });

  test('wait at the limit, too: a Pod may become free', async () => {
    cluster.setHsd({ maxReplicas: 1 });
    cluster.addPods(1);
    await as().claim({ sessionId: 'a' });
    expect((await as().claim<StatusBody>({ sessionId: 'b' })).body.reason).toBe('MaxReplicasReached');
    const waiting = as().claim({ sessionId: 'b', waitSeconds: 30 });
    await until(() => cluster.service.waiting === 1);
    await as().release('a');
    expect((await waiting).status).toBe(201);
  });

  test('are bounded, over all and for each user', async () => {
    await cluster.service.stop();
    await start({ waiters: 3, waitersPerUser: 2 });
    const waits = ['a', 'b'].map((sessionId) => as('one').claim<StatusBody>({ sessionId, waitSeconds: 30 }));
    await until(() => cluster.service.waiting === 2);
    const refused = { status: 429, body: { reason: 'TooManyWaiting' } };
    expect(await as('one').claim<StatusBody>({ waitSeconds: 30 })).toMatchObject(refused);
    waits.push(as('two').claim<StatusBody>({ waitSeconds: 30 }));
    await until(() => cluster.service.waiting === 3);
    expect(await as('three').claim<StatusBody>({ waitSeconds: 30 })).toMatchObject(refused);
    cluster.addPods(1);
    expect((await Promise.race(waits)).status).toBe(201);
    await cluster.service.stop();
    expect(statuses(await Promise.all(waits))).toEqual([201, 503, 503]);
  });

  test('are told to come again when this replica leads no more, and so is everybody until it leads again', async () => {
    const waiting = as().claim<StatusBody>({ sessionId: 'a', waitSeconds: 30 });
    await until(() => cluster.service.waiting === 1);
    cluster.isLeading = false;
    cluster.service.stopLeading();
    expect((await waiting).status).toBe(503);
    expect((await as().claim<StatusBody>()).headers['retry-after']).toBe('1');
    cluster.isLeading = true;
    expect((await as().list()).status).toBe(200);
  });

  test('a release of a session that waits ends its wait', async () => {
    const waiting = as().claim<StatusBody>({ sessionId: 'a', waitSeconds: 30 });
    await until(() => cluster.service.waiting === 1);
    expect((await as().release('a')).status).toBe(204);
    expect((await waiting).status).toBe(409);
    expect(cluster.service.waiting).toBe(0);
  });
});

describe('callers that hang up', () => {
  test('while their claim is written leave no session', async () => {
    cluster.addPods(1);
    const controller = new AbortController();
    const patched = Promise.withResolvers<void>();
    cluster.beforePatch = async () => {
      controller.abort();
      await new Promise((resolve) => setTimeout(resolve, 50));
      patched.resolve();
    };
    await expect(as().claim({ sessionId: 'a' }, controller.signal)).rejects.toThrow();
    await patched.promise;
    cluster.beforePatch = async () => {};
    await until(() => cluster.writes === 2);
    expect(cluster.sessions).toEqual([]);
    expect((await as().claim({ sessionId: 'b' })).status).toBe(201);
  });

  test('while their claim is written, and ask again in time, keep it', async () => {
    cluster.addPods(2);
    const controller = new AbortController();
    let again: ReturnType<ClaimsClient['claim']> | undefined;
    cluster.beforePatch = async () => {
      cluster.beforePatch = async () => {};
      controller.abort();
      again = as().claim({ sessionId: 'a' });
      await new Promise((resolve) => setTimeout(resolve, 50));
    };
    await expect(as().claim({ sessionId: 'a' }, controller.signal)).rejects.toThrow();
    expect((await again)?.status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(cluster.sessions).toEqual(['a']);
    expect(cluster.writes).toBe(1);
  });

  test('at any moment, 200 of them, leave neither a session nor a reserved Pod, and the others are served', async () => {
    cluster.addPods(40);
    cluster.beforePatch = () => new Promise((resolve) => setTimeout(resolve, Math.random() * 10));
    const answered = new Set<string>();
    const call = async (i: number): Promise<void> => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), Math.random() * 60);
      const sessionId = `h-${i}`;
      const reply = await as('lobby', 'rooms', 1)
        .claim({ sessionId, waitSeconds: i % 3 ? 0 : 5 }, controller.signal)
        .catch(() => undefined);
      if (reply?.status === 201) answered.add(sessionId);
    };
    const loyal = Array.from({ length: 10 }, (_, i) => as().claim({ sessionId: `l-${i}`, waitSeconds: 20 }));
    await Promise.all(Array.from({ length: 200 }, (_, i) => call(i)));
    const kept = await Promise.all(loyal);
    expect(statuses(kept)).toEqual(kept.map(() => 201));
    // An answer that was on its way may have arrived after the caller looked away: it counts as delivered.
    await until(() => cluster.service.view('default/rooms').reserved.size === 0);
    const cleaner = as();
    const strays = (): string[] => cluster.sessions.filter((sessionId) => sessionId.startsWith('h-'));
    while (strays().length > 0) await Promise.all(strays().map((sessionId) => cleaner.release(sessionId)));
    expect(cluster.sessions).toEqual(kept.map(({ body }) => body.sessionId).sort());
  }, 30_000);
});

describe('who knocks', () => {
  test.each<[number, string, (client: ClaimsClient) => Promise<{ status: number; body: unknown }>]>([
    [401, 'an unknown token', () => as('unknown').claim()],
    [
      401,
      'an unknown token, before anything of the request is looked at',
      () => as('unknown').claim('{'.repeat(50_000)),
    ],
    [403, 'no permission, before the body is looked at', () => as('stranger').claim('{')],
    [403, 'no permission, whether or not there is such a pool', () => as('stranger', 'nothing').list()],
    [404, 'a pool that is not there', () => as('lobby', 'nothing').list()],
    [404, 'another path', (c) => c.send('GET', '/a/b')],
    [400, 'a pool whose name is none', () => as('lobby', 'ROOMS').list()],
    [400, 'a session id that is none', (c) => c.get('a%20b')],
    [400, 'a path that leads elsewhere', (c) => c.get('..%2f..')],
    [400, 'a field nobody knows', (c) => c.claim({ sessionID: 'x' })],
    [405, 'a method the path has not', (c) => c.send('DELETE', '')],
    [413, 'a body too large', (c) => c.claim(`{"sessionId":"${'x'.repeat(20_000)}"}`)],
    [415, 'a body of another type', (c) => c.send('POST', '', '{}', undefined, { 'content-type': 'text/plain' })],
  ])('%i for %s', async (status, _what, send) => {
    cluster.strangers.add('stranger');
    cluster.addPods(1);
    const reply = await send(as());
    expect(reply).toMatchObject({ status, body: { kind: 'Status', status: 'Failure', code: status } });
    expect(cluster.writes).toBe(0);
  });

  test('one user’s requests are bounded', async () => {
    await cluster.service.stop();
    await start({ requestsPerUser: 2 });
    const waits = ['a', 'b'].map((sessionId) => as('one').claim<StatusBody>({ sessionId, waitSeconds: 30 }));
    await until(() => cluster.service.waiting === 2);
    expect((await as('one').list()).status).toBe(429);
    expect((await as('two').list()).status).toBe(200);
    cluster.addPods(2);
    expect(statuses(await Promise.all(waits))).toEqual([201, 201]);
    expect((await as('one').list()).status).toBe(200);
  });

  test('the OpenAPI document is for everybody', async () => {
    const reply = await new ClaimsClient(() => cluster.at, '/openapi.json', undefined).send<{ openapi: string }>(
      'GET',
      '',
    );
    expect(reply).toMatchObject({ status: 200, body: { openapi: '3.1.0' } });
  });

  test('no token ever reaches the log', async () => {
    await as('unknown-secret-token').claim('{');
    await as('unknown').claim();
    expect(JSON.stringify(cluster.log.lines)).not.toContain('secret');
  });
});
