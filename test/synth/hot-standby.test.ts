import { ApiObject, type Chart, Cron, Duration, JsonPatch, Size, Testing } from 'cdk8s';
import * as kplus from 'cdk8s-plus-28';
import {
  AutoIdle,
  BusyProbe,
  type ExposeIdleOptions,
  HotStandby,
  HotStandbyDeployment,
  type HotStandbyProps,
  ProbeScheme,
  ProbeVia,
  SessionDeletePolicy,
} from '../../src';
import { at, only, synth, testChart } from './support';

const minimal: HotStandbyProps = { idleTarget: 3, containers: [{ image: 'ghcr.io/acme/room:1' }] };

/** The spec of the HotStandbyDeployment made from `props` on top of the minimal ones. */
function specOf(props: Partial<HotStandbyProps>): unknown {
  const [manifest] = synth((chart) => {
    new HotStandby(chart, 'rooms', { ...minimal, ...props });
  });
  return at(manifest, 'spec');
}

describe('HotStandby', () => {
  test('makes a whole HotStandbyDeployment from the smallest use', () => {
    const manifests = synth((chart) => {
      new HotStandby(chart, 'rooms', {
        idleTarget: 3,
        maxReplicas: 20,
        busyProbe: BusyProbe.http({ port: 9000, path: '/b' }),
        containers: [{ image: 'ghcr.io/acme/room:1', portNumber: 8080 }],
      });
    });
    const label = { 'cdk8s.io/metadata.addr': 'test-rooms-c81c4691' };
    expect(manifests).toEqual([
      {
        apiVersion: 'apps.paia.tech/v1alpha1',
        kind: 'HotStandbyDeployment',
        metadata: { name: 'test-rooms-c89da7f6' },
        spec: {
          idleTarget: 3,
          maxReplicas: 20,
          busyProbe: { mode: 'http', http: { port: 9000, path: '/b' } },
          selector: { matchLabels: label },
          podTemplate: {
            metadata: { labels: label },
            spec: expect.objectContaining({
              automountServiceAccountToken: false,
              restartPolicy: 'Always',
              containers: [
                expect.objectContaining({
                  name: 'main',
                  image: 'ghcr.io/acme/room:1',
                  ports: [{ containerPort: 8080 }],
                  securityContext: expect.objectContaining({ runAsNonRoot: true, readOnlyRootFilesystem: true }),
                }),
              ],
            }),
          },
        },
      },
    ]);
  });

  test('makes the same Pod template as a cdk8s-plus Deployment', () => {
    const pods = (chart: Chart): kplus.AbstractPodProps => ({
      containers: [
        {
          image: 'room',
          portNumber: 8080,
          readiness: kplus.Probe.fromHttpGet('/ready'),
          resources: { cpu: { request: kplus.Cpu.millis(250) }, memory: { limit: Size.gibibytes(1) } },
          envVariables: { TOKEN: kplus.EnvValue.fromValue('x') },
          volumeMounts: [{ path: '/tmp', volume: kplus.Volume.fromEmptyDir(chart, 'tmp', 'tmp') }],
        },
      ],
      initContainers: [{ image: 'init' }],
      hostAliases: [{ ip: '10.0.0.1', hostnames: ['db'] }],
      dns: { hostname: 'room', hostnameAsFQDN: true },
      serviceAccount: new kplus.ServiceAccount(chart, 'sa'),
      securityContext: { user: 1000, fsGroup: 2000 },
      terminationGracePeriod: Duration.minutes(5),
    });
    // Two charts, so that both workloads have the same path and with it the same label.
    const ours = Testing.synth(
      withChart((chart) => new HotStandby(chart, 'w', { idleTarget: 1, spread: true, ...pods(chart) })),
    );
    const theirs = Testing.synth(
      withChart((chart) => new kplus.Deployment(chart, 'w', { spread: true, ...pods(chart) })),
    );
    const ourTemplate = at(
      ours.find((m) => m.kind === 'HotStandbyDeployment'),
      'spec',
      'podTemplate',
    );
    const theirTemplate = at(
      theirs.find((m) => m.kind === 'Deployment'),
      'spec',
      'template',
    );
    expect(ourTemplate).toEqual(theirTemplate);
    expect(at(ourTemplate, 'spec', 'containers', 0, 'resources', 'requests', 'cpu')).toBe('250m');
  });

  test('leaves what was not given to the defaults of the API server', () => {
    expect(Object.keys(Object(specOf({})))).toEqual(['idleTarget', 'podTemplate', 'selector']);
  });

  test.each<[string, BusyProbe, unknown]>([
    ['the default annotation', BusyProbe.annotation(), { mode: 'annotation' }],
    [
      'an own annotation',
      BusyProbe.annotation({ key: 'acme.io/in-use' }),
      { mode: 'annotation', annotationKey: 'acme.io/in-use' },
    ],
    ['an http probe at its defaults', BusyProbe.http(), { mode: 'http', http: {} }],
    [
      'an http probe with every option',
      BusyProbe.http({
        port: 1,
        path: '/x?y',
        successIsBusy: false,
        timeoutSeconds: Duration.seconds(2),
        periodSeconds: Duration.minutes(1),
        scheme: ProbeScheme.HTTPS,
        failureThreshold: 3,
        via: ProbeVia.API_SERVER_PROXY,
      }),
      {
        mode: 'http',
        http: {
          ...{ port: 1, path: '/x?y', successIsBusy: false, timeoutSeconds: 2, periodSeconds: 60 },
          ...{ scheme: 'HTTPS', failureThreshold: 3, via: 'APIServerProxy' },
        },
      },
    ],
  ])('writes the busy probe of %s', (_name, busyProbe, expected) => {
    expect(at(specOf({ busyProbe }), 'busyProbe')).toEqual(expected);
  });

  test('selects by labels of its own choice when told to', () => {
    const [manifest] = synth((chart) => {
      const rooms = new HotStandby(chart, 'rooms', {
        ...minimal,
        select: false,
        podMetadata: { labels: { app: 'rooms' } },
      });
      rooms.select(kplus.LabelSelector.of({ labels: { app: 'rooms' } }));
    });
    expect(at(manifest, 'spec', 'selector')).toEqual({ matchLabels: { app: 'rooms' } });
    expect(at(manifest, 'spec', 'podTemplate', 'metadata', 'labels')).toMatchObject({ app: 'rooms' });
  });

  test('is what a cdk8s-plus Service can select', () => {
    const manifests = synth((chart) => {
      new kplus.Service(chart, 'service', { selector: new HotStandby(chart, 'rooms', minimal), ports: [{ port: 80 }] });
    });
    const service = manifests.find((m) => m.kind === 'Service');
    const hsd = manifests.find((m) => m.kind === 'HotStandbyDeployment');
    expect(at(service, 'spec', 'selector')).toEqual(at(hsd, 'spec', 'selector', 'matchLabels'));
  });

  test('can be granted to a subject like any other resource', () => {
    const manifests = synth((chart) => {
      const rooms = new HotStandby(chart, 'rooms', { ...minimal, metadata: { name: 'rooms' } });
      rooms.permissions.grantRead(new kplus.ServiceAccount(chart, 'reader'));
    });
    expect(
      at(
        manifests.find((m) => m.kind === 'Role'),
        'rules',
      ),
    ).toEqual([
      {
        apiGroups: ['apps.paia.tech'],
        resources: ['hotstandbydeployments'],
        resourceNames: ['rooms'],
        verbs: ['get', 'list', 'watch'],
      },
    ]);
  });

  test('lets a JSON patch reach every field, also those of a newer version', () => {
    const [manifest] = synth((chart) => {
      const rooms = new HotStandby(chart, 'rooms', minimal);
      ApiObject.of(rooms).addJsonPatch(
        JsonPatch.add('/spec/podTemplate/spec/runtimeClassName', 'gvisor'),
        JsonPatch.add('/spec/somethingNewer', { a: 1 }),
      );
    });
    expect(at(manifest, 'spec', 'podTemplate', 'spec', 'runtimeClassName')).toBe('gvisor');
    expect(at(manifest, 'spec', 'somethingNewer')).toEqual({ a: 1 });
  });
});

