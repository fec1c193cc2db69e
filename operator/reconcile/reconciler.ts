import { API_VERSION, KIND } from '../../src/api/names';
import { perform } from '../apply/apply';
import { batches, leaveChild } from '../apply/batches';
import { ChildRefused } from '../apply/child';
import { writeOrphan } from '../apply/orphans';
import { needsAny } from '../decide/attempts';
import { decide } from '../decide/decide';
import {
  carriedOut,
  type Memory,
  newMemory,
  notCarriedOut,
  recall,
  refused,
  remember,
  retryInMs,
} from '../decide/memory';
import type { ClaimsView, EventNote, HsdView, Observation, Plan, PodView, Write } from '../decide/model';
import { orphanWrites } from '../decide/orphans';
import type { EventReason, ReconcileResult } from '../decide/reasons';
import type { Api } from '../kube/api';
import type { Clock } from '../kube/clock';
import { ApiError, isOutdated } from '../kube/errors';
import type { EventRecorder } from '../kube/events';
import { NotLeading } from '../kube/fence';
import type { Logger } from '../kube/logger';
import type { WorkQueue } from '../kube/queue';
import { gather } from '../observe/gather';
import { findOrphans } from '../observe/orphans';
import type { World } from '../observe/world';
import type { Metrics } from '../serve/metrics';
import type { Raise } from './head-start';
import { outcomeOf } from './outcome';
import { answersOf, type Probes, setTargets } from './probing';
import { ScaleRoad } from './scale-road';
import { StatusWriter } from './status-writer';

export interface ReconcilerOptions {
  /** Refuses writes while this process does not lead (Fence). */
  client: Api;
  world: World;
  queue: WorkQueue;
  prober: Probes;
  events: Pick<EventRecorder, 'record'>;
  metrics: Metrics;
  clock: Clock;
  logger: Logger;
  /** The admission policy that keeps ReplicaSets from ending busy Pods is installed. */
  guarded: boolean;
  /** What the claims service has in hand of the hsd with this key; absent: there is none. */
  claims?: (key: string) => ClaimsView | undefined;
  /** The API server's clock: the earliest it can show now. */
  serverNow: () => number;
  /** False: a follower, which looks on. */
  isLeading: () => boolean;
}

/** From an answer that was asked for to the pass that reads it: those of several Pods come together. */
const ANSWERED_MS = 20;

const NOTHING_SEEN: Pick<Memory, 'seenReady' | 'seenKeys'> = { seenReady: new Map(), seenKeys: new Set() };
const NO_CLAIMS: ClaimsView = { reserved: new Set(), waiting: 0 };

/** Gather, decide, apply, tell: one pass for one hsd. */
export class Reconciler {
  private readonly memories = new Map<string, Memory>();
  /** Monotonic time of the first change a pass has not dealt with yet, by key. */
  private readonly pending = new Map<string, number>();
  private readonly road: ScaleRoad;
  private readonly statuses: StatusWriter;

  constructor(private readonly options: ReconcilerOptions) {
    const { world, clock } = options;
    this.road = new ScaleRoad({
      hsd: (key) => world.hsd(key),
      child: (hsd) => world.child(hsd),
      send: (key, hsd, raise) => this.sendAhead(key, hsd, raise),
    });
    this.statuses = new StatusWriter(options, clock);
  }

  /** Something about this hsd changed. */
  changed(key: string): void {
    if (!this.pending.has(key)) this.pending.set(key, this.options.clock.monotonic());
    this.options.queue.add(key);
  }

  /** A Pod changed: called before `changed`. */
  podChanged(change: { current?: PodView; previous?: PodView }): void {
    const { namespace, hsd } = change.current ?? change.previous ?? {};
    this.road.podChanged(`${namespace}/${hsd}`, change);
  }

  async reconcile(key: string): Promise<void> {
    const { world, isLeading } = this.options;
    try {
      await this.road.close(key);
      if (!isLeading()) return;
      const since = this.pending.get(key);
      this.pending.delete(key);
      const hsd = world.hsd(key);
      await (hsd === undefined ? this.letGo(key) : this.attend(key, hsd, since));
    } finally {
      this.road.open(key);
      // A follower remembers nothing, nor does a pass that has outlived its term.
      if (!isLeading()) this.forget(key);
    }
  }

  /** Another process leads from now on, and learns for itself. */
  stopLeading(): void {
    for (const key of this.memories.keys()) this.forget(key);
    // Of an hsd whose passes have all failed there is no memory.
    this.options.prober.clear();
  }

