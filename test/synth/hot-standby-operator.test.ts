import { App, Chart, Size, Testing } from 'cdk8s';
import { Cpu } from 'cdk8s-plus-28';
import { HotStandbyCrd, HotStandbyOperator, type HotStandbyOperatorProps, LogLevel } from '../../src';
import { crdManifest } from '../../src/api/crd';
import { PERMISSIONS, type PermissionScope } from '../../src/api/permissions';
import { PACKAGE_VERSION } from '../../src/version';
import { at, type Manifest, only, synth } from './support';

function install(props?: HotStandbyOperatorProps): Manifest[] {
  return synth((chart) => {
    new HotStandbyOperator(chart, 'operator', props);
  });
}

/** What the permissions table grants in a scope, in the shape of RBAC rules. */
function table(scope: PermissionScope) {
  return PERMISSIONS.filter((p) => p.scope === scope).map((p) => ({
    apiGroups: [p.apiGroup],
    resources: p.resources,
    verbs: p.verbs,
    ...(p.isOwnAlone && { resourceNames: ['hotstandby-operator'] }),
  }));
}

const summary = (manifests: Manifest[]) =>
  manifests.map((m) => [m.kind, m.metadata.namespace, m.metadata.name].filter(Boolean).join(' '));

describe('HotStandbyOperator for the whole cluster', () => {
  const manifests = install();
  const deployment = only(manifests, 'Deployment');
  const pod = at(deployment, 'spec', 'template', 'spec');
  const container = at(pod, 'containers', 0);

  test('installs these objects, their names without a hash', () => {
    expect(summary(manifests)).toEqual([
      'CustomResourceDefinition hotstandbydeployments.apps.paia.tech',
      'Namespace hotstandby-system',
      'ServiceAccount hotstandby-system hotstandby-operator',
      'ClusterRole hotstandby-operator',
      'ClusterRoleBinding hotstandby-operator',
      'Role hotstandby-system hotstandby-operator-lease',
      'RoleBinding hotstandby-system hotstandby-operator-lease',
      'Deployment hotstandby-system hotstandby-operator',
      'PodDisruptionBudget hotstandby-system hotstandby-operator',
      'ClusterRole hotstandby-view',
      'ClusterRole hotstandby-edit',
      'ClusterRole hotstandby-claims',
      'ValidatingAdmissionPolicy hotstandby-busy-pod-guard',
      'ValidatingAdmissionPolicyBinding hotstandby-busy-pod-guard',
      'ValidatingAdmissionPolicy hotstandby-drain-guard',
      'ValidatingAdmissionPolicyBinding hotstandby-drain-guard',
      'ValidatingAdmissionPolicy hotstandby-self-annotation',
      'ValidatingAdmissionPolicyBinding hotstandby-self-annotation',
    ]);
  });

  test('brings the CustomResourceDefinition unchanged', () => {
    expect(at(only(manifests, 'CustomResourceDefinition'), 'spec')).toEqual(crdManifest().spec);
  });

  test('grants the permissions table and nothing else', () => {
    expect(at(only(manifests, 'ClusterRole', 'hotstandby-operator'), 'rules')).toEqual([
      ...table('watched'),
      ...table('cluster'),
    ]);
    expect(at(only(manifests, 'Role'), 'rules')).toEqual(table('lease'));
  });

  test('grants no wildcard, no Secret and no way to make a Pod run as somebody else', () => {
    const rules = manifests.flatMap((m) => (m.kind.endsWith('Role') ? [at(m, 'rules')] : []));
    expect(rules).toHaveLength(5);
    expect(JSON.stringify(rules)).not.toMatch(/\*|secrets|impersonate|escalate|bind|pods\/(exec|attach|portforward)/);
    const pods = table('watched').filter((rule) => rule.resources.includes('pods'));
    expect(pods.flatMap((rule) => rule.verbs)).not.toContain('create');
  });

  test.each(['ClusterRoleBinding', 'RoleBinding'])('binds its ServiceAccount by a %s', (kind) => {
    const binding = only(manifests, kind);
    expect(at(binding, 'subjects')).toEqual([
      { kind: 'ServiceAccount', name: 'hotstandby-operator', namespace: 'hotstandby-system' },
    ]);
    expect(at(binding, 'roleRef', 'name')).toBe(binding.metadata.name);
  });

  test('meets the restricted Pod Security Standard, which its namespace enforces', () => {
    expect(only(manifests, 'Namespace').metadata.labels).toMatchObject({
      'pod-security.kubernetes.io/enforce': 'restricted',
    });
    expect(at(pod, 'securityContext')).toEqual({
      runAsNonRoot: true,
      runAsUser: 65532,
      runAsGroup: 65532,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(at(container, 'securityContext')).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    for (const field of ['hostNetwork', 'hostPID', 'hostIPC', 'volumes']) {
      expect(at(pod, field)).toBeUndefined();
    }
  });

  test('runs two replicas that elect a leader and watch every namespace', () => {
    expect(at(deployment, 'spec', 'replicas')).toBe(2);
    expect(at(container, 'image')).toBe(`ghcr.io/paia-tech/hotstandby:v${PACKAGE_VERSION}`);
    expect(at(container, 'args')).toEqual([
      '--all-namespaces',
      '--admission-guard',
      '--leader-elect',
      '--lease-namespace=$(POD_NAMESPACE)',
      '--lease-name=hotstandby-operator',
      '--health-address=:8080',
      '--log-level=info',
    ]);
  });

  test('is probed and measured at the port it serves', () => {
    expect(at(container, 'ports')).toEqual([{ name: 'http', containerPort: 8080, protocol: 'TCP' }]);
    expect(at(container, 'livenessProbe', 'httpGet')).toEqual({ path: '/healthz', port: 'http' });
    expect(at(container, 'readinessProbe', 'httpGet')).toEqual({ path: '/readyz', port: 'http' });
  });

  test('selects its Pods by the same labels in Deployment and PodDisruptionBudget', () => {
    const selector = at(deployment, 'spec', 'selector');
    expect(at(only(manifests, 'PodDisruptionBudget'), 'spec', 'selector')).toEqual(selector);
    expect(at(deployment, 'spec', 'template', 'metadata', 'labels')).toMatchObject(Object(at(selector, 'matchLabels')));
  });

  test('lets the built-in view, edit and admin roles cover HotStandbyDeployments', () => {
    const aggregated = (name: string) =>
      Object.keys(only(manifests, 'ClusterRole', name).metadata.labels ?? {}).filter((l) => l.includes('aggregate'));
    const to = (role: string) => `rbac.authorization.k8s.io/aggregate-to-${role}`;
    expect(aggregated('hotstandby-view')).toEqual([to('admin'), to('edit'), to('view')]);
    expect(aggregated('hotstandby-edit')).toEqual([to('admin'), to('edit')]);
    expect(aggregated('hotstandby-claims')).toEqual([to('admin'), to('edit')]);
    expect(JSON.stringify(at(only(manifests, 'ClusterRole', 'hotstandby-view'), 'rules'))).not.toMatch(
      /create|patch|delete/,
    );
  });
});

const GUARD = 'hotstandby-busy-pod-guard';
const DRAIN_GUARD = 'hotstandby-drain-guard';
const SELF_ANNOTATION = 'hotstandby-self-annotation';
const MARKS = 'hotstandby-busy-pod-marks';

describe('the admission guard', () => {
  const policy = (props: HotStandbyOperatorProps, name = GUARD) =>
    only(install(props), 'ValidatingAdmissionPolicy', name);
  const users = (props: HotStandbyOperatorProps, name = GUARD) =>
    at(policy(props, name), 'spec', 'matchConditions', 0, 'expression');

  test('asks the API server to look at deletes of labelled Pods by the ReplicaSet controller alone', () => {
    expect(at(policy({}), 'apiVersion')).toBe('admissionregistration.k8s.io/v1');
    expect(at(policy({}), 'spec', 'failurePolicy')).toBe('Fail');
    expect(at(policy({}), 'spec', 'matchConstraints')).toEqual({
      matchPolicy: 'Equivalent',
      namespaceSelector: {},
      objectSelector: { matchExpressions: [{ key: 'hsd.paia.tech/name', operator: 'Exists' }] },
      resourceRules: [
        { apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['DELETE'], scope: 'Namespaced' },
      ],
    });
    expect(users({})).toBe('request.userInfo.username in ["system:serviceaccount:kube-system:replicaset-controller"]');
    expect(at(only(install(), 'ValidatingAdmissionPolicyBinding', GUARD), 'spec')).toEqual({
      policyName: GUARD,
      validationActions: ['Deny'],
    });
  });

  test.each<[string, HotStandbyOperatorProps, string]>([
    ['the users it is told to', { guardedUsers: ['a', 'b"c'] }, '["a", "b\\"c"]'],
    [
      'the scheduler with guardPreemption',
      { guardPreemption: true },
      '["system:serviceaccount:kube-system:replicaset-controller", "system:kube-scheduler"]',
    ],
    [
      'the scheduler once when it is named twice',
      { guardPreemption: true, guardedUsers: ['system:kube-scheduler'] },
      '["system:kube-scheduler"]',
    ],
  ])('refuses %s', (_name, props, list) => {
    expect(users(props)).toBe(`request.userInfo.username in ${list}`);
  });

  test('comes with one that makes the garbage collector wait, whoever that is', () => {
    expect(users({}, DRAIN_GUARD)).toBe(
      'request.userInfo.username in ["system:serviceaccount:kube-system:generic-garbage-collector"]',
    );
    expect(users({ guardedUsers: ['system:kube-controller-manager'] }, DRAIN_GUARD)).toBe(
      'request.userInfo.username in ["system:serviceaccount:kube-system:generic-garbage-collector", "system:kube-controller-manager"]',
    );
    const rules = Object.values(Object(at(policy({}, DRAIN_GUARD), 'spec', 'matchConstraints', 'resourceRules')));
    expect(rules.map((rule) => at(rule, 'resources', 0))).toEqual([
      'deployments',
      'replicasets',
      'pods',
      'poddisruptionbudgets',
    ]);
  });

  test('can be left out', () => {
    expect(summary(install({ admissionGuard: false })).filter((line) => line.includes('guard'))).toEqual([]);
  });
});

describe('the policies of an install', () => {
  const all: HotStandbyOperatorProps = { admissionGuard: true, admissionMarks: true, selfAnnotationPolicy: true };

  test.each<[string, HotStandbyOperatorProps, string[]]>([
    ['at its defaults', {}, [GUARD, DRAIN_GUARD, SELF_ANNOTATION]],
    ['with marks', { admissionMarks: true }, [GUARD, DRAIN_GUARD, SELF_ANNOTATION, MARKS]],
    ['without the guard', { admissionGuard: false }, [SELF_ANNOTATION]],
    ['without self-annotation', { selfAnnotationPolicy: false }, [GUARD, DRAIN_GUARD]],
    ['for its own namespace', { ownNamespaceOnly: true }, []],
    [
      'for its own namespace when asked for',
      { ...all, ownNamespaceOnly: true, namespace: 'a' },
      [GUARD, DRAIN_GUARD, SELF_ANNOTATION, MARKS],
    ],
  ])('%s', (_name, props, names) => {
    const manifests = install(props);
    const found = (suffix: string) => manifests.filter((m) => m.kind.endsWith(suffix)).map((m) => m.metadata.name);
    expect(found('AdmissionPolicy')).toEqual(names);
    expect(found('AdmissionPolicyBinding')).toEqual(names);
  });

  test.each<[string, HotStandbyOperatorProps, string[]]>([
    ['a list of namespaces', { namespaces: ['a', 'b'] }, ['a', 'b']],
    ['its own namespace', { ownNamespaceOnly: true, namespace: 'a' }, ['a']],
  ])('hold in %s only when the operator looks after no other', (_name, props, values) => {
    const bindings = install({ ...all, ...props }).filter((m) => m.kind.endsWith('AdmissionPolicyBinding'));
    expect(bindings).toHaveLength(4);
    for (const binding of bindings) {
      expect(at(binding, 'spec', 'matchResources', 'namespaceSelector', 'matchExpressions')).toEqual([
        { key: 'kubernetes.io/metadata.name', operator: 'In', values },
      ]);
    }
  });
});

describe('HotStandbyOperator for a list of namespaces', () => {
  const manifests = install({ namespaces: ['a', 'b'] });

  test.each(['a', 'b'])('has its rights in namespace %s by a Role', (namespace) => {
    const inNamespace = manifests.filter((m) => m.metadata.namespace === namespace);
    expect(at(only(inNamespace, 'Role'), 'rules')).toEqual(table('watched'));
    expect(at(only(inNamespace, 'RoleBinding'), 'subjects', 0, 'namespace')).toBe('hotstandby-system');
  });

  test('has no rights on the cluster', () => {
    expect(manifests.filter((m) => m.kind === 'ClusterRoleBinding')).toEqual([]);
    const own = manifests.filter((m) => m.kind === 'ClusterRole').map((m) => m.metadata.name);
    expect(own).toEqual(['hotstandby-view', 'hotstandby-edit', 'hotstandby-claims']);
  });

  test('watches them', () => {
    expect(at(only(manifests, 'Deployment'), 'spec', 'template', 'spec', 'containers', 0, 'args')).toEqual(
      expect.arrayContaining(['--namespace=a', '--namespace=b']),
    );
  });
});

describe('HotStandbyOperator for its own namespace', () => {
  const manifests = install({ ownNamespaceOnly: true });

  test('makes nothing outside a namespace and names none', () => {
    const kinds = new Set(manifests.map((m) => m.kind));
    expect(kinds).toEqual(new Set(['ServiceAccount', 'Role', 'RoleBinding', 'Deployment', 'PodDisruptionBudget']));
    expect(JSON.stringify(manifests)).not.toContain('"namespace"');
  });

  test('watches the namespace it runs in, with the same rights there', () => {
    expect(at(only(manifests, 'Deployment'), 'spec', 'template', 'spec', 'containers', 0, 'args', 0)).toBe(
      '--namespace=$(POD_NAMESPACE)',
    );
    expect(at(only(manifests, 'Role', 'hotstandby-operator'), 'rules')).toEqual(table('watched'));
    expect(at(only(manifests, 'Role', 'hotstandby-operator-lease'), 'rules')).toEqual(table('lease'));
  });
});

describe('the properties of HotStandbyOperator', () => {
  test('reach the Deployment', () => {
    const manifests = install({
      name: 'standby',
      version: '1.2.3',
      namespace: 'tools',
      createNamespace: false,
      crd: false,
      userRoles: false,
      replicas: 3,
      logLevel: LogLevel.DEBUG,
      labels: { team: 'games', 'app.kubernetes.io/instance': 'mine' },
      nodeSelector: { pool: 'system' },
      resources: { cpu: { request: Cpu.units(1), limit: Cpu.units(2) }, memory: { request: Size.gibibytes(1) } },
    });
    expect(manifests.map((m) => m.kind)).not.toEqual(expect.arrayContaining(['CustomResourceDefinition', 'Namespace']));
    const deployment = only(manifests, 'Deployment', 'standby-operator');
    const pod = at(deployment, 'spec', 'template', 'spec');
    expect(deployment.metadata.namespace).toBe('tools');
    expect(at(deployment, 'spec', 'replicas')).toBe(3);
    expect(at(deployment, 'spec', 'template', 'metadata', 'labels')).toMatchObject({
      team: 'games',
      'app.kubernetes.io/instance': 'standby',
      'app.kubernetes.io/version': '1.2.3',
    });
    expect(at(pod, 'nodeSelector')).toEqual({ 'kubernetes.io/os': 'linux', pool: 'system' });
    expect(at(pod, 'containers', 0, 'image')).toBe('ghcr.io/paia-tech/hotstandby:v1.2.3');
    expect(at(pod, 'containers', 0, 'args')).toContain('--log-level=debug');
    expect(at(pod, 'containers', 0, 'resources')).toEqual({
      requests: { cpu: '1', memory: '1024Mi' },
      limits: { cpu: '2' },
    });
  });

  test('may name an image by digest', () => {
    const image = `registry.example/standby@sha256:${'0'.repeat(64)}`;
    expect(at(only(install({ image }), 'Deployment'), 'spec', 'template', 'spec', 'containers', 0, 'image')).toBe(
      image,
    );
  });

  test('follow the namespace of the chart without putting it on cluster objects', () => {
    const chart = new Chart(new App(), 'chart', { namespace: 'tools' });
    new HotStandbyOperator(chart, 'operator');
    const manifests: Manifest[] = Testing.synth(chart);
    expect(only(manifests, 'Deployment').metadata).toMatchObject({ namespace: 'tools' });
    const namespaced = manifests.filter((m) => m.metadata.namespace !== undefined);
    expect(new Set(namespaced.map((m) => m.kind))).toEqual(
      new Set(['ServiceAccount', 'Role', 'RoleBinding', 'Deployment', 'PodDisruptionBudget']),
    );
  });

  test('carry labels and annotations to a definition installed apart', () => {
    const [crd] = synth((chart) => {
      new HotStandbyCrd(chart, 'crd', { labels: { a: 'b' }, annotations: { 'argocd.argoproj.io/sync-wave': '-1' } });
    });
    expect(at(crd, 'metadata')).toEqual({
      name: 'hotstandbydeployments.apps.paia.tech',
      labels: { a: 'b' },
      annotations: {
        'argocd.argoproj.io/sync-options': 'Prune=false,Delete=false',
        'argocd.argoproj.io/sync-wave': '-1',
        'kustomize.toolkit.fluxcd.io/prune': 'disabled',
      },
    });
  });

  const hasNamespace = (props?: HotStandbyOperatorProps, namespace?: string) => {
    const chart = new Chart(new App(), 'chart', { namespace });
    new HotStandbyOperator(chart, 'operator', props);
    return (Testing.synth(chart) as Manifest[]).some(({ kind }) => kind === 'Namespace');
  };
  test.each<[string, HotStandbyOperatorProps, string | undefined, boolean]>([
    ['of its own', {}, undefined, true],
    ['of its own, called otherwise', { namespace: 'standby' }, undefined, true],
    ['of its own, beside those of other things', { namespace: 'standby' }, 'games', true],
    ['that its chart shares with its pools', {}, 'games', false],
    ['that its chart shares with its pools, named again', { namespace: 'games' }, 'games', false],
    ['with pools in it', { namespace: 'games', namespaces: ['games', 'lobby'] }, undefined, false],
    ['that is all it looks after', { namespace: 'games', ownNamespaceOnly: true }, undefined, false],
    ['it is told to make', { createNamespace: true }, 'games', true],
  ])('own a namespace %s: or not', (_what, props, namespace, made) => {
    expect(hasNamespace(props, namespace)).toBe(made);
  });

  test('label a namespace as told', () => {
    const namespaceLabels = { 'pod-security.kubernetes.io/enforce': 'baseline' };
    expect(only(install({ namespaceLabels }), 'Namespace').metadata.labels).toMatchObject(namespaceLabels);
    expect(only(install(), 'Namespace').metadata.labels).toMatchObject({
      'pod-security.kubernetes.io/enforce': 'restricted',
    });
  });
});
