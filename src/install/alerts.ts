import { type MonitoringInput, monitoringMetadata } from './monitoring';

/** A rule of Prometheus: true for `for`, it alerts. */
export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: 'critical' | 'warning' };
  readonly annotations: { readonly summary: string; readonly runbook_url: string };
}

const RUNBOOKS = 'https://github.com/paia-tech/hotstandby/blob/main/docs/alerts.md';

// One Prometheus may read several clusters, and a cluster may have several installs: none may hide another. A series of a
// replica has the namespace of its install, one of a pool that of the pool; `cluster` is there where somebody adds it.
const INSTALL = 'cluster, namespace, job';
const POOL = 'cluster, job, namespace, name';
/** Only the leader counts pools: for a moment nobody does when another one takes over. */
const OVER_A_CHANGE = '2m';

const pools = (metric: string): string => `max by (${POOL}) (max_over_time(${metric}[${OVER_A_CHANGE}]))`;
const whose = '{{ $labels.namespace }}/{{ $labels.name }}';

interface Rule {
  readonly expr: string;
  readonly for?: string;
  readonly severity: 'critical' | 'warning';
  readonly summary: string;
}

const RULES: Readonly<Record<string, Rule>> = {
  HotStandbyBusyPodLost: {
    // Every replica counts what it sees.
    expr: `max by (${INSTALL}) (increase(hotstandby_busy_pods_lost_total[10m])) > 0`,
    severity: 'critical',
    summary: 'A busy Pod went away. The operator\'s log names it ("a busy Pod was ended").',
  },
  HotStandbyPoolEmpty: {
    expr: `${pools('hotstandby_available_pods')} == 0 and on (${POOL}) ${pools('hotstandby_target_pods')} > 0`,
    for: '1m',
    severity: 'critical',
    summary: `${whose} has had no Pod for a new session for minutes.`,
  },
  HotStandbyBelowTarget: {
    // Summed over replicas: a new leader goes on where the last one stopped. 240 of 300 s.
    expr: `sum by (${POOL}) (increase(hotstandby_below_target_seconds_total[5m])) > 240`,
    for: '1m',
    severity: 'warning',
    summary: `${whose} has had fewer idle Pods than asked for. Its condition IdleTargetMet says why.`,
  },
  HotStandbyStalled: {
    expr: `${pools('hotstandby_stalled')} > 0`,
    for: '2m',
    severity: 'warning',
    summary: `The spec of ${whose} cannot be carried out. Its condition Stalled says why.`,
  },
  HotStandbyNoLeader: {
    // An install whose replicas are all gone has no series at all; it is missed for an hour.
    expr: `(sum by (${INSTALL}) (hotstandby_leader) or 0 * sum by (${INSTALL}) (present_over_time(hotstandby_leader[1h]))) < 1 or absent(hotstandby_leader)`,
    for: '1m',
    severity: 'critical',
    summary: 'No operator of {{ $labels.namespace }} writes. Sessions are safe, pools do not grow.',
  },
  HotStandbyProbesFailing: {
    expr: `${pools('hotstandby_unknown_pods')} > 0`,
    for: '10m',
    severity: 'warning',
    summary: `Pods of ${whose} do not answer their busy probe; they are kept.`,
  },
  HotStandbySlow: {
    expr: `histogram_quantile(0.99, sum by (${INSTALL}, le) (rate(hotstandby_reaction_seconds_bucket[10m]))) > 1`,
    for: '10m',
    severity: 'warning',
    summary: 'The reaction to a session takes more than a second.',
  },
  HotStandbyWatchSilent: {
    expr: 'hotstandby_watch_age_seconds > 180',
    for: '1m',
    severity: 'warning',
    summary: 'A watch has heard nothing for three minutes. The API server or the network to it is in trouble.',
  },
};

/** What somebody should look at, how soon, and the page that says what to do. */
export const ALERTS: readonly Alert[] = Object.entries(RULES).map(([alert, { severity, summary, ...rule }]) => ({
  alert,
  ...rule,
  labels: { severity },
  annotations: { summary, runbook_url: `${RUNBOOKS}#${alert.toLowerCase()}` },
}));

/** The alerts as Prometheus reads them from a file. */
export const ALERT_RULES = { groups: [{ name: 'hotstandby', rules: ALERTS }] };

/** The alerts as an object of the Prometheus operator. */
export function prometheusRuleManifest(input: MonitoringInput) {
  return {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: monitoringMetadata(input),
    spec: ALERT_RULES,
  };
}
