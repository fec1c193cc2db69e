import { randomBytes } from 'node:crypto';
import { isNotFound } from '../../operator/kube/errors';
import { paths } from '../../operator/kube/paths';
import {
  BUSY_KEY_ANNOTATION,
  DEFAULT_BUSY_ANNOTATION,
  NAME_LABEL,
  SESSION_ANNOTATION,
  STATE_LABEL,
} from '../../src/api/names';
import type { HotStandbySpec } from '../../src/api/types';
import { guardManifests, REPLICASET_CONTROLLER, SCHEDULER } from '../../src/install/guard';
import { consistently, eventually } from '../../tools/base/eventually';
import { tryKubectl } from './support/kubectl';
import { OperatorProcess } from './support/operator';
import { addPolicy, removePolicy } from './support/policies';
import { isReady, type Pod, Scene } from './support/scene';

jest.setTimeout(300_000);

const CUSTOM_KEY = 'games.example/in-use';

interface Way {
  hsd: string;
  busyProbe: NonNullable<HotStandbySpec['busyProbe']>;
  begin: (scene: Scene, pod: Pod) => Promise<unknown>;
  end: (scene: Scene, pod: Pod) => Promise<unknown>;
}

const byState =
  (state: string): Way['begin'] =>
  (scene, { metadata }) =>
    scene.api.mergePatch(paths.pods.one(scene.namespace, metadata.name), {
      metadata: { labels: { [STATE_LABEL]: state } },
    });

const byRecord =
  (session: string | null): Way['begin'] =>
  (scene, { metadata }) =>
    scene.api.mergePatch(paths.pods.one(scene.namespace, metadata.name), {
      metadata: { annotations: { [SESSION_ANNOTATION]: session } },
    });

const WAYS: [string, Way][] = [
  [
    'the default annotation',
    {
      hsd: 'rooms',
      busyProbe: { mode: 'annotation' },
      begin: (scene, pod) => scene.setBusy(pod),
      end: (scene, pod) => scene.setBusy(pod, null),
    },
  ],
  [
    'an annotation of its own, in other letters',
    {
      hsd: 'custom',
      busyProbe: { mode: 'annotation', annotationKey: CUSTOM_KEY },
      begin: (scene, pod) => scene.setBusy(pod, 'tRUE', CUSTOM_KEY),
      end: (scene, pod) => scene.setBusy(pod, 'no', CUSTOM_KEY),
    },
  ],
  [
    'the default annotation alone: the app has replaced all others',
    {
      hsd: 'replaced',
      busyProbe: { mode: 'annotation' },
      begin: (scene, { metadata }) =>
        scene.api.jsonPatch(paths.pods.one(scene.namespace, metadata.name), [
          { op: 'replace', path: '/metadata/annotations', value: { [DEFAULT_BUSY_ANNOTATION]: 'true' } },
        ]),
      end: (scene, pod) => scene.setBusy(pod, null),
    },
  ],
  // What the operator wrote before it stopped.
  [
    'the state label of http mode',
    { hsd: 'probed', busyProbe: { mode: 'http' }, begin: byState('busy'), end: byState('idle') },
  ],
  [
    'the record of a claim in http mode, whatever the label says',
    { hsd: 'claimed', busyProbe: { mode: 'http' }, begin: byRecord('s-1'), end: byRecord(null) },
  ],
];

