import {
  type DeploymentObject,
  keyOf,
  type PodObject,
  projectBudget,
  projectDeployment,
  projectHsd,
  projectPod,
  projectReplicaSet,
} from '../../../operator/observe/project';
import { aSpec } from '../decide/builders';

const metadata = {
  name: 'pod-1',
  namespace: 'default',
  uid: 'uid-1',
  resourceVersion: '7',
  creationTimestamp: '2026-01-01T00:00:00Z',
};

/** A Pod as the API server sends it, with much that no decision needs. */
const pod: PodObject & Record<string, unknown> = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    ...metadata,
    labels: { app: 'rooms', 'hsd.paia.tech/name': 'rooms', 'hsd.paia.tech/state': 'busy', 'pod-template-hash': 'abc' },
    annotations: {
      'paia.tech/busy': 'TRUE',
      'example.com/half': 'true-ish',
      'hsd.paia.tech/busy-key': 'paia.tech/busy',
      'hsd.paia.tech/template-hash': 'abc',
      'controller.kubernetes.io/pod-deletion-cost': '1000',
      'example.com/secret': 'kept out',
    },
    ownerReferences: [
      { apiVersion: 'v1', kind: 'Other', name: 'no', uid: 'no' },
      { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: 'rs-1', controller: true },
    ],
    managedFields: [{ manager: 'kubelet', fieldsV1: { 'f:status': {} } }],
  },
  spec: { nodeName: 'node-1', containers: [{ name: 'room', image: 'room:1' }] } as object,
  status: {
    phase: 'Running',
    podIP: '10.0.0.1',
    conditions: [
      { type: 'Initialized', status: 'True' },
      { type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:05Z' },
    ],
    containerStatuses: [{ state: {} }, { state: { running: {} } }],
  },
};

/** The same with some fields changed. */
function aPod(change: { metadata?: object; spec?: object; status?: object }): PodObject {
  return {
    metadata: { ...pod.metadata, ...change.metadata },
    spec: { ...pod.spec, ...change.spec },
    status: { ...pod.status, ...change.status },
  };
}

