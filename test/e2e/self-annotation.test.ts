import { randomBytes } from 'node:crypto';
import { App, Chart, Testing } from 'cdk8s';
import * as kplus from 'cdk8s-plus-28';
import { ApiClient } from '../../operator/kube/client';
import { paths } from '../../operator/kube/paths';
import type { KubeObject } from '../../operator/kube/types';
import { BusyProbe, HotStandby } from '../../src';
import {
  BUSY_KEY_ANNOTATION,
  DEFAULT_BUSY_ANNOTATION,
  DELETION_COST_ANNOTATION,
  DO_NOT_DISRUPT_ANNOTATION,
  EXPIRES_AT_ANNOTATION,
  SAFE_TO_EVICT_ANNOTATION,
  SESSION_ANNOTATION,
  STATE_LABEL,
} from '../../src/api/names';
import { marksManifests } from '../../src/install/marks';
import { eventually } from '../../tools/base/eventually';
import { toManifest } from '../../tools/cluster/install';
import { kubectl } from './support/kubectl';
import { OperatorProcess } from './support/operator';
import { addPolicy, removePolicy, typeWarnings } from './support/policies';
import { runInfo } from './support/run-info';
import { type Pod, Scene } from './support/scene';

jest.setTimeout(180_000);

const CUSTOM_KEY = 'games.example/in-use';
const ALL_MARKS = {
  [DELETION_COST_ANNOTATION]: '1000',
  [SAFE_TO_EVICT_ANNOTATION]: 'false',
  [DO_NOT_DISRUPT_ANNOTATION]: 'true',
};

