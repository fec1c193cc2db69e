/** Specs the original operator accepted, and what the API server must hold of them: defaults filled in, nothing lost. */

type Fields = Record<string, unknown>;

export interface GoodSpec {
  what: string;
  /** Replace fields of the smallest good spec. */
  given: Fields;
  stored: Fields;
}

/** What design and README promise of a field that was left out. */
const defaults = { minReplicas: 0, busyProbe: { mode: 'annotation', annotationKey: 'paia.tech/busy' } };
const httpDefaults = { port: 8080, path: '/busy', successIsBusy: true, timeoutSeconds: 1, periodSeconds: 10 };
const addedHttp = { scheme: 'HTTPS', failureThreshold: 3, via: 'APIServerProxy' };
const dottedPath = { path: '/.well-known/a..b?then=/../c', via: 'APIServerProxy' };

const everyOriginalField = {
  idleTarget: 0,
  minReplicas: 2,
  maxReplicas: 1_000_000,
  selector: { matchLabels: { app: 'rooms', 'example.com/tier': 'eu' } },
  busyProbe: {
    mode: 'http',
    annotationKey: 'example.com/in-use',
    http: { port: 65_535, path: '/state?is=busy', successIsBusy: false, timeoutSeconds: 3600, periodSeconds: 86_400 },
  },
};

/** A Pod template that uses much of what Kubernetes 1.28 and later have. */
export const richPodTemplate = {
  metadata: {
    labels: { app: 'rooms', team: 'blue' },
    annotations: { 'prometheus.io/scrape': 'true' },
    // Not in our schema, and accepted by Deployments all the same.
    creationTimestamp: null,
  },
  spec: {
    serviceAccountName: 'default',
    terminationGracePeriodSeconds: 0,
    nodeSelector: { 'kubernetes.io/os': 'linux' },
    tolerations: [{ key: 'games', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 30 }],
    volumes: [{ name: 'tmp', emptyDir: { medium: 'Memory', sizeLimit: '64Mi' } }],
    initContainers: [{ name: 'sidecar', image: 'example.com/proxy:1', restartPolicy: 'Always' }],
    containers: [
      {
        name: 'app',
        image: 'example.com/app:1',
        command: ['/app'],
        args: ['--port', '80'],
        env: [
          { name: 'A', value: '1' },
          { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
        ],
        ports: [{ containerPort: 80, name: 'http', protocol: 'TCP', hostPort: 8080 }],
        resources: { requests: { cpu: 1, memory: '64Mi' }, limits: { memory: '128Mi' } },
        readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1 },
        volumeMounts: [{ name: 'tmp', mountPath: '/tmp', mountPropagation: 'HostToContainer' }],
      },
    ],
  },
};

/** Fields this schema knows nothing of, at every level of a Pod: a newer Kubernetes has some. */
const newerKubernetes = {
  metadata: { labels: { app: 'rooms' }, futureMeta: ['a'] },
  futureTemplate: true,
  spec: {
    futureField: { nested: [{ deep: 1 }] },
    containers: [
      {
        name: 'app',
        futurePolicy: 'Sometimes',
        env: [{ name: 'A', futureSource: { key: 'x' } }],
        ports: [{ containerPort: 80, futurePort: 1 }],
        resources: { future: { a: 1 } },
        volumeMounts: [{ name: 'v', mountPath: '/v', futureMount: 'x' }],
        securityContext: { futureContext: true },
      },
    ],
    initContainers: [{ name: 'init', futureInit: null, futureList: [1, 'two'] }],
    volumes: [{ name: 'v', futureVolume: { size: '1Gi' } }],
    securityContext: { futureContext: false },
  },
};

export const GOOD_SPECS: readonly GoodSpec[] = [
  { what: 'the smallest spec', given: {}, stored: defaults },
  { what: 'every field of the original operator', given: everyOriginalField, stored: everyOriginalField },
  {
    what: 'http mode alone',
    given: { busyProbe: { mode: 'http', http: {} } },
    stored: { ...defaults, busyProbe: { ...defaults.busyProbe, mode: 'http', http: httpDefaults } },
  },
  {
    what: 'one http field',
    given: { busyProbe: { mode: 'http', http: { port: 9000 } } },
    stored: { ...defaults, busyProbe: { ...defaults.busyProbe, mode: 'http', http: { ...httpDefaults, port: 9000 } } },
  },
  {
    what: 'the http fields the original did not have',
    given: { busyProbe: { mode: 'http', http: addedHttp } },
    stored: {
      ...defaults,
      busyProbe: { ...defaults.busyProbe, mode: 'http', http: { ...httpDefaults, ...addedHttp } },
    },
  },
  {
    what: 'a dotted path that stays where it is',
    given: { busyProbe: { mode: 'http', http: dottedPath } },
    stored: {
      ...defaults,
      busyProbe: { ...defaults.busyProbe, mode: 'http', http: { ...httpDefaults, ...dottedPath } },
    },
  },
  {
    what: 'an empty busyProbe',
    given: { busyProbe: {} },
    stored: defaults,
  },
  {
    what: 'maxReplicas equal to minReplicas',
    given: { minReplicas: 3, maxReplicas: 3 },
    stored: { ...defaults, minReplicas: 3, maxReplicas: 3 },
  },
  {
    what: 'a busy key without a prefix',
    given: { busyProbe: { annotationKey: 'Busy_1.x' } },
    stored: { ...defaults, busyProbe: { mode: 'annotation', annotationKey: 'Busy_1.x' } },
  },
  {
    what: 'a long Pod template',
    given: { podTemplate: richPodTemplate },
    stored: { ...defaults, podTemplate: richPodTemplate },
  },
  {
    what: 'fields of a newer Kubernetes',
    given: { podTemplate: newerKubernetes },
    stored: { ...defaults, podTemplate: newerKubernetes },
  },
];
