import { isDeepStrictEqual } from 'node:util';
import { API_VERSION, KIND } from '../../src/api/names';
import type { HotStandbyStatus } from '../../src/api/types';
import { perform } from '../apply/apply';
import { batches } from '../apply/batches';
import { ChildRefused } from '../apply/child';
import { writeStatus } from '../apply/status';
import { releaseStrays } from '../apply/strays';
import { decide } from '../decide/decide';
import type { Growth, HsdView, Plan, PodView, ProbeAnswer, Recommendation, Refusal, Write } from '../decide/model';
import { isLive, isProbed } from '../decide/pods';
import type { Api } from '../kube/api';
import type { Clock } from '../kube/clock';
import { ApiError, isOutdated } from '../kube/errors';
import type { EventRecorder } from '../kube/events';
import { NotLeading } from '../kube/fence';
import type { Logger } from '../kube/logger';
import type { WorkQueue } from '../kube/queue';
import { gather } from '../observe/gather';
import type { World } from '../observe/world';
import { probeSpecOf } from '../probe/probe-spec';
import type { Prober } from '../probe/prober';
import type { Metrics } from '../serve/metrics';
import { asBefore, isAside, isTooHigh, Lane, type Raise, writesAfter } from './lane';
import { statusHoldMs } from './status-timing';

export interface ReconcilerOptions {
  /** Refuses writes while this process does not lead (Fence). */
  client: Api;
  world: World;
  queue: WorkQueue;
  prober: Pick<Prober, 'setTargets' | 'removeAll' | 'result' | 'probeNow'>;
  events: Pick<EventRecorder, 'record'>;
  metrics: Metrics;
  clock: Clock;
  logger: Logger;
  /** The admission policy that keeps ReplicaSets from ending busy Pods is installed. */
  guarded: boolean;
  /** False: a follower, which looks on. */
  isLeading: () => boolean;
}

/** What the operator remembers of one hsd between passes. Losing it costs time, never a Pod. */
interface Remembered {
  uid: string;
  drainingSince: Map<string, number>;
  refusal?: Refusal & { retryAt: number; attempts: number };
  /** Newest last; only those the stabilization window can still ask for. */
  recommendations: Recommendation[];
  growth?: Growth;
  /** Ready Pods (uids) that have answered a probe, or were asked anew since they became Ready. */
  asked: Set<string>;
  /** Monotonic time of the last status write. */
  statusAt: number;
  /** Since when (monotonic) the status differs from what is written. */
  heldSince?: number;
  /** Of the last scale write, which the status may not tell of yet. */
  lastScaleTime?: string;
}

/** What a pass begins with. */
interface Start {
  /** Monotonic time of the first change it deals with. */
  since: number | undefined;
  /** What was scaled ahead of it. */
  raise: Raise | undefined;
}

/** Shortest time between two status writes of one hsd: a burst of sessions costs two of them, not hundreds. */
const STATUS_INTERVAL_MS = 500;
/** First and longest time until a refused child is tried again: quotas and webhooks change without a new generation. */
const REFUSAL_RETRY_MS = 15_000;
const REFUSAL_RETRY_MAX_MS = 300_000;

/** Gather, decide, apply: one pass for one hsd. */
export class Reconciler {
  private readonly records = new Map<string, Remembered>();
  /** Monotonic time of the first change a pass has not dealt with yet, by key. */
  private readonly pending = new Map<string, number>();
  private readonly lane: Lane;

  constructor(private readonly options: ReconcilerOptions) {
    const { world } = options;
    this.lane = new Lane({
      hsd: (key) => world.hsd(key),
      child: (hsd) => world.child(hsd),
      send: (key, hsd, write) => this.send(hsd, write, this.pending.get(key)),
    });
  }

  /** Something about this hsd changed. */
  changed(key: string): void {
    if (!this.pending.has(key)) this.pending.set(key, this.options.clock.monotonic());
    this.options.queue.add(key);
  }

