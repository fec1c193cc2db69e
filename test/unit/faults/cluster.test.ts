import type { WatchEvent } from '../../../operator/kube/types';
import { FIELD_MANAGER } from '../../../src/api/names';
import { ApiServer } from '../../faults/cluster/api-server';
import { FakeClient, type Fate } from '../../faults/cluster/client';
import { GARBAGE_COLLECTOR } from '../../faults/cluster/garbage-collector';
import type { Deployment } from '../../faults/cluster/objects';
import { ProcessClock, VirtualTime } from '../../faults/cluster/time';
import { Stage } from '../../faults/stage';

/** The fake answers as the API server that the other suites run does (test/unit/kube, test/e2e). */

const PODS = '/api/v1/namespaces/default/pods';
const CHILD = '/apis/apps/v1/namespaces/default/deployments/rooms';

let time: VirtualTime;
let server: ApiServer;
let fate: Fate;
let client: FakeClient;

beforeEach(() => {
  time = new VirtualTime();
  server = new ApiServer(time);
  fate = {};
  client = new FakeClient('operator', server, time, { fate: () => fate }, new ProcessClock(time));
});

/** What a request came to, time running meanwhile. */
async function outcome(request: Promise<unknown>): Promise<unknown> {
  const settled = request.then(
    (value) => value,
    (error: unknown) => error,
  );
  await time.run(time.elapsedMs + 10_000);
  return settled;
}

const aPod = (name: string, labels: Record<string, string> = {}) =>
  server.create('pods', 'default', { metadata: { name, labels }, spec: {}, status: {} }, { actor: 'test' });

test.each([
  ['another version', { resourceVersion: '1' }, 409],
  ['another uid', { uid: 'other' }, 422],
])('a merge patch for %s is refused', async (_what, metadata, code) => {
  aPod('one');
  expect(await outcome(client.mergePatch(`${PODS}/one`, { metadata }))).toMatchObject({ code });
});

test('a merge patch changes what it names, and null takes away', async () => {
  aPod('one', { app: 'rooms', old: 'yes' });
  const reply = await outcome(client.mergePatch(`${PODS}/one`, { metadata: { labels: { old: null, fresh: 'yes' } } }));
  expect(reply).toMatchObject({ metadata: { labels: { app: 'rooms', fresh: 'yes' } } });
  expect(server.get('pods', 'default', 'one').metadata.labels).not.toHaveProperty('old');
});

test('what changes nothing makes no new version', async () => {
  const { metadata } = aPod('one', { app: 'rooms' });
  await outcome(client.mergePatch(`${PODS}/one`, { metadata: { labels: { app: 'rooms' } } }));
  expect(server.get('pods', 'default', 'one').metadata.resourceVersion).toBe(metadata.resourceVersion);
});

test('an object with a finalizer goes when the last one is taken off', () => {
  const metadata = { name: 'rooms', finalizers: ['example.com/slow'] };
  server.create('deployments', 'default', { metadata, spec: { replicas: 1 } }, { actor: 'test' });
  const going = server.delete('deployments', 'default', 'rooms', { actor: 'test' });
  expect(going?.metadata).toMatchObject({ deletionTimestamp: '2026-01-01T00:00:00Z', generation: 2 });
  const edit = (live: Deployment): Deployment => ({ ...live, metadata: { ...live.metadata, finalizers: [] } });
  server.update('deployments', 'default', 'rooms', edit, { actor: 'test' });
  expect(server.find('deployments', 'default', 'rooms')).toBeUndefined();
});

describe('server-side apply', () => {
  const manifest = (annotations: Record<string, string>) => ({
    metadata: { name: 'rooms', labels: { app: 'rooms' } },
    spec: { replicas: 1, selector: { matchLabels: {} }, template: { metadata: { annotations }, spec: {} } },
  });

  test('takes away what it does not name any more, and leaves alone what is of others', async () => {
    await outcome(client.apply(CHILD, manifest({ one: '1', two: '2' })));
    const edit = (live: Deployment): Deployment => ({
      ...live,
      metadata: { ...live.metadata, labels: { app: 'rooms', by: 'hand' } },
    });
    server.update('deployments', 'default', 'rooms', edit, { actor: 'person' });
    const reply = (await outcome(client.apply(CHILD, manifest({ one: '1' })))) as Deployment;
    expect(reply.spec.template.metadata?.annotations).toEqual({ one: '1' });
    expect(reply.metadata.labels).toEqual({ app: 'rooms', by: 'hand' });
  });

  test('says who owns the fields of the spec', async () => {
    await outcome(client.apply(CHILD, manifest({ one: '1' })));
    const { template } = server.get('deployments', 'default', 'rooms').spec;
    const edited = { ...template, metadata: { annotations: { one: 'x' } } };
    const edit = (live: Deployment): Deployment => ({ ...live, spec: { ...live.spec, template: edited } });
    const owners = (): unknown[] =>
      server.get('deployments', 'default', 'rooms').metadata.managedFields?.map(({ manager }) => manager) ?? [];
    server.update('deployments', 'default', 'rooms', edit, { actor: 'person' });
    expect(owners()).toEqual([FIELD_MANAGER, 'person']);
    await outcome(client.apply(CHILD, manifest({ one: '1' }), { force: true }));
    expect(owners()).toEqual([FIELD_MANAGER]);
  });
});

