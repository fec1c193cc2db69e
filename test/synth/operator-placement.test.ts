import { Duration } from 'cdk8s';
import {
  EnvFieldPaths,
  EnvValue,
  ImagePullPolicy,
  NodeLabelQuery,
  NodeTaintQuery,
  ServiceAccount,
  TaintEffect,
  Topology,
} from 'cdk8s-plus-28';
import { HotStandbyOperator, type HotStandbyOperatorProps, Monitoring } from '../../src';
import { at, type Manifest, only, synth } from './support';

function install(props?: HotStandbyOperatorProps): Manifest[] {
  return synth((chart) => {
    new HotStandbyOperator(chart, 'operator', props);
  });
}

const template = (props: HotStandbyOperatorProps) => at(only(install(props), 'Deployment'), 'spec', 'template');

describe('the Pods of the operator', () => {
  test('run the image of a digest', () => {
    const image = `registry.example.com/hotstandby@sha256:${'0'.repeat(64)}`;
    expect(at(template({ image }), 'spec', 'containers', 0, 'image')).toBe(image);
  });

  test.each<[string, HotStandbyOperatorProps, string, unknown]>([
    [
      'nodes of a label',
      { nodeSelector: { pool: 'system' } },
      'nodeSelector',
      { 'kubernetes.io/os': 'linux', pool: 'system' },
    ],
    [
      'nodes whose labels say all of it',
      { nodeLabels: [NodeLabelQuery.is('pool', 'system'), NodeLabelQuery.doesNotExist('spot')] },
      'affinity',
      {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [
              {
                matchExpressions: [
                  { key: 'pool', operator: 'In', values: ['system'] },
                  { key: 'spot', operator: 'DoesNotExist' },
                ],
              },
            ],
          },
        },
      },
    ],
    [
      'tainted nodes',
      {
        tolerations: [
          NodeTaintQuery.exists('node-role.kubernetes.io/control-plane'),
          NodeTaintQuery.is('spot', 'yes', { effect: TaintEffect.NO_EXECUTE, evictAfter: Duration.minutes(1) }),
        ],
      },
      'tolerations',
      [
        { key: 'node-role.kubernetes.io/control-plane', operator: 'Exists' },
        { effect: 'NoExecute', key: 'spot', operator: 'Equal', tolerationSeconds: 60, value: 'yes' },
      ],
    ],
    ['a priority', { priorityClassName: 'system-cluster-critical' }, 'priorityClassName', 'system-cluster-critical'],
    ['pull secrets', { imagePullSecrets: ['registry'] }, 'imagePullSecrets', [{ name: 'registry' }]],
    ['no care of how they are spread', { spread: [] }, 'topologySpreadConstraints', []],
  ])('take %s', (_name, props, field, expected) => {
    expect(at(template(props), 'spec', field)).toEqual(expected);
  });

  test('are spread over nodes by default, over zones when told so', () => {
    const keys = (props: HotStandbyOperatorProps) =>
      Object.values(Object(at(template(props), 'spec', 'topologySpreadConstraints'))).map((it) =>
        at(it, 'topologyKey'),
      );
    expect(keys({})).toEqual(['kubernetes.io/hostname']);
    expect(keys({ spread: [Topology.ZONE, Topology.HOSTNAME] })).toEqual([
      'topology.kubernetes.io/zone',
      'kubernetes.io/hostname',
    ]);
  });

  test('take arguments, variables, labels and annotations beside their own', () => {
    const pod = template({
      extraArgs: ['--context=x'],
      env: { NODE_OPTIONS: EnvValue.fromValue('--no-warnings'), NODE: EnvValue.fromFieldRef(EnvFieldPaths.NODE_NAME) },
      podLabels: { a: 'b', 'app.kubernetes.io/name': 'mine' },
      podAnnotations: { c: 'd' },
      imagePullPolicy: ImagePullPolicy.IF_NOT_PRESENT,
    });
    const container = at(pod, 'spec', 'containers', 0);
    expect(Object.values(Object(at(container, 'args'))).at(-1)).toBe('--context=x');
    expect(Object.values(Object(at(container, 'env'))).slice(2)).toEqual([
      { name: 'NODE_OPTIONS', value: '--no-warnings' },
      { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
    ]);
    expect(at(container, 'imagePullPolicy')).toBe('IfNotPresent');
    expect(at(pod, 'metadata')).toMatchObject({
      labels: { a: 'b', 'app.kubernetes.io/name': 'hotstandby' },
      annotations: { c: 'd' },
    });
  });

  test('run as a ServiceAccount of somebody else, to which the rights are bound', () => {
    const manifests = synth((chart) => {
      const serviceAccount = ServiceAccount.fromServiceAccountName(chart, 'theirs', 'theirs');
      new HotStandbyOperator(chart, 'operator', { serviceAccount });
    });
    expect(manifests.map(({ kind }) => kind)).not.toContain('ServiceAccount');
    expect(at(only(manifests, 'Deployment'), 'spec', 'template', 'spec', 'serviceAccountName')).toBe('theirs');
    const bindings = manifests.filter(({ kind }) => kind.endsWith('RoleBinding'));
    expect(bindings.map((binding) => at(binding, 'subjects', 0, 'name'))).toEqual(['theirs', 'theirs']);
  });

  test('run as their own ServiceAccount, which takes annotations', () => {
    const account = only(install({ serviceAccountAnnotations: { a: 'b' } }), 'ServiceAccount');
    expect(at(account, 'metadata', 'annotations')).toEqual({ a: 'b' });
    expect(() =>
      synth((chart) => {
        const serviceAccount = ServiceAccount.fromServiceAccountName(chart, 'theirs', 'theirs');
        new HotStandbyOperator(chart, 'operator', { serviceAccount, serviceAccountAnnotations: { a: 'b' } });
      }),
    ).toThrow("'serviceAccountAnnotations' are for the ServiceAccount made here");
  });

  test('have a PodDisruptionBudget unless told otherwise', () => {
    const kinds = (props: HotStandbyOperatorProps) => install(props).map(({ kind }) => kind);
    expect(kinds({})).toContain('PodDisruptionBudget');
    expect(kinds({ podDisruptionBudget: false })).not.toContain('PodDisruptionBudget');
  });
});