  /** A Pod changed: called before `changed`. */
  podChanged(change: { current?: PodView; previous?: PodView }): void {
    const { namespace, hsd } = change.current ?? change.previous ?? {};
    this.lane.podChanged(`${namespace}/${hsd}`, change);
  }

  async reconcile(key: string): Promise<void> {
    const { world, queue, isLeading, logger, clock } = this.options;
    if (!isLeading()) return this.lane.forget(key);
    const started = clock.monotonic();
    const hsd = world.hsd(key);
    const log = logger.child({ hsd: key });
    if (hsd === undefined) return this.bury(key, log);
    const raise = this.lane.enter(key);
    const since = this.pending.get(key);
    this.pending.delete(key);
    try {
      const plan = await this.pass(key, hsd, { since, raise }, log);
      queue.forget(key);
      log.debug({ reason: plan.reason }, 'reconciled');
      this.options.metrics.observeReconcile((clock.monotonic() - started) / 1000, plan.reason);
    } catch (error) {
      const outdated = isOutdated(error) || error instanceof NotLeading;
      this.options.metrics.observeReconcile((clock.monotonic() - started) / 1000, outdated ? 'Outdated' : 'Error');
      this.failed(key, hsd, error, log);
    } finally {
      this.lane.open(key);
    }
  }

  private async pass(key: string, hsd: HsdView, { since, raise }: Start, log: Logger): Promise<Plan> {
    const { client, world, queue, clock, guarded } = this.options;
    if (raise) await requestSent();
    const record = this.recordOf(key, hsd);
    const pods = world.pods.of(key);
    this.syncProbes(key, hsd, pods, record);
    await this.releaseStrays(key, hsd);
    const now = clock.now();
    const refusal = record.refusal && now < record.refusal.retryAt ? record.refusal : undefined;
    this.noteDraining(pods, record, now);
    this.ageRecommendations(record, hsd, now);
    const memory = {
      now,
      recommendations: record.recommendations,
      ...(record.growth && { growth: record.growth }),
      guarded,
      refusal,
      drainingSince: record.drainingSince,
      probes: this.answers(pods),
    };
    const observation = asBefore(raise, await gather(client, world, hsd, memory));
    const plan = decide(observation);
    this.lane.seen(key, observation, plan);
    record.growth = plan.growth ?? record.growth;
    const { recommendation: replicas } = plan;
    const isNews = replicas !== undefined && replicas !== record.recommendations.at(-1)?.replicas;
    if (isNews) record.recommendations.push({ at: now, replicas });
    if (plan.writes.length > 0) log.info({ reason: plan.reason, writes: plan.writes.length }, 'reconciling');
    await raise?.sent;
    if (isTooHigh(raise, plan.writes)) queue.add(key);
    await this.carryOut(key, hsd, writesAfter(raise, plan.writes), since);
    this.lane.open(key);
    for (const event of plan.events) this.options.events.record({ regarding: regarding(hsd), ...event });
    for (const uid of plan.probe) void this.options.prober.probeNow(uid);
    if (plan.requeueAfterMs !== undefined) queue.addAfter(key, plan.requeueAfterMs);
    if (record.refusal) queue.addAfter(key, Math.max(0, record.refusal.retryAt - now));
    await this.report(key, hsd, record, plan);
    return plan;
  }

  private async send(hsd: HsdView, write: Write, since: number | undefined): Promise<void> {
    const { client, world, clock, metrics, events } = this.options;
    const warn = (reason: string, note: string): void =>
      events.record({ regarding: regarding(hsd), type: 'Warning', reason, action: 'Reconcile', note });
    await perform({ client, world, warn }, hsd, write);
    const scaled = write.kind === 'scaleChild' && write.replicas > write.child.replicas;
    if (scaled && since !== undefined) metrics.observeReaction((clock.monotonic() - since) / 1000);
  }

