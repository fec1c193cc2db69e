import { budgetSpec } from '../../../../operator/decide/budget';
import { decide } from '../../../../operator/decide/decide';
import { type Memory, newMemory, recall, remember } from '../../../../operator/decide/memory';
import type {
  ChildManifest,
  DeploymentView,
  HsdView,
  Observation,
  Plan,
  PodView,
  ProbeAnswer,
  ReplicaSetView,
  Write,
} from '../../../../operator/decide/model';
import { isLive } from '../../../../operator/decide/pods';
import { drains, settingsOf } from '../../../../operator/decide/template';
import {
  BUSY_KEY_ANNOTATION,
  DRAIN_ANNOTATION,
  RETIRE_FINALIZER,
  TEMPLATE_HASH_ANNOTATION,
} from '../../../../src/api/names';
import { hsdOwner } from '../builders';
import {
  type Cluster,
  type SimPod,
  type SimReplicaSet,
  type SimTemplate,
  viewOfDeployment,
  viewOfPod,
  viewOfReplicaSet,
} from './cluster';

/** The API server refused a write: somebody changed the object meanwhile, or it is gone. */
export class Refused extends Error {}

export type Kind = 'hsd' | 'child' | 'replicaSets' | 'pods';
export const KINDS: readonly Kind[] = ['hsd', 'child', 'replicaSets', 'pods'];

/** The operator around `decide`: caches that lag behind, a memory that a crash wipes, writes sent one by one. */
export class SimOperator {
  private hsd: HsdView;
  private child: DeploymentView | undefined;
  private replicaSets = new Map<string, ReplicaSetView>();
  private pods = new Map<string, PodView>();
  private memory: Memory | undefined;
  private readonly probes = new Map<string, ProbeAnswer>();

  constructor(private readonly cluster: Cluster) {
    this.hsd = cluster.hsd;
    this.restart();
  }

  restart(): void {
    this.memory = undefined;
    this.probes.clear();
    for (const kind of KINDS) this.deliver(kind);
  }

  /** The watch of one kind catches up. The four are not ordered among themselves. */
  deliver(kind: Kind): void {
    const { cluster } = this;
    const labelled = <V extends { hsd?: string; uid: string }>(views: V[]): Map<string, V> =>
      new Map(views.filter((view) => view.hsd !== undefined).map((view) => [view.uid, view]));
    if (kind === 'hsd') this.hsd = cluster.hsd;
    if (kind === 'child') this.child = cluster.child?.hsd === undefined ? undefined : viewOfDeployment(cluster.child);
    if (kind === 'replicaSets') this.replicaSets = labelled([...cluster.replicaSets.values()].map(viewOfReplicaSet));
    if (kind === 'pods') this.pods = labelled([...cluster.pods.values()].map(viewOfPod));
  }

  observe(): Observation {
    const { now } = this.cluster;
    const child = this.child ?? (this.cluster.child && viewOfDeployment(this.cluster.child));
    // It may bring Pods into the cache.
    const emptied = this.emptied();
    const pods = [...this.pods.values()];
    return {
      ...recall(this.memoryOf(child, pods, now), this.hsd, pods, now),
      now,
      hsd: this.hsd,
      ...(child && { child }),
      replicaSets: [...this.replicaSets.values()],
      pods,
      probes: new Map(this.probes),
      guarded: this.cluster.guarded,
      cordoned: new Set(this.cluster.cordoned),
      ...(this.cluster.budget && { budget: this.cluster.budget }),
      emptied,
      claims: { reserved: new Set(), waiting: 0 },
      serverNow: this.cluster.now,
      unlabelled: this.unlabelled(child),
      orphans: [],
    };
  }

  /** The Pod answers its probe, or not at all. */
  probe(pod: SimPod, answers: boolean): void {
    if (!pod.running || pod.deleting) return;
    const state = answers ? (pod.session ? 'busy' : 'idle') : 'unknown';
    this.probes.set(pod.uid, { state, checkedAt: this.cluster.now });
  }

  plan(): Plan {
    const seen = this.observe();
    const plan = decide(seen);
    this.memory = remember(this.memoryOf(seen.child, seen.pods, seen.now), seen, plan);
    return plan;
  }

  private memoryOf(child: DeploymentView | undefined, pods: readonly PodView[], now: number): Memory {
    return this.memory ?? newMemory({ hsd: this.hsd, child, pods, now });
  }

