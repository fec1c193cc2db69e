import type {
  BudgetView,
  Controller,
  DeploymentView,
  HsdView,
  PodView,
  ReplicaSetView,
} from '../../../../operator/decide/model';
import { settingsOf } from '../../../../operator/decide/template';
import { MARKS } from '../../../../src/api/marks';
import { BUSY_KEY_ANNOTATION, childName, DRAIN_ANNOTATION } from '../../../../src/api/names';
import type { HotStandbySpec } from '../../../../src/api/types';
import { aSpec, HSD_UID } from '../builders';

/** A Pod as the API server holds it, with what the Pod itself knows. */
export interface SimPod extends Omit<PodView, 'trueKeys' | 'marks' | 'busyKey' | 'session'> {
  annotations: Record<string, string>;
  /** Value of the label `pod-template-hash`. */
  podHash: string;
  /** Annotation key the application was started with; empty: it is probed. */
  ownKey: string;
  /** Somebody is in there. */
  session: boolean;
}

/** What of a Pod template the controllers must tell apart. */
export interface SimTemplate {
  labelled: boolean;
  templateHash?: string;
  busyKey?: string;
  ownKey: string;
  /** `kubectl rollout restart`. */
  restartedAt?: string;
  /** Field of somebody else's `kubectl edit`. */
  edit?: string;
}

export interface SimReplicaSet extends Omit<ReplicaSetView, 'templateKeys'> {
  template: SimTemplate;
  podHash: string;
}

export interface SimDeployment extends Omit<DeploymentView, 'templateKeys'> {
  template: SimTemplate;
}

export interface Lost {
  pod: string;
  by: string;
  ready: boolean;
}

/** The API server: objects, versions, admission. Everything is kept as views with a little beside them. */
export class Cluster {
  now = Date.parse('2026-01-01T00:00:00Z');
  hsd: HsdView;
  child: SimDeployment | undefined;
  budget: BudgetView | undefined;
  readonly replicaSets = new Map<string, SimReplicaSet>();
  readonly pods = new Map<string, SimPod>();
  /** Sessions somebody other than a person ended. Stays empty, that is the point. */
  readonly lost: Lost[] = [];
  /** Deletes of busy Pods the guard refused. */
  refused = 0;
  /** Nodes no Pod may be scheduled to. */
  readonly cordoned = new Set<string>();
  private version = 0;
  private serial = 0;

  constructor(
    readonly guarded: boolean,
    spec: Partial<HotStandbySpec>,
  ) {
    this.hsd = {
      uid: HSD_UID,
      namespace: 'default',
      name: 'rooms',
      resourceVersion: this.nextVersion(),
      generation: 1,
      deleting: false,
      finalizers: [],
      spec: aSpec(spec),
      status: {},
    };
  }

  get newestVersion(): number {
    return this.version;
  }

  nextVersion(): string {
    return String(++this.version);
  }

  identity(prefix: string): { uid: string; namespace: string; name: string; resourceVersion: string } {
    const name = `${prefix}-${++this.serial}`;
    return { uid: `uid-${name}`, namespace: 'default', name, resourceVersion: this.nextVersion() };
  }

  /** Every change of an object gives it a new version: what makes the operator's preconditions bite. */
  touch<T extends { resourceVersion: string }>(object: T, changes: Partial<T>): T {
    return Object.assign(object, changes, { resourceVersion: this.nextVersion() });
  }

  changeSpec(changes: Partial<HotStandbySpec>): void {
    const spec = { ...this.hsd.spec, ...changes };
    this.hsd = { ...this.hsd, spec, generation: this.hsd.generation + 1, resourceVersion: this.nextVersion() };
  }

  changeChild(changes: Partial<SimDeployment>): void {
    if (this.child) this.touch(this.child, { ...changes, generation: this.child.generation + 1 });
  }

  createChild(fields: Partial<SimDeployment> & { template: SimTemplate; replicas: number }): SimDeployment {
    this.child = {
      ...this.identity('deployment'),
      name: childName(this.hsd.name),
      generation: 1,
      observedGeneration: 0,
      deleting: false,
      matchLabels: this.hsd.spec.selector.matchLabels,
      paused: false,
      templateEdited: false,
      statusReplicas: 0,
      settings: settingsOf(this.hsd),
      ...fields,
    };
    return this.child;
  }

  /** `kubectl delete deployment --cascade=orphan`. */
  orphanChild(): void {
    for (const rs of this.child ? this.replicaSets.values() : []) {
      if (rs.controller?.uid === this.child?.uid) this.touch(rs, { controller: undefined });
    }
    this.child = undefined;
  }

