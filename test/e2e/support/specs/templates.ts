/** Odd Pod templates a Deployment takes: an hsd takes them, too. By the name of the pool that tries them. */

type Fields = Record<string, unknown>;

export const container = { name: 'app', image: 'example.com/app:1' };

const pod = (spec: Fields): { spec: Fields } => ({ spec: { containers: [container], ...spec } });
const app = (fields: Fields): { spec: Fields } => ({ spec: { containers: [{ ...container, ...fields }] } });
const twice = (fields: Fields): { containers: Fields[] } & Fields => ({ containers: [{ ...container, ...fields }] });

/** Lists with two items of one key: server-side apply takes none of them. */
export const DUPLICATES: Readonly<Record<string, { containers: Fields[] } & Fields>> = {
  'twice-env': twice({
    env: [
      { name: 'A', value: '1' },
      { name: 'B', value: '$(A)' },
      { name: 'A', value: '2' },
    ],
  }),
  'twice-port': twice({ ports: [{ containerPort: 80 }, { containerPort: 80 }] }),
  'twice-alias': {
    containers: [container],
    hostAliases: [
      { ip: '10.0.0.1', hostnames: ['a'] },
      { ip: '10.0.0.1', hostnames: ['b'] },
    ],
    imagePullSecrets: [{ name: 'a' }, { name: 'a' }],
  },
};

/** Nulls a Deployment takes for nothing. */
export const NULLS: Readonly<Record<string, Fields>> = {
  'null-metadata': { metadata: null, spec: { containers: [container] } },
  'null-labels': { metadata: { labels: null, annotations: null }, spec: { containers: [container] } },
  'null-created': { metadata: { creationTimestamp: null }, spec: { containers: [container] } },
  ...nullsOf('null-pod', podFields(), pod),
  ...nullsOf('null-app', appFields(), app),
  'null-env-value': app({ env: [{ name: 'A', value: null, valueFrom: null }] }),
  'null-port-name': app({ ports: [{ containerPort: 80, name: null, protocol: null }] }),
  'null-limits': app({ resources: { limits: null, requests: null } }),
  'null-mount': pod({
    volumes: [{ name: 'tmp', emptyDir: null }],
    containers: [{ ...container, volumeMounts: [{ name: 'tmp', mountPath: '/tmp', readOnly: null, subPath: null }] }],
  }),
};

function nullsOf(prefix: string, fields: readonly string[], make: (fields: Fields) => Fields): Record<string, Fields> {
  return Object.fromEntries(fields.map((field) => [`${prefix}-${field.toLowerCase()}`, make({ [field]: null })]));
}

function podFields(): string[] {
  return [
    'initContainers',
    'volumes',
    'serviceAccountName',
    'automountServiceAccountToken',
    'imagePullSecrets',
    'nodeSelector',
    'affinity',
    'tolerations',
    'topologySpreadConstraints',
    'priorityClassName',
    'runtimeClassName',
    'terminationGracePeriodSeconds',
    'hostNetwork',
    'securityContext',
    'dnsConfig',
  ];
}

function appFields(): string[] {
  return [
    'imagePullPolicy',
    'command',
    'args',
    'workingDir',
    'env',
    'envFrom',
    'ports',
    'resources',
    'volumeMounts',
    'livenessProbe',
    'readinessProbe',
    'startupProbe',
    'lifecycle',
    'securityContext',
    'stdin',
  ];
}