  /**
   * Sends a plan's writes until one is refused.
   * @param most dies after so many
   * @param between runs before every write: the world does not wait
   * @returns how many were carried out
   */
  carryOut(plan: Plan, most = Number.POSITIVE_INFINITY, between: () => void = () => undefined): number {
    let sent = 0;
    try {
      for (const write of plan.writes.slice(0, most)) {
        between();
        this.perform(write);
        sent++;
      }
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
    }
    this.cluster.hsd = { ...this.cluster.hsd, status: plan.status };
    return sent;
  }

  /** As observe/gather.ts asks for it. */
  private unlabelled(child: DeploymentView | undefined): Observation['unlabelled'] {
    const foreign = [...this.replicaSets.values()].filter((rs) => rs.templateHash === undefined);
    const takeover = child?.templateHash === undefined;
    if (this.hsd.deleting || child === undefined || (!takeover && foreign.length === 0)) {
      return { pods: [], replicaSets: [] };
    }
    const replicaSets = [...this.cluster.replicaSets.values()]
      .filter((rs) => rs.hsd === undefined && rs.controller?.uid === child.uid)
      .map(viewOfReplicaSet);
    const owners = new Set([...replicaSets, ...foreign].map((rs) => rs.uid));
    const pods = this.cluster
      .livePods()
      .filter((pod) => pod.hsd === undefined && pod.controller !== undefined && owners.has(pod.controller.uid))
      .map(viewOfPod);
    return { pods, replicaSets };
  }

  private perform(write: Write): void {
    switch (write.kind) {
      case 'scaleChild':
        this.scale(write);
        return;
      case 'resumeChild':
        this.liveChild(write.child.uid);
        this.changeChild({ paused: false, replicas: write.replicas });
        return;
      case 'applyChild':
        this.apply(write);
        return;
      case 'markPod':
        this.mark(write);
        return;
      case 'labelReplicaSet':
        this.patchReplicaSet(write.replicaSet, { hsd: write.hsd });
        return;
      case 'ownReplicaSet':
        this.patchReplicaSet(write.replicaSet, { controller: hsdOwner, finalizers: [RETIRE_FINALIZER] });
        return;
      case 'deleteReplicaSet':
        this.cluster.deleteReplicaSet(this.liveReplicaSet(write.replicaSet));
        this.seeReplicaSet(write.replicaSet.uid);
        return;
      case 'disownPod':
        this.changePod(this.livePod(write.pod, true), { controller: undefined });
        return;
      case 'releaseReplicaSet':
        this.cluster.releaseReplicaSet(this.liveReplicaSet(write.replicaSet));
        this.seeReplicaSet(write.replicaSet.uid);
        return;
      case 'ownPod':
        this.ownPod(this.livePod(write.pod, true));
        return;
      case 'deletePod': {
        const pod = this.livePod(write.pod, true);
        if (!pod.deleting) this.cluster.deletePod(pod, 'operator');
        this.pods.set(pod.uid, viewOfPod(pod));
        return;
      }
      case 'createBudget': {
        const { name } = write;
        const drainOnDelete = drains(this.hsd);
        const spec = budgetSpec(this.hsd);
        this.cluster.budget = { ...this.cluster.identity('budget'), name, hsd: this.hsd.name, ...spec, drainOnDelete };
        return;
      }
      case 'repairBudget':
        if (this.cluster.budget) this.cluster.touch(this.cluster.budget, budgetSpec(this.hsd));
        return;
      case 'markBudget':
        if (this.cluster.budget) this.cluster.touch(this.cluster.budget, { drainOnDelete: write.value !== null });
        return;
      case 'deleteBudget':
        this.cluster.budget = undefined;
        return;
      case 'releaseChild':
        this.changeChild({ settings: { ...write.child.settings, drainOnDelete: false } });
        return;
      case 'addFinalizer':
        this.changeFinalizers((all) => [...all, write.finalizer]);
        return;
      case 'removeFinalizer':
        this.changeFinalizers((all) => all.filter((finalizer) => finalizer !== write.finalizer));
        return;
    }
  }

  private changeFinalizers(change: (finalizers: readonly string[]) => string[]): void {
    const { hsd } = this.cluster;
    this.cluster.hsd = { ...hsd, finalizers: change(hsd.finalizers), resourceVersion: this.cluster.nextVersion() };
    this.hsd = this.cluster.hsd;
  }

  private ownPod(pod: SimPod): void {
    const drains = this.hsd.spec.sessions?.onDelete === 'Drain';
    const annotations = { ...pod.annotations, ...(drains && { [DRAIN_ANNOTATION]: 'true' }) };
    this.changePod(pod, { controller: hsdOwner, annotations });
  }

