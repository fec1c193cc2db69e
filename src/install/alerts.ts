import { type MonitoringInput, monitoringMetadata } from './monitoring';

/** A rule of Prometheus: true for `for`, it alerts. */
export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: 'critical' | 'warning' };
  readonly annotations: { readonly summary: string };
}

// Only the leader counts pools, and a replica that has led before keeps its last sums.
const LEADING = 'and on (instance) hotstandby_leader == 1';

/** What somebody should look at, and how soon. */
export const ALERTS: readonly Alert[] = [
  {
    alert: 'HotStandbyBusyPodLost',
    expr: 'increase(hotstandby_busy_pods_lost_total[10m]) > 0',
    labels: { severity: 'critical' },
    annotations: { summary: 'A busy Pod went away. The operator\'s log names it ("a busy Pod was ended").' },
  },
  {
    alert: 'HotStandbyBelowTarget',
    expr: `rate(hotstandby_below_target_seconds_total[10m]) > 0.9 ${LEADING}`,
    for: '5m',
    labels: { severity: 'warning' },
    annotations: {
      summary:
        '{{ $labels.namespace }}/{{ $labels.name }} has had fewer idle Pods than asked for. Its condition IdleTargetMet says why.',
    },
  },
  {
    alert: 'HotStandbyNoLeader',
    expr: '(sum(hotstandby_leader) or vector(0)) < 1',
    for: '1m',
    labels: { severity: 'critical' },
    annotations: { summary: 'No operator writes. Sessions are safe, pools do not grow.' },
  },
  {
    alert: 'HotStandbyProbesFailing',
    expr: `hotstandby_unknown_pods > 0 ${LEADING}`,
    for: '10m',
    labels: { severity: 'warning' },
    annotations: {
      summary: 'Pods of {{ $labels.namespace }}/{{ $labels.name }} do not answer their busy probe; they are kept.',
    },
  },
  {
    alert: 'HotStandbySlow',
    expr: 'histogram_quantile(0.99, sum by (le) (rate(hotstandby_reaction_seconds_bucket[10m]))) > 1',
    for: '10m',
    labels: { severity: 'warning' },
    annotations: { summary: 'The reaction to a session takes more than a second.' },
  },
  {
    alert: 'HotStandbyWatchSilent',
    expr: 'hotstandby_watch_age_seconds > 180',
    for: '1m',
    labels: { severity: 'warning' },
    annotations: {
      summary: 'A watch has heard nothing for three minutes. The API server or the network to it is in trouble.',
    },
  },
];

/** The alerts as an object of the Prometheus operator. */
export function prometheusRuleManifest(input: MonitoringInput) {
  return {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: monitoringMetadata(input),
    spec: { groups: [{ name: 'hotstandby', rules: ALERTS }] },
  };
}