describe('a Pod', () => {
  test('keeps exactly what a decision needs', () => {
    expect(projectPod(pod)).toEqual({
      uid: 'uid-1',
      namespace: 'default',
      name: 'pod-1',
      resourceVersion: '7',
      hsd: 'rooms',
      state: 'busy',
      controller: { kind: 'ReplicaSet', name: 'rs', uid: 'rs-1' },
      deleting: false,
      phase: 'Running',
      ready: true,
      readySince: Date.parse('2026-01-01T00:00:05Z'),
      running: true,
      trueKeys: ['paia.tech/busy'],
      busyKey: 'paia.tech/busy',
      templateHash: 'abc',
      marks: { 'controller.kubernetes.io/pod-deletion-cost': '1000' },
      labels: { app: 'rooms', 'hsd.paia.tech/name': 'rooms', 'pod-template-hash': 'abc' },
      ports: [],
      createdAt: Date.parse('2026-01-01T00:00:00Z'),
      node: 'node-1',
      ip: '10.0.0.1',
      hostNetwork: false,
    });
  });

  test('just created has defaults, and no member that is undefined', () => {
    const view = projectPod({ metadata: { name: 'p', uid: 'u', resourceVersion: '1' } });
    expect(view).toMatchObject({
      namespace: '',
      phase: 'Pending',
      ready: false,
      readySince: 0,
      running: false,
      deleting: false,
      hostNetwork: false,
      trueKeys: [],
      marks: {},
      createdAt: 0,
    });
    expect(Object.values(view)).not.toContain(undefined);
    for (const absent of ['hsd', 'state', 'controller', 'busyKey', 'node', 'ip'])
      expect(view).not.toHaveProperty(absent);
  });

  test.each(['true', 'True', 'TRUE', 'tRuE'])('is busy by "%s"', (value) => {
    expect(projectPod(aPod({ metadata: { annotations: { key: value } } })).trueKeys).toEqual(['key']);
  });

  test.each(['', 'false', '1', 'yes', ' true', 'true\n'])('is not busy by %j', (value) => {
    expect(projectPod(aPod({ metadata: { annotations: { key: value } } })).trueKeys).toEqual([]);
  });

  test('whose annotation is no string, which only a broken server sends, is not busy', () => {
    const annotations = { key: null } as unknown as Record<string, string>;
    expect(projectPod(aPod({ metadata: { annotations } })).trueKeys).toEqual([]);
  });

  test.each(['running', '', 'Busy'])('labelled with a state nobody knows (%j) has none', (state) => {
    const labels = { 'hsd.paia.tech/state': state };
    expect(projectPod(aPod({ metadata: { labels } }))).not.toHaveProperty('state');
  });

  const table: [sentence: string, change: Parameters<typeof aPod>[0], want: object][] = [
    ['on its way out', { metadata: { deletionTimestamp: '2026-01-01T00:00:09Z' } }, { deleting: true }],
    [
      'that is not Ready',
      { status: { conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: '2026-01-01T00:00:05Z' }] } },
      { ready: false, readySince: 0 },
    ],
    ['of unknown readiness', { status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } }, { ready: false }],
    [
      'without a running container',
      { status: { containerStatuses: [{ state: { waiting: {} } }] } },
      { running: false },
    ],
    ['that tolerates a cordon', { spec: { tolerations: [{ operator: 'Exists' }] } }, { ignoresCordon: true }],
    ['on the host network', { spec: { hostNetwork: true } }, { hostNetwork: true }],
  ];
  test.each(table)('%s', (_sentence, change, want) => {
    expect(projectPod(aPod(change))).toMatchObject(want);
  });

  test('with owners none of which controls it has no controller', () => {
    const ownerReferences = [{ kind: 'ReplicaSet', name: 'rs', uid: 'rs-1', controller: false }];
    expect(projectPod(aPod({ metadata: { ownerReferences } }))).not.toHaveProperty('controller');
  });

  const records: [sentence: string, record: Record<string, string>, want: object | undefined][] = [
    [
      'that was claimed says for whom, by whom, and until when',
      {
        session: 's-1',
        'claimed-by': 'lobby',
        'claimed-at': '2026-01-01T00:00:01.500Z',
        'expires-at': '2026-01-01T01:00:00Z',
      },
      {
        id: 's-1',
        claimedBy: 'lobby',
        claimedAt: Date.parse('2026-01-01T00:00:01.500Z'),
        expiresAt: Date.parse('2026-01-01T01:00:00Z'),
      },
    ],
    [
      'whose times nobody can read never expires',
      { session: 's-1', 'claimed-at': 'soon', 'expires-at': 'never' },
      { id: 's-1', claimedBy: '', claimedAt: 0 },
    ],
    ['with an empty session is held all the same', { session: '' }, { id: '', claimedBy: '', claimedAt: 0 }],
    [
      'with a session of 250 kB stays small, and no valid session',
      { session: 's'.repeat(250_000), 'claimed-by': 'u'.repeat(250_000) },
      { id: 's'.repeat(129), claimedBy: 'u'.repeat(253), claimedAt: 0 },
    ],
    ["with a companion of a record alone is nobody's", { 'claimed-by': 'lobby' }, undefined],
  ];
  test.each(records)('%s', (_sentence, record, want) => {
    const annotations = Object.fromEntries(
      Object.entries(record).map(([key, value]) => [`hsd.paia.tech/${key}`, value]),
    );
    expect(projectPod(aPod({ metadata: { annotations } })).session).toEqual(want);
  });

  test('has the ports of all its containers', () => {
    const containers = [
      { ports: [{ name: 'game', containerPort: 7777, protocol: 'UDP' }] },
      { ports: [{ containerPort: 80 }] },
    ];
    expect(projectPod(aPod({ spec: { containers } })).ports).toEqual([
      { name: 'game', containerPort: 7777, protocol: 'UDP' },
      { containerPort: 80, protocol: 'TCP' },
    ]);
  });

  test('shares labels and ports with every other of its template, whatever their states', () => {
    const one = projectPod(pod);
    const labels = { ...pod.metadata.labels, 'hsd.paia.tech/state': 'idle' };
    const other = projectPod(aPod({ metadata: { name: 'pod-2', uid: 'uid-2', labels } }));
    expect(other.labels).toBe(one.labels);
    expect(other.ports).toBe(one.ports);
  });

  test('weighs less than a tenth of what it was made from', () => {
    const env = Array.from({ length: 100 }, (_, i) => ({ name: `VARIABLE_${i}`, value: 'x'.repeat(80) }));
    const whole = aPod({ spec: { containers: [{ name: 'room', env }] } });
    expect(JSON.stringify(projectPod(whole)).length * 10).toBeLessThan(JSON.stringify(whole).length);
  });
});

