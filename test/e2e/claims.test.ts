import { paths } from '../../operator/kube/paths';
import type { ClaimAnswer } from '../../operator/serve/claims/answer';
import { DEFAULT_BUSY_ANNOTATION, SESSION_ANNOTATION, STATE_LABEL } from '../../src/api/names';
import { consistently, eventually } from '../../tools/base/eventually';
import {
  allowReviews,
  bindRole,
  ClaimsClient,
  callerToken,
  claimsAddress,
  claimsFlags,
  poolPath,
  type Reply,
  type StatusBody,
} from './support/claims-client';
import { Gate } from './support/gate';
import { OperatorProcess } from './support/operator';
import { runInfo } from './support/run-info';
import { type Pod, Scene } from './support/scene';

jest.setTimeout(240_000);

const SIZE = 30;

describe('the claims service', () => {
  let scene: Scene;
  let gate: Gate;
  let operator: OperatorProcess;
  let kubeconfig: string;
  let token: string;
  const clients: ClaimsClient[] = [];

  beforeAll(async () => {
    scene = await Scene.open('claims');
    await allowReviews(scene);
    gate = new Gate();
    kubeconfig = await gate.open(runInfo().operatorKubeconfig);
    token = await callerToken(scene, 'lobby', 'hotstandby-claims');
    await startOperator();
    await createPool('rooms', { idleTarget: SIZE, maxReplicas: SIZE });
    await createPool('small', { idleTarget: 1 });
    // Marked, too: no write of the operator's own falls into a count.
    await eventually(async () => expect(await scene.readyPods(`app=rooms,${STATE_LABEL}=idle`)).toHaveLength(SIZE));
    await scene.settledAt(1, 'app=small');
  });
  // What a failed test has left must not fail the next.
  afterEach(async () => {
    await releaseAll(as('rooms')).catch(() => undefined);
  });
  afterAll(async () => {
    for (const client of clients) client.close();
    await operator?.stop();
    await gate?.close();
    if (scene)
      await scene.api.delete(`/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/reviews-${scene.namespace}`);
    await scene?.close();
  });

  async function startOperator(): Promise<void> {
    operator = OperatorProcess.spawn({ args: claimsFlags(scene.namespace, kubeconfig) });
    await operator.whenReady();
  }

  function createPool(name: string, spec: Parameters<Scene['createHsd']>[1]): Promise<unknown> {
    return scene.createHsd(name, { selector: { matchLabels: { app: name } }, ...spec });
  }

  function as(pool: string, bearer: string | undefined = token, connections?: number): ClaimsClient {
    const address = (): string => claimsAddress(operator.output);
    const client = new ClaimsClient(address, poolPath(scene.namespace, pool), bearer, connections);
    clients.push(client);
    return client;
  }

  async function sessions(app: string): Promise<Map<string, string[]>> {
    const held = (await scene.pods(`app=${app}`)).filter(
      (pod) => pod.metadata.annotations?.[SESSION_ANNOTATION] !== undefined,
    );
    return Map.groupBy(
      held.map((pod) => pod.metadata),
      (meta) => meta.annotations?.[SESSION_ANNOTATION] ?? '',
    ) as never;
  }

  /** No Pod holds a session, and every one is idle again. */
  async function allFree(app: string): Promise<void> {
    await eventually(async () => {
      expect([...(await sessions(app)).keys()]).toEqual([]);
      const busy = await scene.pods(`app=${app},${STATE_LABEL}=busy`);
      expect(busy).toHaveLength(0);
    });
  }

  async function releaseAll(client: ClaimsClient): Promise<void> {
    const { items } = (await client.list()).body;
    await Promise.all(items.map(({ sessionId }) => client.release(sessionId)));
  }

  const podPatches = (since: number): number[] =>
    gate.writesSince(since).flatMap(({ what, status }) => (what === 'PATCH pods' ? [status] : []));
  const podWrites = (since: number): number => podPatches(since).length;

  it('hands out a Pod, the same one again, and takes it back, at one Pod write each', async () => {
    const rooms = as('rooms');
    await eventually(async () => expect((await rooms.list()).status).toBe(200));
    let since = performance.now();
    const claimed = await rooms.claim({ sessionId: 's-1' });
    expect(claimed).toMatchObject({
      status: 201,
      body: { sessionId: 's-1', pod: { namespace: scene.namespace, labels: { app: 'rooms', [STATE_LABEL]: 'busy' } } },
    });
    const pod = await scene.pod(claimed.body.pod.name);
    expect(pod.metadata).toMatchObject({
      uid: claimed.body.pod.uid,
      annotations: {
        [DEFAULT_BUSY_ANNOTATION]: 'true',
        [SESSION_ANNOTATION]: 's-1',
        'hsd.paia.tech/claimed-by': `system:serviceaccount:${scene.namespace}:lobby`,
      },
    });
    const again = await rooms.claim({ sessionId: 's-1' });
    expect(again).toMatchObject({ status: 200, body: { pod: { uid: claimed.body.pod.uid } } });
    expect((await rooms.get('s-1')).body.pod).toEqual(claimed.body.pod);
    expect((await rooms.list()).body.items).toHaveLength(1);
    await scene.status('rooms', { busyCount: 1, sessionCount: 1 });
    expect(podWrites(since)).toBe(1);
    since = performance.now();
    expect((await rooms.release('s-1')).status).toBe(204);
    expect((await rooms.release('s-1')).status).toBe(204);
    await allFree('rooms');
    expect((await rooms.get<StatusBody>('s-1')).status).toBe(404);
    await scene.status('rooms', { busyCount: 0, availableCount: SIZE });
    expect(podWrites(since)).toBe(1);
  });

  it('answers a burst as large as the pool with as many different Pods, at one Pod write each', async () => {
    const rooms = as('rooms');
    for (let round = 0; round < 3; round += 1) {
      let since = performance.now();
      // Every session asks twice at once.
      const ids = Array.from({ length: SIZE }, (_, i) => `r${round}-${i}`);
      const replies = await Promise.all([...ids, ...ids].map((sessionId) => rooms.claim({ sessionId })));
      expect(replies.map(({ status }) => status).sort()).toEqual([...ids.map(() => 200), ...ids.map(() => 201)]);
      expect(new Set(replies.map(({ body }) => `${body.sessionId} ${body.pod.uid}`)).size).toBe(SIZE);
      expect(new Set(replies.map(({ body }) => body.pod.uid)).size).toBe(SIZE);
      await scene.status('rooms', { busyCount: SIZE });
      expect(podWrites(since)).toBe(SIZE);
      const full = await rooms.claim<StatusBody>({ sessionId: 'one-more' });
      expect(full).toMatchObject({ status: 429, body: { reason: 'MaxReplicasReached', details: { position: 1 } } });
      expect(Number(full.headers['retry-after'])).toBeGreaterThan(0);
      since = performance.now();
      await releaseAll(rooms);
      await scene.status('rooms', { busyCount: 0, availableCount: SIZE });
      // Refused ones write nothing: a release whose Pod has changed meanwhile looks again.
      expect(podPatches(since).filter((status) => status === 200)).toHaveLength(SIZE);
    }
  });

  it.each<[number, string, (client: ClaimsClient) => Promise<Reply<StatusBody>>]>([
    [400, 'a field nobody knows', (c) => c.claim({ sessionID: 'x' })],
    [400, 'a session id that is none', (c) => c.claim({ sessionId: 'a b' })],
    [400, 'a wait too long', (c) => c.claim({ waitSeconds: 301 })],
    [400, 'a TTL that is no number', (c) => c.claim({ ttlSeconds: '60' })],
    [400, 'no JSON', (c) => c.claim('{')],
    [404, 'a session that is not there', (c) => c.get('nobody')],
    [405, 'another method', (c) => c.send('PATCH', '/s-1', {})],
    [413, 'a body too large', (c) => c.claim({ sessionId: 'x'.repeat(20_000) })],
    [415, 'another type of body', (c) => c.send('POST', '', '{}', undefined, { 'content-type': 'text/plain' })],
  ])('answers %i to %s', async (status, _what, send) => {
    expect(await send(as('rooms'))).toMatchObject({ status, body: { kind: 'Status', apiVersion: 'v1', code: status } });
  });

  it('knows who may claim: 401 without a token it can trust, 403 without the permission, 404 for no such pool', async () => {
    const stranger = await callerToken(scene, 'stranger');
    const bound = await callerToken(scene, 'bound', 'hotstandby-claims', ['hotstandby-claims']);
    const elsewhere = await callerToken(scene, 'elsewhere', 'hotstandby-claims', ['something-else']);
    const codes = await Promise.all(
      [
        new ClaimsClient(() => claimsAddress(operator.output), poolPath(scene.namespace, 'rooms'), undefined),
        as('rooms', `${token}x`),
        as('rooms', elsewhere),
        as('rooms', stranger),
        as('nothing', stranger),
        as('nothing'),
        as('rooms', bound),
      ].map(async (client) => (await client.list()).status),
    );
    expect(codes).toEqual([401, 401, 401, 403, 403, 404, 200]);
    await bindRole(scene, 'stranger', 'hotstandby-claims');
    await eventually(async () => expect((await as('rooms', stranger).list()).status).toBe(200));
    expect(operator.output).not.toContain(stranger.slice(-40));
  });

  it('keeps a session to its user, unless the other one may read it', async () => {
    const other = await callerToken(scene, 'other');
    await scene.api.create(`/apis/rbac.authorization.k8s.io/v1/namespaces/${scene.namespace}/roles`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'create-only' },
      rules: [{ apiGroups: ['apps.paia.tech'], resources: ['hotstandbydeployments/claims'], verbs: ['create'] }],
    });
    await scene.api.create(`/apis/rbac.authorization.k8s.io/v1/namespaces/${scene.namespace}/rolebindings`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'create-only' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'create-only' },
      subjects: [{ kind: 'ServiceAccount', name: 'other', namespace: scene.namespace }],
    });
    const mine = await as('rooms').claim({ sessionId: 'mine' });
    const theirs = await eventually(async () => {
      const reply = await as('rooms', other).claim<StatusBody>({ sessionId: 'mine' });
      expect(reply.status).toBe(409);
      return reply;
    });
    expect(theirs.body.reason).toBe('SessionConflict');
    expect(JSON.stringify(theirs.body)).not.toContain(mine.body.pod.name);
    const wrong = await as('rooms').claim<StatusBody>({ sessionId: 'mine', selector: { zone: 'nowhere' } });
    expect(wrong).toMatchObject({ status: 409, body: { reason: 'SessionConflict' } });
    await as('rooms').release('mine');
  });

  it('starts Pods for all who wait at once, and serves them in order', async () => {
    const small = as('small', token, 64);
    const replies = Array.from({ length: 12 }, (_, i) => small.claim({ sessionId: `w-${i}`, waitSeconds: 60 }));
    const served = await Promise.all(replies);
    expect(served.map(({ status }) => status)).toEqual(served.map(() => 201));
    expect(new Set(served.map(({ body }) => body.pod.uid)).size).toBe(12);
    await scene.status('small', { waitingCount: 0, busyCount: 12, desiredReplicas: 13 });
    await releaseAll(small);
    await scene.status('small', { busyCount: 0, desiredReplicas: 1 });
  });

  it('tells a caller that does not wait why there is no Pod, and where it would stand', async () => {
    await createPool('empty', { idleTarget: 0 });
    await scene.status('empty', { desiredReplicas: 0 });
    const reply = await as('empty').claim<StatusBody>({ sessionId: 'e' });
    expect(reply).toMatchObject({ status: 429, body: { reason: 'PoolEmpty', details: { position: 1 } } });
    await scene.patchHsd('empty', { paused: true });
    await eventually(async () => {
      expect((await as('empty').claim<StatusBody>()).body.reason).toBe('Paused');
    });
    await consistently(async () => expect((await scene.hsd('empty')).status?.desiredReplicas).toBe(0), 500);
  });

  it('leaves nothing behind of callers that hang up, wherever they are', async () => {
    const rooms = as('rooms', token, 128);
    const small = as('small', token, 128);
    const hangUp = async (client: ClaimsClient, i: number, waitSeconds: number): Promise<void> => {
      const controller = new AbortController();
      const reply = client.claim({ sessionId: `h-${i}`, waitSeconds }, controller.signal).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, (i * 7) % 40));
      controller.abort();
      const answered = await reply;
      // The answer won: then it is the caller's to release.
      if (answered?.status === 201) await client.release(`h-${i}`);
    };
    await Promise.all(Array.from({ length: 60 }, (_, i) => hangUp(i % 2 ? rooms : small, i, i % 3 ? 0 : 20)));
    await allFree('rooms');
    await allFree('small');
    // Places of callers that are gone are kept for half a minute, and given up then.
    await eventually(async () => expect((await scene.hsd('small')).status).toMatchObject({ waitingCount: 0 }), 60_000);
    await scene.status('rooms', { busyCount: 0, availableCount: SIZE });
  });

  it('remembers every session over the death of the operator: it stands on the Pod', async () => {
    const before = await as('rooms').claim({ sessionId: 'survivor' });
    await operator.stop('SIGKILL');
    await startOperator();
    const after = await eventually(async () => {
      const reply = await as('rooms').claim({ sessionId: 'survivor' });
      expect(reply.status).toBe(200);
      return reply;
    });
    expect(after.body.pod.uid).toBe(before.body.pod.uid);
    await as('rooms').release('survivor');
  });

  it('says that a Pod is going, that it is lost, and claims the session anew', async () => {
    const rooms = as('rooms');
    const { body } = await rooms.claim({ sessionId: 'doomed' });
    await scene.api.delete(paths.pods.one(scene.namespace, body.pod.name));
    const lost = await eventually(async () => {
      const reply = await rooms.get<StatusBody>('doomed');
      expect(reply.status).toBe(410);
      return reply;
    });
    expect(lost.body.reason).toBe('PodLost');
    const anew = await rooms.claim({ sessionId: 'doomed', waitSeconds: 30 });
    expect(anew.status).toBe(201);
    expect(anew.body.pod.uid).not.toBe(body.pod.uid);
    await rooms.release('doomed');
    await scene.settledAt(SIZE, 'app=rooms');
  });

  it('ends a session whose time runs out, keeps one that is renewed, and writes few renewals', async () => {
    const rooms = as('rooms');
    const [short, long] = (await Promise.all(
      ['short', 'long'].map((sessionId) => rooms.claim({ sessionId, ttlSeconds: 6 })),
    )) as [Reply, Reply];
    expect(Date.parse(short.body.expiresAt ?? '') - Date.parse(short.body.claimedAt)).toBeGreaterThanOrEqual(6_000);
    const since = performance.now();
    const renewed = await rooms.renew('long', 600);
    expect(Date.parse(renewed.body.expiresAt ?? '')).toBeGreaterThan(Date.parse(long.body.expiresAt ?? ''));
    for (let i = 0; i < 20; i += 1)
      expect((await rooms.renew('long', 600)).body.expiresAt).toBe(renewed.body.expiresAt);
    expect(podWrites(since)).toBe(1);
    await eventually(async () => expect((await rooms.get<StatusBody>('short')).status).toBe(404));
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(short.body.expiresAt ?? ''));
    expect((await rooms.get('long')).status).toBe(200);
    await rooms.release('long');
  });

  it('chooses by labels, and says 429 where no Pod has them', async () => {
    const rooms = as('rooms');
    const [pod] = (await scene.readyPods('app=rooms')) as [Pod];
    const path = paths.pods.one(scene.namespace, pod.metadata.name);
    await scene.api.mergePatch(path, { metadata: { labels: { zone: 'a' } } });
    const chosen = await eventually(async () => {
      const reply = await rooms.claim<ClaimAnswer & StatusBody>({ sessionId: 'zoned', selector: { zone: 'a' } });
      expect(reply.status).toBe(201);
      return reply;
    });
    expect(chosen.body.pod.uid).toBe(pod.metadata.uid);
    expect((await rooms.claim({ sessionId: 'z-2', selector: { zone: 'a' } })).status).toBe(429);
    await rooms.release('zoned');
  });

  it('tells callers that wait to come again when it stops', async () => {
    await createPool('full', { idleTarget: 1, maxReplicas: 1 });
    const full = as('full');
    await eventually(async () => expect((await full.claim({ sessionId: 'first' })).status).toBe(201));
    const waiting = full.claim<StatusBody>({ sessionId: 'second', waitSeconds: 60 });
    await scene.status('full', { waitingCount: 1 });
    await operator.stop();
    expect(await waiting).toMatchObject({ status: 503, body: { reason: 'ServiceUnavailable' } });
    await startOperator();
    expect(operator.errors).toEqual([]);
  });
});
