/** Many sessions at once, and many one after the other. */
import { isNotFound } from '../../operator/kube/errors';
import type { PodLook } from './mirror';
import { type Contender, flip, forEach, isFree, OPERATOR, PodGoing, type Pool, settle, wait } from './pools';
import type { Scene } from './reaction';
import { type Summary, summarize } from './stats';

/** Seconds. */
export interface BurstTimes {
  /** From the first busy write until every Deployment is right. */
  total: number;
  /** The same from the last busy write's reply on: what the contender lags behind. */
  lag: number;
  /** From the first write that ends a session until every Deployment is back. */
  idle: number;
}

const FLIPS_AT_ONCE = 32;

/** `pods` Pods turn busy as fast as the API server takes it, three to an hsd; then all of them idle. */
export async function burst(
  scene: Scene,
  pools: readonly Pool[],
  contender: Contender,
  pods: number,
): Promise<BurstTimes> {
  const { api, mirror, log } = scene;
  const chosen = choose(scene, pools, pods);
  const reach = (pool: Pool, replicas: number): Promise<number> =>
    mirror.whenReplicas(pool.namespace, contender.target(pool.name), (now) => now === replicas, 120_000);
  const all = chosen.flatMap(({ busy }) => busy);
  const turn = async (busy: boolean): Promise<{ started: number; committed: number; right: number }> => {
    const started = performance.now();
    let committed = started;
    const right = Promise.all(
      chosen.map(({ pool, busy: held }) => reach(pool, pool.idleTarget + (busy ? held.length : 0))),
    );
    const turnOne = async (pod: PodLook): Promise<void> => {
      committed = await flip(api, pod, contender, busy);
    };
    const flips = forEach(all, turnOne, FLIPS_AT_ONCE);
    const [times] = await Promise.all([right, flips]);
    return { started, committed, right: Math.max(...times) };
  };
  const up = await turn(true);
  // All new Pods there and marked, or ending the sessions would only call off what has not begun.
  await wait(contender === OPERATOR ? 3_000 : 500);
  const down = await turn(false);
  await settle(mirror, pools, log);
  return {
    total: (up.right - up.started) / 1000,
    lag: Math.max(0, up.right - up.committed) / 1000,
    idle: (down.right - down.started) / 1000,
  };
}

function choose({ mirror }: Scene, pools: readonly Pool[], pods: number): { pool: Pool; busy: PodLook[] }[] {
  const each = Math.ceil(pods / Math.min(pools.length, Math.ceil(pods / 3)));
  const chosen: { pool: Pool; busy: PodLook[] }[] = [];
  let left = pods;
  for (const pool of pools) {
    if (left === 0) break;
    const free = mirror.podsOf(pool.namespace, pool.name).filter(isFree);
    const busy = free.slice(0, Math.min(left, each));
    chosen.push({ pool, busy });
    left -= busy.length;
  }
  if (left > 0) throw new Error(`a burst of ${pods} Pods finds only ${pods - left} free ones`);
  return chosen;
}

export interface SteadyResult {
  flips: number;
  /** What was achieved; less than asked for when the API server cannot take more. */
  flipsPerSecond: number;
  /** From a committed busy write to written replicas, milliseconds. */
  reaction: Summary;
  /** Flips left out: too many writes were still under way, or the Pod was already going. */
  skipped: number;
}

/** More under way means that the API server is the limit: further flips are left out and counted. */
const MOST_UNDER_WAY = 256;
/** Busy Pods the walk stays around, as a share of the hsds. */
const BUSY_SHARE = 0.2;

/** Sessions begin and end as a Poisson process, each at a random hsd that no other flip is under way at. */
export class SteadyLoad {
  private readonly busy: { pool: Pool; pod: PodLook }[] = [];
  private readonly held = new Map<Pool, number>();
  private readonly occupied = new Set<Pool>();
  private readonly reactions: number[] = [];
  private readonly underWay = new Set<Promise<void>>();
  private flips = 0;
  private perSecond = 0;
  private skipped = 0;
  private failure: unknown;

