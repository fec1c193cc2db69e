import { ApiObject, App, Chart, Duration, JsonPatch, Testing } from 'cdk8s';
import * as kplus from 'cdk8s-plus-28';
import { BusyProbe, HotStandby, type HotStandbyOptions } from '../../src';
import { at, type Manifest, only, synth, testChart } from './support';

/** A Deployment that uses much of what cdk8s-plus has for Pods. */
function rooms(chart: Chart, props: kplus.DeploymentProps = {}): kplus.Deployment {
  return new kplus.Deployment(chart, 'rooms', {
    metadata: { name: 'rooms', namespace: 'games', labels: { team: 'blue' }, annotations: { 'acme.io/owner': 'ann' } },
    podMetadata: { labels: { app: 'rooms' }, annotations: { 'acme.io/log': 'json' } },
    containers: [{ image: 'room:1', portNumber: 8080, envVariables: { MODE: kplus.EnvValue.fromValue('x') } }],
    initContainers: [{ image: 'fetch:1' }],
    hostAliases: [{ ip: '10.0.0.1', hostnames: ['db'] }],
    securityContext: { user: 1000 },
    spread: true,
    terminationGracePeriod: Duration.minutes(5),
    ...props,
  });
}

function adopted(
  change: (standby: HotStandby, deployment: kplus.Deployment) => void = () => {},
  props?: kplus.DeploymentProps,
  options: Partial<HotStandbyOptions> = {},
): Manifest[] {
  return synth((chart) => {
    const deployment = rooms(chart, props);
    change(HotStandby.fromDeployment(chart, 'standby', deployment, { idleTarget: 3, ...options }), deployment);
  });
}

/** What the Deployment itself would have been. */
const original = only(
  synth((chart) => {
    rooms(chart);
  }),
  'Deployment',
);

const podSpec = (manifests: Manifest[]) => at(only(manifests, 'HotStandbyDeployment'), 'spec', 'podTemplate', 'spec');

