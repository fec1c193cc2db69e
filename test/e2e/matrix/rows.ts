import { paths } from '../../../operator/kube/paths';
import { childName } from '../../../src/api/names';
import type { HotStandbySpec } from '../../../src/api/types';
import { kubectl, tryKubectl } from '../support/kubectl';
import { addMarksPolicy, type Counted, evictAll, evictAllMeanwhile, removeMarksPolicy } from './evictor';
import type { Ground } from './ground';
import type { Mode } from './markers';
import { patiently } from './patiently';
import { preempt } from './preemption';
import { pause } from './session-loop';
import { IDLE_TARGET, imageOf, type Stand } from './stand';
import type { Kind } from './table';

/** One way to die. */
export interface Row {
  name: string;
  /** What happens to one stand; resolves when it has been done, whatever comes of it. */
  act: (stand: Stand) => Promise<void>;
  /** What must hold in the end, beside the right number of Pods. */
  settled?: (stand: Stand) => Promise<void>;
  spec?: Partial<HotStandbySpec>;
  /** Nodes of its own for each stand. */
  nodes?: { count: number; pods?: number };
  /** Why a cell is not run; undefined: it is. */
  leftOut?: (mode: Mode, kind: Kind) => string | undefined;
  /** In a namespace of its own with so many operators. */
  operators?: number;
  /** Before and after all stands of the row are acted upon. */
  before?: (ground: Ground) => Promise<void>;
  after?: (ground: Ground) => Promise<void>;
  /** Nobody may notice it: no Pod need be ended. */
  toothless?: boolean;
  /** From when on sessions that turn busy count, in rows of evictions. */
  counted?: Counted;
  /** Takes so long that it runs beside the others. */
  slow?: boolean;
}

const UNPROBED =
  'not run: in http mode nobody but the Pod knows of a session before the next probe; what ends idle Pods without asking the operator can end such a Pod';

/** For what others do to the Pods, who ask nobody. */
const untilProbed = (mode: Mode, kind: Kind): string | undefined =>
  mode === 'http' && kind === 'turning' ? UNPROBED : undefined;

const besideTurning = (_mode: Mode, kind: Kind): string | undefined =>
  kind === 'turning' ? 'not run: see "eviction while others turn busy"' : undefined;

const deployment = (stand: Stand): string => `deployment/${childName(stand.name)}`;
const inNamespace = (stand: Stand): string[] => ['-n', stand.scene.namespace];
const newest = (tag: number) => (stand: Stand) => stand.imaged(tag);

async function restart(stand: Stand): Promise<void> {
  await kubectl(['rollout', 'restart', deployment(stand), ...inNamespace(stand)]);
}

async function scaleTo(stand: Stand, replicas: number): Promise<void> {
  await kubectl(['scale', deployment(stand), `--replicas=${replicas}`, ...inNamespace(stand)]);
}

/** Whoever is faster: the operator puts it right within milliseconds, so once may go unnoticed by the controllers. */
async function scaleToNothing(stand: Stand): Promise<void> {
  await scaleTo(stand, 0);
  const path = paths.deployments.one(stand.scene.namespace, childName(stand.name), 'scale');
  for (let more = 0; more < 20; more += 1) {
    await pause(50);
    await stand.scene.api.mergePatch(path, { spec: { replicas: 0 } });
  }
}

async function rollBack(stand: Stand): Promise<void> {
  await stand.changeImage(2);
  await patiently(() => expect(stand.live.map((pod) => pod.spec?.containers?.[0]?.image)).toContain(imageOf(2)));
  // A session of the newer template too, before it goes back.
  if (stand.ready.length > 0) await stand.occupy('ready');
  await stand.changeImage(1);
}

async function clampByHpa(stand: Stand): Promise<void> {
  const { namespace } = stand.scene;
  const path = `/apis/autoscaling/v2/namespaces/${namespace}/horizontalpodautoscalers`;
  const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: childName(stand.name) };
  await stand.scene.api.create(path, {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: stand.name },
    spec: { scaleTargetRef, minReplicas: 1, maxReplicas: 1 },
  });
  // It looks every 15 s; without metrics it clamps all the same.
  await patiently(async () => {
    const hpa = await stand.scene.api.get<{ status?: { lastScaleTime?: string } }>(`${path}/${stand.name}`);
    expect(hpa.status?.lastScaleTime).toBeDefined();
  });
  await stand.bitten();
  await stand.scene.api.delete(`${path}/${stand.name}`);
}

interface Edited {
  metadata: { generation: number };
  spec: { template: { spec: { containers: { image: string }[] } } };
}

async function editImage(stand: Stand): Promise<void> {
  const edit = { spec: { template: { spec: { containers: [{ name: 'app', image: 'example.com/other:1' }] } } } };
  const path = paths.deployments.one(stand.scene.namespace, childName(stand.name));
  const edited = await stand.scene.api.mergePatch<Edited>(path, edit, { query: { fieldManager: 'kubectl-edit' } });
  // Put right within milliseconds; the Deployment controller may have begun a rollout of it all the same.
  await patiently(async () => {
    const { metadata, spec } = await stand.scene.api.get<Edited>(path);
    expect(metadata.generation).toBeGreaterThan(edited.metadata.generation);
    expect(spec.template.spec.containers[0]?.image).toBe(imageOf(1));
  });
}

