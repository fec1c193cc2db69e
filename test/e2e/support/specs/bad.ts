/** Specs the API server must refuse, one for every rule of the schema. */

export interface BadSpec {
  what: string;
  /** Replace fields of the smallest good spec; undefined leaves one out. */
  fields: Record<string, unknown>;
  /** Of the object; default: a good one. */
  name?: string;
  /** What the refusal must say: where, the value, and what would be right. */
  says: RegExp;
}

type Fields = Record<string, unknown>;

const container = { name: 'app', image: 'example.com/app:1' };
const pod = (spec: Fields): Fields => ({ podTemplate: { spec: { containers: [container], ...spec } } });
const app = (fields: Fields): Fields => pod({ containers: [{ ...container, ...fields }] });
const http = (fields: Fields): Fields => ({ busyProbe: { mode: 'http', http: fields } });
const labels = (matchLabels: Fields): Fields => ({ selector: { matchLabels } });
const key = (annotationKey: string): Fields => ({ busyProbe: { annotationKey } });
const long = (length: number): string => 'x'.repeat(length);
const manyLabels = Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`label-${i}`, 'x']));

/** A refusal at a field; "…" stands for anything. */
const at = (path: string, text: string): RegExp =>
  new RegExp(`spec.${path}: ${text}`.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('…', '.*'));
/** A number outside its range: the message has the number and the bound. */
const above = (path: string, value: number, bound: number): RegExp =>
  at(path, `Invalid value: ${value}: spec.${path} in body should be greater than or equal to ${bound}`);
const below = (path: string, value: number, bound: number): RegExp =>
  at(path, `Invalid value: ${value}: spec.${path} in body should be less than or equal to ${bound}`);
const type = (path: string, got: string, wanted: string): RegExp =>
  at(path, `Invalid value: "${got}": spec.${path} in body must be of type ${wanted}: "${got}"`);

const REQUIRED: BadSpec[] = [
  { what: 'no idleTarget', fields: { idleTarget: undefined }, says: at('idleTarget', 'Required value') },
  { what: 'idleTarget null', fields: { idleTarget: null }, says: at('idleTarget', 'Required value') },
  { what: 'no selector', fields: { selector: undefined }, says: at('selector', 'Required value') },
  { what: 'no matchLabels', fields: { selector: {} }, says: at('selector.matchLabels', 'Required value') },
  { what: 'no podTemplate', fields: { podTemplate: undefined }, says: at('podTemplate', 'Required value') },
  { what: 'no Pod spec', fields: { podTemplate: {} }, says: at('podTemplate.spec', 'Required value') },
  {
    what: 'no containers',
    fields: { podTemplate: { spec: {} } },
    says: at('podTemplate.spec.containers', 'Required value'),
  },
  {
    what: 'a container without a name',
    fields: app({ name: undefined }),
    says: at('podTemplate.spec.containers[0].name', 'Required value'),
  },
  {
    what: 'an init container without a name',
    fields: pod({ initContainers: [{ image: 'x' }] }),
    says: at('podTemplate.spec.initContainers[0].name', 'Required value'),
  },
  {
    what: 'a port without a number',
    fields: app({ ports: [{ name: 'http' }] }),
    says: at('podTemplate.spec.containers[0].ports[0].containerPort', 'Required value'),
  },
  {
    what: 'a variable without a name',
    fields: app({ env: [{ value: '1' }] }),
    says: at('podTemplate.spec.containers[0].env[0].name', 'Required value'),
  },
  {
    what: 'a volume mount without a path',
    fields: app({ volumeMounts: [{ name: 'tmp' }] }),
    says: at('podTemplate.spec.containers[0].volumeMounts[0].mountPath', 'Required value'),
  },
  {
    what: 'a volume mount without a volume',
    fields: app({ volumeMounts: [{ mountPath: '/tmp' }] }),
    says: at('podTemplate.spec.containers[0].volumeMounts[0].name', 'Required value'),
  },
  {
    what: 'a volume without a name',
    fields: pod({ volumes: [{ emptyDir: {} }] }),
    says: at('podTemplate.spec.volumes[0].name', 'Required value'),
  },
];

