import { Duration } from 'cdk8s';
import { EnvValue, ImagePullPolicy, ServiceAccount } from 'cdk8s-plus-28';
import * as fc from 'fast-check';
import { HotStandbyOperator, type HotStandbyOperatorProps, LogLevel, Monitoring } from '../../src';
import { CONTROLLER_MANAGER, REPLICASET_CONTROLLER } from '../../src/install/guard';
import { byName, refusal, rendered } from './helm-chart';
import { type Manifest, synth } from './support';

// helm takes a second or two on a busy machine.
jest.setTimeout(240_000);

/** What chart and construct can both be told. Defaults are the construct's. */
interface Choice {
  scope: 'cluster' | 'own' | readonly string[];
  replicas: number;
  logLevel: LogLevel;
  digest: boolean;
  pullPolicy: boolean;
  extraArgs: string[];
  env: string[];
  labels: Record<string, string>;
  podLabels: Record<string, string>;
  podAnnotations: Record<string, string>;
  nodeSelector: Record<string, string>;
  priorityClassName: string;
  pullSecrets: string[];
  account: 'made' | 'annotated' | 'given';
  guard: boolean;
  users: string[];
  preemption: boolean;
  marks: boolean;
  selfAnnotation: boolean;
  userRoles: boolean;
  crd: boolean;
  createNamespace: boolean;
  disruptionBudget: boolean;
  networkPolicy: 'none' | 'open' | 'closed' | 'no probes';
  monitoring: Monitoring;
  interval: number;
  monitoringLabels: Record<string, string>;
  alerts: boolean;
  dashboard: boolean;
}

const DIGEST = `ghcr.io/paia-tech/hotstandby@sha256:${'a'.repeat(64)}`;
const NETWORK = {
  open: {},
  closed: {
    apiServerPorts: [6443],
    apiServerCidrs: ['10.0.0.1/32', '10.0.0.2/32'],
    probePorts: [80, 8080],
    metricsNamespaces: { team: 'monitoring' },
  },
  'no probes': { probePorts: [] },
} as const;

function valuesOf(choice: Choice): Record<string, unknown> {
  const { scope, networkPolicy } = choice;
  return {
    namespaces: typeof scope === 'string' ? [] : scope,
    ownNamespaceOnly: scope === 'own',
    replicas: choice.replicas,
    logLevel: choice.logLevel,
    image: { digest: choice.digest ? DIGEST.split('@')[1] : '', pullPolicy: choice.pullPolicy ? 'Always' : '' },
    extraArgs: choice.extraArgs,
    env: choice.env.map((name) => ({ name, value: `${name}: "1" #` })),
    commonLabels: choice.labels,
    podLabels: choice.podLabels,
    podAnnotations: choice.podAnnotations,
    nodeSelector: choice.nodeSelector,
    priorityClassName: choice.priorityClassName,
    imagePullSecrets: choice.pullSecrets.map((name) => ({ name })),
    serviceAccount: {
      create: choice.account !== 'given',
      name: choice.account === 'given' ? 'theirs' : '',
      annotations: choice.account === 'annotated' ? { 'a.b/c': 'd' } : {},
    },
    admissionGuard: { enabled: choice.guard, users: choice.users, preemption: choice.preemption },
    admissionMarks: { enabled: choice.marks },
    selfAnnotationPolicy: { enabled: choice.selfAnnotation },
    userRoles: { enabled: choice.userRoles },
    crds: { enabled: choice.crd, keep: false },
    createNamespace: choice.createNamespace,
    podDisruptionBudget: { enabled: choice.disruptionBudget },
    networkPolicy: {
      enabled: networkPolicy !== 'none',
      ...(networkPolicy === 'closed' && NETWORK.closed),
      probes: networkPolicy !== 'no probes',
    },
    monitoring: {
      type: choice.monitoring,
      interval: choice.interval === 0 ? '' : `${choice.interval}s`,
      labels: choice.monitoringLabels,
    },
    alerts: { enabled: choice.alerts },
    dashboard: { enabled: choice.dashboard },
  };
}