describe('a scale', () => {
  const scale = `${CHILD}/scale`;
  const patch = (held: number | null, replicas: number) =>
    outcome(
      client.jsonPatch(scale, [
        { op: 'test', path: '/spec/replicas', value: held },
        { op: 'add', path: '/spec/replicas', value: replicas },
      ]),
    );
  const make = (replicas: number) =>
    server.create('deployments', 'default', { metadata: { name: 'rooms' }, spec: { replicas } }, { actor: 'test' });

  test.each([
    ['the count it was computed from', 2, 2, 3],
    ['none, which a Scale leaves out', 0, null, 3],
  ])('is changed from %s', async (_what, replicas, held, wanted) => {
    make(replicas);
    await patch(held, wanted);
    expect(server.get('deployments', 'default', 'rooms').spec.replicas).toBe(wanted);
  });

  test('is not changed from another count', async () => {
    make(4);
    expect(await patch(2, 3)).toMatchObject({ code: 422 });
    expect(server.get('deployments', 'default', 'rooms').spec.replicas).toBe(4);
  });
});

test.each<[string, Fate, unknown, boolean]>([
  ['never gets there', { delayMs: 60_000 }, { code: 'Timeout' }, false],
  ['is done and its reply lost', { isReplyLost: true }, { code: 'Reset' }, true],
  ['is done too late', { delayMs: 6_000 }, { code: 'Timeout' }, true],
])('a write %s', async (_what, its, error, isDone) => {
  aPod('one');
  fate = its;
  expect(await outcome(client.mergePatch(`${PODS}/one`, { metadata: { labels: { a: 'b' } } }))).toMatchObject(
    error as object,
  );
  expect(server.get('pods', 'default', 'one').metadata.labels?.a === 'b').toBe(isDone);
});

describe('a watch', () => {
  const seen: string[] = [];
  const follow = async (events: AsyncGenerator<WatchEvent>): Promise<void> => {
    try {
      for await (const { type, object } of events) seen.push(`${type} ${object.metadata.name}`);
      seen.push('end');
    } catch (error) {
      seen.push((error as { code: string }).code);
    }
  };
  const open = (labelSelector: string, from = server.version) => {
    seen.length = 0;
    const query = { labelSelector, resourceVersion: String(from), timeoutSeconds: 300 };
    void follow(client.watch(PODS, query, new AbortController().signal, 115_000));
  };
  const label = (labels: Record<string, string>) =>
    server.update('pods', 'default', 'one', (live) => ({ ...live, metadata: { ...live.metadata, labels } }), {
      actor: 'test',
    });

  test('tells of what enters its selection, changes in it, and leaves it', async () => {
    open('app=rooms');
    aPod('one');
    label({ app: 'rooms' });
    label({ app: 'rooms', more: 'yes' });
    label({});
    await time.run(1_000);
    expect(seen).toEqual(['ADDED one', 'MODIFIED one', 'DELETED one']);
  });

  test('goes on where the one before it ended', async () => {
    const from = server.version;
    aPod('one', { app: 'rooms' });
    open('app', from);
    await time.run(1_000);
    expect(seen).toEqual(['ADDED one']);
  });

  test('ends by itself, is cut, expires, or falls silent', async () => {
    open('app');
    await time.run(400_000);
    expect(seen.filter((line) => line !== 'BOOKMARK ')).toEqual(['end']);
    open('app');
    await time.run(time.elapsedMs + 1);
    client.watches.cut('pods');
    await time.run(time.elapsedMs + 1);
    expect(seen).toEqual(['Reset']);
    server.compactedAt = server.version + 1;
    open('app');
    await time.run(time.elapsedMs + 1);
    expect(seen).toEqual([410]);
    server.compactedAt = 0;
    open('app');
    await time.run(time.elapsedMs + 1);
    client.watches.mute('pods');
    await time.run(time.elapsedMs + 200_000);
    expect(seen).toEqual(['Timeout']);
  });
});

describe('a session', () => {
  async function busyStage(): Promise<Stage> {
    const stage = new Stage({ guarded: true, marked: false, candidates: 0, seed: 1 });
    stage.time.install();
    stage.found();
    stage.createPool({ idleTarget: 1 });
    stage.startOperators();
    await stage.time.run(3_000);
    const pod = stage.pod(0);
    if (pod) expect(stage.sessions.start(pod)).toBe(true);
    return stage;
  }

  test.each([
    ['the operator', 'operator-1', 1],
    ['the garbage collector', GARBAGE_COLLECTOR, 1],
    ['a person', 'person', 0],
  ])('that %s ends is lost, or is not', async (_who, actor, lost) => {
    const stage = await busyStage();
    try {
      stage.server.delete('pods', 'default', stage.pod(0)?.metadata.name ?? '', { actor });
      expect(stage.sessions.lost).toHaveLength(lost);
      expect(stage.sessions.busy.size).toBe(0);
    } finally {
      stage.time.uninstall();
    }
  });
});