describe('what a HotStandby says beside its Pods', () => {
  test.each<[string, Partial<HotStandbyProps>, unknown]>([
    ['paused', { paused: true }, { paused: true }],
    ['minReady', { minReady: Duration.minutes(1) }, { minReadySeconds: 60 }],
    ['progressDeadline', { progressDeadline: Duration.minutes(2) }, { progressDeadlineSeconds: 120 }],
    ['revisionHistoryLimit', { revisionHistoryLimit: 0 }, { revisionHistoryLimit: 0 }],
    [
      'scaleDownStabilizationWindow',
      { scaleDownStabilizationWindow: Duration.minutes(5) },
      { behavior: { scaleDown: { stabilizationWindowSeconds: 300 } } },
    ],
    ['idlePercent', { idlePercent: 20 }, { idlePercent: 20 }],
    [
      'schedules',
      {
        schedules: [
          {
            name: 'evening',
            start: Cron.schedule({ minute: '0', hour: '18' }),
            end: Cron.schedule({ minute: '0', hour: '2' }),
            idleTarget: 20,
            minReplicas: 30,
            timeZone: 'Europe/Berlin',
          },
        ],
      },
      {
        schedules: [
          {
            name: 'evening',
            start: '0 18 * * *',
            end: '0 2 * * *',
            idleTarget: 20,
            minReplicas: 30,
            timeZone: 'Europe/Berlin',
          },
        ],
      },
    ],
    [
      'autoIdle that is applied',
      { autoIdle: AutoIdle.apply({ hitTarget: 95, min: 1, max: 50, window: Duration.minutes(30) }) },
      { autoIdle: { mode: 'Apply', hitTarget: 95, min: 1, max: 50, windowSeconds: 1800 } },
    ],
    [
      'autoIdle that recommends, within maxReplicas',
      { maxReplicas: 9, autoIdle: AutoIdle.recommend() },
      { maxReplicas: 9, autoIdle: { mode: 'Recommend' } },
    ],
    ['onDelete', { onDelete: SessionDeletePolicy.DRAIN }, { sessions: { onDelete: 'Drain' } }],
    ['the default onDelete', { onDelete: SessionDeletePolicy.DELETE }, { sessions: { onDelete: 'Delete' } }],
  ])('%s', (_name, props, expected) => {
    const spec = Object(specOf(props));
    const { idleTarget, podTemplate, selector, ...rest } = spec;
    expect(rest).toEqual(expected);
  });
});