function propsOf(choice: Choice): Omit<HotStandbyOperatorProps, 'serviceAccount'> {
  const { scope, networkPolicy } = choice;
  const outside = {
    crd: choice.crd,
    userRoles: choice.userRoles,
    admissionGuard: choice.guard,
    guardedUsers: choice.users,
    guardPreemption: choice.preemption,
    admissionMarks: choice.marks,
    selfAnnotationPolicy: choice.selfAnnotation,
  };
  return {
    ...(scope === 'own' ? { ownNamespaceOnly: true } : outside),
    namespaces: typeof scope === 'string' ? undefined : [...scope],
    namespace: 'hotstandby-system',
    createNamespace: choice.createNamespace && scope !== 'own',
    replicas: choice.replicas,
    logLevel: choice.logLevel,
    image: choice.digest ? DIGEST : undefined,
    imagePullPolicy: choice.pullPolicy ? ImagePullPolicy.ALWAYS : undefined,
    extraArgs: choice.extraArgs,
    env: Object.fromEntries(choice.env.map((name) => [name, EnvValue.fromValue(`${name}: "1" #`)])),
    labels: choice.labels,
    podLabels: choice.podLabels,
    podAnnotations: unlessEmpty(choice.podAnnotations),
    nodeSelector: unlessEmpty(choice.nodeSelector),
    priorityClassName: choice.priorityClassName || undefined,
    imagePullSecrets: choice.pullSecrets.length > 0 ? choice.pullSecrets : undefined,
    serviceAccountAnnotations: choice.account === 'annotated' ? { 'a.b/c': 'd' } : undefined,
    podDisruptionBudget: choice.disruptionBudget,
    networkPolicy: networkPolicy === 'none' ? undefined : (NETWORK[networkPolicy] as object),
    monitoring: choice.monitoring,
    scrapeInterval: choice.interval === 0 ? undefined : Duration.seconds(choice.interval),
    monitoringLabels: choice.monitoringLabels,
    alerts: choice.alerts,
    dashboard: choice.dashboard,
  };
}

const unlessEmpty = (map: Record<string, string>) => (Object.keys(map).length > 0 ? map : undefined);

/** With what is said to helm alone; the definition is not to be kept here. */
function asHelmKeepsIt(manifest: Manifest): Manifest {
  const { annotations: _, ...metadata } = manifest.metadata;
  if (manifest.kind === 'CustomResourceDefinition') return { ...manifest, metadata };
  if (manifest.kind !== 'Namespace') return manifest;
  return { ...manifest, metadata: { ...metadata, annotations: { 'helm.sh/resource-policy': 'keep' } } };
}

/** Both ways to the same objects. */
function expectSame(choice: Choice): void {
  const expected = synth((chart) => {
    const serviceAccount =
      choice.account === 'given' ? ServiceAccount.fromServiceAccountName(chart, 'theirs', 'theirs') : undefined;
    new HotStandbyOperator(chart, 'operator', { ...propsOf(choice), serviceAccount });
  });
  // What helm keeps is said by the chart alone.
  expect(byName(rendered(valuesOf(choice)))).toEqual(byName(expected.map(asHelmKeepsIt)));
}

const DEFAULTS: Choice = {
  scope: 'cluster',
  replicas: 2,
  logLevel: LogLevel.INFO,
  digest: false,
  pullPolicy: false,
  extraArgs: [],
  env: [],
  labels: {},
  podLabels: {},
  podAnnotations: {},
  nodeSelector: {},
  priorityClassName: '',
  pullSecrets: [],
  account: 'made',
  guard: true,
  users: [REPLICASET_CONTROLLER],
  preemption: false,
  marks: false,
  selfAnnotation: true,
  userRoles: true,
  crd: true,
  createNamespace: true,
  disruptionBudget: true,
  networkPolicy: 'none',
  monitoring: Monitoring.NONE,
  interval: 0,
  monitoringLabels: {},
  alerts: false,
  dashboard: false,
};

/** Strings YAML would read as something else, or that have to be quoted. */
const labelValue = fc.constantFrom('a', 'true', '1', '1e3', '', 'x_y.z');
const annotation = fc.constantFrom('a', 'null', '0x10', 'a: b # c', '{{ .Values }}', '"', "it's", '%s', 'a\nb\n');
/** A map of its own prefix: the chart refuses one key in two maps. */
const map = (prefix: string, value: fc.Arbitrary<string>) =>
  fc.dictionary(fc.constantFrom(`${prefix}/a`, `${prefix}/b`), value, { maxKeys: 2, noNullPrototype: true });
const some = (...items: string[]) => fc.subarray(items);

