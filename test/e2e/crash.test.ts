import { paths } from '../../operator/kube/paths';
import { childName, STATE_LABEL } from '../../src/api/names';
import { eventually } from '../../tools/base/eventually';
import { OperatorProcess } from './support/operator';
import { BusyWatch, type Pod, Scene } from './support/scene';
import { type Moment, WriteProxy } from './support/write-proxy';

jest.setTimeout(600_000);

/** More writes than any of the scenarios takes; each round ends earlier when the operator needed fewer. */
const MOST_WRITES = 24;

/** Busy Pods by uid. */
type Held = Map<string, Pod>;

const image = (tag: number): Record<string, unknown> => ({
  podTemplate: { spec: { containers: [{ name: 'app', image: `example.com/app:${tag}` }] } },
});

describe('an operator killed at any of its writes', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await Scene.open('crash');
  });
  afterEach(() => scene.close());

  /** Runs an operator that is killed at its n-th write; resolves with whether it came that far. */
  async function killedAt(n: number, moment: Moment, settled: () => Promise<void>): Promise<boolean> {
    let killed = false;
    let operator: OperatorProcess | undefined;
    const proxy = new WriteProxy(n, moment, () => {
      killed = true;
      void operator?.stop('SIGKILL');
    });
    operator = OperatorProcess.spawn({ namespace: scene.namespace, kubeconfig: await proxy.listen() });
    await Promise.race([operator.exit, settled()]);
    await operator.stop('SIGKILL');
    await proxy.close();
    return killed;
  }

  it.each<[string, Moment]>([
    ['before it reaches the API server', 'before'],
    ['after it was carried out', 'after'],
  ])('converges from a template change with busy Pods: killed %s', async (_title, moment) => {
    const sessions = new BusyWatch(scene);
    const first = await OperatorProcess.start({ namespace: scene.namespace });
    await scene.createHsd('rooms', { idleTarget: 2 });
    const [ready, notReady] = await scene.settledAt(2);
    await sessions.start(ready as never);
    await sessions.start(notReady as never);
    await scene.settledAt(4);
    await scene.status('rooms', { busyCount: 2, availableCount: 2 });
    await first.stop();
    const unready = [{ type: 'Ready', status: 'False', lastTransitionTime: new Date().toISOString() }];
    const path = `/api/v1/namespaces/${scene.namespace}/pods/${notReady?.metadata.name}/status`;
    await scene.api.mergePatch(path, { status: { conditions: unready } });

    const converged = (tag: number) => async (): Promise<void> => {
      await eventually(async () => {
        const idle = await scene.readyPods(`${STATE_LABEL}=idle`);
        expect(idle.map((pod) => pod.spec?.containers?.[0]?.image)).toEqual(Array(2).fill(`example.com/app:${tag}`));
        expect(await scene.pods()).toHaveLength(4);
        expect((await scene.hsd('rooms')).status).toMatchObject({ busyCount: 2, availableCount: 2, replicas: 4 });
      }, 60_000);
    };
    let rounds = 0;
    for (let n = 1; n <= MOST_WRITES; n += 1) {
      const tag = n + 1;
      await scene.patchHsd('rooms', image(tag));
      const killed = await killedAt(n, moment, converged(tag));
      expect(await sessions.lost()).toEqual([]);
      if (!killed) break;
      rounds += 1;
      const next = await OperatorProcess.start({ namespace: scene.namespace });
      await converged(tag)();
      await next.stop();
      expect(await sessions.lost()).toEqual([]);
    }
    expect(rounds).toBeGreaterThan(5);
    expect(rounds).toBeLessThan(MOST_WRITES);
  });

  async function beginThree(sessions: BusyWatch, held: Held): Promise<void> {
    for (const pod of (await scene.readyPods(`${STATE_LABEL}=idle`)).slice(0, 3)) {
      const reply = await sessions.start(pod);
      if (reply.metadata.deletionTimestamp === undefined) held.set(pod.metadata.uid, pod);
    }
  }

  async function endTwo(sessions: BusyWatch, held: Held): Promise<void> {
    for (const [uid, pod] of [...held].slice(0, 2)) {
      await sessions.end(pod);
      held.delete(uid);
    }
  }

  it('undoes an edit of the child, killed when the ownership is taken and the edit not undone', async () => {
    const first = await OperatorProcess.start({ namespace: scene.namespace });
    await scene.createHsd('rooms', { idleTarget: 1 });
    await scene.settledAt(1);
    await scene.condition('rooms', 'Ready', 'True');
    await first.stop();
    const path = paths.deployments.one(scene.namespace, childName('rooms'));
    const edit = { spec: { template: { spec: { hostAliases: [{ ip: '10.0.0.1', hostnames: ['edited'] }] } } } };
    await scene.api.mergePatch(path, edit, { query: { fieldManager: 'kubectl-edit' } });
    let operator: OperatorProcess | undefined;
    const proxy = new WriteProxy(
      (write) => write === 'PATCH deployments',
      'after',
      () => operator?.kill('SIGKILL'),
    );
    operator = OperatorProcess.spawn({ namespace: scene.namespace, kubeconfig: await proxy.listen() });
    await operator.exit;
    await proxy.close();
    const left = await scene.child('rooms');
    expect(left.metadata.managedFields?.map(({ manager }) => manager)).not.toContain('kubectl-edit');
    expect(left.spec?.template).toMatchObject(edit.spec.template);

    const last = await OperatorProcess.start({ namespace: scene.namespace });
    await eventually(async () =>
      expect((await scene.child('rooms')).spec?.template).not.toHaveProperty('spec.hostAliases'),
    );
    await scene.settledAt(1);
    await scene.condition('rooms', 'Ready', 'True');
    await last.stop();
  });

  it('converges from bursts and mass idle, killed at random moments', async () => {
    const sessions = new BusyWatch(scene);
    await scene.createHsd('rooms', { idleTarget: 3 });
    const held: Held = new Map();
    for (let round = 1; round <= 8; round += 1) {
      const operator = await OperatorProcess.start({ namespace: scene.namespace });
      await eventually(
        async () => expect((await scene.readyPods()).length).toBeGreaterThanOrEqual(held.size + 3),
        60_000,
      );
      await (round % 2 === 1 ? beginThree(sessions, held) : endTwo(sessions, held));
      // A different moment each round: somewhere between the event and the end of the scale-down's grace.
      await new Promise((resolve) => setTimeout(resolve, (round * 211) % 1500));
      await operator.stop('SIGKILL');
      expect(await sessions.lost()).toEqual([]);
    }
    const last = await OperatorProcess.start({ namespace: scene.namespace });
    await scene.childAt('rooms', held.size + 3);
    await scene.settledAt(held.size + 3);
    await scene.status('rooms', { busyCount: held.size, availableCount: 3, replicas: held.size + 3 });
    expect(await sessions.lost()).toEqual([]);
    await last.stop();
  });
});
