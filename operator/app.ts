import type { PodView } from './decide/model';
import type { Api } from './kube/api';
import { type Clock, type Random, systemClock } from './kube/clock';
import { EventRecorder } from './kube/events';
import { Fence } from './kube/fence';
import { LeaderElector } from './kube/lease';
import type { Logger } from './kube/logger';
import { WorkQueue } from './kube/queue';
import type { ServerClock } from './kube/server-clock';
import { World } from './observe/world';
import type { HealthAddress } from './options';
import { LOOPBACK_CIDRS } from './probe/http-address';
import type { ProbeTransport } from './probe/http-probe';
import { Prober } from './probe/prober';
import { Reconciler } from './reconcile/reconciler';
import { Term } from './reconcile/term';
import { ClaimsService, type ClaimsSettings } from './serve/claims/service';
import { olderThan, startHealthServer } from './serve/health';
import { Losses } from './serve/losses';
import type { Metrics } from './serve/metrics';
import type { HttpServer } from './serve/server';

export interface AppOptions {
  /** Closed by `stop`. */
  client: Api & { close(): Promise<void> };
  metrics: Metrics;
  logger: Logger;
  /** Unique to this process. */
  identity: string;
  namespaces?: readonly string[];
  leaderElection?: { namespace: string; name: string };
  /** Default: health and metrics are not served. */
  healthAddress?: HealthAddress;
  allowLoopbackPods: boolean;
  guarded: boolean;
  /** The API server's own time. */
  serverClock: Pick<ServerClock, 'earliest' | 'latest'>;
  /** Serves claims; undefined: it does not. */
  claims?: ClaimsSettings;
  /** Nodes may be read: idle Pods on cordoned ones are taken out of service. */
  watchNodes: boolean;
  /** Asks Pods with `via: APIServerProxy`. */
  apiServerProxy?: ProbeTransport;
  /** Asks Pods at their own addresses. Default: over the network. */
  podIp?: ProbeTransport;
  /** Default: the machine's. */
  clock?: Clock;
  /** Default: Math.random. */
  random?: Random;
}

/** hsds reconciled at the same time; each waits for the API server most of its time. */
const CONCURRENCY = 16;
/** One small read each: a clean stop of the leader costs the pool at most this time and a fifth without an operator. */
const CANDIDATE_PERIOD_MS = 500;
/** Work but no progress for so long means that the loop is stuck: every request of a pass ends within 30 s. */
const STUCK_AFTER_MS = 120_000;
/** Watches hear a bookmark a minute; after this the reflector has given up on the connection itself. */
const SILENT_AFTER_MS = 300_000;

/** The running operator: watches, probes, reconciles and serves until it is stopped. */
export class App {
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly queue: WorkQueue;
  private readonly world: World;
  private readonly prober: Prober;
  private readonly events: EventRecorder;
  private readonly reconciler: Reconciler;
  private readonly losses: Losses;
  private readonly elector: LeaderElector | undefined;
  private readonly term: Term;
  private readonly claims: ClaimsService | undefined;
  private readonly stopping = new AbortController();
  private health: HttpServer | undefined;
  private campaigning: Promise<void> | undefined;

  constructor(private readonly options: AppOptions) {
    const { client, metrics, logger, identity, namespaces, guarded } = options;
    const { clock = systemClock, random = Math.random } = options;
    this.clock = clock;
    this.random = random;
    this.queue = new WorkQueue({ clock, random, logger, maxDelayMs: 60_000 });
    this.elector = this.newElector();
    this.events = new EventRecorder({ client, clock, random, logger, instance: identity });
    this.prober = new Prober({
      clock,
      logger,
      onChange: (key) => this.changed(key),
      onProbe: (report) => metrics.observeProbe(report),
      apiServerProxy: options.apiServerProxy,
      podIp: options.podIp,
      ...(options.allowLoopbackPods && { allowedCidrs: LOOPBACK_CIDRS }),
    });
    this.world = new World({
      client,
      namespaces,
      clock,
      random,
      logger,
      onChange: (key) => this.changed(key),
      watchNodes: options.watchNodes,
      onPod: (change) => this.podChanged(change),
    });
    this.term = new Term({
      clock,
      random,
      logger,
      refresh: () => this.world.refresh(),
      onBegun: () => this.lookAtAll(),
    });
    const isLeading = (): boolean => this.elector === undefined || (this.elector.isLeader() && this.term.hasBegun);
    this.claims = options.claims && this.newClaims(options.claims, isLeading);
    this.reconciler = new Reconciler({
      client: new Fence(client, isLeading),
      world: this.world,
      queue: this.queue,
      prober: this.prober,
      events: this.events,
      metrics,
      clock,
      logger,
      guarded,
      claims: (key) => this.claims?.view(key),
      serverNow: () => options.serverClock.earliest(),
      isLeading,
    });
    this.losses = new Losses({ client, world: this.world, logger, onLoss: () => metrics.addBusyPodsLost(1) });
    metrics.watchQueue(() => ({ depth: this.queue.size, oldestSeconds: this.queue.oldestAgeMs / 1000 }));
    metrics.watchAge('all', () => this.world.oldestActivityMs / 1000);
  }