const anyChoice: fc.Arbitrary<Choice> = fc
  .record({
    scope: fc.constantFrom<Choice['scope'][]>('cluster', 'own', ['a'], ['a', 'b-2']),
    replicas: fc.integer({ min: 1, max: 10 }),
    logLevel: fc.constantFrom(...Object.values(LogLevel)),
    digest: fc.boolean(),
    pullPolicy: fc.boolean(),
    extraArgs: some('--context=a', '--kubeconfig=/a: b'),
    env: some('A', 'B'),
    labels: map('l', labelValue),
    podLabels: map('p', labelValue),
    podAnnotations: map('a', annotation),
    nodeSelector: map('n', labelValue),
    priorityClassName: fc.constantFrom('', 'system-cluster-critical'),
    pullSecrets: some('one', 'two'),
    account: fc.constantFrom<Choice['account'][]>('made', 'annotated', 'given'),
    guard: fc.boolean(),
    users: fc
      .subarray([REPLICASET_CONTROLLER, CONTROLLER_MANAGER, 'system:kube-scheduler', `o'dd "user": #<&> %s {{`])
      .filter((users) => users.length > 0),
    preemption: fc.boolean(),
    marks: fc.boolean(),
    selfAnnotation: fc.boolean(),
    userRoles: fc.boolean(),
    crd: fc.boolean(),
    createNamespace: fc.boolean(),
    disruptionBudget: fc.boolean(),
    networkPolicy: fc.constantFrom<Choice['networkPolicy'][]>('none', 'open', 'closed', 'no probes'),
    monitoring: fc.constantFrom(...Object.values(Monitoring)),
    interval: fc.constantFrom(0, 30),
    monitoringLabels: map('m', labelValue),
    alerts: fc.boolean(),
    dashboard: fc.boolean(),
  })
  .map((choice) => ({
    ...choice,
    // What chart and construct both refuse.
    preemption: choice.preemption && choice.guard && choice.scope !== 'own',
    marks: choice.marks && choice.scope !== 'own',
  }));

describe('values and properties that say the same make the same objects', () => {
  test.each<[string, Partial<Choice>]>([
    ['at the defaults', {}],
    ['for a list of namespaces', { scope: ['a', 'b'] }],
    ['for the namespace of the release', { scope: 'own', createNamespace: false }],
    ['with everything on', { marks: true, networkPolicy: 'open', alerts: true, dashboard: true }],
    ['with a PodMonitor', { monitoring: Monitoring.POD_MONITOR, interval: 15 }],
    ['with a ServiceAccount of somebody else', { account: 'given' }],
    ['for controllers that share one user', { users: [CONTROLLER_MANAGER] }],
    ['for a guard the operator cannot rely on', { users: ['somebody'] }],
  ])('%s', (_name, change) => {
    expectSame({ ...DEFAULTS, ...change });
  });

  test('whatever they are', () => {
    // Synchronous, as the property is; the types do not tell.
    void fc.assert(fc.property(anyChoice, expectSame), { numRuns: 25 });
  });
});

