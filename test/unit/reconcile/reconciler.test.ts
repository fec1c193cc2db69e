import { ApiError } from '../../../operator/kube/errors';
import type { EventRecord } from '../../../operator/kube/events';
import { Fence } from '../../../operator/kube/fence';
import { WorkQueue } from '../../../operator/kube/queue';
import { World } from '../../../operator/observe/world';
import { Reconciler } from '../../../operator/reconcile/reconciler';
import { Metrics } from '../../../operator/serve/metrics';
import { API_VERSION, KIND, NAME_LABEL, RETIRE_FINALIZER } from '../../../src/api/names';
import { ApiServer } from '../../faults/cluster/api-server';
import { type Call, FakeClient } from '../../faults/cluster/client';
import { Controllers } from '../../faults/cluster/controllers';
import { NODES } from '../../faults/cluster/kubelet';
import { ProcessClock, seeded, VirtualTime } from '../../faults/cluster/time';
import { poolSpec } from '../../faults/stage';
import { recordingLogger } from '../support/logger';

/** The real Reconciler, World and Store against an API server in memory. */

const KEY = 'default/rooms';

let time: VirtualTime;
let server: ApiServer;
let reconciler: Reconciler;
let isLeading: boolean;
/** Writes that reached the API server, or were refused on their way. */
let sent: string[];
let events: EventRecord[];
let forgotten: string[];
/** What becomes of a write; undefined: it is done. */
/** hsds whose Pods are probed. */
const asked = new Set<string>();
/** Seconds from a change to its scale write. */
const reactions: number[] = [];
let refuse: (call: Call) => ApiError | undefined;

beforeEach(async () => {
  time = new VirtualTime();
  time.install();
  server = new ApiServer(time);
  new Controllers(server, time);
  [isLeading, sent, events, forgotten] = [true, [], [], []];
  asked.clear();
  reactions.length = 0;
  refuse = () => undefined;
  for (const name of NODES) server.create('nodes', '', { metadata: { name } }, { actor: 'admin' });
  start();
  createHsd();
  await time.run(time.elapsedMs + 10_000);
});

afterEach(() => time.uninstall());

function start(): void {
  const clock = new ProcessClock(time);
  const wire = {
    fate: (call: Call) => {
      const refusal = refuse(call);
      return { ...(refusal && { refusal }) };
    },
    done: ({ verb, resource, subresource }: Call) => {
      if (verb !== 'get' && verb !== 'list') sent.push(`${verb} ${resource}${subresource ? `/${subresource}` : ''}`);
    },
  };
  const client = new FakeClient('operator', server, time, wire, clock);
  const metrics = new Metrics({ clock });
  jest.spyOn(metrics, 'observeReaction').mockImplementation((seconds) => reactions.push(seconds));
  const machine = { clock, random: seeded(1), logger: recordingLogger() };
  const queue = new WorkQueue(machine);
  const world = new World({
    client,
    ...machine,
    watchNodes: false,
    onChange: (key) => reconciler.changed(key),
    onPod: (change) => reconciler.podChanged(change),
  });
  reconciler = new Reconciler({
    client: new Fence(client, () => isLeading),
    world,
    queue,
    prober: {
      setTargets: (key) => asked.add(key),
      removeAll: (key) => {
        asked.delete(key);
        forgotten.push(key);
      },
      clear: () => asked.clear(),
      result: () => undefined,
      probeNow: () => Promise.resolve(undefined),
    },
    events: { record: (event) => events.push(event) },
    metrics,
    ...machine,
    guarded: true,
    serverNow: () => clock.now(),
    isLeading: () => isLeading,
  });
  world.start();
  queue.run((key) => reconciler.reconcile(key), 4);
}

function createHsd(): void {
  const body = { apiVersion: API_VERSION, kind: KIND, metadata: { name: 'rooms' }, spec: poolSpec({}) };
  server.create('hotstandbydeployments', 'default', body, { actor: 'git' });
}

/** The first Pod's session begins; from here on writes and Events are counted. */
function sessionBegins(): string {
  const [pod] = server.all('pods');
  if (pod === undefined) throw new Error('there is no Pod');
  [sent, events] = [[], []];
  const { name, annotations } = pod.metadata;
  const marked = { ...pod.metadata, annotations: { ...annotations, 'paia.tech/busy': 'true' } };
  server.update('pods', 'default', name, (live) => ({ ...live, metadata: marked }), { actor: 'app' });
  return name;
}

const stateOf = (pod: string): string | undefined =>
  server.get('pods', 'default', pod).metadata.labels?.['hsd.paia.tech/state'];
const replicas = (): number => server.get('deployments', 'default', 'rooms-workload').spec.replicas ?? 1;
const reasons = (): string[] => events.map(({ reason }) => reason);