  private async attend(key: string, hsd: HsdView, since: number | undefined): Promise<void> {
    const { queue, logger, clock, metrics } = this.options;
    const log = logger.child({ hsd: key });
    const started = clock.monotonic();
    const seconds = (): number => (clock.monotonic() - started) / 1000;
    try {
      const result = await this.pass(key, hsd, since, log);
      queue.forget(key);
      log.debug({ reason: result }, 'reconciled');
      metrics.observeReconcile(seconds(), result);
    } catch (error) {
      metrics.observeReconcile(seconds(), isOvertaken(error) ? 'Outdated' : 'Error');
      this.failed(key, hsd, error, log);
    }
  }

  /** What the passes over this hsd have seen of its Pods; nothing yet before the first. */
  recalled(key: string): Pick<Memory, 'seenReady' | 'seenKeys'> {
    return this.memories.get(key) ?? NOTHING_SEEN;
  }

  private async pass(key: string, hsd: HsdView, since: number | undefined, log: Logger): Promise<ReconcileResult> {
    const { client, world, clock, guarded, prober, metrics } = this.options;
    const pods = world.podsOf(hsd);
    setTargets(prober, key, { hsd, pods });
    const now = clock.monotonic();
    const recollection = recall(this.memoryOf(key, hsd, now), hsd, pods, now);
    const claims = this.options.claims?.(key) ?? NO_CLAIMS;
    const serverNow = this.options.serverNow();
    const probes = answersOf(prober, { pods });
    const circumstances = { ...recollection, now, serverNow, guarded, claims, probes };
    const observation = await gather(client, world, hsd, circumstances);
    const plan = decide(observation);
    this.road.seen(key, observation, plan);
    this.memories.set(key, remember(this.memoryOf(key, hsd, now), observation, plan));
    for (const uid of plan.probe) {
      void prober.probeNow(uid).then((answer) => this.lookAgain(key, answer && ANSWERED_MS));
    }
    if (plan.writes.length > 0) log.info({ reason: plan.reason, writes: plan.writes.length }, 'reconciling');
    const failures = await this.carryOut(key, hsd, plan.writes, since);
    this.road.open(key);
    const done = failures.length === 0 ? plan : this.afterwards(key, observation, plan);
    for (const event of done.events) this.tell(hsd, event);
    this.lookAgain(key, done.requeueAfterMs);
    this.lookAgain(key, retryInMs(this.memoryOf(key, hsd, now), now));
    metrics.setCounts(hsd.namespace, hsd.name, done.status.capacity?.idleTarget ?? hsd.spec.idleTarget, done.status);
    await this.report(key, hsd, done);
    if (failures.length === 0) return plan.reason;
    return failures.every(isOvertaken) ? 'Outdated' : 'Error';
  }

  /** The same pass, knowing what became of its writes: what was refused is told now, not with the next one. */
  private afterwards(key: string, observation: Observation, plan: Plan): Plan {
    const { attempts, refusal } = this.memoryOf(key, observation.hsd, observation.now);
    const { status, requeueAfterMs } = decide({ ...observation, attempts, ...(refusal && { refusal }) });
    // What was to be done is not done.
    const events = plan.events.filter(({ type }) => type === 'Warning');
    return { ...plan, status, events, ...(requeueAfterMs !== undefined && { requeueAfterMs }) };
  }

  /** A scale write ahead of the pass, which tells of itself. */
  private async sendAhead(key: string, hsd: HsdView, { write, event }: Raise): Promise<void> {
    await this.send(key, hsd, write, this.pending.get(key));
    this.options.logger.info({ hsd: key, reason: 'Scale', writes: 1 }, 'reconciled ahead');
    this.tell(hsd, event);
  }

  private async send(key: string, hsd: HsdView, write: Write, since: number | undefined): Promise<void> {
    const { client, world, clock, metrics } = this.options;
    const warn = (reason: EventReason, note: string): void =>
      this.tell(hsd, { type: 'Warning', reason, action: 'Reconcile', note });
    await perform({ client, world, warn }, hsd, write);
    this.options.queue.progressed();
    const memory = this.memories.get(key);
    if (memory?.hsdUid === hsd.uid) {
      this.memories.set(key, carriedOut(memory, write, clock.monotonic(), this.options.serverNow()));
    }
    const scaled = write.kind === 'scaleChild' && write.replicas > write.child.replicas;
    if (scaled && since !== undefined) metrics.observeReaction((clock.monotonic() - since) / 1000);
  }

  /** Each write by itself. Resolves with why some were not carried out. */
  private async carryOut(
    key: string,
    hsd: HsdView,
    writes: readonly Write[],
    since: number | undefined,
  ): Promise<unknown[]> {
    const { runs, more } = batches(writes);
    const missing: Write[] = [];
    const failures: unknown[] = [];
    const attempt = async (write: Write): Promise<void> => {
      try {
        if (needsAny(write, missing)) missing.push(write);
        else await this.send(key, hsd, write, since);
      } catch (error) {
        failures.push(contained(error));
        missing.push(write);
        this.notCarriedOut(key, hsd, write, error);
      }
    };
    for (const [index, run] of runs.entries()) {
      if (leaveChild(runs.slice(index))) this.road.open(key);
      await Promise.all(run.map(attempt));
    }
    if (more) this.options.queue.add(key);
    return failures;
  }

