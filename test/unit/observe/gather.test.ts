import type { Observation } from '../../../operator/decide/model';
import { ApiClient } from '../../../operator/kube/client';
import type { KubeObject } from '../../../operator/kube/types';
import { gather } from '../../../operator/observe/gather';
import { World } from '../../../operator/observe/world';
import { NAME_LABEL, RETIRE_FINALIZER, TEMPLATE_HASH_ANNOTATION } from '../../../src/api/names';
import { anHsd, NOW } from '../decide/builders';
import { FakeClock } from '../support/fake-clock';
import { HttpServer, sendJson } from '../support/http-server';
import { recordingLogger } from '../support/logger';

const hsd = anHsd();
const labels = { [NAME_LABEL]: 'rooms' };
const template = { metadata: { labels, annotations: { [TEMPLATE_HASH_ANNOTATION]: 'old' } } };

const object = (kind: string, uid: string, owner: string, fields: object): KubeObject => ({
  metadata: {
    name: uid,
    namespace: 'default',
    uid,
    resourceVersion: '5',
    labels,
    ownerReferences: [{ apiVersion: 'v1', kind, name: owner, uid: owner, controller: true }],
    ...fields,
  },
});
const podOf = (owner: string, fields: object = {}): KubeObject => object('ReplicaSet', 'pod-1', owner, fields);

/** Handed over, deleted, and seen so by its controller. */
const retired = (observedGeneration = 2, resourceVersion = '5'): KubeObject => ({
  ...object('HotStandbyDeployment', 'rs-old', hsd.uid, {
    resourceVersion,
    generation: 2,
    deletionTimestamp: '2026-01-01T00:00:00Z',
    finalizers: [RETIRE_FINALIZER],
  }),
  ...{ spec: { template }, status: { observedGeneration } },
});

let server: HttpServer;
let world: World;
let client: ApiClient;
/** What the API server has. */
let pods: KubeObject[];

beforeEach(async () => {
  pods = [];
  server = await HttpServer.start((_request, response) => sendJson(response, 200, { metadata: {}, items: pods }));
  const clock = new FakeClock();
  client = new ApiClient({ server: server.url, tls: {} }, { userAgent: 'hotstandby/test', clock });
  const logger = recordingLogger();
  world = new World({ client, clock, random: () => 0, logger, watchNodes: false, onChange: () => undefined });
  const child = object('HotStandbyDeployment', 'rooms-workload', hsd.uid, {});
  world.deployments.observe('default', { ...child, ...{ spec: { template } } });
});

afterEach(async () => {
  await client.close();
  await server.stop();
});

function look(): Promise<Observation> {
  const recollection = {
    drainingSince: new Map(),
    unreadySince: new Map(),
    seenReady: new Map(),
    recommendations: [],
    asked: new Set<string>(),
    seenKeys: new Set<string>(),
    attempts: new Map(),
  };
  const claims = { reserved: new Set<string>(), waiting: 0 };
  const circumstances = { ...recollection, claims, now: NOW, serverNow: NOW, probes: new Map(), guarded: true };
  return gather(client, world, hsd, circumstances);
}

describe('a retired ReplicaSet', () => {
  test('has no Pod left when neither the cache nor the API server shows one', async () => {
    world.replicaSets.observe('default', retired());
    pods = [podOf('rs-new'), podOf('rs-old', { uid: 'going', deletionTimestamp: '2026-01-01T00:00:00Z' })];
    expect((await look()).emptied).toEqual(new Set(['rs-old']));
    expect(server.requests).toMatchObject([
      { path: '/api/v1/namespaces/default/pods', query: { labelSelector: 'app=rooms' } },
    ]);
  });

  test('may have a Pod the watch has not shown: it is seen from now on', async () => {
    world.replicaSets.observe('default', retired());
    pods = [podOf('rs-old')];
    const seen = await look();
    expect(seen.emptied).toEqual(new Set());
    expect(seen.pods).toMatchObject([{ uid: 'pod-1', controller: { uid: 'rs-old' } }]);
  });

  test('may have a Pod that carries no label of ours yet', async () => {
    world.replicaSets.observe('default', retired());
    pods = [podOf('rs-old', { labels: { app: 'rooms' } })];
    expect((await look()).emptied).toEqual(new Set());
  });

  test('costs no request while the cache shows one of its Pods, or its controller may make another', async () => {
    world.replicaSets.observe('default', retired(1));
    expect((await look()).emptied).toEqual(new Set());
    world.pods.observe('default', podOf('rs-old'));
    world.replicaSets.observe('default', retired(2, '6'));
    expect((await look()).emptied).toEqual(new Set());
    expect(server.requests).toEqual([]);
  });
});

describe('what the controllers count and no watch shows', () => {
  const bare = { labels: { app: 'rooms' } };
  const rs = (fields: object, status: object): KubeObject => ({
    ...object('Deployment', 'rs-1', 'rooms-workload', fields),
    ...{ spec: { replicas: 1, template }, status },
  });
  const childWith = (replicas: number, fields: object = { template }): void => {
    const child = object('HotStandbyDeployment', 'rooms-workload', hsd.uid, { resourceVersion: '6' });
    world.deployments.observe('default', {
      ...child,
      ...{ spec: { ...fields, selector: { matchLabels: { app: 'rooms' } } }, status: { replicas } },
    });
  };

  test.each<[sentence: string, count: () => void]>([
    ['a ReplicaSet without our label', () => childWith(1)],
    [
      'a Pod without our label',
      () => {
        childWith(1);
        world.replicaSets.observe('default', rs({}, { replicas: 1 }));
      },
    ],
    [
      'anything of a template without our label',
      () => childWith(0, { template: { metadata: { ...template.metadata, labels: {} } } }),
    ],
  ])('%s is asked for by its owner', async (_sentence, count) => {
    count();
    pods = [podOf('rs-1', bare), podOf('rs-other', { ...bare, uid: 'pod-2', name: 'pod-2' })];
    server.requests.length = 0;
    const { unlabelled } = await look();
    expect(server.requests).toHaveLength(2);
    expect(server.requests[1]?.query).toMatchObject({ labelSelector: 'app=rooms,!hsd.paia.tech/name' });
    const isKnown = world.replicaSets.of('default/rooms').length > 0;
    expect(unlabelled.pods.map(({ uid }) => uid)).toEqual(isKnown ? ['pod-1'] : []);
  });

  test('costs no request while all is accounted for, or still on its way', async () => {
    childWith(1);
    world.replicaSets.observe('default', rs({}, { replicas: 0 }));
    await look();
    world.replicaSets.observe('default', rs({ resourceVersion: '6' }, { replicas: 1 }));
    world.pods.observe('default', podOf('rs-1'));
    await look();
    expect(server.requests).toEqual([]);
  });
});
