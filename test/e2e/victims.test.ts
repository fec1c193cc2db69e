import { paths } from '../../operator/kube/paths';
import { projectPod } from '../../operator/observe/project';
import { DELETION_COST_ANNOTATION } from '../../src/api/names';
import { Cluster } from '../unit/decide/simulator/cluster';
import { deploymentController, replicaSetController } from '../unit/decide/simulator/controllers';
import { patiently } from './matrix/patiently';
import { type Pod, Scene } from './support/scene';

jest.setTimeout(300_000);

/** One Pod to be: what it lacks or has that counts when a ReplicaSet chooses. */
interface Kind {
  name: string;
  /** No scheduler will ever look at it. */
  unassigned?: boolean;
  /** On a node nobody answers for: it stays Pending. */
  pending?: boolean;
  notReady?: boolean;
  cost?: string;
  /** Ready since so many seconds. */
  readyFor?: number;
}

/** From the first to go to the last. Ready times a factor of four apart: the controller compares their logarithms. */
const ORDER: readonly Kind[] = [
  { name: 'unassigned', unassigned: true, cost: '1000' },
  { name: 'pending', pending: true, cost: '1000' },
  { name: 'not-ready-cheap', notReady: true, cost: '-1000' },
  { name: 'not-ready', notReady: true },
  { name: 'not-ready-busy', notReady: true, cost: '1000' },
  { name: 'draining', cost: '-1000', readyFor: 100_000 },
  { name: 'ready-of-late', readyFor: 60 },
  { name: 'ready-for-long', readyFor: 4_000 },
  { name: 'busy-of-late', cost: '1000', readyFor: 60 },
  { name: 'busy-for-long', cost: '1000', readyFor: 4_000 },
];

const LABELS = { app: 'victims' };

describe("the ReplicaSet controller's choice of victims", () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open('victims');
    // Not annotated for kwok, so its Pods stay Pending.
    await scene.api.create(paths.nodes(), {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: scene.namespace },
      spec: { unschedulable: true },
    });
  });
  afterAll(async () => {
    await scene.api.delete(paths.nodes(scene.namespace));
    await scene.close();
  });

  async function create({ name, unassigned, pending, cost }: Kind): Promise<void> {
    await scene.api.create(paths.pods.list(scene.namespace), {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels: LABELS, ...(cost && { annotations: { [DELETION_COST_ANNOTATION]: cost } }) },
      spec: {
        ...(unassigned && { schedulerName: 'nobody' }),
        // All on one node: Pods that have more siblings on theirs go first, and the model knows nothing of that.
        ...(!unassigned && { nodeName: pending ? scene.namespace : 'kwok-0' }),
        containers: [{ name: 'app', image: 'example.com/app:1' }],
      },
    });
  }

  async function makeReady({ name, unassigned, pending, notReady, readyFor = 0 }: Kind): Promise<void> {
    if (unassigned || pending) return;
    await patiently(async () => expect((await scene.pod(name)).status?.phase).toBe('Running'));
    const lastTransitionTime = new Date(Date.now() - readyFor * 1_000).toISOString().replace(/\.\d+/, '');
    const conditions = [{ type: 'Ready', status: notReady ? 'False' : 'True', lastTransitionTime }];
    await scene.api.mergePatch(paths.pods.one(scene.namespace, name, 'status'), { status: { conditions } });
  }

  /** The same Pods in the model, and whom its ReplicaSet controller ends when it may keep so many. */
  function modelled(pods: readonly Pod[], replicas: number): string[] {
    const cluster = new Cluster(false, {});
    cluster.createChild({ replicas: 0, template: { labelled: true, ownKey: '' } });
    deploymentController(cluster);
    const [rs] = cluster.replicaSets.values();
    if (rs === undefined) throw new Error('the model made no ReplicaSet');
    const controller = { kind: 'ReplicaSet', name: rs.name, uid: rs.uid };
    for (const pod of pods) {
      const { trueKeys: _, marks: __, ...view } = projectPod(pod);
      const annotations = pod.metadata.annotations ?? {};
      const model = { ...view, controller, annotations, podHash: rs.podHash, ownKey: '', session: false };
      cluster.pods.set(view.uid, model);
    }
    rs.replicas = replicas;
    replicaSetController(cluster, rs);
    return [...cluster.pods.values()].filter(({ deleting }) => deleting).map(({ name }) => name);
  }

  it('is that of the model the decisions are proved against', async () => {
    for (const kind of ORDER) await create(kind);
    await Promise.all(ORDER.map(makeReady));
    const before = await scene.pods();
    expect(before).toHaveLength(ORDER.length);
    const sets = paths.replicaSets.list(scene.namespace);
    await scene.api.create(sets, {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { name: 'victims' },
      spec: {
        replicas: ORDER.length,
        selector: { matchLabels: LABELS },
        template: { metadata: { labels: LABELS }, spec: { containers: [{ name: 'app', image: 'example.com/app:1' }] } },
      },
    });
    // It adopts Pods that fit, and makes none.
    await patiently(async () =>
      expect((await scene.pods()).filter(({ metadata }) => metadata.ownerReferences)).toHaveLength(ORDER.length),
    );
    for (let left = ORDER.length - 1; left >= 0; left -= 1) {
      await scene.api.mergePatch(`${sets}/victims`, { spec: { replicas: left } });
      const alive = await patiently(async () => {
        const pods = (await scene.pods()).map(({ metadata }) => metadata.name);
        expect(pods).toHaveLength(left);
        return pods.sort();
      });
      expect(alive).toEqual(
        ORDER.slice(ORDER.length - left)
          .map(({ name }) => name)
          .sort(),
      );
      expect(modelled(before, left).sort()).toEqual(
        before
          .map(({ metadata }) => metadata.name)
          .filter((name) => !alive.includes(name))
          .sort(),
      );
    }
  });
});