describe('the guard, with no operator running', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open('guard');
    const operator = await OperatorProcess.start({ namespace: scene.namespace });
    for (const [, { hsd, busyProbe }] of WAYS) {
      await scene.createHsd(hsd, { idleTarget: 6, selector: { matchLabels: { app: hsd } }, busyProbe });
    }
    for (const [, { hsd }] of WAYS) await scene.settledAt(6, `app=${hsd}`);
    await operator.stop();
  });
  afterAll(() => scene?.close());

  const scale = (hsd: string, replicas: number): Promise<unknown> =>
    scene.api.mergePatch(paths.deployments.one(scene.namespace, `${hsd}-workload`, 'scale'), { spec: { replicas } });

  async function namesOf(hsd: string): Promise<string[]> {
    return (await scene.pods(`app=${hsd}`)).map((pod) => pod.metadata.name).sort();
  }

  async function onlyLeft(hsd: string, pods: Pod[]): Promise<void> {
    const names = pods.map((pod) => pod.metadata.name).sort();
    await eventually(async () => expect(await namesOf(hsd)).toEqual(names));
  }

  it.each(WAYS)(
    'keeps Pods that are busy by %s through a scale-down, and lets each go when it is free',
    async (_name, way) => {
      const { hsd, begin, end } = way;
      const [one, two, three] = (await scene.pods(`app=${hsd}`)) as [Pod, Pod, Pod];
      const busy = [one, two, three].map((pod) => pod.metadata.name);
      for (const pod of [one, two, three]) await begin(scene, pod);
      // The one a ReplicaSet ends first.
      await dropReadiness(three);
      await scale(hsd, 1);
      // The one Pod the ReplicaSet wants to keep may be an idle one.
      await eventually(async () => expect((await namesOf(hsd)).length).toBeLessThanOrEqual(4));
      await consistently(async () => expect(await namesOf(hsd)).toEqual(expect.arrayContaining(busy)), 2_000);
      await scale(hsd, 0);
      await onlyLeft(hsd, [one, two, three]);
      await end(scene, three);
      await onlyLeft(hsd, [one, two]);
      await consistently(async () => expect(await namesOf(hsd)).toHaveLength(2), 1_000);
      await end(scene, one);
      await onlyLeft(hsd, [two]);
      await end(scene, two);
      await onlyLeft(hsd, []);
    },
  );

  async function dropReadiness(pod: Pod): Promise<void> {
    const conditions = [{ type: 'Ready', status: 'False' }];
    const path = paths.pods.one(scene.namespace, pod.metadata.name, 'status');
    // Strategic merge is what kubelets send; a merge patch would replace the list, which does as well here.
    await scene.api.mergePatch(path, { status: { conditions } });
    expect(isReady(await scene.pod(pod.metadata.name))).toBe(false);
  }

  it('lets people delete a busy Pod', async () => {
    await scale('rooms', 1);
    const [pod] = (await scene.settledAt(1, 'app=rooms')) as [Pod];
    await scene.setBusy(pod);
    await scene.api.delete(paths.pods.one(scene.namespace, pod.metadata.name));
    await eventually(async () => expect(await namesOf('rooms')).not.toContain(pod.metadata.name));
  });

  it('refuses exactly the ReplicaSet controller, and says which Pod and why', async () => {
    const [pod] = (await scene.settledAt(1, 'app=rooms')) as [Pod];
    await scene.setBusy(pod);
    const answers = await Promise.all(
      [REPLICASET_CONTROLLER, SCHEDULER, GARBAGE_COLLECTOR].map((user) => tryDelete(scene, pod.metadata.name, user)),
    );
    expect(answers).toEqual([
      `Pod ${scene.namespace}/${pod.metadata.name} is busy: HotStandby keeps it until its session ends`,
      'allowed',
      'allowed',
    ]);
    await scene.setBusy(pod, null);
    expect(await tryDelete(scene, pod.metadata.name, REPLICASET_CONTROLLER)).toBe('allowed');
  });
});

const GARBAGE_COLLECTOR = 'system:serviceaccount:kube-system:generic-garbage-collector';

/** What a user with every right would be told who deletes the Pod; nothing is deleted. */
async function tryDelete({ namespace }: Scene, pod: string, user: string): Promise<string> {
  const as = [`--as=${user}`, '--as-group=system:masters'];
  const { code, stderr } = await tryKubectl(['delete', 'pod', pod, '-n', namespace, '--dry-run=server', ...as]);
  return code === 0 ? 'allowed' : (/Pod \S+ is busy: .*$/m.exec(stderr)?.[0] ?? stderr);
}

describe('preemption by a Pod of higher priority', () => {
  const id = randomBytes(3).toString('hex');
  const node = `guard-node-${id}`;
  const priorityClass = `guard-urgent-${id}`;
  let scene: Scene;

  beforeAll(async () => {
    scene = await Scene.open('preempt');
    await scene.api.create('/apis/scheduling.k8s.io/v1/priorityclasses', {
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name: priorityClass },
      value: 1000,
    });
    const resources = { cpu: '1', memory: '1Gi', pods: '10' };
    await scene.api.create(paths.nodes(), {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: node, annotations: { 'kwok.x-k8s.io/node': 'fake' }, labels: { guard: id } },
      // Nobody else's Pods.
      spec: { taints: [{ key: 'guard', value: id, effect: 'NoSchedule' }] },
      status: { allocatable: resources, capacity: resources },
    });
  });
  afterAll(async () => {
    await scene?.api.delete(paths.nodes(node));
    await scene?.api.delete(`/apis/scheduling.k8s.io/v1/priorityclasses/${priorityClass}`);
    await scene?.close();
  });

  async function runPod(name: string, extra: { metadata?: object; spec?: object }): Promise<Pod> {
    return scene.api.create<Pod>(paths.pods.list(scene.namespace), {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, ...extra.metadata },
      spec: {
        nodeSelector: { guard: id },
        tolerations: [{ key: 'guard', operator: 'Exists' }],
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'app', image: 'example.com/app:1', resources: { requests: { cpu: '700m' } } }],
        ...extra.spec,
      },
    });
  }

  async function runBusyPod(name: string): Promise<Pod> {
    const metadata = {
      labels: { [NAME_LABEL]: 'rooms', [STATE_LABEL]: 'busy' },
      annotations: { [BUSY_KEY_ANNOTATION]: DEFAULT_BUSY_ANNOTATION, [DEFAULT_BUSY_ANNOTATION]: 'true' },
    };
    await runPod(name, { metadata });
    return eventually(async () => {
      const pod = await scene.pod(name);
      expect(isReady(pod)).toBe(true);
      return pod;
    });
  }

  it('ends a busy Pod while the guard does not know the scheduler', async () => {
    await runBusyPod('preempted');
    await runPod('urgent-1', { spec: { priorityClassName: priorityClass } });
    await eventually(async () => {
      expect(await scene.exists(paths.pods.one(scene.namespace, 'preempted'))).toBe(false);
      expect(isReady(await scene.pod('urgent-1'))).toBe(true);
    });
    await scene.api.delete(paths.pods.one(scene.namespace, 'urgent-1'));
  });

  it('waits for the session with guardPreemption', async () => {
    const manifests = guardManifests({
      name: `guard-preemption-${id}`,
      labels: {},
      users: [SCHEDULER],
      namespaces: [scene.namespace],
    });
    await addPolicy(scene, manifests);
    try {
      const busy = await runBusyPod('kept');
      await eventually(async () => expect(await tryDelete(scene, 'kept', SCHEDULER)).toMatch(/is busy/));
      await runPod('urgent-2', { spec: { priorityClassName: priorityClass } });
      await eventually(async () => {
        const pending = (await scene.pod('urgent-2')) as unknown as { status?: { conditions?: { reason?: string }[] } };
        expect(pending.status?.conditions?.map(({ reason }) => reason)).toContain('Unschedulable');
      });
      await consistently(
        async () => expect((await scene.pod('kept')).metadata.deletionTimestamp).toBeUndefined(),
        3_000,
      );
      await scene.setBusy(busy, null);
      await byState('idle')(scene, busy);
      // The scheduler tries again by its own backoff.
      await eventually(async () => expect(isReady(await scene.pod('urgent-2'))).toBe(true), 60_000);
    } finally {
      await removePolicy(scene, manifests);
    }
  });
});

