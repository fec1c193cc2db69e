/** From the release before this version to this version and back, on a live cluster with sessions. */
import { NAME_LABEL, RETIRE_FINALIZER } from '../../src/api/names';
import { PACKAGE_VERSION } from '../../src/version';
import { eventually } from '../../tools/base/eventually';
import { type Cluster, startCluster } from '../../tools/cluster';
import {
  installObjects,
  type ManifestObject,
  manifestObjects,
  withoutOperator,
  writeOperatorKubeconfig,
} from '../../tools/cluster/install';
import { OperatorProcess } from './support/operator';
import { previousRelease, type ReleasedOperator, releasedOperator } from './support/released-operator';
import { runInfo } from './support/run-info';
import { BusyWatch, type Pod, Scene } from './support/scene';
import { WriteProxy } from './support/write-proxy';

jest.setTimeout(180_000);

const previous = previousRelease();
const CURRENT = { version: PACKAGE_VERSION, program: undefined } as const;
/** Two busy in the child, one more outside of it. */
const BUSY = 3;
const IDLE = 2;
const ROOMS = 'app=rooms';

describe(`v${previous.version} -> v${PACKAGE_VERSION} -> v${previous.version} -> v${PACKAGE_VERSION}`, () => {
  let cluster: Cluster;
  let kubeconfig: string;
  let scene: Scene;
  let sessions: BusyWatch;
  let old: ReleasedOperator;
  let operator: OperatorProcess;

  beforeAll(async () => {
    cluster = await startCluster({ nodes: { kind: 'kwok', count: 3 }, name: 'upgrade' });
    old = await releasedOperator(previous, cluster.dir);
    process.stderr.write(`[upgrade] the old side is ${old.origin}\n`);
    await installObjects(cluster, [...manifestObjects('crds', old.version), ...installed(old)]);
    kubeconfig = await writeOperatorKubeconfig(cluster, cluster.dir);
    scene = await Scene.open('upgrade', {}, cluster.connection);
    sessions = new BusyWatch(scene);
    operator = await start(old);
  });
  afterAll(async () => {
    await operator?.stop();
    await scene?.close();
    await cluster?.stop();
  });

  const start = ({ program }: { program?: string }): Promise<OperatorProcess> => {
    const scope = ['--kubeconfig', kubeconfig, '--all-namespaces', '--admission-guard', '--leader-elect'];
    return OperatorProcess.start({ args: [...scope, '--health-address', '127.0.0.1:0'], program });
  };
  const installed = ({ version }: { version: string }): ManifestObject[] => [
    ...withoutOperator('install', version),
    ...manifestObjects('admission-marks', version),
  ];
  const applyCrd = ({ version }: { version: string }): Promise<void> =>
    installObjects(cluster, manifestObjects('crds', version));

  /** As the rollout of the operator's Deployment does it: the new one is Ready before the old one goes. */
  async function replaceOperator(by: { version: string; program?: string }): Promise<void> {
    await installObjects(cluster, installed(by));
    const next = await start(by);
    expect(await operator.stop()).toBe(0);
    operator = next;
    await eventually(async () => {
      const { text } = await next.ask('/metrics');
      expect(text).toMatch(/^hotstandby_leader 1$/m);
    });
  }

  /** What must not change: every Pod by uid with its restarts, what made it, and the child's Pod template. */
  async function picture(): Promise<unknown> {
    const pods = (await scene.allPods(ROOMS)).map(({ metadata, status }) => ({
      uid: metadata.uid,
      deleting: metadata.deletionTimestamp,
      restarts: restarts(status),
      owner: metadata.ownerReferences?.map(({ kind, name }) => `${kind}/${name}`),
    }));
    const child = await scene.child('rooms');
    const made = (await scene.replicaSets()).filter(({ metadata }) => metadata.labels?.[NAME_LABEL] === 'rooms');
    const sets = made.map(({ metadata }) => metadata.uid);
    return { pods: pods.sort((a, b) => a.uid.localeCompare(b.uid)), template: child.spec?.template, sets: sets.sort() };
  }

  /** A session in a pool of its own, from start to end: this operator decides, and has looked at every pool. */
  async function serves(): Promise<void> {
    const labelSelector = 'app=canary';
    const [pod] = await scene.settledAt(1, labelSelector);
    await sessions.start(pod as Pod);
    await scene.settledAt(2, labelSelector);
    await scene.status('canary', { busyCount: 1, availableCount: 1 });
    await sessions.end(pod as Pod);
    await scene.settledAt(1, labelSelector);
    await scene.status('canary', { busyCount: 0, availableCount: 1, drainingCount: 0 });
    await atRest();
  }
  async function atRest(): Promise<void> {
    await scene.childAt('rooms', IDLE + BUSY - 1);
    await scene.settledAt(BUSY + IDLE, ROOMS);
    await scene.status('rooms', { busyCount: BUSY, availableCount: IDLE, detachedCount: 1, drainingCount: 0 });
  }

  it(`starts with sessions under v${previous.version}, one of them of an earlier template`, async () => {
    await scene.createHsd('canary', { idleTarget: 1, selector: { matchLabels: { app: 'canary' } } });
    await scene.createHsd('rooms', { idleTarget: IDLE });
    const [earlier] = await scene.settledAt(IDLE, ROOMS);
    await sessions.start(earlier as Pod);
    await scene.settledAt(IDLE + 1, ROOMS);
    const podTemplate = { spec: { containers: [{ name: 'app', image: 'example.com/app:2' }] } };
    await scene.patchHsd('rooms', { podTemplate });
    await scene.status('rooms', { detachedCount: 1, availableCount: IDLE, replicas: IDLE + 1 });
    const pods = await scene.settledAt(IDLE + 1, ROOMS);
    for (const pod of pods) if (pod.metadata.uid !== earlier?.metadata.uid) await sessions.start(pod);
    await atRest();
  });

  const steps: [string, () => Promise<void>][] = [
    [`the CRD of v${PACKAGE_VERSION} first`, () => applyCrd(CURRENT)],
    [`then its operator`, () => replaceOperator(CURRENT)],
    [`back to the operator of v${previous.version}`, () => replaceOperator(old)],
    [`and to its CRD`, () => applyCrd(old)],
    [`the operator of v${PACKAGE_VERSION} first`, () => replaceOperator(CURRENT)],
    [`then its CRD`, () => applyCrd(CURRENT)],
  ];
  it.each(steps)('%s: every Pod stays as it is, and sessions go on being served', async (_what, step) => {
    const before = await picture();
    await step();
    await serves();
    expect(await picture()).toEqual(before);
    expect(await sessions.lost()).toEqual([]);
    expect(operator.errors).toEqual([]);
  });
});