async function outliveReplicaSets(stand: Stand): Promise<void> {
  await stand.changeImage(2);
  await stand.bitten();
  await restart(stand);
  await stand.changeImage(3);
}

/** The history limit of 0 has every ReplicaSet deleted that holds no Pods any more. */
async function oneReplicaSet(stand: Stand): Promise<void> {
  await stand.imaged(3);
  await patiently(async () => {
    const all = await stand.scene.replicaSets();
    expect(all.filter((rs) => rs.metadata.labels?.app === stand.name)).toHaveLength(1);
  });
}

const nodeOf = (pod: { spec?: object }): string | undefined => (pod.spec as { nodeName?: string }).nodeName;

async function cordonEach(stand: Stand): Promise<void> {
  for (const node of stand.nodes) {
    await kubectl(['cordon', node]);
    await patiently(() => expect(stand.others.map(nodeOf)).not.toContain(node));
    await kubectl(['uncordon', node]);
  }
}

async function drainEach(stand: Stand): Promise<void> {
  let refusals = '';
  for (const node of stand.nodes) {
    refusals += (await tryKubectl(['drain', node, `--pod-selector=app=${stand.name}`, '--timeout=3s'])).stderr;
    await kubectl(['uncordon', node]);
  }
  expect(refusals).toContain("violate the pod's disruption budget");
}

/** Nobody corrects what is done to the child. */
async function withoutOperator(stand: Stand): Promise<void> {
  await scaleTo(stand, 0);
  await stand.bitten();
  await kubectl(['set', 'image', deployment(stand), `app=${imageOf(7)}`, ...inNamespace(stand)]);
  await scaleTo(stand, IDLE_TARGET);
  await patiently(() => expect(stand.live.map((pod) => pod.spec?.containers?.[0]?.image)).toContain(imageOf(7)));
  await scaleTo(stand, 0);
  await pause(1_000);
}

async function rollAndShrink(stand: Stand): Promise<void> {
  await stand.changeImage(2);
  await stand.patch({ idleTarget: 1 });
  await stand.bitten();
  await stand.patch({ idleTarget: IDLE_TARGET });
}

export const ROWS: readonly Row[] = [
  { name: 'scale-down', act: (stand) => stand.patch({ idleTarget: 0 }).then(() => undefined) },
  { name: 'template change', act: (stand) => stand.changeImage(2).then(() => undefined), settled: newest(2) },
  {
    name: 'two template changes',
    act: async (stand) => {
      await stand.changeImage(2);
      await stand.changeImage(3);
    },
    settled: newest(3),
  },
  { name: 'rollback while older sessions run', act: rollBack, settled: newest(1) },
  { name: 'maxReplicas lowered', act: (stand) => stand.patch({ maxReplicas: 1 }).then(() => undefined) },
  { name: '`kubectl scale` of the child to 0', act: scaleToNothing, leftOut: untilProbed },
  { name: '`kubectl rollout restart` of the child', act: restart, leftOut: untilProbed },
  { name: 'HPA on the child', act: clampByHpa, leftOut: untilProbed, slow: true },
  { name: 'child edited (image)', act: editImage, settled: newest(1), toothless: true, leftOut: untilProbed },
  {
    name: 'old ReplicaSets deleted by rollouts',
    act: outliveReplicaSets,
    settled: oneReplicaSet,
    spec: { revisionHistoryLimit: 0 },
    leftOut: untilProbed,
  },
  { name: 'eviction', act: evictAll, settled: newest(2), leftOut: besideTurning },
  {
    name: 'eviction while others turn busy',
    act: evictAllMeanwhile,
    settled: newest(2),
    leftOut: untilProbed,
    counted: 'mark',
  },
  {
    name: 'eviction while others turn busy, with the marks policy',
    act: evictAllMeanwhile,
    settled: newest(2),
    leftOut: untilProbed,
    counted: 'write',
    operators: 1,
    before: addMarksPolicy,
    after: removeMarksPolicy,
  },
  { name: 'cordon', act: cordonEach, nodes: { count: 2 } },
  {
    name: '`kubectl drain`',
    act: drainEach,
    nodes: { count: 2 },
    leftOut: besideTurning,
  },
  { name: 'preemption, scheduler guarded', act: preempt, nodes: { count: 1, pods: 8 }, leftOut: untilProbed },
  {
    name: 'operator stopped, child scaled and changed',
    act: withoutOperator,
    operators: 1,
    before: (ground) => ground.stopOperators(),
    after: (ground) => ground.startOperators(),
    leftOut: untilProbed,
  },
  { name: 'two operators at once', act: rollAndShrink, settled: newest(2), operators: 2 },
];
