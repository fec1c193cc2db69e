import fc from 'fast-check';
import { budgetSpec } from '../../../../operator/decide/budget';
import { capacity } from '../../../../operator/decide/capacity';
import { templateHash } from '../../../../operator/decide/template';
import { DEFAULT_BUSY_ANNOTATION } from '../../../../src/api/names';
import type { HotStandbySpec } from '../../../../src/api/types';
import { Cluster, type SimPod } from './cluster';
import {
  deploymentController,
  garbageCollector,
  kubelet,
  lateReplicaSetController,
  replicaSetController,
  settleControllers,
} from './controllers';
import { KINDS, SimOperator } from './operator';

/** Something that happens. `i` picks an object, `n` is a quantity; what makes no sense at the moment does nothing. */
export interface Action {
  kind: keyof typeof EFFECTS;
  i: number;
  n: number;
}

export interface World {
  cluster: Cluster;
  operator: SimOperator;
  /** Controllers and watches are done before the next thing happens. */
  prompt: boolean;
}

type Effect = (world: World, i: number, n: number) => unknown;

const pick = <T>(all: readonly T[], i: number): T | undefined => (all.length === 0 ? undefined : all[i % all.length]);

function withPod(effect: (world: World, pod: SimPod) => void): Effect {
  return (world, i) => {
    const pod = pick([...world.cluster.pods.values()], i);
    if (pod) effect(world, pod);
  };
}

function changeSpec(change: (n: number, spec: HotStandbySpec) => Partial<HotStandbySpec>): Effect {
  return ({ cluster }, _i, n) => cluster.changeSpec(change(n, cluster.hsd.spec));
}

/** Without the guard only the label keeps a session from a Pod on its way out, so sessions go where Services send them. */
function startSession({ cluster }: World, pod: SimPod): void {
  if (cluster.guarded || (pod.state === 'idle' && pod.ready)) cluster.startSession(pod);
}

function editTemplate(change: (n: number) => { restartedAt: string } | { edit: string }): Effect {
  return ({ cluster }, _i, n) => {
    const { child } = cluster;
    if (child === undefined) return;
    const template = { ...child.template, ...change(n) };
    cluster.changeChild({ template, templateEdited: child.templateEdited || template.edit !== child.template.edit });
  };
}

function pass(world: World, most: number, between: () => void = () => undefined): void {
  const { cluster, operator, prompt } = world;
  operator.carryOut(operator.plan(), most, () => {
    if (prompt) settleControllers(cluster);
    between();
  });
}