describe('the NetworkPolicy of the operator', () => {
  const rules = (props: HotStandbyOperatorProps) => at(only(install(props), 'NetworkPolicy'), 'spec');
  const dns = {
    ports: [
      { port: 53, protocol: 'UDP' },
      { port: 53, protocol: 'TCP' },
    ],
  };
  const tcp = (...numbers: number[]) => numbers.map((port) => ({ port, protocol: 'TCP' }));

  test('is made only when asked for', () => {
    expect(install().map(({ kind }) => kind)).not.toContain('NetworkPolicy');
  });

  test('lets out to DNS, the API server and Pods, and in to the metrics', () => {
    expect(rules({ networkPolicy: {} })).toEqual({
      podSelector: at(only(install(), 'Deployment'), 'spec', 'selector'),
      policyTypes: ['Ingress', 'Egress'],
      ingress: [{ ports: tcp(8080) }],
      egress: [dns, { ports: tcp(443, 6443) }, { to: [{ namespaceSelector: {} }] }],
    });
  });

  test('names addresses, ports and namespaces where it is given some', () => {
    const networkPolicy = {
      apiServerPorts: [6443],
      apiServerCidrs: ['10.0.0.1/32'],
      probePorts: [80],
      metricsNamespaces: { team: 'monitoring' },
    };
    expect(rules({ networkPolicy })).toMatchObject({
      ingress: [{ ports: tcp(8080), from: [{ namespaceSelector: { matchLabels: { team: 'monitoring' } } }] }],
      egress: [
        dns,
        { ports: tcp(6443), to: [{ ipBlock: { cidr: '10.0.0.1/32' } }] },
        { ports: tcp(80), to: [{ namespaceSelector: {} }] },
      ],
    });
  });

  test('lets no probe out when there are none', () => {
    expect(at(rules({ networkPolicy: { probePorts: [] } }), 'egress')).toHaveLength(2);
  });
});