  /** Resolves when the caches are filled and, without leader election, reconciling has begun. */
  async start(): Promise<void> {
    const { logger } = this.options;
    if (this.options.healthAddress) {
      this.health = await this.serve(this.options.healthAddress);
      logger.info({ address: `${this.health.host}:${this.health.port}` }, 'serving health and metrics');
    }
    this.world.start();
    await this.world.whenSynced(this.stopping.signal);
    const door = await this.claims?.start();
    if (door) logger.info({ address: `${door.host}:${door.port}` }, 'serving claims');
    this.queue.run((key) => this.reconciler.reconcile(key), CONCURRENCY);
    if (this.elector === undefined) {
      this.lead();
      this.lookAtAll();
    } else this.campaigning = this.campaign(this.elector);
    logger.info({ hsds: [...this.world.hsds.keys()].length }, 'ready');
  }

  /** Finishes what is under way, gives the Lease back and closes everything. */
  async stop(): Promise<void> {
    this.stopping.abort(new Error('the operator is stopping'));
    await this.claims?.stop();
    await this.queue.shutDown();
    await this.prober.stop();
    await this.events.flush();
    await this.campaigning;
    await this.elector?.release();
    await this.world.stop();
    await this.health?.close();
    await this.options.client.close();
  }

  private newElector(): LeaderElector | undefined {
    const { client, logger, identity, leaderElection, metrics } = this.options;
    if (leaderElection === undefined) return undefined;
    const { clock, random } = this;
    return new LeaderElector({
      client,
      clock,
      random,
      logger,
      identity,
      ...leaderElection,
      candidatePeriodMs: CANDIDATE_PERIOD_MS,
      onStarted: () => {
        this.lead();
        void this.term.begin();
      },
      onStopped: () => {
        this.term.end();
        metrics.setLeader(false);
        this.reconciler.stopLeading();
        this.claims?.stopLeading();
        logger.warn({}, 'leading no more');
      },
      onNewLeader: (leader) => {
        // Another replica, or an operator that was given the same Lease: either way this one writes nothing.
        const lease = `${leaderElection.namespace}/${leaderElection.name}`;
        logger.info({ leader, lease }, leader === identity ? 'leader elected' : 'another one leads: this one waits');
      },
    });
  }

  private async campaign(elector: LeaderElector): Promise<void> {
    while (!this.stopping.signal.aborted) await elector.run(this.stopping.signal);
  }

  private lead(): void {
    this.options.metrics.setLeader(true);
    this.options.logger.info({}, 'leading');
  }

  /** Whatever happened while nobody led is in the cache now: look at everything once. */
  private lookAtAll(): void {
    for (const key of this.world.hsds.keys()) this.queue.add(key);
  }

  private newClaims(settings: ClaimsSettings, isLeading: () => boolean): ClaimsService {
    const { client, namespaces, logger, serverClock } = this.options;
    const { world, clock } = this;
    return new ClaimsService({
      client,
      world,
      clock,
      serverClock,
      logger,
      isLeading,
      namespaces,
      settings,
      answerOf: (uid) => this.prober.result(uid),
      recall: (key) => this.reconciler.recalled(key),
      onDemand: (key) => this.reconciler.changed(key),
    });
  }

  /** Something about this hsd changed. */
  private changed(key: string): void {
    this.reconciler.changed(key);
    this.claims?.changed(key);
  }

  private serve(address: HealthAddress): Promise<HttpServer> {
    const { metrics } = this.options;
    return startHealthServer({
      ...address,
      live: {
        queue: olderThan('nothing has got done', () => this.queue.stalledMs, STUCK_AFTER_MS),
      },
      ready: {
        caches: () => (this.world.synced ? undefined : 'the first lists are not complete'),
        watches: olderThan('a watch has been silent', () => this.world.oldestActivityMs, SILENT_AFTER_MS),
      },
      metrics,
    });
  }

  private podChanged(change: { previous?: PodView; current?: PodView }): void {
    this.reconciler.podChanged(change);
    this.claims?.podChanged(change);
    this.losses.podChanged(change);
  }
}
