/** What a soak does to its hsds beside sessions: new templates, other idleTargets, at random. */
import { isNotFound } from '../../operator/kube/errors';
import { paths } from '../../operator/kube/paths';
import type { PodLook } from './mirror';
import { flip, isFree, OPERATOR, PodGoing, type Pool, wait } from './pools';
import type { Scene } from './reaction';

export interface ChurnCounts {
  flips: number;
  templates: number;
  targets: number;
  /** Writes that came too late: the Pod was gone or going. No session began. */
  missed: number;
  /** Busy Pods that were ended. Must stay 0. */
  lost: number;
}

export interface ChurnRates {
  /** Begun or ended sessions a second, over all hsds. */
  flipsPerSecond: number;
  /** Seconds between two changed templates, and two changed idleTargets, on average. */
  templateSeconds: number;
  targetSeconds: number;
}

/** idleTargets a soak picks from, around the first one. */
const LEAST_TARGET = 2;
const MOST_TARGET = 8;
/** Busy Pods of one hsd at most, on average: as many sessions end as begin. */
const BUSY_PER_POOL = 3;

/** Random sessions and spec changes, until `stop()`. Every session's Pod is watched: one that ends early is lost. */
export class Churn {
  readonly counts: ChurnCounts = { flips: 0, templates: 0, targets: 0, missed: 0, lost: 0 };
  readonly lostPods: string[] = [];
  private readonly sessions = new Map<string, { pool: Pool; pod: PodLook }>();
  private running = true;

  /** @param random at least 0, below 1 */
  constructor(
    private readonly scene: Scene,
    private readonly pools: Pool[],
    private readonly rates: ChurnRates,
    private readonly random: () => number = Math.random,
  ) {
    scene.mirror.onPod = ({ current, previous }) => {
      const pod = current ?? previous;
      // A Pod whose session was just ended may go before the reply to that is here: what counts is what it says itself.
      const wasBusy = previous?.trueKeys.includes(OPERATOR.busyKey) ?? false;
      if (pod !== undefined && wasBusy && (current === undefined || current.deleting)) this.noteEnd(pod);
    };
  }

  /** Sessions under way. */
  get busy(): number {
    return this.sessions.size;
  }

  /** Runs until `stop()`; rejects when a write fails for another reason than that it came too late. */
  async run(): Promise<void> {
    const { flipsPerSecond, templateSeconds, targetSeconds } = this.rates;
    await Promise.all([
      this.poisson(flipsPerSecond, () => this.flipOne()),
      this.poisson(1 / templateSeconds, () => this.changeTemplate()),
      this.poisson(1 / targetSeconds, () => this.changeTarget()),
    ]);
  }

  stop(): void {
    this.running = false;
  }

  /** Ends every session. */
  async drain(): Promise<void> {
    for (const { pod } of [...this.sessions.values()]) await this.end(pod);
  }

  /** One after the other: on a slow machine the rate falls, and nothing piles up. */
  private async poisson(perSecond: number, action: () => Promise<void>): Promise<void> {
    for (;;) {
      const due = performance.now() + (-Math.log(1 - this.random()) / perSecond) * 1000;
      while (this.running && performance.now() < due) await wait(Math.min(250, Math.max(1, due - performance.now())));
      if (!this.running) return;
      await action();
    }
  }

  private async flipOne(): Promise<void> {
    const isFull = this.random() * 2 * BUSY_PER_POOL * this.pools.length < this.sessions.size;
    const session = [...this.sessions.values()][Math.floor(this.random() * this.sessions.size)];
    if (isFull && session !== undefined) await this.end(session.pod);
    else await this.begin(this.pick());
  }

  private async begin(pool: Pool): Promise<void> {
    const { api, mirror } = this.scene;
    const pod = mirror.podsOf(pool.namespace, pool.name).find(isFree);
    if (pod === undefined) return;
    try {
      await flip(api, pod, OPERATOR, true);
    } catch (error) {
      // Chosen from what the watch had said; the reply tells that it was too late, so no session began.
      if (!(error instanceof PodGoing) && !isNotFound(error)) throw error;
      this.counts.missed += 1;
      return;
    }
    this.counts.flips += 1;
    this.sessions.set(pod.uid, { pool, pod });
    // The watch may have been faster than the reply.
    const now = mirror.podByUid(pod.uid);
    if (now === undefined || now.deleting) this.noteEnd(pod);
  }

  private async end(pod: PodLook): Promise<void> {
    try {
      await flip(this.scene.api, pod, OPERATOR, false);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      this.noteEnd(pod);
      return;
    }
    this.sessions.delete(pod.uid);
    this.counts.flips += 1;
  }

  private noteEnd(pod: PodLook): void {
    if (!this.sessions.delete(pod.uid)) return;
    this.counts.lost += 1;
    this.lostPods.push(`${pod.namespace}/${pod.name}`);
  }

  private async changeTemplate(): Promise<void> {
    const { namespace, name } = this.pick();
    this.counts.templates += 1;
    const metadata = { annotations: { 'bench.paia.tech/template': String(this.counts.templates) } };
    await this.scene.api.mergePatch(paths.hsds.one(namespace, name), { spec: { podTemplate: { metadata } } });
  }

  private async changeTarget(): Promise<void> {
    const pool = this.pick();
    pool.idleTarget = LEAST_TARGET + Math.floor(this.random() * (MOST_TARGET - LEAST_TARGET + 1));
    this.counts.targets += 1;
    const spec = { idleTarget: pool.idleTarget };
    await this.scene.api.mergePatch(paths.hsds.one(pool.namespace, pool.name), { spec });
  }

  private pick(): Pool {
    const pool = this.pools[Math.floor(this.random() * this.pools.length)];
    if (pool === undefined) throw new Error('a soak needs at least one hsd');
    return pool;
  }
}