  /** @param random at least 0, below 1 */
  constructor(
    private readonly scene: Scene,
    private readonly pools: readonly Pool[],
    private readonly contender: Contender,
    private readonly random: () => number = Math.random,
  ) {}

  /** Runs for `seconds`; resolves when the last write has had its effect. */
  async run(perSecond: number, seconds: number): Promise<void> {
    const started = performance.now();
    const end = started + seconds * 1000;
    for (let due = started; due < end; due += this.gapMs(perSecond)) {
      const early = due - performance.now();
      if (early > 0) await wait(early);
      if (this.failure !== undefined) throw this.failure;
      if (performance.now() > end) break;
      this.begin();
    }
    await Promise.all(this.underWay);
    if (this.failure !== undefined) throw this.failure;
    this.perSecond = (this.flips / (performance.now() - started)) * 1000;
  }

  /** Ends every session and waits until all is at rest; its flips count, their time does not. */
  async finish(): Promise<SteadyResult> {
    await forEach(this.busy, ({ pod }) => flip(this.scene.api, pod, this.contender, false), FLIPS_AT_ONCE);
    await settle(this.scene.mirror, this.pools, this.scene.log);
    return {
      flips: this.flips + this.busy.length,
      flipsPerSecond: this.perSecond,
      reaction: summarize(this.reactions),
      skipped: this.skipped,
    };
  }

  private gapMs(perSecond: number): number {
    return (-Math.log(1 - this.random()) / perSecond) * 1000;
  }

  private begin(): void {
    if (this.underWay.size >= MOST_UNDER_WAY) {
      this.skipped += 1;
      return;
    }
    const most = Math.max(2, this.pools.length * BUSY_SHARE);
    const flipped = this.random() * most < this.busy.length ? this.endOne() : this.startOne();
    const guarded = flipped
      .catch((error: unknown) => {
        this.failure ??= error;
      })
      .finally(() => this.underWay.delete(guarded));
    this.underWay.add(guarded);
  }

  private async startOne(): Promise<void> {
    const pool = this.pools[Math.floor(this.random() * this.pools.length)];
    const { api, mirror } = this.scene;
    const pod = pool && mirror.podsOf(pool.namespace, pool.name).find((look) => this.isFree(look));
    if (pool === undefined || pod === undefined || this.occupied.has(pool)) {
      this.skipped += 1;
      return;
    }
    this.occupied.add(pool);
    const held = (this.held.get(pool) ?? 0) + 1;
    this.held.set(pool, held);
    const target = this.contender.target(pool.name);
    const wanted = pool.idleTarget + held;
    // A Deployment not yet lowered after an earlier session has room already: no reaction to measure.
    const isRoomy = mirror.replicasOf(pool.namespace, target) >= wanted;
    const written = mirror.whenReplicas(pool.namespace, target, (replicas) => replicas >= wanted);
    const reacted = await Promise.all([flip(api, pod, this.contender, true), written]).catch((error: unknown) => {
      if (error instanceof PodGoing || isNotFound(error)) return undefined;
      throw error;
    });
    this.occupied.delete(pool);
    if (reacted === undefined) {
      this.held.set(pool, held - 1);
      this.skipped += 1;
      return;
    }
    const [committed, at] = reacted;
    if (!isRoomy) this.reactions.push(Math.max(0, at - committed));
    this.flips += 1;
    this.busy.push({ pool, pod });
  }

  /** On a busy machine the watch tells of an own write late. */
  private isFree(pod: PodLook): boolean {
    return isFree(pod) && !this.busy.some((session) => session.pod.uid === pod.uid);
  }

  private async endOne(): Promise<void> {
    const [session] = this.busy.splice(Math.floor(this.random() * this.busy.length), 1);
    if (session === undefined || this.occupied.has(session.pool)) {
      if (session) this.busy.push(session);
      this.skipped += 1;
      return;
    }
    this.occupied.add(session.pool);
    await flip(this.scene.api, session.pod, this.contender, false);
    this.held.set(session.pool, (this.held.get(session.pool) ?? 1) - 1);
    this.flips += 1;
    this.occupied.delete(session.pool);
  }
}