describe(`a downgrade to v${previous.version} in the middle of a rollout`, () => {
  let scene: Scene;
  let operator: OperatorProcess | undefined;
  let proxy: WriteProxy | undefined;
  let old: ReleasedOperator;
  beforeAll(async () => {
    [scene, old] = await Promise.all([Scene.open('downgrade'), releasedOperator(previous, runInfo().dir)]);
  });
  afterAll(async () => {
    await operator?.stop();
    await proxy?.close();
    await scene?.close();
  });

  it('keeps sessions and ends the rollout; the ReplicaSet held by the newer version goes when that comes back', async () => {
    const { namespace } = scene;
    let dying: OperatorProcess | undefined;
    // The old ReplicaSet has been handed over, with the finalizer in the same write.
    proxy = new WriteProxy(
      (write) => write === 'PATCH replicasets',
      'after',
      () => dying?.kill('SIGKILL'),
    );
    dying = await OperatorProcess.start({ namespace, kubeconfig: await proxy.listen() });
    const sessions = new BusyWatch(scene);
    await scene.createHsd('rooms', { idleTarget: IDLE });
    const [busy] = await scene.settledAt(IDLE);
    await sessions.start(busy as Pod);
    await scene.settledAt(IDLE + 1);
    const podTemplate = { spec: { containers: [{ name: 'app', image: 'example.com/app:2' }] } };
    await scene.patchHsd('rooms', { podTemplate });
    await dying.exit;

    operator = await OperatorProcess.start({ namespace, program: old.program });
    await scene.status('rooms', { busyCount: 1, availableCount: IDLE, detachedCount: 1, replicas: IDLE + 1 });
    await scene.condition('rooms', 'Ready', 'True');
    const held = (await scene.replicaSets()).filter(({ metadata }) => metadata.finalizers?.includes(RETIRE_FINALIZER));
    // v0.1.0 does not know the finalizer: it deletes the ReplicaSet, which stays.
    if (previous.version === '0.1.0') {
      expect(held.map(({ metadata }) => metadata.deletionTimestamp === undefined)).toEqual([false]);
    }
    expect(await sessions.lost()).toEqual([]);

    await operator.stop();
    operator = await OperatorProcess.start({ namespace });
    await eventually(async () => expect(await scene.replicaSets()).toHaveLength(1));
    expect(await sessions.lost()).toEqual([]);
  });
});

function restarts(status: Pod['status']): number {
  const statuses = (status?.containerStatuses ?? []) as { restartCount?: number }[];
  return statuses.reduce((sum, { restartCount = 0 }) => sum + restartCount, 0);
}