describe('the monitoring of the operator', () => {
  const kinds = (props: HotStandbyOperatorProps) => install(props).map(({ kind }) => kind);

  test.each<[string, HotStandbyOperatorProps]>([
    ['by default', {}],
    ['when it is none', { monitoring: Monitoring.NONE }],
  ])('adds nothing %s', (_name, props) => {
    expect(at(template(props), 'metadata', 'annotations')).toBeUndefined();
    expect(kinds(props)).not.toEqual(expect.arrayContaining(['Service']));
  });

  test('by annotations points at the port and path the Pods serve', () => {
    const pod = template({ monitoring: Monitoring.SCRAPE_ANNOTATIONS });
    const port = at(pod, 'spec', 'containers', 0, 'ports', 0, 'containerPort');
    expect(at(pod, 'metadata', 'annotations')).toEqual({
      'prometheus.io/scrape': 'true',
      'prometheus.io/port': String(port),
      'prometheus.io/path': '/metrics',
    });
    expect(kinds({ monitoring: Monitoring.SCRAPE_ANNOTATIONS })).not.toContain('ServiceMonitor');
  });

  test('by a ServiceMonitor selects the Service that selects the Pods', () => {
    const manifests = install({ monitoring: Monitoring.SERVICE_MONITOR, labels: { release: 'prometheus' } });
    const monitor = only(manifests, 'ServiceMonitor');
    const service = only(manifests, 'Service');
    expect(monitor.apiVersion).toBe('monitoring.coreos.com/v1');
    expect(monitor.metadata.labels).toMatchObject({ release: 'prometheus' });
    expect(monitor.metadata.namespace).toBe(service.metadata.namespace);
    expect(service.metadata.labels).toMatchObject(Object(at(monitor, 'spec', 'selector', 'matchLabels')));
    expect(at(monitor, 'spec', 'endpoints', 0, 'port')).toBe(at(service, 'spec', 'ports', 0, 'name'));
    const deployment = only(manifests, 'Deployment');
    expect(at(service, 'spec', 'selector')).toEqual(at(deployment, 'spec', 'selector', 'matchLabels'));
    expect(at(deployment, 'spec', 'template', 'spec', 'containers', 0, 'ports', 0, 'name')).toBe(
      at(service, 'spec', 'ports', 0, 'targetPort'),
    );
  });

  test('names no Service too long, however long the name', () => {
    const service = only(install({ monitoring: Monitoring.SERVICE_MONITOR, name: 'n'.repeat(54) }), 'Service');
    expect(service.metadata.name.length).toBeLessThanOrEqual(63);
  });

  test('by a PodMonitor selects the Pods and needs no Service', () => {
    const manifests = install({
      monitoring: Monitoring.POD_MONITOR,
      scrapeInterval: Duration.seconds(30),
      monitoringLabels: { release: 'prometheus', 'app.kubernetes.io/name': 'mine' },
    });
    const monitor = only(manifests, 'PodMonitor');
    expect(monitor.metadata.labels).toMatchObject({ release: 'prometheus', 'app.kubernetes.io/name': 'hotstandby' });
    expect(at(monitor, 'spec', 'selector')).toEqual(at(only(manifests, 'Deployment'), 'spec', 'selector'));
    expect(at(monitor, 'spec', 'podMetricsEndpoints')).toEqual([
      { port: 'http', path: '/metrics', interval: '30s', honorLabels: true },
    ]);
    expect(manifests.map(({ kind }) => kind)).not.toContain('Service');
  });

  test('keeps annotations of the Pods beside those for scraping', () => {
    const pod = template({ monitoring: Monitoring.SCRAPE_ANNOTATIONS, podAnnotations: { a: 'b' } });
    expect(at(pod, 'metadata', 'annotations')).toMatchObject({ a: 'b', 'prometheus.io/scrape': 'true' });
  });

  test('adds alerts and the dashboard when asked for', () => {
    const manifests = install({ alerts: true, dashboard: true, monitoringLabels: { release: 'prometheus' } });
    expect(only(manifests, 'PrometheusRule').metadata.labels).toMatchObject({ release: 'prometheus' });
    const dashboard = only(manifests, 'ConfigMap');
    expect(dashboard.metadata.labels).toMatchObject({ grafana_dashboard: '1' });
    expect(JSON.parse(String(at(dashboard, 'data', 'hotstandby.json')))).toMatchObject({ title: 'HotStandby' });
    expect(only(install({ dashboard: true, dashboardLabels: { a: 'b' } }), 'ConfigMap').metadata.labels).toMatchObject({
      a: 'b',
    });
  });
});