  private scale({ child, replicas }: Extract<Write, { kind: 'scaleChild' }>): void {
    const live = this.liveChild(child.uid);
    const isRaise = replicas > child.replicas;
    if (!isRaise && live.generation !== child.generation) throw new Refused('the child changed');
    const wanted = isRaise ? Math.max(replicas, live.replicas) : replicas;
    if (live.replicas !== wanted) this.cluster.changeChild({ replicas: wanted });
    this.child = live.hsd === undefined ? undefined : viewOfDeployment(live);
  }

  private apply({ child, manifest, takeOwnership }: Extract<Write, { kind: 'applyChild' }>): void {
    const { replicas, paused = false } = manifest.spec;
    const existing = this.cluster.child;
    if (child !== undefined) this.liveChild(child.uid);
    const template = templateOf(manifest);
    const ours = { hsd: this.hsd.name, controller: hsdOwner, replicas, paused, settings: settingsOf(this.hsd) };
    if (existing === undefined) this.cluster.createChild({ ...ours, template });
    else {
      const { restartedAt, edit } = existing.template;
      const kept = takeOwnership ? {} : { ...(restartedAt && { restartedAt }), ...(edit && { edit }) };
      const templateEdited = existing.templateEdited && !takeOwnership;
      this.cluster.changeChild({ ...ours, template: { ...template, ...kept }, templateEdited });
    }
    this.child = this.cluster.child && viewOfDeployment(this.cluster.child);
  }

  private mark({ pod, labels, annotations, unchangedOnly }: Extract<Write, { kind: 'markPod' }>): void {
    const live = this.livePod(pod, unchangedOnly);
    const after = { ...live.annotations };
    for (const [key, value] of Object.entries(annotations)) {
      if (value === null) delete after[key];
      else after[key] = value;
    }
    const state = labels['hsd.paia.tech/state'] as PodView['state'];
    this.changePod(live, { annotations: after, hsd: labels['hsd.paia.tech/name'], state });
  }

  private liveChild(uid?: string): NonNullable<Cluster['child']> {
    const { child } = this.cluster;
    if (child === undefined || (uid !== undefined && child.uid !== uid)) throw new Refused('no such Deployment');
    return child;
  }

  private changeChild(changes: Partial<DeploymentView>): void {
    this.cluster.changeChild(changes);
    this.child = viewOfDeployment(this.liveChild());
  }

  private livePod({ uid, resourceVersion }: PodView, unchangedOnly: boolean): SimPod {
    const pod = this.cluster.pods.get(uid);
    if (pod === undefined || (unchangedOnly && pod.resourceVersion !== resourceVersion))
      throw new Refused('Pod changed');
    return pod;
  }

  private changePod(pod: SimPod, changes: Partial<SimPod>): void {
    this.cluster.touch(pod, changes);
    this.pods.set(pod.uid, viewOfPod(pod));
  }

  private patchReplicaSet(view: ReplicaSetView, changes: Partial<SimReplicaSet>): void {
    this.cluster.touch(this.liveReplicaSet(view), changes);
    this.seeReplicaSet(view.uid);
  }

  private liveReplicaSet({ uid, resourceVersion }: ReplicaSetView): SimReplicaSet {
    const rs = this.cluster.replicaSets.get(uid);
    if (rs === undefined || rs.resourceVersion !== resourceVersion) throw new Refused('ReplicaSet changed');
    return rs;
  }

  private seeReplicaSet(uid: string): void {
    const rs = this.cluster.replicaSets.get(uid);
    if (rs === undefined) this.replicaSets.delete(uid);
    else this.replicaSets.set(uid, viewOfReplicaSet(rs));
  }

  /** As observe/gather.ts asks the API server for it, whose answer enters the cache. */
  private emptied(): Set<string> {
    const live = this.cluster.livePods();
    const cached = new Set([...this.pods.values()].filter(isLive).map((pod) => pod.controller?.uid));
    const quiet = [...this.replicaSets.values()].filter(
      (rs) => rs.deleting && rs.observed && rs.finalizers.includes(RETIRE_FINALIZER) && !cached.has(rs.uid),
    );
    const empty = new Set<string>();
    for (const { uid } of quiet) {
      const left = live.filter((pod) => pod.controller?.uid === uid);
      for (const pod of left) if (pod.hsd !== undefined) this.pods.set(pod.uid, viewOfPod(pod));
      if (left.length === 0) empty.add(uid);
    }
    return empty;
  }
}

function templateOf({ spec }: ChildManifest): SimTemplate {
  const { metadata } = spec.template as { metadata: { annotations: Record<string, string> } };
  const busyKey = metadata.annotations[BUSY_KEY_ANNOTATION] || undefined;
  const templateHash = metadata.annotations[TEMPLATE_HASH_ANNOTATION];
  return { labelled: true, templateHash, busyKey, ownKey: busyKey ?? '' };
}