describe('exposeIdle()', () => {
  const service = (options?: ExposeIdleOptions, props?: Partial<HotStandbyProps>) => {
    const manifests = synth((chart) => {
      new HotStandby(chart, 'rooms', {
        ...minimal,
        containers: [{ image: 'room', portNumber: 8080 }],
        podMetadata: { labels: { app: 'rooms' } },
        ...props,
      }).exposeIdle(options);
    });
    return { service: only(manifests, 'Service'), hsd: only(manifests, 'HotStandbyDeployment') };
  };

  test('is a Service over the labels of the Pods and the state idle, on the ports of the containers', () => {
    const made = service();
    expect(made.service.metadata.name).toBe('test-rooms-idleservice-c803b703');
    expect(at(made.service, 'spec')).toMatchObject({
      type: 'ClusterIP',
      ports: [{ port: 8080, targetPort: 8080 }],
      selector: { ...Object(at(made.hsd, 'spec', 'selector', 'matchLabels')), 'hsd.paia.tech/state': 'idle' },
    });
    // The label is the operator's to write: in the template it would say idle before the Pod is.
    expect(Object.keys(Object(at(made.hsd, 'spec', 'podTemplate', 'metadata', 'labels')))).not.toContain(
      'hsd.paia.tech/state',
    );
  });

  test('takes ports, type and name, and follows the namespace', () => {
    const made = service(
      { name: 'free', serviceType: kplus.ServiceType.NODE_PORT, ports: [{ port: 80, targetPort: 8080 }] },
      { metadata: { name: 'rooms', namespace: 'games' } },
    );
    expect(made.service.metadata).toMatchObject({ name: 'free', namespace: 'games' });
    expect(at(made.service, 'spec')).toMatchObject({ type: 'NodePort', ports: [{ port: 80, targetPort: 8080 }] });
  });

  test('may be called again under another name', () => {
    const manifests = synth((chart) => {
      const rooms = new HotStandby(chart, 'rooms', { ...minimal, containers: [{ image: 'room', portNumber: 8080 }] });
      rooms.exposeIdle();
      rooms.exposeIdle({ name: 'second' });
    });
    expect(manifests.filter((m) => m.kind === 'Service')).toHaveLength(2);
  });
});

describe('an isolated HotStandby', () => {
  const policiesOf = (props: Partial<HotStandbyProps>) =>
    synth((chart) => {
      new HotStandby(chart, 'rooms', { ...minimal, isolate: true, select: false, ...props }).select(
        kplus.LabelSelector.of({ labels: { app: 'rooms' } }),
      );
    }).filter(({ kind }) => kind === 'NetworkPolicy');

  test.each<[string, BusyProbe, number]>([
    ['its default port', BusyProbe.http(), 8080],
    ['a port of its own', BusyProbe.http({ port: 9000 }), 9000],
  ])('lets the operator ask on %s', (_what, busyProbe, port) => {
    const allowing = policiesOf({ busyProbe }).filter((policy) => at(policy, 'spec', 'ingress') !== undefined);
    expect(allowing.map(({ spec }) => spec)).toContainEqual({
      podSelector: { matchLabels: { app: 'rooms' } },
      policyTypes: ['Ingress'],
      ingress: [
        {
          from: [
            {
              namespaceSelector: {},
              podSelector: {
                matchLabels: { 'app.kubernetes.io/name': 'hotstandby', 'app.kubernetes.io/component': 'operator' },
              },
            },
          ],
          ports: [{ port, protocol: 'TCP' }],
        },
      ],
    });
  });

  test('lets in nobody whom nobody needs', () => {
    const [isolated] = [policiesOf({}), policiesOf({ busyProbe: BusyProbe.http({ via: ProbeVia.API_SERVER_PROXY }) })];
    expect(JSON.stringify(isolated)).not.toContain('hotstandby');
    expect(isolated?.length).toBeGreaterThan(0);
  });
});

describe('HotStandbyDeployment, the generated L1', () => {
  test('passes the whole Pod template on, sources of volumes included', () => {
    const podTemplate = {
      metadata: { annotations: { a: 'b' } },
      spec: { containers: [{ name: 'm', image: 'x', stdin: true }], volumes: [{ name: 't', emptyDir: {} }] },
    };
    const [manifest] = synth((chart) => {
      new HotStandbyDeployment(chart, 'rooms', {
        spec: { idleTarget: 1, selector: { matchLabels: { app: 'rooms' } }, podTemplate },
      });
    });
    expect(at(manifest, 'spec', 'podTemplate')).toEqual(podTemplate);
  });
});

function withChart(build: (chart: Chart) => void): Chart {
  const chart = testChart();
  build(chart);
  return chart;
}
