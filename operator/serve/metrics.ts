import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { ReconcileResult } from '../decide/reasons';
import type { Clock } from '../kube/clock';
import { HsdSeries, type HsdStatusCounts } from './hsd-series';

export interface MetricsOptions {
  clock: Clock;
  /** Most HotStandbyDeployments with series of their own; further ones only count in `hotstandby_hsds`. Default: 2,000 (10 series each). */
  maxHsds?: number;
  /** Adds the usual process_* and nodejs_* metrics (memory, CPU, event-loop lag, garbage collection). Default: false. */
  processMetrics?: boolean;
}

/** One finished request to the API server. */
export interface ApiRequest {
  /** API verb, lower case. */
  verb: string;
  /** HTTP status, or a word when no answer came. */
  code: number | string;
  seconds: number;
}

/** One finished HTTP probe. */
export interface ProbeSample {
  state: 'busy' | 'idle' | 'unknown';
  reason?: string;
  latenessSeconds: number;
}

/** The work queue at the moment of a scrape. */
export interface QueueSample {
  depth: number;
  /** Age of the key that waits longest; 0 when none does. */
  oldestSeconds: number;
}

const REACTION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
const DURATION_BUCKETS = [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30];
const LATENESS_BUCKETS = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10];

/** Label values come from closed lists; anything else is "other", so no input can grow the number of series. */
const VERBS = new Set(['get', 'list', 'watch', 'create', 'update', 'patch', 'apply', 'delete']);

function codeLabel(code: number | string): string {
  if (typeof code !== 'number') return 'none';
  return Number.isInteger(code) && code >= 100 && code <= 599 ? String(code) : 'other';
}

/**
 * Everything the operator measures, in a registry of its own. Series are bounded: labels are closed lists, except
 * namespace and name of at most `maxHsds` HotStandbyDeployments, whose series go when they go.
 */
export class Metrics {
  private readonly registry = new Registry();
  private readonly hsds: HsdSeries;
  private readonly reaction: Histogram;
  private readonly reconcile: Histogram<'result'>;
  private readonly apiRequests: Counter<'verb' | 'code'>;
  private readonly apiSeconds: Histogram<'verb'>;
  private readonly probes: Counter<'state' | 'reason'>;
  private readonly lateness: Histogram;
  private readonly busyLost: Counter;
  private readonly leader: Gauge;
  private readonly watchAges = new Map<string, () => number>();
  private queue: () => QueueSample = () => ({ depth: 0, oldestSeconds: 0 });

  constructor(options: MetricsOptions) {
    const registers = [this.registry];
    this.hsds = new HsdSeries(options.clock, options.maxHsds ?? 2000);
    this.reaction = new Histogram({
      name: 'hotstandby_reaction_seconds',
      help: 'From receiving the event that changed the busy count to the written scale of the child Deployment.',
      buckets: REACTION_BUCKETS,
      registers,
    });
    this.reconcile = new Histogram({
      name: 'hotstandby_reconcile_seconds',
      help: 'Duration of one reconcile, by what it led to: the reason of the plan, Outdated or Error.',
      labelNames: ['result'],
      buckets: DURATION_BUCKETS,
      registers,
    });
    this.apiRequests = new Counter({
      name: 'hotstandby_api_requests_total',
      help: 'Requests to the API server by verb and HTTP status; code "none": no answer came.',
      labelNames: ['verb', 'code'],
      registers,
    });
    this.apiSeconds = new Histogram({
      name: 'hotstandby_api_request_seconds',
      help: 'Duration of requests to the API server by verb; of a watch, until it was answered.',
      labelNames: ['verb'],
      buckets: DURATION_BUCKETS,
      registers,
    });
    this.probes = new Counter({
      name: 'hotstandby_probes_total',
      help: 'HTTP busy probes by state and, for unknown, by reason.',
      labelNames: ['state', 'reason'],
      registers,
    });
    this.lateness = new Histogram({
      name: 'hotstandby_probe_lateness_seconds',
      help: 'How much later than planned an HTTP busy probe was sent.',
      buckets: LATENESS_BUCKETS,
      registers,
    });
    this.busyLost = new Counter({
      name: 'hotstandby_busy_pods_lost_total',
      help: 'Pods that were ended while busy, whoever ended them, and whose hsd stays. Should stay 0.',
      registers,
    });
    this.leader = new Gauge({
      name: 'hotstandby_leader',
      help: '1 while this replica may write, 0 while it only watches.',
      registers,
    });
    this.addCollected();
    if (options.processMetrics) collectDefaultMetrics({ register: this.registry });
  }

  /** The time from receiving an event to the written scale it led to. */
  observeReaction(seconds: number): void {
    this.reaction.observe(seconds);
  }

  observeReconcile(seconds: number, result: ReconcileResult): void {
    this.reconcile.observe({ result }, seconds);
  }

  /** Fits ApiClient's `onRequest`. */
  observeApiRequest({ verb, code, seconds }: ApiRequest): void {
    const known = VERBS.has(verb) ? verb : 'other';
    this.apiRequests.inc({ verb: known, code: codeLabel(code) });
    this.apiSeconds.observe({ verb: known }, seconds);
  }

  /** Fits Prober's `onProbe`. */
  observeProbe({ state, reason, latenessSeconds }: ProbeSample): void {
    this.probes.inc({ state, reason: reason ?? '' });
    this.lateness.observe(latenessSeconds);
  }

  addBusyPodsLost(pods: number): void {
    this.busyLost.inc(pods);
  }

  /** A replica that leads no more stops reporting hsds: only the leader knows how they are. */
  setLeader(leader: boolean): void {
    this.leader.set(leader ? 1 : 0);
    if (!leader) this.hsds.clear();
  }

  /**
   * What one hsd looks like now; replaces what was said before. Cheap: a Map entry, read when scraped.
   * @param target - available Pods that should be there
   */
  setCounts(namespace: string, name: string, target: number, status: HsdStatusCounts): void {
    this.hsds.set(namespace, name, target, status);
  }

  /** The hsd is gone, and its series with it. */
  removeHsd(namespace: string, name: string): void {
    this.hsds.remove(namespace, name);
  }

  /** Asks `sample` at every scrape. */
  watchQueue(sample: () => QueueSample): void {
    this.queue = sample;
  }

  /**
   * Asks `ageSeconds` at every scrape.
   * @param resource - which watch, for example `pods`: one of a few constants
   */
  watchAge(resource: string, ageSeconds: () => number): void {
    this.watchAges.set(resource, ageSeconds);
  }

  /** Content type of `text`. */
  get contentType(): string {
    return this.registry.contentType;
  }

  /** All series in the Prometheus text format. */
  async text(): Promise<string> {
    return `${await this.registry.metrics()}\n${this.hsds.text()}`;
  }

  private addCollected(): void {
    const registers = [this.registry];
    const queue = (): QueueSample => this.queue();
    const ages = this.watchAges;
    new Gauge({
      name: 'hotstandby_queue_depth',
      help: 'HotStandbyDeployments waiting for their reconcile.',
      registers,
      collect() {
        this.set(queue().depth);
      },
    });
    new Gauge({
      name: 'hotstandby_queue_oldest_seconds',
      help: 'How long the one that waits longest has been waiting.',
      registers,
      collect() {
        this.set(queue().oldestSeconds);
      },
    });
    new Gauge({
      name: 'hotstandby_watch_age_seconds',
      help: 'Time since the API server last said anything on a watch. Bookmarks come about every minute.',
      labelNames: ['resource'],
      registers,
      collect() {
        for (const [resource, age] of ages) this.set({ resource }, age());
      },
    });
  }
}
