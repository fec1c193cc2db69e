import { capacity } from '../../operator/decide/capacity';
import type { DeploymentView, HsdView, PodView } from '../../operator/decide/model';
import { isLive } from '../../operator/decide/pods';
import type { Change } from '../../operator/kube/store';
import type { PodState } from '../../src/api/marks';
import { DEFAULT_BUSY_ANNOTATION } from '../../src/api/names';
import { Reactions, type Timing } from './reactions';

/** A Pod with the number of the template it was made from. */
export interface DemoPod extends PodView {
  template: string;
}

/** A Kubernetes Event about an hsd. */
export interface EventView {
  uid: string;
  namespace: string;
  name: string;
  resourceVersion: string;
  hsd: string;
  type: string;
  reason: string;
  note: string;
  /** Milliseconds since 1970. */
  at: number;
}

/** A line of the log: an Event, or something the demo did. */
export interface LogEntry {
  at: number;
  hsd: string;
  text: string;
  isWarning: boolean;
}

/** One hsd as the table shows it: its status, and its Pods. */
export interface Row {
  name: string;
  /** In http mode: how often each Pod is asked, in seconds. */
  probeSeconds?: number;
  target: number;
  available: number;
  busy: number;
  starting: number;
  desired: number;
  reactionMs: number | undefined;
  /** What each Pod is doing, busy ones first. `going`: being deleted. */
  pool: (PodState | 'going')[];
}

const LOG_LENGTH = 200;
const POOL_ORDER: readonly Row['pool'][number][] = ['busy', 'idle', 'starting', 'draining', 'going'];

/** What the watches have told so far. Changes nothing in the cluster and knows no clock but the moments it is given. */
export class Model {
  readonly log: LogEntry[] = [];
  private readonly reactions = new Reactions();
  private readonly hsdsByName = new Map<string, HsdView>();
  private readonly children = new Map<string, DeploymentView>();
  private readonly podsByUid = new Map<string, DemoPod>();
  /** What the demo knows of Pods ahead of the watch: a session it has just started or ended. */
  private readonly foreseen = new Map<string, 'busy' | 'free'>();
  /** Of Pods whose busy mark has been asked for, by uid. */
  private readonly timings = new Map<string, Timing>();
  private readonly listeners = new Set<() => void>();

  /** Calls `listener` after every change until the returned function is called. */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  applyHsd({ current, previous }: Change<HsdView>): void {
    if (current) this.hsdsByName.set(current.name, current);
    else if (previous) this.hsdsByName.delete(previous.name);
    this.changed();
  }

  /** @param atMs monotonic milliseconds of the event's arrival, for the reaction */
  applyChild({ current, previous }: Change<DeploymentView>, atMs: number): void {
    if (current?.hsd) {
      this.children.set(current.hsd, current);
      this.reactions.wanted(current.hsd, this.wanted(current.hsd), atMs);
    } else if (previous?.hsd) this.children.delete(previous.hsd);
    this.changed();
  }

  /** @param atMs monotonic milliseconds of the event's arrival, for the reaction */
  applyPod({ current, previous }: Change<DemoPod>, atMs: number): void {
    const uid = current?.uid ?? previous?.uid ?? '';
    if (current) this.podsByUid.set(uid, current);
    else this.podsByUid.delete(uid);
    if (current === undefined || this.foreseen.get(uid) === usage(current)) this.foreseen.delete(uid);
    if (current === undefined) this.timings.get(uid)?.cancel();
    else if (isMarkedBusy(current)) this.timings.get(uid)?.marked(atMs);
    if (current === undefined || isMarkedBusy(current)) this.timings.delete(uid);
    this.changed();
  }

  applyEvent({ current, previous }: Change<EventView>): void {
    if (!current || previous) return;
    const { at, hsd, reason, note, type } = current;
    this.note({ at, hsd, text: `${reason}: ${note}`, isWarning: type === 'Warning' });
  }

  /** Adds a line to the log. */
  note(entry: LogEntry): void {
    this.log.push(entry);
    if (this.log.length > LOG_LENGTH) this.log.shift();
    this.changed();
  }

  /** Names of the hsds, in alphabetical order. */
  get hsds(): string[] {
    return [...this.hsdsByName.keys()].sort();
  }

  hsd(name: string): HsdView | undefined {
    return this.hsdsByName.get(name);
  }