const EFFECTS = {
  sessionStarts: withPod(startSession),
  sessionEnds: withPod(({ cluster }, pod) => cluster.endSession(pod)),
  podProgresses: withPod(({ cluster }, pod) => kubelet(cluster, pod, 'ready')),
  everyPodProgresses: ({ cluster }) => {
    for (const pod of [...cluster.pods.values()]) kubelet(cluster, pod, 'ready');
  },
  probeAnswers: withPod(({ operator }, pod) => operator.probe(pod, true)),
  everyProbeAnswers: ({ cluster, operator }) => {
    for (const pod of cluster.pods.values()) operator.probe(pod, true);
  },
  probeFails: withPod(({ operator }, pod) => operator.probe(pod, false)),
  podDropsReadiness: withPod(({ cluster }, pod) => kubelet(cluster, pod, 'notReady')),
  timePasses: ({ cluster }, _i, n) => {
    cluster.now += 150 * (1 + n);
  },
  operatorPasses: (world) => pass(world, Number.POSITIVE_INFINITY),
  operatorRacesSession: (world, i) => pass(world, Number.POSITIVE_INFINITY, () => EFFECTS.sessionStarts(world, i, 0)),
  operatorDies: (world, i) => {
    pass(world, i % 4);
    world.operator.restart();
  },
  watchCatchesUp: ({ operator }, i) => operator.deliver(KINDS[i % KINDS.length] ?? 'pods'),
  everyWatchCatchesUp: ({ operator }) => {
    for (const kind of KINDS) operator.deliver(kind);
  },
  deploymentControllerSyncs: ({ cluster }) => deploymentController(cluster),
  replicaSetControllerSyncs: ({ cluster }, i) => {
    const rs = pick([...cluster.replicaSets.values()], i);
    if (rs) replicaSetController(cluster, rs);
  },
  replicaSetControllerIsLate: ({ cluster }) => {
    for (const rs of [...cluster.replicaSets.values()]) {
      const pod = lateReplicaSetController(cluster, rs);
      if (pod) cluster.takeAtOnce(pod);
    }
  },
  garbageIsCollected: ({ cluster }, _i, n) => garbageCollector(cluster, n),
  controllersSettle: ({ cluster }) => settleControllers(cluster),
  templateChanges: changeSpec((n) => ({
    podTemplate: { spec: { containers: [{ name: 'room', image: `room:${n % 3}` }] } },
  })),
  busyKeyChanges: changeSpec((n) => ({
    busyProbe: { mode: 'annotation', annotationKey: n % 2 ? DEFAULT_BUSY_ANNOTATION : 'example.com/occupied' },
  })),
  idleTargetChanges: changeSpec((n) => ({ idleTarget: n % 5 })),
  minReplicasChanges: changeSpec((n, { maxReplicas }) => ({ minReplicas: Math.min(n % 6, maxReplicas ?? 6) })),
  maxReplicasChanges: changeSpec((n, { minReplicas = 0 }) => ({
    maxReplicas: n === 0 ? undefined : Math.max(n, minReplicas),
  })),
  modeChanges: changeSpec((n) => ({ busyProbe: { mode: n % 2 ? 'http' : 'annotation' } })),
  onDeleteChanges: changeSpec((n) => ({ sessions: { onDelete: n % 2 ? 'Drain' : 'Delete' } })),
  warmUpChanges: changeSpec((n) => ({ minReadySeconds: n % 3 })),
  stabilizationChanges: changeSpec((n) => ({ behavior: { scaleDown: { stabilizationWindowSeconds: n % 3 } } })),
  nodeIsCordoned: ({ cluster }, _i, n) => cluster.cordoned.add(`node-${1 + (n % 2)}`),
  nodeIsUncordoned: ({ cluster }, _i, n) => cluster.cordoned.delete(`node-${1 + (n % 2)}`),
  somebodyPauses: ({ cluster }) => cluster.changeChild({ paused: true }),
  somebodyOrphansChild: ({ cluster }) => cluster.orphanChild(),
  somebodyDeletesPod: withPod(({ cluster }, pod) => cluster.deletePod(pod, 'person')),
  somebodyScales: ({ cluster }, _i, n) => cluster.changeChild({ replicas: n }),
  somebodyRestarts: editTemplate((n) => ({ restartedAt: String(n) })),
  somebodyEdits: editTemplate((n) => ({ edit: String(n) })),
} satisfies Record<string, Effect>;

export type ActionKind = keyof typeof EFFECTS;

/** Without these everything is known by annotations alone, and no Pod is left that cannot say whether it is busy. */
export const PROBING: readonly ActionKind[] = ['modeChanges', 'probeAnswers', 'everyProbeAnswers', 'probeFails'];
/** What may lower the child behind the operator's back: without the guard nothing can protect busy Pods from it. */
export const LOWERING: readonly ActionKind[] = [
  'somebodyScales',
  'somebodyRestarts',
  'somebodyEdits',
  'somebodyOrphansChild',
];
const COMMON: readonly ActionKind[] = [
  'sessionStarts',
  'sessionEnds',
  'everyPodProgresses',
  'operatorPasses',
  'timePasses',
  'controllersSettle',
  'everyWatchCatchesUp',
];

/** Sequences of things that happen, the ordinary ones more often. */
export function schedules(options: { without?: readonly ActionKind[]; maxLength: number }): fc.Arbitrary<Action[]> {
  const kinds = (Object.keys(EFFECTS) as ActionKind[]).filter((kind) => !options.without?.includes(kind));
  const kind = fc.constantFrom(...kinds, ...COMMON, ...COMMON, ...COMMON);
  const action = fc.record({ kind, i: fc.nat({ max: 11 }), n: fc.nat({ max: 9 }) });
  return fc.array(action, { maxLength: options.maxLength, size: 'max' });
}

export function act(world: World, { kind, i, n }: Action): void {
  EFFECTS[kind](world, i, n);
  if (!world.prompt) return;
  settleControllers(world.cluster);
  for (const watch of KINDS) world.operator.deliver(watch);
}

