import { paths } from '../../operator/kube/paths';
import { KIND, RETIRE_FINALIZER } from '../../src/api/names';
import { eventually } from '../../tools/base/eventually';
import { kubectl } from './support/kubectl';
import { OperatorProcess } from './support/operator';
import { BusyWatch, type Pod, Scene } from './support/scene';
import { WriteProxy } from './support/write-proxy';

jest.setTimeout(180_000);

const imageOf = (tag: number): string => `example.com/app:${tag}`;
const image = (tag: number): Record<string, unknown> => ({
  podTemplate: { spec: { containers: [{ name: 'app', image: imageOf(tag) }] } },
});

describe('a revision that is retired', () => {
  let scene: Scene;
  let operator: OperatorProcess | undefined;
  beforeEach(async () => {
    scene = await Scene.open('retire');
  });
  afterEach(async () => {
    await operator?.stop('SIGKILL');
    await scene.close();
  });

  const start = async (): Promise<void> => {
    operator = await OperatorProcess.start({ namespace: scene.namespace });
  };
  const retiring = async (): Promise<string[]> =>
    (await scene.replicaSets())
      .filter(({ metadata }) => metadata.finalizers?.includes(RETIRE_FINALIZER))
      .map(({ metadata }) => metadata.name);
  const isGone = (path: string): Promise<void> =>
    eventually(async () => {
      expect(await scene.exists(path)).toBe(false);
      expect(await retiring()).toEqual([]);
    }, 60_000);
  const hsdPath = (): string => paths.hsds.one(scene.namespace, 'rooms');

  /** Runs an operator until it has deleted a retired ReplicaSet, and kills it right then. */
  async function leaveRetiring(): Promise<void> {
    await operator?.stop();
    const proxy = new WriteProxy(
      (write) => write === 'DELETE replicasets',
      'after',
      () => operator?.kill('SIGKILL'),
    );
    operator = OperatorProcess.spawn({ namespace: scene.namespace, kubeconfig: await proxy.listen() });
    await scene.patchHsd('rooms', image(2));
    await operator.exit;
    await proxy.close();
    expect(await retiring()).toHaveLength(1);
  }

  /** Two Pods, one busy, in a ReplicaSet that is being deleted; no operator. */
  async function halfRetired(): Promise<BusyWatch> {
    await start();
    const sessions = new BusyWatch(scene);
    await scene.createHsd('rooms', { idleTarget: 1 });
    const [pod] = (await scene.settledAt(1)) as [Pod];
    await sessions.start(pod);
    await scene.settledAt(2);
    await scene.status('rooms', { busyCount: 1, availableCount: 1 });
    await leaveRetiring();
    return sessions;
  }

  /** Makes twelve more Pods of the ReplicaSet that has just been handed over. */
  async function growRetired(): Promise<void> {
    const [old] = (await scene.replicaSets()).filter(
      ({ metadata }) => metadata.ownerReferences?.[0]?.kind === KIND && metadata.deletionTimestamp === undefined,
    );
    if (old === undefined) return;
    const path = paths.replicaSets.one(scene.namespace, old.metadata.name);
    await scene.api.mergePatch(path, { spec: { replicas: (old.spec?.replicas ?? 0) + 12 } });
  }

  /** Marks every Pod with this image busy as soon as it can be seen, for so long. */
  async function occupyAll(sessions: BusyWatch, tag: number, forMs: number): Promise<void> {
    const end = performance.now() + forMs;
    while (performance.now() < end) {
      const pods = (await scene.pods()).filter(
        ({ metadata, spec }) => spec?.containers?.[0]?.image === imageOf(tag) && !sessions.holds(metadata.uid),
      );
      await Promise.all(pods.map((pod) => sessions.start(pod).catch(() => undefined)));
    }
  }

  it('keeps Pods made in the last moment, busy at once', async () => {
    const proxy = new WriteProxy((write) => write === 'PATCH replicasets', 'held', growRetired);
    operator = OperatorProcess.spawn({ namespace: scene.namespace, kubeconfig: await proxy.listen() });
    const sessions = new BusyWatch(scene);
    await scene.createHsd('rooms', { idleTarget: 1 });
    await scene.settledAt(1);
    await scene.condition('rooms', 'Ready', 'True');
    for (let tag = 1; tag <= 3; tag += 1) {
      await scene.patchHsd('rooms', image(tag + 1));
      await occupyAll(sessions, tag, 3_000);
      await eventually(async () => expect(await retiring()).toEqual([]));
      expect(await sessions.lost()).toEqual([]);
    }
    // Or nothing was made in the last moment.
    expect((await scene.pods()).filter(({ metadata }) => sessions.holds(metadata.uid)).length).toBeGreaterThan(12);
    await operator.stop();
    await proxy.close();
  });

  it('keeps its Pods while no operator runs, and is let go of by the next one', async () => {
    const sessions = await halfRetired();
    expect(await sessions.lost()).toEqual([]);
    await start();
    await eventually(async () => expect(await retiring()).toEqual([]));
    await scene.status('rooms', { busyCount: 1, availableCount: 1, detachedCount: 1, replicas: 2 });
    expect(await sessions.lost()).toEqual([]);
  });

  it.each(['background', 'foreground'])('does not outlive its hsd: deleted in the %s', async (cascade) => {
    await halfRetired();
    await kubectl(['delete', 'hsd', 'rooms', '-n', scene.namespace, `--cascade=${cascade}`, '--wait=false']);
    await start();
    await isGone(hsdPath());
    await eventually(async () => expect(await scene.allPods()).toEqual([]), 60_000);
  });

  it('leaves its Pods running when the hsd is deleted with --cascade=orphan', async () => {
    const sessions = await halfRetired();
    await kubectl(['delete', 'hsd', 'rooms', '-n', scene.namespace, '--cascade=orphan', '--wait=false']);
    await start();
    await isGone(hsdPath());
    expect(await sessions.lost()).toEqual([]);
  });

  it('does not hold its namespace back', async () => {
    await halfRetired();
    await start();
    const path = `/api/v1/namespaces/${scene.namespace}`;
    await scene.api.delete(path);
    await eventually(async () => expect(await scene.exists(path)).toBe(false), 60_000);
    scene = await Scene.open('retire');
  });
});