test('a session’s scale write is sent once, before its marks, and tells of itself', async () => {
  const pod = sessionBegins();
  await time.run(time.elapsedMs + 500);
  expect(sent.slice(0, 2)).toEqual(['patch deployments/scale', 'patch pods']);
  await time.run(time.elapsedMs + 10_000);
  expect(sent.filter((write) => write === 'patch deployments/scale')).toHaveLength(1);
  expect([replicas(), stateOf(pod)]).toEqual([3, 'busy']);
  expect(events).toEqual([
    expect.objectContaining({
      reason: 'ScaledUp',
      note: 'Scaled Deployment rooms-workload up from 2 to 3 (1 busy + 2 idle wanted)',
    }),
  ]);
  const { status } = server.get('hotstandbydeployments', 'default', 'rooms');
  expect(status).toMatchObject({ busyCount: 1, lastScaleTime: '2026-01-01T00:00:10Z' });
});

test('a scale write ahead that is refused stops nothing: the pass sends its own, and the marks', async () => {
  let left = 1;
  refuse = ({ subresource }) =>
    subresource === 'scale' && left-- > 0 ? new ApiError(500, { message: 'etcd is away' }) : undefined;
  const pod = sessionBegins();
  await time.run(time.elapsedMs + 500);
  expect(sent.slice(0, 3)).toEqual(['patch deployments/scale', 'patch deployments/scale', 'patch pods']);
  expect([replicas(), stateOf(pod)]).toEqual([3, 'busy']);
  expect(reasons()).toEqual(['ScaledUp']);
});

test('who leads no more writes nothing, forgets its Pods, and begins anew when it leads again', async () => {
  isLeading = false;
  reconciler.stopLeading();
  expect(forgotten).toContain(KEY);
  const pod = sessionBegins();
  await time.run(time.elapsedMs + 10_000);
  expect(sent).toEqual([]);
  isLeading = true;
  reconciler.changed(KEY);
  await time.run(time.elapsedMs + 10_000);
  expect([replicas(), stateOf(pod)]).toEqual([3, 'busy']);
});

test('who leads no more asks no Pod, whatever happens to them, until it leads again', async () => {
  const http = { ...poolSpec({}), busyProbe: { mode: 'http' as const } };
  server.update('hotstandbydeployments', 'default', 'rooms', (live) => ({ ...live, spec: http }), { actor: 'git' });
  await time.run(time.elapsedMs + 10_000);
  expect([...asked]).toEqual([KEY]);
  isLeading = false;
  reconciler.stopLeading();
  expect([...asked]).toEqual([]);
  sessionBegins();
  await time.run(time.elapsedMs + 10_000);
  server.delete('hotstandbydeployments', 'default', 'rooms', { actor: 'git' });
  await time.run(time.elapsedMs + 10_000);
  expect([...asked]).toEqual([]);
});

test('who loses the lead in the middle of a pass asks no Pod after it', async () => {
  const http = { ...poolSpec({ idleTarget: 4 }), busyProbe: { mode: 'http' as const } };
  refuse = ({ verb }) => {
    if (verb !== 'get' && verb !== 'list') isLeading = false;
    return undefined;
  };
  server.update('hotstandbydeployments', 'default', 'rooms', (live) => ({ ...live, spec: http }), { actor: 'git' });
  await time.run(time.elapsedMs + 10_000);
  expect([isLeading, ...asked]).toEqual([false]);
});

test('what changed before it led is no reaction of its own', async () => {
  isLeading = false;
  reconciler.stopLeading();
  sessionBegins();
  await time.run(time.elapsedMs + 3_600_000);
  isLeading = true;
  reconciler.changed(KEY);
  await time.run(time.elapsedMs + 10_000);
  expect(replicas()).toBe(3);
  for (const seconds of reactions) expect(seconds).toBeLessThan(60);
});

test('the orphans of an hsd that is gone are let go of', async () => {
  const owner = { apiVersion: API_VERSION, kind: KIND, name: 'gone', uid: 'uid-of-gone', controller: true };
  const labels = { [NAME_LABEL]: 'gone' };
  const metadata = { name: 'gone-1', labels, finalizers: [RETIRE_FINALIZER], ownerReferences: [owner] };
  const spec = { replicas: 0, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: {} } };
  server.create('replicasets', 'default', { metadata, spec, status: {} }, { actor: 'operator' });
  await time.run(time.elapsedMs + 10_000);
  expect(server.find('replicasets', 'default', 'gone-1')?.metadata.finalizers ?? []).toEqual([]);
});

test('nothing is written at rest', async () => {
  sent = [];
  await time.run(time.elapsedMs + 3_600_000);
  expect(sent).toEqual([]);
});