describe('the chart refuses, and says what is wrong,', () => {
  const toleration = { tolerations: [{ efect: 'NoSchedule' }] };
  test.each<[string, Record<string, unknown>, RegExp]>([
    ['a value it does not know', { replicaCount: 3 }, /additional properties 'replicaCount' not allowed/],
    ['one further down', { image: { name: 'x' } }, /at '\/image': additional properties 'name' not allowed/],
    ['no replicas', { replicas: 0 }, /at '\/replicas': minimum: got 0, want 1/],
    ['replicas in words', { replicas: '2' }, /at '\/replicas': got string, want null or integer/],
    ['a level there is not', { logLevel: 'trace' }, /at '\/logLevel': value must be one of 'debug', 'info'/],
    ['a cut digest', { image: { digest: 'sha256:12' } }, /at '\/image\/digest': 'sha256:12' does not match/],
    ['a tag within the repository', { image: { repository: 'a@sha256:1' } }, /at '\/image\/repository'/],
    [
      'a pull policy there is not',
      { image: { pullPolicy: 'Sometimes' } },
      /at '\/image\/pullPolicy': value must be one/,
    ],
    ['pull secrets as words', { imagePullSecrets: ['a'] }, /at '\/imagePullSecrets\/0': got string, want object/],
    ['a namespace that cannot be', { namespaces: ['A_b'] }, /at '\/namespaces\/0': 'A_b' does not match pattern/],
    ['a namespace twice', { namespaces: ['a', 'a'] }, /at '\/namespaces': items at 0 and 1 are equal/],
    ['a label that selects', { commonLabels: { 'app.kubernetes.io/name': 'x' } }, /'app\.kubernetes\.io\/name'/],
    ['a label without quotes', { podLabels: { a: true } }, /at '\/podLabels\/a': got boolean, want string/],
    ['a misspelt toleration', toleration, /at '\/tolerations\/0': additional properties 'efect' not allowed/],
    ['a variable of its own', { env: [{ name: 'POD_NAME', value: 'x' }] }, /at '\/env\/0\/name': 'not' failed/],
    ['an argument that is none', { extraArgs: ['x'] }, /at '\/extraArgs\/0': 'x' does not match pattern/],
    [
      'a guard against nobody',
      { admissionGuard: { users: [] } },
      /at '\/admissionGuard\/users': minItems: got 0, want 1/,
    ],
    ['monitoring there is not', { monitoring: { type: 'Push' } }, /at '\/monitoring\/type': value must be one of/],
    [
      'an interval without unit',
      { monitoring: { interval: '30' } },
      /at '\/monitoring\/interval': '30' does not match/,
    ],
    ['a port there is not', { networkPolicy: { probePorts: [0] } }, /at '\/networkPolicy\/probePorts\/0': minimum/],
    ['an image with its tag', { image: { repository: 'ghcr.io/a/b:v1' } }, /at '\/image\/repository'/],
    ['memory in words', { resources: { limits: { memory: 'lots' } } }, /at '\/resources\/limits\/memory'/],
    [
      'an address that is no range',
      { networkPolicy: { apiServerCidrs: ['10.0.0.1'] } },
      /at '\/networkPolicy\/apiServerCidrs\/0': '10\.0\.0\.1' does not match/,
    ],
    [
      'a label with a space',
      { podLabels: { team: 'the games' } },
      /at '\/podLabels\/team': 'the games' does not match/,
    ],
    [
      'a misspelt security context',
      { securityContext: { runAsNonroot: true } },
      /at '\/securityContext': additional properties 'runAsNonroot' not allowed/,
    ],
    [
      'two operators that both write',
      { extraArgs: ['--no-leader-elect'] },
      /'extraArgs' has --no-leader-elect with more than one of 'replicas'/,
    ],
    ['a long name', { fullnameOverride: 'n'.repeat(55) }, /at '\/fullnameOverride'/],
    ['resources there are not', { resources: { request: {} } }, /at '\/resources': additional properties 'request'/],
    [
      'half a percentage',
      { podDisruptionBudget: { maxUnavailable: '0%' } },
      /at '\/podDisruptionBudget\/maxUnavailable'/,
    ],
    [
      'two scopes',
      { ownNamespaceOnly: true, namespaces: ['a'] },
      /'namespaces' and 'ownNamespaceOnly' exclude each other: give one of them/,
    ],
    [
      'marks outside of its namespace',
      { ownNamespaceOnly: true, admissionMarks: { enabled: true } },
      /'admissionMarks.enabled' is true, and with 'ownNamespaceOnly' nothing outside the namespace is made/,
    ],
    [
      'preemption without the guard',
      { admissionGuard: { enabled: false, preemption: true } },
      /'admissionGuard.preemption' is true without the guard/,
    ],
    [
      'no ServiceAccount at all',
      { serviceAccount: { create: false } },
      /'serviceAccount.create' is false and 'serviceAccount.name' is empty/,
    ],
    [
      'one label in two places',
      { commonLabels: { a: 'b' }, podLabels: { a: 'c' } },
      /'podLabels' and 'commonLabels' both set a: set it in one of them/,
    ],
    [
      'scraping said twice',
      { monitoring: { type: 'ScrapeAnnotations' }, podAnnotations: { 'prometheus.io/scrape': 'false' } },
      /'podAnnotations' sets prometheus\.io\/scrape, and so does 'monitoring\.type: ScrapeAnnotations'/,
    ],
  ])('%s', (_what, values, message) => {
    const said = refusal(values);
    expect(said).toMatch(message);
    expect(said.trim().split('\n').length).toBeLessThanOrEqual(5);
  });

  test.each<[string, Record<string, unknown>]>([
    ['a registry with a port', { image: { repository: 'localhost:5000/a/b' } }],
    ['amounts of every kind', { resources: { limits: { cpu: 1.5, memory: '1e9', 'ephemeral-storage': '.5Gi' } } }],
    ['address ranges of both kinds', { networkPolicy: { apiServerCidrs: ['10.0.0.0/8', '::/0', 'fd00:1::1/128'] } }],
    ['one operator without election', { extraArgs: ['--no-leader-elect'], replicas: 1 }],
    ['another strategy', { strategy: { type: 'Recreate', rollingUpdate: null } }],
  ])('but takes %s', (_what, values) => {
    expect(refusal(values)).toBe('');
  });

  test('but not what a chart passes on to its dependencies', () => {
    expect(refusal({ global: { anything: true } })).toBe('');
  });
});