const RANGES: BadSpec[] = [
  { what: 'idleTarget -1', fields: { idleTarget: -1 }, says: above('idleTarget', -1, 0) },
  { what: 'idleTarget 1000001', fields: { idleTarget: 1_000_001 }, says: below('idleTarget', 1_000_001, 1_000_000) },
  { what: 'minReplicas -1', fields: { minReplicas: -1 }, says: above('minReplicas', -1, 0) },
  { what: 'minReplicas 1000001', fields: { minReplicas: 1_000_001 }, says: below('minReplicas', 1_000_001, 1_000_000) },
  { what: 'maxReplicas 0', fields: { maxReplicas: 0 }, says: above('maxReplicas', 0, 1) },
  { what: 'maxReplicas 1000001', fields: { maxReplicas: 1_000_001 }, says: below('maxReplicas', 1_000_001, 1_000_000) },
  {
    what: 'maxReplicas below minReplicas',
    fields: { minReplicas: 5, maxReplicas: 3 },
    says: at(
      'maxReplicas',
      'Invalid value: maxReplicas (3) must not be less than minReplicas (5): raise maxReplicas or lower minReplicas',
    ),
  },
  { what: 'probe port 0', fields: http({ port: 0 }), says: above('busyProbe.http.port', 0, 1) },
  { what: 'probe port 65536', fields: http({ port: 65_536 }), says: below('busyProbe.http.port', 65_536, 65_535) },
  { what: 'timeoutSeconds 0', fields: http({ timeoutSeconds: 0 }), says: above('busyProbe.http.timeoutSeconds', 0, 1) },
  {
    what: 'timeoutSeconds 3601',
    fields: http({ timeoutSeconds: 3601 }),
    says: below('busyProbe.http.timeoutSeconds', 3601, 3600),
  },
  { what: 'periodSeconds 0', fields: http({ periodSeconds: 0 }), says: above('busyProbe.http.periodSeconds', 0, 1) },
  {
    what: 'periodSeconds 86401',
    fields: http({ periodSeconds: 86_401 }),
    says: below('busyProbe.http.periodSeconds', 86_401, 86_400),
  },
  {
    what: 'failureThreshold 0',
    fields: http({ failureThreshold: 0 }),
    says: above('busyProbe.http.failureThreshold', 0, 1),
  },
  {
    what: 'failureThreshold 101',
    fields: http({ failureThreshold: 101 }),
    says: below('busyProbe.http.failureThreshold', 101, 100),
  },
  {
    what: 'containerPort 0',
    fields: app({ ports: [{ containerPort: 0 }] }),
    says: above('podTemplate.spec.containers[0].ports[0].containerPort', 0, 1),
  },
  {
    what: 'containerPort 65536',
    fields: app({ ports: [{ containerPort: 65_536 }] }),
    says: below('podTemplate.spec.containers[0].ports[0].containerPort', 65_536, 65_535),
  },
  {
    what: 'a negative grace period',
    fields: pod({ terminationGracePeriodSeconds: -1 }),
    says: above('podTemplate.spec.terminationGracePeriodSeconds', -1, 0),
  },
];

const TYPES: BadSpec[] = [
  { what: 'idleTarget "3"', fields: { idleTarget: '3' }, says: type('idleTarget', 'string', 'integer') },
  { what: 'idleTarget 1.5', fields: { idleTarget: 1.5 }, says: type('idleTarget', 'float64', 'int32') },
  { what: 'a port name', fields: http({ port: 'http' }), says: type('busyProbe.http.port', 'string', 'integer') },
  {
    what: 'successIsBusy "yes"',
    fields: http({ successIsBusy: 'yes' }),
    says: type('busyProbe.http.successIsBusy', 'string', 'boolean'),
  },
  {
    what: 'failureThreshold "3"',
    fields: http({ failureThreshold: '3' }),
    says: type('busyProbe.http.failureThreshold', 'string', 'integer'),
  },
  {
    what: 'a number as label',
    fields: labels({ app: 1 }),
    says: type('selector.matchLabels.app', 'integer', 'string'),
  },
  {
    what: 'a number as label of the template',
    fields: { podTemplate: { metadata: { labels: { a: 1 } }, spec: { containers: [container] } } },
    says: type('podTemplate.metadata.labels.a', 'integer', 'string'),
  },
  {
    what: 'a number as variable',
    fields: app({ env: [{ name: 'A', value: 1 }] }),
    says: type('podTemplate.spec.containers[0].env[0].value', 'integer', 'string'),
  },
  {
    what: 'a command line as command',
    fields: app({ command: 'node app.js' }),
    says: type('podTemplate.spec.containers[0].command', 'string', 'array'),
  },
  {
    what: 'a boolean as quantity',
    fields: app({ resources: { limits: { memory: true } } }),
    says: type('podTemplate.spec.containers[0].resources.limits.memory', 'boolean', 'integer,string'),
  },
  {
    what: 'hostNetwork "yes"',
    fields: pod({ hostNetwork: 'yes' }),
    says: type('podTemplate.spec.hostNetwork', 'string', 'boolean'),
  },
];