  private async carryOut(
    key: string,
    hsd: HsdView,
    writes: readonly Write[],
    since: number | undefined,
  ): Promise<void> {
    const { queue } = this.options;
    const { runs, more } = batches(writes);
    for (const [index, run] of runs.entries()) {
      if (isAside(runs.slice(index))) this.lane.open(key);
      await Promise.all(run.map((write) => this.send(hsd, write, since)));
    }
    const record = this.records.get(key);
    if (record && runs.some((run) => run[0]?.kind === 'applyChild')) delete record.refusal;
    if (more) queue.add(key);
  }

  private async report(key: string, hsd: HsdView, record: Remembered, plan: Plan): Promise<void> {
    const { client, world, queue, clock, metrics } = this.options;
    metrics.setCounts(hsd.namespace, hsd.name, hsd.spec.idleTarget, plan.status);
    // What was just read may be newer than what the plan was made from.
    const written = world.hsd(key)?.status ?? hsd.status;
    const status = withScaleTime(record, hsd, plan.status);
    const now = clock.monotonic();
    record.heldSince = isDeepStrictEqual(written, status) ? undefined : (record.heldSince ?? now);
    if (record.heldSince === undefined) return;
    const holdMs = hsd.deleting ? 0 : statusHoldMs(written, status);
    const wait = Math.max(record.heldSince + holdMs, record.statusAt + STATUS_INTERVAL_MS) - now;
    if (wait > 0) {
      queue.addAfter(key, wait);
      return;
    }
    record.heldSince = undefined;
    record.statusAt = now;
    await writeStatus(client, world, hsd, status);
  }

  private failed(key: string, hsd: HsdView, error: unknown, log: Logger): void {
    const { queue, events, clock } = this.options;
    if (error instanceof ChildRefused) {
      const record = this.recordOf(key, hsd);
      const attempts = (record.refusal?.attempts ?? 0) + 1;
      const delay = Math.min(REFUSAL_RETRY_MAX_MS, REFUSAL_RETRY_MS * 2 ** (attempts - 1));
      const { reason, message } = error;
      record.refusal = { generation: hsd.generation, reason, message, attempts, retryAt: clock.now() + delay };
      log.warn({ reason, message }, 'the API server refused the child Deployment');
      queue.add(key);
      return;
    }
    queue.addRateLimited(key);
    // Somebody else was faster: the next pass sees what they did.
    if (isOutdated(error) || error instanceof NotLeading) {
      log.debug({ err: error }, 'outdated decision');
      return;
    }
    log.error({ err: error }, 'reconcile failed');
    if (!(error instanceof ApiError)) return;
    const note = `${error.message} (HTTP ${error.code}); trying again`;
    events.record({ regarding: regarding(hsd), type: 'Warning', reason: 'ReconcileFailed', action: 'Reconcile', note });
  }

  private syncProbes(key: string, hsd: HsdView, pods: readonly PodView[], record: Remembered): void {
    const { prober } = this.options;
    const spec = probeSpecOf(hsd);
    if (spec === undefined) {
      prober.removeAll(key);
      return;
    }
    const probed = pods.filter((pod) => isLive(pod) && pod.running && isProbed(pod, hsd.spec));
    prober.setTargets(
      key,
      spec,
      probed.map(({ uid, name, ip, hostNetwork }) => ({ uid, name, ip, hostNetwork })),
    );
    this.askReady(probed, record);
  }

  /** The first probe often comes before the app listens: a Pod that turned Ready is asked at once, not a period later. */
  private askReady(pods: readonly PodView[], record: Remembered): void {
    const { prober } = this.options;
    const ready = pods.filter((pod) => pod.ready && prober.result(pod.uid) !== undefined).map(({ uid }) => uid);
    for (const uid of ready) {
      if (!record.asked.has(uid) && prober.result(uid)?.state === 'unknown') void prober.probeNow(uid);
    }
    record.asked = new Set(ready);
  }

  private answers(pods: readonly PodView[]): Map<string, ProbeAnswer> {
    const answers = new Map<string, ProbeAnswer>();
    for (const { uid } of pods) {
      const result = this.options.prober.result(uid);
      if (result !== undefined) answers.set(uid, result);
    }
    return answers;
  }