export function aWorld(options: { guarded: boolean; prompt: boolean; spec?: Partial<HotStandbySpec> }): World {
  const cluster = new Cluster(options.guarded, options.spec ?? {});
  return { cluster, operator: new SimOperator(cluster), prompt: options.prompt };
}

/** A child as the original operator made it, its Pods Ready; none of them carries a mark of ours. */
export function originalChild(world: World, replicas: number): void {
  const { cluster, operator } = world;
  cluster.createChild({
    replicas,
    controller: { kind: 'HotStandbyDeployment', name: cluster.hsd.name, uid: cluster.hsd.uid },
    template: { labelled: false, ownKey: DEFAULT_BUSY_ANNOTATION },
  });
  settleControllers(cluster);
  for (let step = 0; step < 3; step++) for (const pod of cluster.pods.values()) kubelet(cluster, pod, 'ready');
  operator.restart();
}

const ALL = budgetSpec({ name: 'rooms' }).minAvailable;

/** Most passes it may take from any state to rest once nothing else happens. */
const MOST_PASSES = 80;

/** Nothing happens any more but time; Pods become Ready. @returns the number of passes until nothing is left to do */
export function converge(world: World): number {
  const { cluster, operator } = world;
  for (let passes = 0, quiet = 0; passes < MOST_PASSES; passes++) {
    const before = cluster.newestVersion;
    settleControllers(cluster);
    for (const pod of [...cluster.pods.values()]) {
      kubelet(cluster, pod, 'ready');
      operator.probe(pod, true);
    }
    for (const kind of KINDS) operator.deliver(kind);
    const plan = operator.plan();
    operator.carryOut(plan);
    cluster.now += 600;
    quiet = plan.requeueAfterMs === undefined && cluster.newestVersion === before ? quiet + 1 : 0;
    if (quiet === 2) return passes;
  }
  throw new Error(`not at rest after ${MOST_PASSES} passes: ${JSON.stringify(operator.plan().writes.slice(0, 3))}`);
}

/** What is not as it should be at rest; empty when all is well. */
export function faults({ cluster, operator }: World): string[] {
  const { spec } = cluster.hsd;
  const live = cluster.livePods();
  const busy = live.filter((pod) => pod.session);
  const { idleTarget, minReplicas = 0, maxReplicas } = spec;
  const wanted = capacity({ busy: busy.length, idleTarget, minReplicas, maxReplicas });
  const detached = live.filter((pod) => pod.controller?.kind !== 'ReplicaSet');
  const available = live.filter((pod) => pod.ready && pod.state === 'idle').length;
  const { status } = operator.plan();
  const checks: Record<string, boolean> = {
    [`${available} available, ${wanted.idleWanted} wanted`]: available === wanted.idleWanted,
    [`${live.length} Pods, ${wanted.desired} desired`]: live.length === wanted.desired,
    [`child has ${cluster.child?.replicas}`]: cluster.child?.replicas === wanted.desired - detached.length,
    'a detached Pod is idle': detached.every((pod) => pod.session),
    'a Pod has no owner': live.every((pod) => pod.controller !== undefined),
    'an attached Pod is of an old template': live
      .filter((pod) => !detached.includes(pod))
      .every(
        (pod) =>
          cluster.replicaSets.get(pod.controller?.uid ?? '')?.template.templateHash === templateHash(cluster.hsd),
      ),
    'a retired ReplicaSet is left': [...cluster.replicaSets.values()].every((rs) => rs.finalizers.length === 0),
    'an old ReplicaSet is left': [...cluster.replicaSets.values()].every(
      (rs) =>
        rs.replicas === 0 || (rs.controller?.uid === cluster.child?.uid && rs.revision === cluster.child?.revision),
    ),
    'the child is paused': cluster.child?.paused === false,
    'the template was not applied': cluster.child?.template.templateHash === templateHash(cluster.hsd),
    'a foreign edit is left': cluster.child?.template.edit === undefined,
    'the budget is not as it should be': cluster.budget?.minAvailable === (live.length > 0 ? ALL : undefined),
    'a busy Pod is not marked': busy.every((pod) => pod.state === 'busy'),
    'an unlabelled Pod is left': live.every((pod) => pod.hsd !== undefined),
    'status counts': status.busyCount === busy.length && status.availableCount === available,
  };
  return Object.entries(checks).flatMap(([name, holds]) => (holds ? [] : [name]));
}