describe('a Deployment', () => {
  const deployment: DeploymentObject = {
    metadata: {
      ...metadata,
      name: 'rooms-workload',
      generation: 4,
      labels: { 'hsd.paia.tech/name': 'rooms' },
      annotations: { 'deployment.kubernetes.io/revision': '3' },
    },
    spec: {
      replicas: 5,
      paused: true,
      selector: { matchLabels: { app: 'rooms' } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: {
          labels: { app: 'rooms', 'hsd.paia.tech/name': 'rooms', 'hsd.paia.tech/state': 'starting' },
          annotations: { 'hsd.paia.tech/template-hash': 'abc', 'hsd.paia.tech/busy-key': 'example.com/in-use' },
        },
      },
    },
    status: {
      observedGeneration: 3,
      replicas: 6,
      conditions: [
        { type: 'Available', status: 'True', message: 'fine' },
        { type: 'ReplicaFailure', status: 'True', message: 'exceeded quota' },
      ],
    },
  };

  test('keeps exactly what a decision needs', () => {
    expect(projectDeployment(deployment)).toEqual({
      uid: 'uid-1',
      namespace: 'default',
      name: 'rooms-workload',
      resourceVersion: '7',
      generation: 4,
      observedGeneration: 3,
      deleting: false,
      hsd: 'rooms',
      matchLabels: { app: 'rooms' },
      replicas: 5,
      paused: true,
      templateHash: 'abc',
      templateKeys: { hsd: 'rooms', state: 'starting', busyKey: 'example.com/in-use' },
      templateEdited: false,
      revision: '3',
      statusReplicas: 6,
      replicaFailure: 'exceeded quota',
      settings: {
        minReadySeconds: 0,
        revisionHistoryLimit: 10,
        strategy: 'RollingUpdate 1 0',
        progressDeadlineSeconds: 600,
        drainOnDelete: false,
        metadataHash: '',
      },
    });
  });

  test('says no failure once the condition is False', () => {
    const status = { conditions: [{ type: 'ReplicaFailure', status: 'False', message: 'old' }] };
    expect(projectDeployment({ ...deployment, status })).not.toHaveProperty('replicaFailure');
  });

  test('without replicas holds one, as Kubernetes has it', () => {
    expect(projectDeployment({ metadata })).toMatchObject({ replicas: 1, paused: false, observedGeneration: 0 });
  });

  test('whose template somebody else edited says so', () => {
    const managedFields = [
      {
        manager: 'kubectl-edit',
        operation: 'Update' as const,
        fieldsV1: { 'f:spec': { 'f:template': { 'f:spec': { 'f:hostname': {} } } } },
      },
    ];
    expect(projectDeployment({ ...deployment, metadata: { ...metadata, managedFields } }).templateEdited).toBe(true);
  });
});

describe('a PodDisruptionBudget', () => {
  const identity = { name: 'pod-1', namespace: 'default', uid: 'uid-1', resourceVersion: '7' };
  const selector = { matchLabels: { a: 'b' } };

  test('keeps what it says of evictions, and whether the garbage collector has to wait', () => {
    const annotations = { 'hsd.paia.tech/drain-on-delete': 'true' };
    const spec = { minAvailable: 7, selector, unhealthyPodEvictionPolicy: 'AlwaysAllow' };
    expect(projectBudget({ metadata: { ...metadata, annotations }, spec })).toEqual({
      ...identity,
      ...spec,
      drainOnDelete: true,
    });
  });

  test('with a percentage, or none, has no number', () => {
    const none = { ...identity, minAvailable: -1, drainOnDelete: false };
    expect(projectBudget({ metadata, spec: { minAvailable: '50%' } })).toEqual(none);
    expect(projectBudget({ metadata })).toEqual(none);
  });
});

test('a child whose template is being made ours still counts as edited', () => {
  const edited = (value: string): boolean => {
    const annotations = { 'hsd.paia.tech/template-ownership': value };
    return projectDeployment({ metadata: { ...metadata, annotations } }).templateEdited;
  };
  expect([edited('taking'), edited('taken')]).toEqual([true, false]);
});

test('a ReplicaSet keeps its revision, its template hash and how many Pods it wants and has', () => {
  const template = { metadata: { annotations: { 'hsd.paia.tech/template-hash': 'abc' } } };
  const annotations = { 'deployment.kubernetes.io/revision': '12' };
  expect(
    projectReplicaSet({
      metadata: { ...metadata, annotations, generation: 4, finalizers: ['a/b'] },
      spec: { replicas: 0, template },
      status: { replicas: 2, observedGeneration: 3 },
    }),
  ).toEqual({
    uid: 'uid-1',
    namespace: 'default',
    name: 'pod-1',
    resourceVersion: '7',
    deleting: false,
    finalizers: ['a/b'],
    observed: false,
    replicas: 0,
    statusReplicas: 2,
    templateHash: 'abc',
    templateKeys: {},
    revision: '12',
  });
});

test('a ReplicaSet is observed once its controller has seen what it is now', () => {
  const seen = { metadata: { ...metadata, generation: 4 }, status: { observedGeneration: 4 } };
  expect(projectReplicaSet(seen).observed).toBe(true);
});

test('an hsd keeps spec and status whole', () => {
  const spec = aSpec();
  const status = { busyCount: 1 };
  expect(projectHsd({ metadata: { ...metadata, generation: 3, finalizers: ['a/b'] }, spec, status })).toMatchObject({
    generation: 3,
    deleting: false,
    finalizers: ['a/b'],
    spec,
    status,
  });
  expect(projectHsd({ metadata, spec })).toMatchObject({ generation: 0, finalizers: [], status: {} });
});

test('the key of an object is the hsd its label names; without a label it has none', () => {
  expect(keyOf({ namespace: 'default', hsd: 'rooms' })).toBe('default/rooms');
  expect(keyOf({ namespace: 'default' })).toBeUndefined();
});
