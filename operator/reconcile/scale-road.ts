import type { DeploymentView, HsdView, Observation, Plan, PodView } from '../decide/model';
import { isLive } from '../decide/pods';
import { HeadStart, type Raise } from './head-start';

export interface ScaleRoadOptions {
  hsd: (key: string) => HsdView | undefined;
  child: (hsd: HsdView) => DeploymentView | undefined;
  /** Resolves when the reply is in the cache. */
  send: (key: string, hsd: HsdView, raise: Raise) => Promise<void>;
}

/**
 * The way of a new session's scale write past everything else: past the pass over all Pods, past the other hsds in the
 * queue when an overloaded API server keeps every worker waiting, past the marks and the status of the pass before. One
 * write of an hsd at a time, and none while a pass is at work on the child itself.
 */
export class ScaleRoad {
  private readonly headStart = new HeadStart();
  /** Raises that have no reply yet, by key. They never reject. */
  private readonly underWay = new Map<string, Promise<void>>();
  /** Keys whose pass is at work on more than marks and status. */
  private readonly closed = new Set<string>();
  private readonly due = new Set<string>();

  constructor(private readonly options: ScaleRoadOptions) {}

  /** A Pod of the hsd with this key changed. */
  podChanged(key: string, change: { current?: PodView; previous?: PodView }): void {
    const hsd = this.options.hsd(key);
    if (hsd === undefined) return;
    this.headStart.podChanged(key, hsd, change);
    if (this.headStart.raise(key, hsd, this.options.child(hsd)) !== undefined) this.schedule(key);
  }

  /**
   * A pass begins: what is due leaves at once, and nothing more until `open`. Resolves when the reply is in the cache, so
   * that the pass sees the child as it is; one that failed is the pass's own to make, and to tell of.
   */
  async close(key: string): Promise<void> {
    this.raise(key);
    this.closed.add(key);
    await this.underWay.get(key);
  }

  /** The pass has seen everything up to now and made `plan` of it. Call it before anything else can happen. */
  seen(key: string, observation: Observation, plan: Plan): void {
    const { child, pods } = observation;
    // A head start counts by the label alone: where Pods of others carry it, every raise is the pass's.
    const isAlone = pods.filter(isLive).length === plan.status.replicas;
    this.headStart.seen(key, observation, isAlone ? child : undefined, plan);
  }

  /** The pass is done with the child, or over. */
  open(key: string): void {
    if (this.closed.delete(key)) this.schedule(key);
  }

  /** The hsd is gone, or another process leads. */
  forget(key: string): void {
    this.headStart.forget(key);
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
    const hsd = this.options.hsd(key);
    if (hsd === undefined || this.closed.has(key) || this.underWay.has(key)) return;
    const raise = this.headStart.raise(key, hsd, this.options.child(hsd));
    if (raise === undefined) return;
    const over = (): boolean => this.underWay.delete(key);
    const sent = this.options.send(key, hsd, raise).then(
      () => {
        over();
        this.schedule(key);
      },
      () => {
        over();
      },
    );
    this.underWay.set(key, sent);
  }
}