const FORMS: BadSpec[] = [
  {
    what: 'an empty list of containers',
    fields: pod({ containers: [] }),
    says: at('podTemplate.spec.containers', 'Invalid value: 0: … should have at least 1 items'),
  },
  {
    what: 'an empty container name',
    fields: app({ name: '' }),
    says: at('podTemplate.spec.containers[0].name', 'Invalid value: "": … at least 1 chars long'),
  },
  {
    what: 'a container name of 64 characters',
    fields: app({ name: long(64) }),
    says: at('podTemplate.spec.containers[0].name', 'Too long: may not be more than 63'),
  },
  {
    what: 'a mode that does not exist',
    fields: { busyProbe: { mode: 'grpc' } },
    says: at('busyProbe.mode', 'Unsupported value: "grpc": supported values: "annotation", "http"'),
  },
  {
    what: 'an empty selector',
    fields: labels({}),
    says: at('selector.matchLabels', 'Invalid value: selector.matchLabels is empty… for example app: rooms'),
  },
  {
    what: 'a label key with spaces',
    fields: labels({ 'not a key': 'x' }),
    says: /spec\.selector\.matchLabels: .* not label keys: \["not a key"\]; write \[prefix\/\]name/,
  },
  ...['hsd.paia.tech/state', 'hsd.paia.tech/template-hash'].map((reserved) => ({
    what: `a selector by ${reserved}`,
    fields: labels({ app: 'rooms', [reserved]: 'starting' }),
    says: at(
      'selector.matchLabels',
      `…labels that HotStandby itself writes: ["${reserved}"]; select by labels of your own`,
    ),
  })),
  ...['hsd.paia.tech/name', 'deployment.kubernetes.io/revision'].map((owned) => ({
    what: `${owned} for the Deployment`,
    fields: { deploymentMetadata: { annotations: { note: 'x', [owned]: 'x' } } },
    says: at('deploymentMetadata.annotations', `…keys that are not yours to set: ["${owned}"]; leave them out`),
  })),
  {
    what: 'a label of 64 characters for the Deployment',
    fields: { deploymentMetadata: { labels: { a: long(64) } } },
    says: /spec\.deploymentMetadata\.labels\.a: Too long/,
  },
  {
    what: 'a label value with spaces',
    fields: labels({ app: 'the app' }),
    says: /spec\.selector\.matchLabels: .* not label values, under: \["app"\]; use letters, digits/,
  },
  {
    what: 'a label value of 64 characters',
    fields: labels({ app: long(64) }),
    says: at('selector.matchLabels.app', 'Too long: may not be more than 63'),
  },
  {
    what: '33 labels in the selector',
    fields: labels(manyLabels),
    says: at('selector.matchLabels', 'Too many: 33: must have at most 32'),
  },
  ...['not a key', '/busy', 'paia.tech/', `paia.tech/${long(64)}`, 'PAIA_TECH/busy'].map((bad) => ({
    what: `annotationKey "${bad.slice(0, 20)}"`,
    fields: key(bad),
    says: new RegExp(
      `spec.busyProbe.annotationKey: .* annotationKey "${bad}" is not an annotation key: write \\[prefix/\\]name, for example paia.tech/busy`,
    ),
  })),
  {
    what: 'an empty annotationKey',
    fields: key(''),
    says: at('busyProbe.annotationKey', 'Invalid value: "": … at least 1 chars long'),
  },
  {
    what: 'an annotationKey of 318 characters',
    fields: key(`${long(253)}/${long(64)}`),
    says: at('busyProbe.annotationKey', 'Too long: may not be more than 317'),
  },
  {
    what: 'a path without "/"',
    fields: http({ path: 'busy' }),
    says: at('busyProbe.http.path', 'Invalid value: path must start with "/": got "busy", write "/busy"'),
  },
  {
    what: 'an empty path',
    fields: http({ path: '' }),
    says: at('busyProbe.http.path', 'Invalid value: "": … at least 1 chars long'),
  },
  {
    what: 'a path of 2049 characters',
    fields: http({ path: `/${long(2048)}` }),
    says: at('busyProbe.http.path', 'Too long: may not be more than 2048'),
  },
  ...['/is busy', '/busy\r\nX-Header: 1', '/busy\u0000'].map((path) => ({
    what: `the path ${JSON.stringify(path)}`,
    fields: http({ path }),
    says: /spec\.busyProbe\.http\.path: .* must not contain spaces or control characters: percent-encode them, .*%20/,
  })),
  {
    what: 'a scheme in lower case',
    fields: http({ scheme: 'https' }),
    says: at('busyProbe.http.scheme', 'Unsupported value: "https": supported values: "HTTP", "HTTPS"'),
  },
  {
    what: 'a way that does not exist',
    fields: http({ via: 'Service' }),
    says: at('busyProbe.http.via', 'Unsupported value: "Service": supported values: "PodIP", "APIServerProxy"'),
  },
  ...['/..', '/../../secrets', '/a/%2e%2E/b', '/a/./b?c', '/a%2F..'].map((path) => ({
    what: `the path ${path} by way of the API server`,
    fields: http({ path, via: 'APIServerProxy' }),
    says: at(
      'busyProbe.http.path',
      `Invalid value: path "${path}" has a segment "." or "..", which via: APIServerProxy does not send: write the path without it`,
    ),
  })),
  {
    what: 'a name of 64 characters',
    fields: {},
    name: long(64),
    says: /name "x{64}" has 64 characters, at most 63 are allowed \(it becomes a label value\): choose a shorter name/,
  },
];

export const BAD_SPECS: readonly BadSpec[] = [...REQUIRED, ...RANGES, ...TYPES, ...FORMS];