describe('500 busy writes that race a scale-down to nothing', () => {
  const ROUNDS = 10;
  const PODS = 50;
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open('race');
  });
  afterAll(() => scene?.close());

  /** A ReplicaSet like that of a child Deployment, with no operator to help. */
  async function replicaSet(name: string): Promise<string> {
    const labels = { app: name, [NAME_LABEL]: name, [STATE_LABEL]: 'idle' };
    await scene.api.create(paths.replicaSets.list(scene.namespace), {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { name },
      spec: {
        replicas: PODS,
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels, annotations: { [BUSY_KEY_ANNOTATION]: DEFAULT_BUSY_ANNOTATION } },
          spec: { containers: [{ name: 'app', image: 'example.com/app:1' }] },
        },
      },
    });
    return paths.replicaSets.one(scene.namespace, name);
  }

  /** The client protocol: a session starts only when the reply carries no deletionTimestamp. */
  async function tryToStart(pod: Pod): Promise<'won' | 'late' | 'gone'> {
    try {
      return (await scene.setBusy(pod)).metadata.deletionTimestamp === undefined ? 'won' : 'late';
    } catch (error) {
      if (!isNotFound(error)) throw error;
      return 'gone';
    }
  }

  it('loses none whose reply carries no deletionTimestamp', async () => {
    const count = { won: 0, late: 0, gone: 0, lost: 0 };
    for (let round = 0; round < ROUNDS; round += 1) {
      const name = `race-${round}`;
      const path = await replicaSet(name);
      const pods = await scene.settledAt(PODS, `app=${name}`);
      // In small groups, so that some come before the first delete and some after the last.
      const scaled = afterDelay(round * 10).then(() => scene.api.mergePatch(path, { spec: { replicas: 0 } }));
      const won = new Set<string>();
      for (let from = 0; from < PODS; from += 5) {
        const group = pods.slice(from, from + 5);
        const outcomes = await Promise.all(group.map(tryToStart));
        outcomes.forEach((outcome, i) => {
          count[outcome] += 1;
          if (outcome === 'won') won.add(group[i]?.metadata.uid ?? '');
        });
      }
      await scaled;
      const alive = await eventually(async () => {
        const left = await scene.pods(`app=${name}`);
        expect(left.filter((pod) => pod.metadata.annotations?.[DEFAULT_BUSY_ANNOTATION] !== 'true')).toEqual([]);
        expect(left.length).toBeLessThanOrEqual(won.size);
        return new Set(left.map((pod) => pod.metadata.uid));
      });
      count.lost += [...won].filter((uid) => !alive.has(uid)).length;
      await scene.api.delete(path);
    }
    process.stderr.write(`[e2e] ${ROUNDS * PODS} races: ${JSON.stringify(count)}\n`);
    expect(count.won + count.late + count.gone).toBe(ROUNDS * PODS);
    expect(count.lost).toBe(0);
    // Otherwise nothing raced.
    expect(count.won).toBeGreaterThan(0);
    expect(count.late + count.gone).toBeGreaterThan(0);
  });

  /** The scale-down comes a little later each round: before, among and after most busy writes. */
  function afterDelay(milliseconds: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
  }
});
