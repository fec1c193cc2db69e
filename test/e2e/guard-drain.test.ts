import { paths } from '../../operator/kube/paths';
import type { KubeObject } from '../../operator/kube/types';
import { budgetName, DRAIN_ANNOTATION, DRAIN_FINALIZER, KIND, STATE_LABEL } from '../../src/api/names';
import { consistently, eventually } from '../../tools/base/eventually';
import { kubectl } from './support/kubectl';
import { OperatorProcess } from './support/operator';
import { BusyWatch, type Pod, Scene } from './support/scene';
import { WriteProxy } from './support/write-proxy';

jest.setTimeout(300_000);

const image = (tag: number): Record<string, unknown> => ({
  podTemplate: { spec: { containers: [{ name: 'app', image: `example.com/app:${tag}` }] } },
});
const DRAIN = { sessions: { onDelete: 'Drain' } } as const;

describe('a HotStandbyDeployment with sessions.onDelete: Drain', () => {
  let scene: Scene;
  let operator: OperatorProcess;
  beforeAll(async () => {
    scene = await Scene.open('drain');
    operator = await OperatorProcess.start({ namespace: scene.namespace });
  });
  afterAll(async () => {
    await operator?.stop();
    await scene?.close();
  });

  const labels = (app: string) => ({ selector: { matchLabels: { app } } });
  const hsdPath = (name: string): string => paths.hsds.one(scene.namespace, name);
  const childPath = (name: string): string => paths.deployments.one(scene.namespace, `${name}-workload`);
  const budgetPath = (name: string): string => paths.podDisruptionBudgets.one(scene.namespace, budgetName(name));

  /** One busy Pod of an earlier revision, detached, one in the child, and two idle ones. */
  async function twoSessions(name: string): Promise<{ sessions: BusyWatch; detached: Pod; attached: Pod }> {
    const sessions = new BusyWatch(scene);
    await scene.createHsd(name, { ...labels(name), ...DRAIN, idleTarget: 2 });
    const [detached] = (await scene.settledAt(2, `app=${name}`)) as [Pod];
    await sessions.start(detached);
    await scene.settledAt(3, `app=${name}`);
    await scene.patchHsd(name, image(2));
    await scene.status(name, { busyCount: 1, detachedCount: 1, availableCount: 2, replicas: 3 });
    const [attached] = (await scene.readyPods(`app=${name},${STATE_LABEL}=idle`)) as [Pod];
    await sessions.start(attached);
    await scene.status(name, { busyCount: 2, detachedCount: 1, availableCount: 2, replicas: 4 });
    return { sessions, detached, attached };
  }

  async function annotated(path: string): Promise<boolean> {
    const object = await scene.api.get<KubeObject>(path);
    return object.metadata.annotations?.[DRAIN_ANNOTATION] === 'true';
  }

  async function deleteForeground(name: string): Promise<void> {
    await kubectl(['delete', 'hsd', name, '-n', scene.namespace, '--cascade=foreground', '--wait=false']);
  }

  async function everythingGone(name: string, deadlineMs?: number): Promise<number> {
    const start = performance.now();
    await eventually(async () => {
      for (const path of [hsdPath(name), childPath(name), budgetPath(name)])
        expect(await scene.exists(path)).toBe(false);
      expect(await scene.allPods(`app=${name}`)).toEqual([]);
    }, deadlineMs);
    return performance.now() - start;
  }

  it('keeps every busy Pod through a foreground deletion until its session ends, and then all of it goes', async () => {
    const { sessions, detached, attached } = await twoSessions('rooms');
    await eventually(async () => {
      for (const path of [childPath('rooms'), budgetPath('rooms'), podPath(detached)])
        expect(await annotated(path)).toBe(true);
    });
    await deleteForeground('rooms');
    const waiting = await scene.hsd('rooms');
    expect(waiting.metadata.finalizers?.sort()).toEqual(['foregroundDeletion', DRAIN_FINALIZER]);
    // Idle Pods go at once.
    await scene.settledAt(2, 'app=rooms');
    await consistently(async () => expect(await sessions.lost()).toEqual([]), 4_000);
    expect(await scene.exists(budgetPath('rooms'))).toBe(true);
    await sessions.end(attached);
    await eventually(async () => expect(await scene.pods('app=rooms')).toHaveLength(1));
    await consistently(async () => expect(await sessions.lost()).toEqual([]), 1_000);
    await sessions.end(detached);
    const took = await everythingGone('rooms', 90_000);
    process.stderr.write(`[e2e] foreground deletion: all gone ${(took / 1000).toFixed(1)} s after the last session\n`);
  });

  /** Whether a ReplicaSet belongs to the hsd itself, and is not being deleted. */
  async function isHandedOver(name: string): Promise<boolean> {
    const owned = (await scene.replicaSets()).filter(({ metadata }) =>
      metadata.ownerReferences?.some((owner) => owner.kind === KIND && owner.name === name),
    );
    return owned.some(({ metadata }) => metadata.deletionTimestamp === undefined);
  }

  /** An operator that dies with its first write to a ReplicaSet, which the API server may have refused. */
  async function killAtHandOver(): Promise<void> {
    const proxy = new WriteProxy(
      (write) => write === 'PATCH replicasets',
      'after',
      () => operator.kill('SIGKILL'),
    );
    operator = OperatorProcess.spawn({ namespace: scene.namespace, kubeconfig: await proxy.listen() });
    await operator.exit;
    await proxy.close();
  }

  it('keeps a busy Pod whose ReplicaSet has just been handed over, and is not deleted yet', async () => {
    const sessions = new BusyWatch(scene);
    await scene.createHsd('rollout', { ...labels('rollout'), ...DRAIN, idleTarget: 1 });
    const [pod] = (await scene.settledAt(1, 'app=rollout')) as [Pod];
    await sessions.start(pod);
    await scene.settledAt(2, 'app=rollout');
    await scene.status('rollout', { busyCount: 1, availableCount: 1 });
    await operator.stop();
    await scene.patchHsd('rollout', image(2));
    for (let attempt = 0; attempt < 5 && !(await isHandedOver('rollout')); attempt += 1) await killAtHandOver();
    expect(await isHandedOver('rollout')).toBe(true);

    await deleteForeground('rollout');
    await consistently(async () => expect(await sessions.lost()).toEqual([]), 4_000);
    operator = await OperatorProcess.start({ namespace: scene.namespace });
    await scene.settledAt(1, 'app=rollout');
    expect(await sessions.lost()).toEqual([]);
    await sessions.end(pod);
    await everythingGone('rollout', 90_000);
  });

  it('lets everything go when the owner gives up waiting: onDelete: Delete', async () => {
    const { sessions } = await twoSessions('released');
    await deleteForeground('released');
    await scene.settledAt(2, 'app=released');
    expect(await sessions.lost()).toEqual([]);
    await scene.patchHsd('released', { sessions: { onDelete: 'Delete' } });
    const took = await everythingGone('released', 90_000);
    process.stderr.write(`[e2e] released: all gone after ${(took / 1000).toFixed(1)} s\n`);
  });

  it('does not hold people back', async () => {
    const { detached, attached } = await twoSessions('people');
    await scene.api.delete(podPath(detached));
    await eventually(async () => expect(await scene.exists(podPath(detached))).toBe(false));
    await scene.api.delete(childPath('people'));
    await eventually(async () => expect(await scene.exists(podPath(attached))).toBe(false));
    await scene.patchHsd('people', { sessions: { onDelete: 'Delete' } });
    await eventually(async () => {
      expect((await scene.hsd('people')).metadata.finalizers ?? []).toEqual([]);
      expect(await annotated(childPath('people'))).toBe(false);
    });
    await scene.api.delete(hsdPath('people'));
    await everythingGone('people');
  });

  const podPath = (pod: Pod): string => paths.pods.one(scene.namespace, pod.metadata.name);
});

describe('a namespace with busy Pods that drain', () => {
  it('goes when it is deleted', async () => {
    const scene = await Scene.open('drainns');
    const operator = await OperatorProcess.start({ namespace: scene.namespace });
    try {
      await scene.createHsd('rooms', { ...DRAIN, idleTarget: 1 });
      const [pod] = (await scene.settledAt(1)) as [Pod];
      await scene.setBusy(pod);
      await scene.status('rooms', { busyCount: 1, availableCount: 1 });
      const path = `/api/v1/namespaces/${scene.namespace}`;
      await scene.api.delete(path);
      await eventually(async () => expect(await scene.exists(path)).toBe(false), 60_000);
    } finally {
      await operator.stop();
      await scene.api.close();
    }
  });
});
