import type { Duration } from 'cdk8s';
import { HTTP_PORT, type OperatorInput } from './operator-input';

const API_VERSION = 'monitoring.coreos.com/v1';

/** How a Prometheus is told about the operator. */
export interface MonitoringInput extends OperatorInput {
  readonly scrapeInterval?: Duration;
  /** Labels by which a Prometheus chooses its objects. */
  readonly monitoringLabels?: { readonly [key: string]: string };
}

/** Annotations by which a Prometheus with the customary Pod discovery finds the metrics. */
export function scrapeAnnotations(): Record<string, string> {
  return {
    'prometheus.io/scrape': 'true',
    'prometheus.io/port': String(HTTP_PORT),
    'prometheus.io/path': '/metrics',
  };
}

/** The Service a ServiceMonitor needs; headless, because each Pod is scraped by itself. */
export function metricsServiceManifest(name: string, { namespace, labels, selectorLabels }: OperatorInput) {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace, labels },
    spec: {
      clusterIP: 'None',
      selector: selectorLabels,
      ports: [{ name: 'http', port: HTTP_PORT, targetPort: 'http', protocol: 'TCP' }],
    },
  };
}

/** What tells the Prometheus operator to scrape that Service. */
export function serviceMonitorManifest(input: MonitoringInput) {
  return {
    apiVersion: API_VERSION,
    kind: 'ServiceMonitor',
    metadata: monitoringMetadata(input),
    spec: { selector: { matchLabels: input.selectorLabels }, endpoints: [endpoint(input)] },
  };
}

/** What tells the Prometheus operator to scrape the Pods themselves. */
export function podMonitorManifest(input: MonitoringInput) {
  return {
    apiVersion: API_VERSION,
    kind: 'PodMonitor',
    metadata: monitoringMetadata(input),
    spec: { selector: { matchLabels: input.selectorLabels }, podMetricsEndpoints: [endpoint(input)] },
  };
}

/** Name, namespace and labels of an object that a Prometheus chooses. */
export function monitoringMetadata({ name, namespace, labels, monitoringLabels }: MonitoringInput) {
  return { name, namespace, labels: { ...monitoringLabels, ...labels } };
}

function endpoint({ scrapeInterval }: MonitoringInput) {
  return {
    port: 'http',
    path: '/metrics',
    interval: scrapeInterval && `${scrapeInterval.toSeconds()}s`,
    // `namespace` is that of a HotStandbyDeployment; without this it would be called `exported_namespace`.
    honorLabels: true,
  };
}
