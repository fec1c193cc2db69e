import { type DeploymentInput, HTTP_PORT } from './deployment';

/** Annotations by which a Prometheus with the customary Pod discovery finds the metrics. */
export function scrapeAnnotations(): Record<string, string> {
  return {
    'prometheus.io/scrape': 'true',
    'prometheus.io/port': String(HTTP_PORT),
    'prometheus.io/path': '/metrics',
  };
}

/** The Service a ServiceMonitor needs; headless, because each Pod is scraped by itself. */
export function metricsServiceManifest({ name, namespace, labels, selectorLabels }: DeploymentInput) {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `${name}-metrics`, namespace, labels },
    spec: {
      clusterIP: 'None',
      selector: selectorLabels,
      ports: [{ name: 'http', port: HTTP_PORT, targetPort: 'http', protocol: 'TCP' }],
    },
  };
}

/** What tells the Prometheus operator to scrape that Service, in its own default interval. */
export function serviceMonitorManifest({ name, namespace, labels, selectorLabels }: DeploymentInput) {
  return {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'ServiceMonitor',
    metadata: { name, namespace, labels },
    spec: {
      selector: { matchLabels: selectorLabels },
      endpoints: [{ port: 'http', path: '/metrics' }],
    },
  };
}