  /** Without a finalizer it is gone at once; its controller learns of either later. */
  deleteReplicaSet(rs: SimReplicaSet): void {
    if (rs.finalizers.length === 0) this.replicaSets.delete(rs.uid);
    else this.touch(rs, { deleting: true, observed: false });
  }

  releaseReplicaSet(rs: SimReplicaSet): void {
    this.touch(rs, { finalizers: [] });
    if (rs.deleting) this.replicaSets.delete(rs.uid);
  }

  createPod(rs: SimReplicaSet): SimPod {
    const { template, podHash } = rs;
    const pod: SimPod = {
      ...this.identity('pod'),
      ...(template.labelled && { hsd: this.hsd.name, state: 'starting' as const }),
      controller: { kind: 'ReplicaSet', name: rs.name, uid: rs.uid },
      deleting: false,
      phase: 'Pending',
      ready: false,
      running: false,
      labels: {},
      ports: [],
      createdAt: this.now,
      hostNetwork: false,
      annotations: template.busyKey === undefined ? {} : { [BUSY_KEY_ANNOTATION]: template.busyKey },
      podHash,
      ownKey: template.ownKey,
      readySince: 0,
      session: false,
    };
    this.pods.set(pod.uid, pod);
    return pod;
  }

  /** What the guard's policy says about a DELETE by the ReplicaSet controller. */
  guards(pod: SimPod): boolean {
    const key = pod.annotations[BUSY_KEY_ANNOTATION];
    const busy = key === undefined ? pod.state === 'busy' : pod.annotations[key]?.toLowerCase() === 'true';
    return this.guarded && pod.hsd !== undefined && busy;
  }

  deletePod(pod: SimPod, by: string): void {
    if (pod.session && by !== 'person') this.lost.push({ pod: pod.name, by, ready: pod.ready });
    this.touch(pod, { deleting: true, session: false });
  }

  /**
   * The Pod marks itself; a reply that shows the Pod being deleted means that no session starts. One that is probed
   * writes nothing, so sessions go only where a Service sends them.
   */
  startSession(pod: SimPod): void {
    if (pod.deleting || !pod.running || pod.session) return;
    const isProbed = pod.ownKey === '';
    if (isProbed && pod.ready && pod.state === 'idle') pod.session = true;
    if (!isProbed) this.touch(pod, { session: true, annotations: { ...pod.annotations, [pod.ownKey]: 'True' } });
  }

  /** It runs, and the first thing it hears of is a session, before any watch has shown it. */
  takeAtOnce(pod: SimPod): void {
    const node = 'node-1';
    this.touch(pod, { node, phase: 'Running', running: true, ready: true, readySince: this.now });
    if (this.guarded) this.startSession(pod);
  }

  endSession(pod: SimPod): void {
    if (!pod.session) return;
    pod.session = false;
    if (pod.ownKey === '') return;
    const { [pod.ownKey]: _, ...annotations } = pod.annotations;
    this.touch(pod, { annotations });
  }

  livePods(): SimPod[] {
    return [...this.pods.values()].filter((pod) => !pod.deleting);
  }

  replicaSetsOf(controller: Controller | undefined): SimReplicaSet[] {
    return [...this.replicaSets.values()].filter((rs) => rs.controller?.uid === controller?.uid);
  }
}

const MARK_KEYS = [...Object.keys(MARKS.busy), DRAIN_ANNOTATION];

/** As observe/project.ts does it from the whole object. */
export function viewOfPod({ annotations, podHash: _1, ownKey: _2, session: _3, ...pod }: SimPod): PodView {
  const marks = MARK_KEYS.flatMap((key) => (annotations[key] === undefined ? [] : [[key, annotations[key]]]));
  const busyKey = annotations[BUSY_KEY_ANNOTATION] || undefined;
  return {
    ...pod,
    trueKeys: Object.keys(annotations).filter((key) => annotations[key]?.toLowerCase() === 'true'),
    ...(busyKey !== undefined && { busyKey }),
    marks: Object.fromEntries(marks) as Record<string, string>,
  };
}

export function viewOfReplicaSet({ template, podHash: _, ...rs }: SimReplicaSet): ReplicaSetView {
  return { ...rs, ...viewOfTemplate(template) };
}

export function viewOfDeployment({ template, ...child }: SimDeployment): DeploymentView {
  return { ...child, ...viewOfTemplate(template) };
}

function viewOfTemplate({
  labelled,
  templateHash,
  busyKey,
}: SimTemplate): Pick<ReplicaSetView, 'templateHash' | 'templateKeys'> {
  const templateKeys = {
    ...(labelled && { hsd: 'rooms', state: 'starting' }),
    ...(busyKey !== undefined && { busyKey }),
  };
  return { templateKeys, ...(templateHash !== undefined && { templateHash }) };
}
