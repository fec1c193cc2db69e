import { dirname, join } from 'node:path';
import { paths } from '../../operator/kube/paths';
import { eventually } from '../../tools/base/eventually';
import { type Cluster, startCluster } from '../../tools/cluster';
import { releasedManifest, writeOperatorKubeconfig } from '../../tools/cluster/install';
import { tryKubectl } from './support/kubectl';
import { installNamespaced, OPERATOR_ACCOUNT } from './support/namespaced';
import { OperatorProcess } from './support/operator';
import { BusyWatch, type Pod, Scene } from './support/scene';

jest.setTimeout(120_000);

/** Busy and idle again: every write of the main path under the operator's own rights. */
async function scalesIn(scene: Scene, name: string): Promise<void> {
  const labelSelector = `app=${name}`;
  const sessions = new BusyWatch(scene);
  await scene.createHsd(name, { idleTarget: 2, selector: { matchLabels: { app: name } } });
  const [pod] = await scene.settledAt(2, labelSelector);
  await sessions.start(pod as Pod);
  await scene.childAt(name, 3);
  await scene.settledAt(3, labelSelector);
  await scene.status(name, { busyCount: 1, availableCount: 2 });
  await scene.patchHsd(name, { podTemplate: { spec: { containers: [{ name: 'app', image: 'example.com/app:2' }] } } });
  await scene.status(name, { busyCount: 1, availableCount: 2, detachedCount: 1, replicas: 3 });
  expect(await sessions.lost()).toEqual([]);
  await sessions.end(pod as Pod);
  await scene.status(name, { busyCount: 0, availableCount: 2, detachedCount: 0, replicas: 2 });
  const reasons = (await scene.events(name)).map(({ reason }) => reason);
  expect(reasons).toEqual(expect.arrayContaining(['ChildCreated', 'ScaledUp', 'RollingOut']));
}

/** Nothing an operator needs, and much an intruder would like. */
const NEVER = [
  ...['get secrets', 'list secrets', 'watch secrets', 'get configmaps', 'list serviceaccounts', 'patch services'],
  ...['create pods', 'update pods', 'deletecollection pods', 'patch pods/status', 'get pods/log'],
  ...[
    'create pods/exec',
    'create pods/attach',
    'create pods/portforward',
    'create pods/eviction',
    'create pods/binding',
  ],
  ...['create hotstandbydeployments.apps.paia.tech', 'update hotstandbydeployments.apps.paia.tech'],
  ...['delete hotstandbydeployments.apps.paia.tech', 'update hotstandbydeployments.apps.paia.tech/status'],
  ...['update deployments.apps', 'deletecollection deployments.apps', 'patch deployments.apps/status'],
  ...['create replicasets.apps', 'create statefulsets.apps', 'create daemonsets.apps', 'create jobs.batch'],
  ...['create serviceaccounts/token', 'impersonate serviceaccounts', 'create roles.rbac.authorization.k8s.io'],
  ...['bind roles.rbac.authorization.k8s.io', 'create rolebindings.rbac.authorization.k8s.io'],
  ...['delete leases.coordination.k8s.io', 'delete events.events.k8s.io', 'create networkpolicies.networking.k8s.io'],
];
const NEVER_IN_THE_CLUSTER = [
  ...['delete nodes', 'patch nodes', 'get nodes/proxy', 'create namespaces', 'delete namespaces', 'impersonate users'],
  ...['create clusterrolebindings.rbac.authorization.k8s.io', 'escalate clusterroles.rbac.authorization.k8s.io'],
  ...['patch customresourcedefinitions.apiextensions.k8s.io', 'approve certificatesigningrequests.certificates.k8s.io'],
  ...['delete validatingadmissionpolicies.admissionregistration.k8s.io', '* *'],
  ...['patch validatingadmissionpolicybindings.admissionregistration.k8s.io', 'create persistentvolumes'],
];
const IN_ONE_NAMESPACE = [
  ...['get pods', 'patch pods', 'delete pods', 'create deployments.apps', 'patch deployments.apps/scale'],
  ...['list hotstandbydeployments.apps.paia.tech', 'patch hotstandbydeployments.apps.paia.tech/status'],
];

/** What `kubectl auth can-i` answers to "verb resource[.group][/subresource]"; `namespace` undefined: in all of them. */
async function can(kubeconfig: string, question: string, namespace?: string): Promise<string> {
  const [verb = '', path = ''] = question.split(' ');
  const [resource = '', subresource] = path.split('/');
  const where = namespace === undefined ? ['--all-namespaces'] : ['-n', namespace];
  const sub = subresource === undefined ? [] : [`--subresource=${subresource}`];
  const { stdout, stderr } = await tryKubectl(['auth', 'can-i', verb, resource, ...sub, ...where], { kubeconfig });
  const answer = stdout.trim();
  if (answer !== 'yes' && answer !== 'no') throw new Error(`kubectl auth can-i ${question}: ${stderr}`);
  return answer;
}

/** The questions answered with yes. A few at a time: each is a process. */
async function allowed(kubeconfig: string, questions: readonly string[], namespace?: string): Promise<string[]> {
  const yes: string[] = [];
  const todo = questions.values();
  const work = async (): Promise<void> => {
    for (const question of todo) if ((await can(kubeconfig, question, namespace)) === 'yes') yes.push(question);
  };
  await Promise.all([work(), work(), work(), work()]);
  return yes.sort();
}

