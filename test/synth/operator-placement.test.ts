import { Duration } from 'cdk8s';
import { NodeLabelQuery, NodeTaintQuery, TaintEffect } from 'cdk8s-plus-28';
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
    ['nodes of a label', { nodeSelector: { pool: 'system' } }, 'nodeSelector', { pool: 'system' }],
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
  ])('take %s', (_name, props, field, expected) => {
    expect(at(template(props), 'spec', field)).toEqual(expected);
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
});
