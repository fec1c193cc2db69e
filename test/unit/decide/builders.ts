import { budgetSpec } from '../../../operator/decide/budget';
import type {
  BudgetView,
  Controller,
  DeploymentView,
  Growth,
  HsdView,
  Observation,
  PodView,
  ProbeAnswer,
  ReplicaSetView,
  SessionView,
  Write,
} from '../../../operator/decide/model';
import { isLive } from '../../../operator/decide/pods';
import { drains, settingsOf, templateHash, templateKeys } from '../../../operator/decide/template';
import type { PodState } from '../../../src/api/marks';
import { MARKS } from '../../../src/api/marks';
import { budgetName, DEFAULT_BUSY_ANNOTATION, KIND } from '../../../src/api/names';
import type { HotStandbySpec, HotStandbyStatus } from '../../../src/api/types';

/** Views for tests: what is not said is a healthy hsd `rooms` with one ReplicaSet, seen at `NOW`. */

export const NOW = Date.parse('2026-01-01T00:00:00Z');
export const HSD_UID = 'hsd-1';
const CHILD_UID = 'child-1';
const REPLICA_SET_UID = 'rs-1';

const identity = (
  name: string,
  uid: string,
): { uid: string; namespace: string; name: string; resourceVersion: string } => ({
  uid,
  namespace: 'default',
  name,
  resourceVersion: '1',
});

export const hsdOwner: Controller = { kind: KIND, name: 'rooms', uid: HSD_UID };
const childOwner: Controller = { kind: 'Deployment', name: 'rooms-workload', uid: CHILD_UID };

export function ownedBy(replicaSetUid: string): Controller {
  return { kind: 'ReplicaSet', name: replicaSetUid, uid: replicaSetUid };
}

export function aSpec(overrides: Partial<HotStandbySpec> = {}): HotStandbySpec {
  return {
    idleTarget: 2,
    minReplicas: 0,
    selector: { matchLabels: { app: 'rooms' } },
    podTemplate: { spec: { containers: [{ name: 'room', image: 'room:1' }] } },
    busyProbe: { mode: 'annotation', annotationKey: DEFAULT_BUSY_ANNOTATION },
    ...overrides,
  };
}

export interface HsdOptions extends Partial<Omit<HsdView, 'spec' | 'status'>> {
  spec?: Partial<HotStandbySpec>;
  status?: HotStandbyStatus;
}

export function anHsd({ spec, ...view }: HsdOptions = {}): HsdView {
  return {
    ...identity('rooms', HSD_UID),
    generation: 1,
    deleting: false,
    finalizers: [],
    spec: aSpec(spec),
    status: {},
    ...view,
  };
}

export const HTTP: Partial<HotStandbySpec> = {
  busyProbe: {
    mode: 'http',
    http: { port: 8080, path: '/busy', successIsBusy: true, timeoutSeconds: 1, periodSeconds: 10 },
  },
};

/** The child as HotStandby made it, with the hash of `hsd`'s template. */
export function aChild(overrides: Partial<DeploymentView> = {}, hsd: HsdView = anHsd()): DeploymentView {
  return {
    ...identity('rooms-workload', CHILD_UID),
    generation: 1,
    observedGeneration: 1,
    deleting: false,
    controller: hsdOwner,
    hsd: 'rooms',
    matchLabels: { app: 'rooms' },
    replicas: 2,
    paused: false,
    templateHash: templateHash(hsd),
    templateKeys: templateKeys(hsd),
    templateEdited: false,
    revision: '1',
    statusReplicas: overrides.replicas ?? 2,
    settings: settingsOf(hsd),
    ...overrides,
  };
}

export function aReplicaSet(overrides: Partial<ReplicaSetView> = {}, hsd: HsdView = anHsd()): ReplicaSetView {
  const uid = overrides.uid ?? REPLICA_SET_UID;
  return {
    ...identity(uid, uid),
    hsd: 'rooms',
    controller: childOwner,
    deleting: false,
    finalizers: [],
    observed: true,
    replicas: 2,
    statusReplicas: 2,
    templateHash: templateHash(hsd),
    templateKeys: templateKeys(hsd),
    revision: '1',
    ...overrides,
  };
}

/** A Pod in the making: Ready, idle and attached until something else is said. Every step gives a new builder. */
export class PodBuilder {
  constructor(private readonly view: PodView) {}

  /** Annotated busy; its marks are still those of before. */
  busy(key = DEFAULT_BUSY_ANNOTATION): PodBuilder {
    return this.with({ trueKeys: [...this.view.trueKeys, key] });
  }

  /** Claimed as the service does it: record, busy annotation (none for HTTP probes) and marks. */
  claimed(id: string, session: Partial<SessionView> = {}): PodBuilder {
    const by = { claimedBy: 'lobby', claimedAt: NOW - 10_000 };
    const marked = this.marked('busy').with({ session: { id, ...by, ...session } });
    return this.view.busyKey === undefined ? marked : marked.busy(this.view.busyKey);
  }

  notReady(): PodBuilder {
    return this.with({ ready: false });
  }

  /** Scheduled, image pulling: no container runs. */
  pending(): PodBuilder {
    return this.with({ ready: false, running: false, phase: 'Pending' });
  }

  /** Label and annotations as HotStandby writes them for `state`; undefined: no label at all. */
  marked(state: PodState | undefined): PodBuilder {
    const marks = Object.entries(state === undefined ? {} : MARKS[state]).flatMap(([key, value]) =>
      value === null ? [] : [[key, value]],
    );
    return this.with({ state, marks: Object.fromEntries(marks) });
  }