  /** Remembered, so that it is tried again later each time, and told. */
  private notCarriedOut(key: string, hsd: HsdView, write: Write, error: unknown): void {
    const { clock, logger } = this.options;
    const log = logger.child({ hsd: key });
    const now = clock.monotonic();
    const memory = this.memoryOf(key, hsd, now);
    if (error instanceof ChildRefused) {
      const { reason, message } = error;
      this.memories.set(key, refused(memory, { generation: hsd.generation, reason, message }, now));
      log.warn({ reason, message }, 'the API server refused the child Deployment');
      return;
    }
    const outcome = outcomeOf(error);
    if (outcome === undefined) return;
    this.memories.set(key, notCarriedOut(memory, write, outcome, now));
    // Somebody else was faster: the next pass sees what they did.
    if (outcome.how === 'outdated') {
      log.debug({ err: error, write: write.kind }, 'outdated decision');
      return;
    }
    log.warn({ err: error, write: write.kind }, 'a write was not carried out');
    this.tellFailure(hsd, error);
  }

  private async report(key: string, hsd: HsdView, { status }: Plan): Promise<void> {
    const { world, clock } = this.options;
    // What was just read may be newer than what the plan was made from, and what was just scaled it could not know.
    const written = world.hsd(key)?.status ?? hsd.status;
    const { lastScaleTime = status.lastScaleTime } = this.memoryOf(key, hsd, clock.monotonic());
    const told = { ...status, ...(lastScaleTime !== undefined && { lastScaleTime }) };
    this.lookAgain(key, await this.statuses.write(key, hsd, written, told));
  }

  private lookAgain(key: string, afterMs: number | undefined): void {
    if (afterMs !== undefined) this.options.queue.addAfter(key, afterMs);
  }

  private failed(key: string, hsd: HsdView, error: unknown, log: Logger): void {
    this.options.queue.addRateLimited(key);
    // Somebody else was faster: the next pass sees what they did.
    if (isOvertaken(error)) {
      log.debug({ err: error }, 'outdated decision');
      return;
    }
    log.error({ err: error }, 'reconcile failed');
    this.tellFailure(hsd, error);
  }

  private tellFailure(hsd: HsdView, error: unknown): void {
    if (!(error instanceof ApiError)) return;
    const note = `${error.message} (HTTP ${error.code}); trying again`;
    this.tell(hsd, { type: 'Warning', reason: 'ReconcileFailed', action: 'Reconcile', note });
  }

  private tell(hsd: HsdView, event: EventNote): void {
    const { namespace, name, uid } = hsd;
    this.options.events.record({ regarding: { apiVersion: API_VERSION, kind: KIND, namespace, name, uid }, ...event });
  }

  private memoryOf(key: string, hsd: HsdView, now: number): Memory {
    const { world } = this.options;
    const known = this.memories.get(key);
    return known?.hsdUid === hsd.uid
      ? known
      : newMemory({ hsd, child: world.child(hsd), pods: world.pods.of(key), now });
  }

  /** The hsd is gone: so is what is known of it, and its orphans are let go of. */
  private async letGo(key: string): Promise<void> {
    const { client, world, queue, logger } = this.options;
    this.forget(key);
    try {
      const writes = orphanWrites(await findOrphans(client, world, key, undefined));
      for (const write of writes) await writeOrphan({ client, world }, write);
      queue.forget(key);
    } catch (error) {
      if (!isOvertaken(error)) logger.error({ err: error, hsd: key }, 'cannot let go of what a deleted hsd has left');
      queue.addRateLimited(key);
    }
  }

  private forget(key: string): void {
    const { prober, metrics } = this.options;
    const [namespace = '', name = ''] = key.split('/');
    prober.removeAll(key);
    metrics.removeHsd(namespace, name);
    this.pending.delete(key);
    this.memories.delete(key);
    this.statuses.forget(key);
    this.road.forget(key);
  }
}

/** A failure of one write, which is remembered: the others go on. Any other is thrown. */
function contained(error: unknown): unknown {
  if (error instanceof ChildRefused || outcomeOf(error) !== undefined) return error;
  throw error;
}

/** Somebody else was faster, or leads by now: nothing failed. */
function isOvertaken(error: unknown): boolean {
  return isOutdated(error) || error instanceof NotLeading;
}
