/** One query of a panel. */
export interface PanelQuery {
  /** PromQL. */
  readonly expr: string;
  /** Grafana's legend format. */
  readonly legend: string;
}

/** One panel, without its place. */
export interface PanelSpec {
  readonly type: 'stat' | 'timeseries';
  readonly title: string;
  readonly description: string;
  /** Grafana's name of the unit. */
  readonly unit: string;
  /** Columns of 24. */
  readonly width: number;
  /** Units of about 30 pixels. */
  readonly height: number;
  readonly queries: readonly PanelQuery[];
  readonly thresholds?: object;
}

const CLUSTER = 'cluster=~"$cluster"';
const SELECTED = `{${CLUSTER},namespace=~"$namespace",name=~"$name"}`;
/** Of one replica: addresses are the same in two clusters. */
const LEADING = `and on (cluster, job, instance) hotstandby_leader{${CLUSTER}} == 1`;
const POOL = '{{namespace}}/{{name}}';
const WINDOW = '$__rate_interval';

/** A series of the chosen pools as the leader counts it: another replica that has led keeps its last figures. */
function pools(metric: string): string {
  return `hotstandby_${metric}_pods${SELECTED} ${LEADING}`;
}

const sum = (expr: string): string => `sum(${expr})`;
const byPool = (expr: string): string => `sum by (cluster, namespace, name) (${expr})`;
const rate = (series: string): string => `rate(${series}[${WINDOW}])`;

function quantiles(histogram: string, by = ''): PanelQuery[] {
  const labels = by === '' ? 'le' : `le, ${by}`;
  return ['0.5', '0.99'].map((quantile) => ({
    expr: `histogram_quantile(${quantile}, sum by (${labels}) (${rate(`${histogram}_bucket`)}))`,
    legend: `p${Number(quantile) * 100}${by === '' ? '' : ` {{${by}}}`}`,
  }));
}

/** Colours: good below `red`, bad from there; with `inverted` the other way round. */
function thresholds(red: number, inverted = false) {
  const [low, high] = inverted ? ['red', 'green'] : ['green', 'red'];
  const steps = [
    { color: low, value: null },
    { color: high, value: red },
  ];
  return { mode: 'absolute', steps };
}

const stat = (
  title: string,
  description: string,
  expr: string,
  colours?: ReturnType<typeof thresholds>,
  unit = 'short',
): PanelSpec => ({
  type: 'stat',
  title,
  description,
  unit,
  width: 4,
  height: 4,
  queries: [{ expr, legend: title }],
  thresholds: colours,
});

const graph = (title: string, description: string, unit: string, queries: PanelQuery[]): PanelSpec => ({
  type: 'timeseries',
  title,
  description,
  unit,
  width: 12,
  height: 8,
  queries,
});

const STATS: readonly PanelSpec[] = [
  stat(
    'Leader',
    'Replicas that may write, of the install that has fewest: 1.',
    `min(sum by (cluster, namespace, job) (hotstandby_leader{${CLUSTER}}))`,
    thresholds(1, true),
  ),
  stat(
    'Busy Pods lost',
    'Pods ended while busy in the chosen time, whoever ended them.',
    `sum(max by (cluster, namespace, job) (increase(hotstandby_busy_pods_lost_total{${CLUSTER}}[$__range])))`,
    thresholds(1),
  ),
  stat('Available', 'Pods that could take a session now.', sum(pools('available'))),
  stat('Busy', 'Pods that hold a session.', sum(pools('busy'))),
  stat(
    'Pools below target',
    'HotStandbyDeployments with fewer available Pods than their target.',
    `count(${byPool(pools('available'))} < ${byPool(pools('target'))}) or vector(0)`,
    thresholds(1),
  ),
  stat('Pools', 'HotStandbyDeployments looked after.', `sum(hotstandby_hsds ${LEADING})`),
];

const POOLS: readonly PanelSpec[] = [
  graph('Available Pods by pool', 'Pods that could take a session now.', 'short', [
    { expr: byPool(pools('available')), legend: POOL },
  ]),
  graph(
    'Pods by state',
    'All chosen pools together.',
    'short',
    ['available', 'busy', 'starting', 'draining', 'detached', 'unknown', 'target', 'desired'].map((state) => ({
      expr: sum(pools(state)),
      legend: state,
    })),
  ),
  graph('Busy Pods by pool', 'Pods that hold a session.', 'short', [{ expr: byPool(pools('busy')), legend: POOL }]),
  graph('Time below target', 'Share of the time with fewer available Pods than the target.', 'percentunit', [
    {
      expr: byPool(`${rate(`hotstandby_below_target_seconds_total${SELECTED}`)} ${LEADING}`),
      legend: POOL,
    },
  ]),
];

const STALLED = graph('Stalled pools', 'HotStandbyDeployments whose spec cannot be carried out.', 'short', [
  { expr: `sum(hotstandby_stalled${SELECTED} ${LEADING})`, legend: 'stalled' },
]);

const OPERATOR: readonly PanelSpec[] = [
  graph(
    'Reaction',
    'From the event that changed the busy count to the written scale.',
    's',
    quantiles('hotstandby_reaction_seconds'),
  ),
  graph('Reconciles', 'By what they led to.', 'ops', [
    { expr: `sum by (result) (${rate('hotstandby_reconcile_seconds_count')})`, legend: '{{result}}' },
  ]),
  graph('Queue', 'HotStandbyDeployments that wait for their reconcile.', 'short', [
    { expr: 'sum by (instance) (hotstandby_queue_depth)', legend: 'depth {{instance}}' },
    { expr: 'max by (instance) (hotstandby_queue_oldest_seconds)', legend: 'oldest, seconds {{instance}}' },
  ]),
  graph('API requests', 'By verb and HTTP status; "none": no answer came.', 'reqps', [
    { expr: `sum by (verb, code) (${rate('hotstandby_api_requests_total')})`, legend: '{{verb}} {{code}}' },
  ]),
  graph('API request time', 'Until answered.', 's', quantiles('hotstandby_api_request_seconds', 'verb')),
  graph('HTTP probes', 'By state and, for unknown, by reason.', 'reqps', [
    { expr: `sum by (state, reason) (${rate('hotstandby_probes_total')})`, legend: '{{state}} {{reason}}' },
  ]),
  graph(
    'Probe lateness',
    'How much later than planned probes were sent.',
    's',
    quantiles('hotstandby_probe_lateness_seconds'),
  ),
  graph(
    'Cache age',
    'Time since the API server last said anything on a watch. Bookmarks come about every minute.',
    's',
    [{ expr: 'max by (instance, resource) (hotstandby_watch_age_seconds)', legend: '{{resource}} {{instance}}' }],
  ),
  graph('Leader', 'Which replica writes.', 'short', [
    { expr: 'max by (instance) (hotstandby_leader)', legend: '{{instance}}' },
  ]),
  graph('Memory', 'Resident memory of the replicas.', 'bytes', [
    { expr: 'process_resident_memory_bytes and on (cluster, job, instance) hotstandby_leader', legend: '{{instance}}' },
  ]),
];

/** What the dashboard shows, in reading order. */
export const DASHBOARD_PANELS: readonly PanelSpec[] = [...STATS, ...POOLS, STALLED, ...OPERATOR];