describe('a Pod of selfAnnotating()', () => {
  let scene: Scene;
  let operator: OperatorProcess;
  const clients: ApiClient[] = [];
  /** Two Pods of one hsd, one of another with a key of its own, and one that is none of ours. */
  let self: Pod;
  let sibling: Pod;
  let custom: Pod;
  let stranger: Pod;
  /** As `self`, by the token the kubelet would mount. */
  let own: ApiClient;

  beforeAll(async () => {
    scene = await Scene.open('selfanno');
    operator = await OperatorProcess.start({ namespace: scene.namespace });
    await kubectl(['apply', '--server-side', '-f', '-'], { input: toManifest(rooms(scene.namespace)) });
    await scene.api.create(paths.pods.list(scene.namespace), {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'database', labels: { app: 'database' } },
      spec: { containers: [{ name: 'db', image: 'example.com/db:1' }] },
    });
    const idle = await eventually(async () => {
      const pods = await scene.readyPods(`${STATE_LABEL}=idle`);
      expect(pods).toHaveLength(3);
      return pods;
    });
    const of = (app: string): Pod[] => idle.filter((pod) => pod.metadata.labels?.app === app);
    [self, sibling, custom] = [...of('rooms'), ...of('custom')] as [Pod, Pod, Pod];
    stranger = await scene.pod('database');
    own = await clientOf('rooms', self);
  });
  afterAll(async () => {
    for (const client of clients) await client.close();
    await operator?.stop();
    await scene?.close();
  });

  async function clientOf(account: string, pod?: Pod): Promise<ApiClient> {
    const bound = pod && { kind: 'Pod', apiVersion: 'v1', name: pod.metadata.name, uid: pod.metadata.uid };
    const path = `/api/v1/namespaces/${scene.namespace}/serviceaccounts/${account}/token`;
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { boundObjectRef: bound } };
    const { status } = await scene.api.create<{ status: { token: string } }>(path, body);
    const { server, tls } = runInfo().connection;
    const authorization = async (): Promise<string> => `Bearer ${status.token}`;
    const client = new ApiClient({ server, tls: { ca: tls.ca }, authorization }, { userAgent: 'hotstandby-e2e-pod' });
    clients.push(client);
    return client;
  }

  function write(client: ApiClient, pod: KubeObject, body: object): Promise<Pod> {
    return client.mergePatch<Pod>(paths.pods.one(scene.namespace, pod.metadata.name), body);
  }

  const annotated = (annotations: Record<string, string | null>): object => ({ metadata: { annotations } });
  const labelled = (labels: Record<string, string>): object => ({ metadata: { labels } });
  const busy = (value: string | null = 'true', key = DEFAULT_BUSY_ANNOTATION): object => annotated({ [key]: value });

  it('is limited by a policy without type errors', async () => {
    for (const name of ['hotstandby-self-annotation', 'hotstandby-busy-pod-guard', 'hotstandby-drain-guard']) {
      const warnings = await eventually(async () => {
        const found = await typeWarnings(scene, name);
        expect(found).toBeDefined();
        return found;
      });
      expect(warnings).toEqual([]);
    }
  });

  it('marks itself busy, idle, and busy no more', async () => {
    for (const value of ['true', 'TRUE', 'false', 'true', null]) {
      const reply = await write(own, self, busy(value));
      expect(reply.metadata.annotations?.[DEFAULT_BUSY_ANNOTATION] ?? null).toBe(value);
    }
  });

  it('ends its claim by clearing its mark, may take the record away with it, and writes none', async () => {
    const admin = scene.api;
    const record = { [SESSION_ANNOTATION]: 's-1', [EXPIRES_AT_ANNOTATION]: '2100-01-01T00:00:00Z' };
    const gone = { [SESSION_ANNOTATION]: null, [EXPIRES_AT_ANNOTATION]: null };
    await write(admin, self, annotated({ ...record, [DEFAULT_BUSY_ANNOTATION]: 'true' }));
    await expect(write(own, self, annotated(gone))).rejects.toThrow(`annotation ${SESSION_ANNOTATION}`);
    await expect(write(own, self, annotated({ [EXPIRES_AT_ANNOTATION]: null }))).rejects.toThrow(
      'may change of itself',
    );
    const reply = await write(own, self, annotated({ ...gone, [DEFAULT_BUSY_ANNOTATION]: null }));
    expect(reply.metadata.annotations).not.toHaveProperty([SESSION_ANNOTATION]);
    await expect(write(own, self, annotated({ ...record, [DEFAULT_BUSY_ANNOTATION]: 'true' }))).rejects.toThrow(
      `annotation ${SESSION_ANNOTATION}`,
    );
  });

  it('marks itself by a key of its own', async () => {
    const client = await clientOf('custom', custom);
    await write(client, custom, busy('true', CUSTOM_KEY));
    await scene.status('custom', { busyCount: 1 });
    await write(client, custom, busy(null, CUSTOM_KEY));
    await expect(write(client, custom, busy())).rejects.toThrow(
      `may change of itself only annotation ${CUSTOM_KEY}, not annotation ${DEFAULT_BUSY_ANNOTATION}`,
    );
  });

  it('may write the marks that go with its flip, and no others', async () => {
    const flip = {
      metadata: { labels: { [STATE_LABEL]: 'busy' }, annotations: { [DEFAULT_BUSY_ANNOTATION]: 'true', ...ALL_MARKS } },
    };
    await operator.stop();
    await write(own, self, flip);
    await expect(write(own, self, labelled({ [STATE_LABEL]: 'idle' }))).rejects.toThrow(`not label ${STATE_LABEL}`);
    await expect(write(own, self, annotated({ [DELETION_COST_ANNOTATION]: null }))).rejects.toThrow(
      `not annotation ${DELETION_COST_ANNOTATION}`,
    );
    const gone = Object.fromEntries([DEFAULT_BUSY_ANNOTATION, ...Object.keys(ALL_MARKS)].map((key) => [key, null]));
    await expect(
      write(own, self, { metadata: { labels: { [STATE_LABEL]: 'draining' }, annotations: gone } }),
    ).rejects.toThrow(`not label ${STATE_LABEL}`);
    await write(own, self, { metadata: { labels: { [STATE_LABEL]: 'idle' }, annotations: gone } });
    operator = await OperatorProcess.start({ namespace: scene.namespace });
  });

  it('has the marks written for it where the marks policy is installed', async () => {
    const manifests = marksManifests({
      name: `marks-${randomBytes(3).toString('hex')}`,
      labels: {},
      namespaces: [scene.namespace],
    });
    await write(own, self, busy(null));
    await scene.status('rooms', { busyCount: 0, availableCount: 2 });
    await addPolicy(scene, manifests);
    try {
      const path = paths.pods.one(scene.namespace, self.metadata.name);
      const marked = { labels: { [STATE_LABEL]: 'busy' }, annotations: ALL_MARKS };
      await eventually(async () => {
        const reply = await own.mergePatch<Pod>(path, busy(), { query: { dryRun: 'All' } });
        expect(reply.metadata).toMatchObject(marked);
      });
      expect((await write(own, self, busy())).metadata).toMatchObject(marked);
      const idle = await write(own, self, busy(null));
      expect(idle.metadata.labels).toMatchObject({ [STATE_LABEL]: 'idle' });
      expect(Object.keys(idle.metadata.annotations ?? {})).not.toContain(DELETION_COST_ANNOTATION);
    } finally {
      await removePolicy(scene, manifests);
    }
  });

  it.each<[string, () => KubeObject]>([
    ['another Pod of the same HotStandby', () => sibling],
    ['a Pod of another HotStandby', () => custom],
    ['a Pod that is none of ours', () => stranger],
  ])('may not write %s', async (_name, pod) => {
    const refusal = `Pod ${self.metadata.name} may not change Pod ${pod().metadata.name}: the Pods of ServiceAccount rooms may each change only themselves`;
    await expect(write(own, pod(), busy())).rejects.toThrow(refusal);
    await expect(write(own, pod(), labelled({ app: 'x' }))).rejects.toThrow(refusal);
  });

  it.each<[string, object, string]>([
    ['another annotation', annotated({ other: 'x' }), 'annotation other'],
    ['the name of its busy key', annotated({ [BUSY_KEY_ANNOTATION]: 'other' }), `annotation ${BUSY_KEY_ANNOTATION}`],
    ['its deletion cost', annotated({ [DELETION_COST_ANNOTATION]: '1000' }), `annotation ${DELETION_COST_ANNOTATION}`],
    ['a label', labelled({ app: 'database' }), 'label app'],
    ['its state', labelled({ [STATE_LABEL]: 'busy' }), `label ${STATE_LABEL}`],
    ['its owner', { metadata: { ownerReferences: null } }, 'ownerReferences'],
    ['its finalizers', { metadata: { finalizers: ['example.com/x'] } }, 'finalizers'],
    ['its spec', { spec: { activeDeadlineSeconds: 60 } }, 'spec'],
    [
      'something beside the busy annotation',
      { metadata: { annotations: { [DEFAULT_BUSY_ANNOTATION]: 'true', other: 'x' }, labels: { app: 'x' } } },
      'annotation other, label app',
    ],
  ])('may not change %s', async (_name, body, what) => {
    await expect(write(own, self, body)).rejects.toThrow(
      `Pod ${self.metadata.name} may change of itself only annotation ${DEFAULT_BUSY_ANNOTATION}, not ${what}: ServiceAccount rooms is labelled hsd.paia.tech/annotator`,
    );
  });

  it('may do nothing by a token that is bound to no Pod', async () => {
    await expect(write(await clientOf('rooms'), self, busy())).rejects.toThrow(
      `a token that is bound to no Pod may not change Pod ${self.metadata.name}`,
    );
  });

  it('limits nobody else: the operator, the administrator, another ServiceAccount that hands out sessions', async () => {
    await kubectl(['create', 'serviceaccount', 'broker', '-n', scene.namespace]);
    await kubectl(['create', 'role', 'broker', '-n', scene.namespace, '--verb=patch', '--resource=pods']);
    const bind = ['create', 'rolebinding', 'broker', '-n', scene.namespace, '--role=broker'];
    await kubectl([...bind, `--serviceaccount=${scene.namespace}:broker`]);
    const pod = await scene.api.create<Pod>(paths.pods.list(scene.namespace), {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'broker' },
      spec: { serviceAccountName: 'broker', containers: [{ name: 'broker', image: 'example.com/broker:1' }] },
    });
    const broker = await clientOf('broker', pod);
    await eventually(() => write(broker, self, busy()));
    await eventually(async () => {
      expect((await scene.pod(self.metadata.name)).metadata.annotations).toMatchObject(ALL_MARKS);
    });
    await write(scene.api, sibling, annotated({ other: 'x' }));
    await write(broker, self, busy(null));
    await scene.status('rooms', { busyCount: 0 });
  });
});

/** What a user of the constructs writes. */
function rooms(namespace: string): object[] {
  const chart = new Chart(new App(), 'test', { namespace, disableResourceNameHashes: true });
  const add = (name: string, idleTarget: number, busyProbe?: BusyProbe): void => {
    const hotStandby = new HotStandby(chart, name, {
      metadata: { name },
      podMetadata: { labels: { app: name } },
      idleTarget,
      maxReplicas: idleTarget,
      busyProbe,
      containers: [{ image: 'example.com/app:1', portNumber: 8080 }],
    });
    hotStandby.selfAnnotating({
      serviceAccount: new kplus.ServiceAccount(chart, `${name}-account`, { metadata: { name } }),
    });
  };
  add('rooms', 2);
  add('custom', 1, BusyProbe.annotation({ key: CUSTOM_KEY }));
  return Testing.synth(chart);
}