describe('a Deployment turned into a HotStandby', () => {
  const manifests = adopted();
  const [hsd] = manifests;

  test('is not synthesized any more', () => {
    expect(manifests.map(({ kind }) => kind)).toEqual(['HotStandbyDeployment']);
  });

  test('gives its name, namespace, labels and annotations', () => {
    expect(hsd?.metadata).toEqual(original.metadata);
  });

  test('gives its Pod template and selector, field for field', () => {
    expect(at(hsd, 'spec', 'podTemplate')).toEqual(at(original, 'spec', 'template'));
    expect(at(hsd, 'spec', 'selector')).toEqual(at(original, 'spec', 'selector'));
    expect(at(hsd, 'spec', 'podTemplate', 'spec', 'affinity', 'podAntiAffinity')).toEqual({
      requiredDuringSchedulingIgnoredDuringExecution: [
        expect.objectContaining({ topologyKey: 'kubernetes.io/hostname' }),
        expect.objectContaining({ topologyKey: 'topology.kubernetes.io/zone' }),
      ],
    });
  });

  test('drops replicas and strategy, and leaves defaults to the API server', () => {
    const [small] = adopted(undefined, { replicas: 7, strategy: kplus.DeploymentStrategy.recreate() });
    expect(Object.keys(Object(at(small, 'spec')))).toEqual(['idleTarget', 'podTemplate', 'selector']);
  });

  test('keeps a name cdk8s made', () => {
    const [named, ...others] = adopted(undefined, { metadata: {} });
    expect(others).toEqual([]);
    expect(named?.metadata.name).toBe('test-rooms-c89da7f6');
  });

  test.each<[string, kplus.DeploymentProps, Partial<HotStandbyOptions>, unknown]>([
    [
      'the times of the Deployment',
      { minReady: Duration.seconds(5), progressDeadline: Duration.minutes(2) },
      {},
      [5, 120],
    ],
    ['those given instead', { minReady: Duration.seconds(5) }, { minReady: Duration.seconds(9) }, [9, undefined]],
  ])('takes %s', (_name, props, options, expected) => {
    const [spec] = adopted(undefined, props, options).map((manifest) => manifest.spec);
    expect([at(spec, 'minReadySeconds'), at(spec, 'progressDeadlineSeconds')]).toEqual(expected);
  });

  test('keeps the JSON patches of its Pod template', () => {
    const patched = synth((chart) => {
      const deployment = rooms(chart);
      ApiObject.of(deployment).addJsonPatch(JsonPatch.add('/spec/template/spec/runtimeClassName', 'gvisor'));
      HotStandby.fromDeployment(chart, 'standby', deployment, { idleTarget: 1 });
    });
    expect(at(podSpec(patched), 'runtimeClassName')).toBe('gvisor');
  });

  test.each<[string, (standby: HotStandby, deployment: kplus.Deployment) => void]>([
    ['the HotStandby', (standby) => standby.addContainer({ name: 'log', image: 'log:1' })],
    ['the Deployment', (_standby, deployment) => deployment.addContainer({ name: 'log', image: 'log:1' })],
  ])('takes a container added to %s afterwards', (_name, add) => {
    expect(at(podSpec(adopted(add)), 'containers', 1, 'image')).toBe('log:1');
  });

  test('is scheduled as either of the two is told', () => {
    const gpu = kplus.Node.labeled(kplus.NodeLabelQuery.is('gpu', 'yes'));
    const affinity = at(podSpec(adopted((standby) => standby.scheduling.attract(gpu))), 'affinity', 'nodeAffinity');
    expect(JSON.stringify(affinity)).toContain('"key":"gpu"');
  });

  test('keeps the Services and network policies it had', () => {
    const found = adopted((_standby, deployment) => {
      deployment.exposeViaService({ name: 'rooms' });
      deployment.connections.isolate();
    });
    const address = at(original, 'spec', 'selector', 'matchLabels');
    expect(at(only(found, 'Service'), 'spec', 'selector')).toEqual(address);
    expect(at(only(found, 'NetworkPolicy'), 'spec', 'podSelector', 'matchLabels')).toEqual(address);
  });

  test('can expose its idle Pods and let them mark themselves', () => {
    const found = adopted((standby) => {
      standby.exposeIdle();
      standby.selfAnnotating();
    });
    expect(at(only(found, 'Service'), 'spec')).toMatchObject({
      selector: { 'hsd.paia.tech/state': 'idle', ...Object(at(original, 'spec', 'selector', 'matchLabels')) },
      ports: [{ port: 8080 }],
    });
    expect(at(podSpec(found), 'serviceAccountName')).toBe(only(found, 'ServiceAccount').metadata.name);
    const env = Object.values(Object(at(podSpec(found), 'containers', 0, 'env')));
    expect(env.map((variable) => at(variable, 'name'))).toEqual(['MODE', 'POD_NAME', 'POD_NAMESPACE', 'POD_UID']);
  });

  test('can live in another chart than the Deployment did', () => {
    const app = new App();
    const deployment = rooms(new Chart(app, 'old'));
    const chart = new Chart(app, 'new', { namespace: 'elsewhere' });
    HotStandby.fromDeployment(chart, 'standby', deployment, { idleTarget: 1 });
    expect(only(Testing.synth(chart), 'HotStandbyDeployment').metadata).toMatchObject({
      name: 'rooms',
      namespace: 'games',
    });
  });
});

describe('a Deployment that cannot become a HotStandby is refused', () => {
  test('when it has become one already', () => {
    const chart = testChart();
    const deployment = rooms(chart);
    HotStandby.fromDeployment(chart, 'a', deployment, { idleTarget: 1 });
    expect(() => HotStandby.fromDeployment(chart, 'b', deployment, { idleTarget: 1 })).toThrow(
      new Error('fromDeployment() was given Deployment "rooms" twice: one Deployment makes one HotStandby'),
    );
  });

  test('when it is on the host network and would be probed', () => {
    const chart = testChart();
    const deployment = rooms(chart, { hostNetwork: true });
    expect(() =>
      HotStandby.fromDeployment(chart, 'a', deployment, { idleTarget: 1, busyProbe: BusyProbe.http() }),
    ).toThrow("'hostNetwork' is true with BusyProbe.http()");
  });

  test('when an autoscaler still targets it', () => {
    const chart = testChart();
    const deployment = rooms(chart);
    HotStandby.fromDeployment(chart, 'standby', deployment, { idleTarget: 1 });
    new kplus.HorizontalPodAutoscaler(chart, 'hpa', {
      target: deployment,
      maxReplicas: 5,
      metrics: [kplus.Metric.resourceCpu(kplus.MetricTarget.averageUtilization(70))],
    });
    expect(() => Testing.synth(chart)).toThrow(
      'HorizontalPodAutoscaler test/hpa scales Deployment "rooms", which is a HotStandby now: remove it,',
    );
  });
});