describe('namespaced-install.yaml, exactly as it is', () => {
  let scene: Scene;
  let other: Scene;
  let kubeconfig: string;
  beforeAll(async () => {
    [scene, other] = await Promise.all([Scene.open('mine'), Scene.open('theirs')]);
    kubeconfig = await installNamespaced(scene.namespace);
  });
  afterAll(async () => {
    await scene?.close();
    await other?.close();
  });

  it('is enough for an operator of this namespace', async () => {
    const scope = ['--kubeconfig', kubeconfig, '--namespace', scene.namespace, '--health-address', '127.0.0.1:0'];
    const operator = OperatorProcess.spawn({ args: [...scope, '--leader-elect'] });
    await operator.whenReady();
    await scalesIn(scene, 'rooms');
    expect(await operator.stop()).toBe(0);
    expect(operator.errors).toEqual([]);
  });

  it('is not enough for another namespace: the operator does not even start', async () => {
    const operator = OperatorProcess.spawn({ kubeconfig, namespace: other.namespace });
    expect(await operator.exit).toMatchObject({ code: 5 });
    expect(operator.output).toMatch(new RegExp(`missing permissions: .* in namespace ${other.namespace}\\.`));
  });

  it('allows nothing that the operator does not need', async () => {
    expect(await allowed(kubeconfig, NEVER, scene.namespace)).toEqual([]);
    expect(await allowed(kubeconfig, [...NEVER_IN_THE_CLUSTER, 'get nodes'])).toEqual([]);
  });

  it('allows what it needs here and nowhere else', async () => {
    expect(await allowed(kubeconfig, IN_ONE_NAMESPACE, scene.namespace)).toEqual([...IN_ONE_NAMESPACE].sort());
    expect(await allowed(kubeconfig, IN_ONE_NAMESPACE, other.namespace)).toEqual([]);
    expect(await allowed(kubeconfig, IN_ONE_NAMESPACE)).toEqual([]);
  });

  it('comes with an operator Deployment that the cluster accepts and runs', async () => {
    const [pod] = await scene.settledAt(2, 'app.kubernetes.io/component=operator');
    const { spec } = await scene.api.get<{ spec: { serviceAccountName: string } }>(
      paths.pods.one(scene.namespace, pod?.metadata.name ?? ''),
    );
    expect(spec.serviceAccountName).toBe(OPERATOR_ACCOUNT);
  });
});

describe('install.yaml, exactly as it is, on a cluster of its own', () => {
  let cluster: Cluster;
  let kubeconfig: string;
  let scenes: Scene[] = [];
  let operator: OperatorProcess | undefined;
  // An operator of all namespaces would meddle with the tests that run beside this one.
  beforeAll(async () => {
    cluster = await startCluster({ nodes: { kind: 'kwok' }, name: 'install' });
    await cluster.kubectl(['apply', '--server-side', '-f', releasedManifest('install')]);
    kubeconfig = await writeOperatorKubeconfig(cluster, cluster.dir);
    scenes = await Promise.all(['first', 'second'].map((name) => Scene.open(name, {}, cluster.connection)));
  });
  afterAll(async () => {
    await operator?.stop();
    await Promise.all(scenes.map((scene) => scene.close()));
    await cluster?.stop();
  });

  it('is enough for an operator of all namespaces', async () => {
    const args = ['--kubeconfig', kubeconfig, '--all-namespaces', '--health-address', '127.0.0.1:0'];
    operator = OperatorProcess.spawn({ args: [...args, '--admission-guard', '--leader-elect'] });
    await operator.whenReady();
    await Promise.all(scenes.map((scene) => scalesIn(scene, 'rooms')));
    expect(operator.errors).toEqual([]);
  });

  it('allows nothing that the operator does not need', async () => {
    expect(await allowed(kubeconfig, [...NEVER, ...NEVER_IN_THE_CLUSTER])).toEqual([]);
  });

  it('allows to elect a leader in its own namespace and nowhere else', async () => {
    const mayUpdate = async (lease: string, namespace: string): Promise<string> => {
      const question = ['auth', 'can-i', 'update', `leases.coordination.k8s.io/${lease}`, '-n', namespace];
      return (await tryKubectl(question, { kubeconfig })).stdout.trim();
    };
    expect(await mayUpdate('hotstandby-operator', 'hotstandby-system')).toBe('yes');
    expect(await mayUpdate('another', 'hotstandby-system')).toBe('no');
    expect(await mayUpdate('hotstandby-operator', 'kube-system')).toBe('no');
  });

  it('leaves namespaced-install.yaml to the admins of namespaces only after namespace-admins.yaml', async () => {
    const [mine, theirs] = scenes.map(({ namespace }) => namespace);
    const lead = ['--as=lead', '--as-group=system:authenticated'];
    await cluster.kubectl(['create', 'rolebinding', 'lead', '--clusterrole=admin', '--user=lead', '-n', mine ?? '']);
    const apply = (namespace = ''): Promise<string> =>
      cluster.kubectl([
        'apply',
        '--server-side',
        '-n',
        namespace,
        '-f',
        releasedManifest('namespaced-install'),
        ...lead,
      ]);
    await expect(apply(mine)).rejects.toThrow('attempting to grant RBAC permissions not currently held');
    await cluster.kubectl(['apply', '--server-side', '-f', releasedManifest('namespace-admins')]);
    // The API server aggregates in the background.
    await eventually(() => apply(mine));
    await expect(apply(theirs)).rejects.toThrow('cannot patch resource');
  });

  // Last: it takes the ServiceAccount away.
  it('goes from a client-side to a server-side apply without a conflict', async () => {
    const files = dirname(releasedManifest('install'));
    await cluster.kubectl(['delete', '-f', join(files, 'operator', 'operator.yaml')]);
    await cluster.kubectl(['apply', '-f', join(files, 'operator', 'operator.yaml')]);
    const asAnother = ['apply', '--server-side', '--field-manager=another'];
    await cluster.kubectl([...asAnother, '-f', join(files, 'operator', 'operator.yaml')]);
  });
});