  private noteDraining(pods: readonly PodView[], record: Remembered, now: number): void {
    const draining = new Map<string, number>();
    for (const pod of pods) {
      if (pod.state === 'draining') draining.set(pod.uid, record.drainingSince.get(pod.uid) ?? now);
    }
    record.drainingSince = draining;
  }

  /** What was wanted last was wanted until now. */
  private ageRecommendations(record: Remembered, hsd: HsdView, now: number): void {
    const windowMs = (hsd.spec.behavior?.scaleDown?.stabilizationWindowSeconds ?? 0) * 1000;
    const last = record.recommendations.pop();
    const aged = [...record.recommendations, ...(last ? [{ ...last, at: now }] : [])];
    record.recommendations = windowMs === 0 ? aged.slice(-1) : aged.filter(({ at }) => at + windowMs > now);
  }

  private recordOf(key: string, hsd: HsdView): Remembered {
    const existing = this.records.get(key);
    if (existing?.uid === hsd.uid) return existing;
    const fresh: Remembered = {
      uid: hsd.uid,
      drainingSince: new Map(),
      asked: new Set(),
      recommendations: this.seed(key, hsd),
      statusAt: Number.NEGATIVE_INFINITY,
    };
    this.records.set(key, fresh);
    return fresh;
  }

  /** HPA's answer to a restart: what runs now was wanted just now, so a cool-down is never cut short. */
  private seed(key: string, hsd: HsdView): Recommendation[] {
    const { world, clock } = this.options;
    const child = world.child(hsd);
    if (child === undefined) return [];
    const detached = world.pods.of(key).filter((pod) => isLive(pod) && pod.controller?.uid === hsd.uid).length;
    return [{ at: clock.now(), replicas: child.replicas + detached }];
  }

  /** The hsd is gone: so is what is known of it, and what it has left behind. */
  private async bury(key: string, log: Logger): Promise<void> {
    const { queue } = this.options;
    this.forget(key);
    try {
      await this.releaseStrays(key, undefined);
      queue.forget(key);
    } catch (error) {
      if (!isOutdated(error) && !(error instanceof NotLeading))
        log.error({ err: error }, 'cannot release what a deleted hsd has left');
      queue.addRateLimited(key);
    }
  }

  private releaseStrays(key: string, hsd: HsdView | undefined): Promise<void> {
    const { client, world } = this.options;
    const [, name = ''] = key.split('/');
    return releaseStrays({ client, world, warn: () => undefined }, name, world.replicaSets.of(key), hsd);
  }

  private forget(key: string): void {
    const { prober, metrics } = this.options;
    const [namespace = '', name = ''] = key.split('/');
    prober.removeAll(key);
    metrics.removeHsd(namespace, name);
    this.records.delete(key);
    this.lane.forget(key);
  }
}

function regarding(hsd: HsdView): { apiVersion: string; kind: string; namespace: string; name: string; uid: string } {
  return { apiVersion: API_VERSION, kind: KIND, namespace: hsd.namespace, name: hsd.name, uid: hsd.uid };
}

/** A status that was held back must not forget when the child was last scaled. */
function withScaleTime(record: Remembered, hsd: HsdView, status: HotStandbyStatus): HotStandbyStatus {
  if (status.lastScaleTime !== hsd.status.lastScaleTime) record.lastScaleTime = status.lastScaleTime;
  const { lastScaleTime } = record;
  const isNewer = lastScaleTime !== undefined && lastScaleTime > (status.lastScaleTime ?? '');
  return isNewer ? { ...status, lastScaleTime } : status;
}

/**
 * Two turns of the event loop: undici looks at an idle socket for one before it writes to it (GHSA-35p6-xmwp-9g52), and a
 * pass, which needs no I/O, would run to its end in between.
 */
async function requestSent(): Promise<void> {
  for (let turn = 0; turn < 2; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
