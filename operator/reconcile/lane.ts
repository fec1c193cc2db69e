import type { DeploymentView, HsdView, Observation, Plan, PodView, Write } from '../decide/model';
import { HeadStart } from './head-start';

/** Scale writes of an hsd that left before its next pass. */
export interface Raise {
  /** What the child held before the first of them. */
  from: number;
  replicas: number;
  /** The last of them; the next pass waits for it. */
  sent: Promise<void>;
  isOver: boolean;
}

export interface LaneOptions {
  hsd: (key: string) => HsdView | undefined;
  child: (hsd: HsdView) => DeploymentView | undefined;
  send: (key: string, hsd: HsdView, write: Write) => Promise<void>;
}

/**
 * The way of a new session's scale write past everything else: past the pass over all Pods, past the other hsds in the
 * queue when an overloaded API server keeps every worker waiting, past the marks and the status of the pass before. One
 * write of an hsd at a time, and none while a pass is at work on the child itself.
 */
export class Lane {
  private readonly headStart = new HeadStart();
  private readonly raises = new Map<string, Raise>();
  /** Keys whose pass is at work on more than marks and status. */
  private readonly closed = new Set<string>();
  private readonly due = new Set<string>();

  constructor(private readonly options: LaneOptions) {}

  /** A Pod of the hsd with this key changed. */
  podChanged(key: string, change: { current?: PodView; previous?: PodView }): void {
    const hsd = this.options.hsd(key);
    if (hsd === undefined) return;
    this.headStart.podChanged(key, hsd, change);
    if (this.replicas(key, hsd) !== undefined) this.schedule(key);
  }

  /** A pass begins: no raise from now on, until `open`. What was raised since the pass before is for it to reckon with. */
  enter(key: string): Raise | undefined {
    this.raise(key);
    this.closed.add(key);
    const raise = this.raises.get(key);
    this.raises.delete(key);
    return raise;
  }

  /** The pass has seen everything up to now and made `plan` of it. Call it before anything else can happen. */
  seen(key: string, { hsd, child }: Observation, plan: Plan): void {
    this.headStart.seen(key, hsd, child, plan);
  }

  /** The pass is done with the child, or over. */
  open(key: string): void {
    if (this.closed.delete(key)) this.schedule(key);
  }

  /** The hsd is gone, or another process leads. */
  forget(key: string): void {
    this.headStart.forget(key);
    this.raises.delete(key);
  }

  private replicas(key: string, hsd: HsdView): number | undefined {
    return this.headStart.replicas(key, hsd, this.options.child(hsd));
  }

  /** In the next turn of the event loop, so that one write tells of all sessions of one network read. */
  private schedule(key: string): void {
    if (this.due.size === 0) {
      setImmediate(() => {
        const keys = [...this.due];
        this.due.clear();
        for (const each of keys) this.raise(each);
      });
    }
    this.due.add(key);
  }

  private raise(key: string): void {
    const before = this.raises.get(key);
    const hsd = this.options.hsd(key);
    if (hsd === undefined || this.closed.has(key) || before?.isOver === false) return;
    const child = this.options.child(hsd);
    const replicas = this.headStart.replicas(key, hsd, child);
    if (child === undefined || replicas === undefined) return;
    const sent = this.options.send(key, hsd, { kind: 'scaleChild', child, replicas });
    const raise: Raise = { from: before?.from ?? child.replicas, replicas, sent, isOver: false };
    this.raises.set(key, raise);
    sent.then(
      () => {
        raise.isOver = true;
        this.schedule(key);
      },
      // Not tried again here: the pass fails with it, and comes again.
      () => undefined,
    );
  }
}

/** What a pass sees of a child that was raised before it: as it was, so that its plan tells of the raise. */
export function asBefore(raise: Raise | undefined, observation: Observation): Observation {
  const { child } = observation;
  if (raise === undefined || child?.replicas !== raise.replicas) return observation;
  return { ...observation, child: { ...child, replicas: raise.from } };
}

/** What is left to do of a plan after a raise: one that was enough is done, and nothing undoes one. */
export function writesAfter(raise: Raise | undefined, writes: readonly Write[]): readonly Write[] {
  if (raise === undefined) return writes;
  const isBelow = writes.some((write) => write.kind === 'scaleChild' && write.replicas < raise.replicas);
  return isBelow ? [] : writes.filter((write) => write.kind !== 'scaleChild' || write.replicas > raise.replicas);
}

/** The plan wants fewer Pods than were raised for: the next pass, which sees the child as it is, brings it down. */
export function isTooHigh(raise: Raise | undefined, writes: readonly Write[]): boolean {
  if (raise === undefined) return false;
  return !writes.some((write) => write.kind === 'scaleChild' && write.replicas >= raise.replicas);
}

const ASIDE: ReadonlySet<Write['kind']> = new Set(['markPod', 'endSession', 'deletePod']);

/** Whether these runs of writes leave the child alone, so that it can be raised beside them. */
export function isAside(runs: readonly (readonly Write[])[]): boolean {
  return runs.every(([write]) => write !== undefined && ASIDE.has(write.kind));
}