  /** Controlled by the hsd itself. */
  detached(): PodBuilder {
    return this.with({ controller: hsdOwner });
  }

  /** Controlled by nobody. */
  orphan(): PodBuilder {
    return this.with({ controller: undefined });
  }

  of(replicaSetUid: string): PodBuilder {
    return this.with({ controller: ownedBy(replicaSetUid) });
  }

  with(overrides: Partial<PodView>): PodBuilder {
    return new PodBuilder({ ...this.view, ...overrides });
  }

  build(): PodView {
    return this.view;
  }
}

export function aPod(uid = 'pod-1'): PodBuilder {
  return new PodBuilder({
    ...identity(uid, uid),
    hsd: 'rooms',
    state: 'idle',
    controller: ownedBy(REPLICA_SET_UID),
    deleting: false,
    phase: 'Running',
    ready: true,
    readySince: NOW - 30_000,
    running: true,
    trueKeys: [],
    busyKey: DEFAULT_BUSY_ANNOTATION,
    marks: {},
    labels: { app: 'rooms' },
    ports: [],
    createdAt: NOW - 60_000,
    node: 'node-1',
    ip: '10.0.0.1',
    hostNetwork: false,
  });
}

/** `count` Pods alike, named `<prefix>-1`, `<prefix>-2`, ... */
export function pods(prefix: string, count: number, make: (pod: PodBuilder) => PodBuilder = (pod) => pod): PodView[] {
  return Array.from({ length: count }, (_, i) => make(aPod(`${prefix}-${i + 1}`)).build());
}

export interface ObservationOptions
  extends Partial<Omit<Observation, 'child' | 'pods' | 'probes' | 'drainingSince' | 'budget' | 'growth'>> {
  /** null: there is none. */
  child?: DeploymentView | null;
  /** null: there is none. Default: the right one. */
  budget?: BudgetView | null;
  /** null: nothing is known. Default: Pods of the child's template have been available. */
  growth?: Growth | null;
  pods?: readonly (PodView | PodBuilder)[];
  probes?: Record<string, ProbeAnswer>;
  drainingSince?: Record<string, number>;
}

export function anObservation(options: ObservationOptions = {}): Observation {
  const {
    child,
    budget,
    growth,
    pods: some = [],
    probes = {},
    drainingSince = {},
    hsd = anHsd(),
    replicaSets,
    ...rest
  } = options;
  const seen = some.map((pod) => (pod instanceof PodBuilder ? pod.build() : pod));
  const deployment = child === null ? undefined : (child ?? aChild({ replicas: seen.length }, hsd));
  const { length } = seen.filter((pod) => isLive(pod) && pod.controller?.uid === REPLICA_SET_UID);
  const held = { replicas: length, statusReplicas: length };
  const observation: Observation = {
    now: NOW,
    seenReady: new Map(),
    hsd,
    ...(deployment && { child: deployment }),
    replicaSets: replicaSets ?? (deployment ? [aReplicaSet(held, hsd)] : []),
    pods: seen,
    probes: new Map(Object.entries(probes)),
    drainingSince: new Map(Object.entries(drainingSince)),
    unreadySince: new Map(),
    guarded: true,
    cordoned: new Set(),
    recommendations: [],
    asked: new Set(),
    seenKeys: new Set(),
    attempts: new Map(),
    orphans: [],
    emptied: new Set(),
    claims: { reserved: new Set(), waiting: 0 },
    serverNow: NOW,
    unlabelled: { pods: [], replicaSets: [] },
    ...rest,
  };
  const known = growth === undefined ? { proven: deployment?.templateHash ?? '' } : growth;
  const seenBudget = budget === undefined ? aBudget({ drainOnDelete: drains(hsd) }) : budget;
  return { ...observation, ...(seenBudget && { budget: seenBudget }), ...(known && { growth: known }) };
}

export function aBudget(overrides: Partial<BudgetView> = {}): BudgetView {
  const name = budgetName('rooms');
  return {
    ...identity(name, 'budget-1'),
    hsd: 'rooms',
    ...budgetSpec({ name: 'rooms' }),
    drainOnDelete: false,
    ...overrides,
  };
}

/** What one write does, in one line: tests compare whole plans with it. */
export function describeWrite(write: Write): string {
  switch (write.kind) {
    case 'scaleChild':
    case 'resumeChild':
      return `${write.kind} ${write.replicas}`;
    case 'applyChild': {
      const { replicas, paused } = write.manifest.spec;
      return `applyChild ${replicas}${paused ? ' paused' : ''}${write.takeOwnership ? ' takeOwnership' : ''}`;
    }
    case 'markPod':
      return `markPod ${write.pod.name} ${write.state}`;
    case 'endSession':
    case 'ownPod':
    case 'disownPod':
    case 'deletePod':
      return `${write.kind} ${write.pod.name}`;
    case 'labelReplicaSet':
    case 'ownReplicaSet':
    case 'deleteReplicaSet':
    case 'releaseReplicaSet':
      return `${write.kind} ${write.replicaSet.name}`;
    case 'markBudget':
      return `${write.kind} ${write.value}`;
    case 'createBudget':
    case 'repairBudget':
    case 'deleteBudget':
    case 'releaseChild':
      return write.kind;
    case 'addFinalizer':
    case 'removeFinalizer':
      return `${write.kind} ${write.finalizer}`;
  }
}