  child(hsd: string): DeploymentView | undefined {
    return this.children.get(hsd);
  }

  /** Pods of an hsd, oldest first. */
  pods(hsd: string): DemoPod[] {
    const own = [...this.podsByUid.values()].filter((pod) => pod.hsd === hsd);
    return own.sort((a, b) => a.createdAt - b.createdAt || a.name.localeCompare(b.name));
  }

  pod(uid: string): DemoPod | undefined {
    return this.podsByUid.get(uid);
  }

  /** Pods that can take a session now. */
  free(hsd: string): DemoPod[] {
    return this.pods(hsd).filter((pod) => isAvailable(pod) && this.foreseen.get(pod.uid) !== 'busy');
  }

  /** Pods that hold a session. */
  inSession(hsd: string): DemoPod[] {
    return this.pods(hsd).filter((pod) => isLive(pod) && (this.foreseen.get(pod.uid) ?? usage(pod)) === 'busy');
  }

  /**
   * A session is being started on a Pod. The returned timing measures the child's reaction; undefined when the child
   * need not grow (maxReplicas is reached, or a scale-down had not come that far).
   */
  starting(pod: DemoPod): Timing | undefined {
    this.foreseen.set(pod.uid, 'busy');
    const name = pod.hsd ?? '';
    const hsd = this.hsd(name);
    if (!hsd) return undefined;
    const { desired } = capacity({ ...hsd.spec, busy: this.inSession(name).length });
    if (desired <= this.wanted(name)) return undefined;
    const timing = this.reactions.begin(name, desired);
    this.timings.set(pod.uid, timing);
    return timing;
  }

  /** A session is being ended on a Pod. */
  ending(pod: DemoPod): void {
    this.foreseen.set(pod.uid, 'free');
  }

  /** What `starting` or `ending` announced did not happen. */
  failed(pod: DemoPod): void {
    this.foreseen.delete(pod.uid);
    this.timings.get(pod.uid)?.cancel();
    this.timings.delete(pod.uid);
  }

  rows(): Row[] {
    return this.hsds.flatMap((name) => {
      const hsd = this.hsd(name);
      return hsd ? [this.row(hsd)] : [];
    });
  }

  private row({ name, spec, status }: HsdView): Row {
    const pool = this.pods(name).map(poolState);
    return {
      name,
      ...(spec.busyProbe?.mode === 'http' && { probeSeconds: spec.busyProbe.http?.periodSeconds }),
      target: spec.idleTarget,
      available: status.availableCount ?? 0,
      busy: status.busyCount ?? 0,
      starting: status.startingCount ?? 0,
      desired: status.desiredReplicas ?? 0,
      reactionMs: this.reactions.lastOf(name),
      pool: pool.sort((a, b) => POOL_ORDER.indexOf(a) - POOL_ORDER.indexOf(b)),
    };
  }

  /** Pods the operator wants: the child's replicas and the busy Pods it keeps outside of the child. */
  private wanted(hsd: string): number {
    const outside = this.pods(hsd).filter((pod) => isLive(pod) && !isAttached(pod) && usage(pod) === 'busy');
    return (this.child(hsd)?.replicas ?? 0) + outside.length;
  }

  private changed(): void {
    for (const listener of [...this.listeners]) listener();
  }
}

/** Whether the child's ReplicaSet controls the Pod; else the hsd itself does (a busy Pod that survived a rollout). */
export function isAttached(pod: PodView): boolean {
  return pod.controller?.kind === 'ReplicaSet';
}

/** Ready, free and staying: what the operator counts as available. */
export function isAvailable(pod: PodView): boolean {
  return isLive(pod) && pod.ready && pod.state === 'idle' && !isMarkedBusy(pod);
}

/** What a Pod is doing. */
export function poolState(pod: PodView): Row['pool'][number] {
  if (!isLive(pod)) return 'going';
  return isMarkedBusy(pod) ? 'busy' : (pod.state ?? 'starting');
}

function usage(pod: PodView): 'busy' | 'free' {
  return isMarkedBusy(pod) ? 'busy' : 'free';
}

/** By its annotation, which is first to know, or by the operator's label (http mode has no annotation). */
function isMarkedBusy(pod: PodView): boolean {
  if (pod.busyKey === undefined) return pod.state === 'busy';
  return pod.trueKeys.includes(pod.busyKey || DEFAULT_BUSY_ANNOTATION);
}
