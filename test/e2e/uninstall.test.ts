/** The table of docs/operations.md#uninstall: what stays when something is taken away while a Pod is busy. */
import { dirname, join } from 'node:path';
import { paths } from '../../operator/kube/paths';
import { eventually } from '../../tools/base/eventually';
import { type Cluster, startCluster } from '../../tools/cluster';
import { releasedManifest, writeOperatorKubeconfig } from '../../tools/cluster/install';
import { OperatorProcess } from './support/operator';
import { BusyWatch, type Pod, Scene } from './support/scene';

jest.setTimeout(180_000);

const BASES = dirname(releasedManifest('install'));
const CRD = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/hotstandbydeployments.apps.paia.tech';
const APP = 'app=rooms';

describe('what stays', () => {
  let cluster: Cluster;
  let scene: Scene;
  let sessions: BusyWatch;
  let session: Pod;
  let operator: OperatorProcess | undefined;

  beforeAll(async () => {
    cluster = await startCluster({ nodes: { kind: 'kwok' }, name: 'uninstall' });
    scene = await Scene.open('games', {}, cluster.connection);
    await install();
  });
  afterAll(async () => {
    await operator?.stop();
    await scene?.api.close();
    await cluster?.stop();
  });

  /** All of it, and an operator under its rights. */
  async function install(): Promise<void> {
    await eventually(() => cluster.kubectl(['apply', '--server-side', '-f', releasedManifest('install')]));
    await cluster.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s']);
    const kubeconfig = await writeOperatorKubeconfig(cluster, cluster.dir);
    const where = ['--kubeconfig', kubeconfig, '--all-namespaces', '--health-address', '127.0.0.1:0'];
    operator = await OperatorProcess.start({ args: [...where, '--admission-guard'] });
  }
  async function stopOperator(): Promise<void> {
    await operator?.stop();
    operator = undefined;
  }
  const remove = (what: string, ...flags: string[]) =>
    cluster.kubectl(['delete', '--ignore-not-found', '-k', join(BASES, what), ...flags]);
  const isThere = (path: string) => scene.exists(path);

  /** A pool of two idle Pods and one that is busy. */
  async function withASession(onDelete: 'Delete' | 'Drain'): Promise<void> {
    await scene.createHsd('rooms', { idleTarget: 2, sessions: { onDelete } });
    [session] = (await scene.settledAt(2, APP)) as [Pod];
    sessions = new BusyWatch(scene);
    await sessions.start(session);
    await scene.settledAt(3, APP);
    await scene.status('rooms', { busyCount: 1, availableCount: 2 });
  }

  it('of the operator taken away: definition, pools and every Pod', async () => {
    await withASession('Delete');
    const before = (await scene.pods(APP)).map(({ metadata }) => metadata.uid).sort();
    await stopOperator();
    await remove('operator');
    expect(await isThere('/api/v1/namespaces/hotstandby-system')).toBe(false);
    expect(await isThere(CRD)).toBe(true);
    expect((await scene.hsd('rooms')).metadata.deletionTimestamp).toBeUndefined();
    expect((await scene.pods(APP)).map(({ metadata }) => metadata.uid).sort()).toEqual(before);
    expect(await sessions.lost()).toEqual([]);
  });

  it('of the operator installed again: the same pool, which it goes on with', async () => {
    await install();
    await scene.status('rooms', { busyCount: 1, availableCount: 2 });
    expect(await sessions.lost()).toEqual([]);
  });

  it('of the definition taken away: no pool, and no Pod that anybody looks after, busy or not', async () => {
    await remove('crds');
    await eventually(async () => expect(await isThere(CRD)).toBe(false));
    // Whether the garbage collector comes to the Deployment before the API server forgets the kind of its owner is open.
    await cluster.kubectl(['-n', scene.namespace, 'delete', '--ignore-not-found', 'deployment/rooms-workload']);
    await eventually(async () => expect(await scene.allPods(APP)).toHaveLength(0), 120_000);
    expect(await isThere(paths.deployments.one(scene.namespace, 'rooms-workload'))).toBe(false);
  });

  it('of the definition taken away with Drain: the busy Pod, until its session ends', async () => {
    await stopOperator();
    await install();
    await withASession('Drain');
    await remove('crds', '--wait=false');
    await eventually(async () => {
      expect((await scene.pods(APP)).map(({ metadata }) => metadata.uid)).toEqual([session.metadata.uid]);
    });
    expect(await isThere(CRD)).toBe(true);
    expect(await sessions.lost()).toEqual([]);
    await sessions.end(session);
    await eventually(async () => expect(await isThere(CRD)).toBe(false));
  });

  it('of operator and definition taken away at once with Drain: the Pods, and a definition that waits for an operator', async () => {
    await stopOperator();
    await install();
    await withASession('Drain');
    await stopOperator();
    await remove('operator');
    await remove('crds', '--wait=false');
    await eventually(async () => {
      expect((await scene.hsd('rooms')).metadata.deletionTimestamp).toBeDefined();
    });
    expect(await isThere(CRD)).toBe(true);
    expect(await sessions.lost()).toEqual([]);
    // An operator again, without the definition, which cannot be applied while it goes.
    await eventually(() => cluster.kubectl(['apply', '--server-side', '-k', join(BASES, 'operator')]));
    const kubeconfig = await writeOperatorKubeconfig(cluster, cluster.dir);
    const where = ['--kubeconfig', kubeconfig, '--all-namespaces', '--health-address', '127.0.0.1:0'];
    operator = await OperatorProcess.start({ args: [...where, '--admission-guard'] });
    await sessions.end(session);
    await eventually(async () => expect(await isThere(CRD)).toBe(false));
  });
});
