import { join } from 'node:path';
import type { KubeObject } from '../../operator/kube/types';
import { STATE_LABEL } from '../../src/api/names';
import { eventually } from '../../tools/base/eventually';
import { type Cluster, startCluster } from '../../tools/cluster';
import { releasedManifest, writeOperatorKubeconfig } from '../../tools/cluster/install';
import { CHART, Helm } from './support/helm';
import { runHookPod } from './support/hook-pod';
import { writeTokenKubeconfig } from './support/kubeconfig';
import { OperatorProcess } from './support/operator';
import { prometheusCrds } from './support/prometheus-crds';
import { BusyWatch, type Pod, Scene } from './support/scene';

jest.setTimeout(240_000);

const RELEASE = 'hotstandby';
const NAMESPACE = 'hotstandby-system';
const CRD = 'hotstandbydeployments.apps.paia.tech';
const APP = 'app=rooms';

let cluster: Cluster;
let helm: Helm;
beforeAll(async () => {
  cluster = await startCluster({ nodes: { kind: 'kwok' }, name: 'helm' });
  helm = new Helm(cluster.kubeconfig, cluster.dir);
});
afterAll(async () => {
  await cluster?.stop();
});

describe('what the chart renders is taken by the API server', () => {
  beforeAll(async () => {
    const files = await prometheusCrds();
    await cluster.kubectl(['apply', '--server-side', ...files.flatMap((file) => ['-f', file])]);
    for (const name of ['games', 'lobby', 'team']) await cluster.kubectl(['create', 'namespace', name]);
    // Nothing is made, and a Pod, here that of `helm test`, is refused without its ServiceAccount.
    await cluster.kubectl(['create', 'serviceaccount', 'hotstandby-operator', '-n', 'team']);
  });

  const guard = { enabled: true, users: ['system:kube-controller-manager', `o'dd "user": #`], preemption: true };
  const pod = {
    podLabels: { team: 'true' },
    podAnnotations: { note: 'a: b # {{ c }}' },
    nodeSelector: { 'kubernetes.io/os': 'linux' },
    affinity: { nodeAffinity: {}, podAntiAffinity: {} },
    tolerations: [{ key: 'spot', operator: 'Exists', effect: 'NoSchedule' }],
    topologySpreadConstraints: [
      { maxSkew: 1, topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'ScheduleAnyway' },
    ],
    imagePullSecrets: [{ name: 'registry' }],
    env: [{ name: 'NODE_OPTIONS', value: '--max-semi-space-size=16' }],
    extraArgs: ['--context=x'],
    image: { digest: `sha256:${'0'.repeat(64)}`, pullPolicy: 'IfNotPresent' },
    resources: { limits: { cpu: 1 } },
  };
  const monitoring = { interval: '15s', scrapeTimeout: '5s', labels: { release: 'prometheus' } };
  const relabelings = [{ sourceLabels: ['__name__'], regex: 'nodejs_.*', action: 'drop' }];
  const network = {
    enabled: true,
    apiServerCidrs: ['10.0.0.1/32'],
    probePorts: [8080],
    metricsNamespaces: { 'kubernetes.io/metadata.name': 'monitoring' },
  };
  test.each<[string, object]>([
    ['at the defaults', {}],
    ['for a list of namespaces', { namespaces: ['games', 'lobby'], admissionMarks: { enabled: true } }],
    ['for its own namespace', { ownNamespaceOnly: true }],
    ['with marks and a guard against more users', { admissionMarks: { enabled: true }, admissionGuard: guard }],
    ['with everything a Pod can be given', pod],
    ['with a NetworkPolicy at its defaults', { networkPolicy: { enabled: true } }],
    ['with a narrow NetworkPolicy', { networkPolicy: network }],
    [
      'with a ServiceMonitor, alerts and the dashboard',
      {
        monitoring: { ...monitoring, type: 'ServiceMonitor', metricRelabelings: relabelings },
        alerts: { enabled: true },
        dashboard: { enabled: true, annotations: { grafana_folder: 'Kubernetes' } },
      },
    ],
    ['with a PodMonitor', { monitoring: { ...monitoring, type: 'PodMonitor', relabelings: [{ targetLabel: 'a' }] } }],
    ['with scrape annotations', { monitoring: { type: 'ScrapeAnnotations' } }],
    ['with a budget in percent', { podDisruptionBudget: { maxUnavailable: '50%' }, replicas: 3 }],
    [
      'without anything that can be left out',
      {
        crds: { enabled: false },
        rbac: { create: false },
        serviceAccount: { create: false, name: 'default' },
        podDisruptionBudget: { enabled: false },
        admissionGuard: { enabled: false },
        selfAnnotationPolicy: { enabled: false },
        userRoles: { enabled: false },
      },
    ],
  ])('%s', async (_what, values) => {
    const text = await helm.run(['template', RELEASE, CHART, '--namespace', 'team'], values);
    const applied = await cluster.kubectl(['apply', '--server-side', '--dry-run=server', '-f', '-'], { input: text });
    const objects = text.match(/^kind: /gm) ?? [];
    expect(applied.trim().split('\n')).toHaveLength(objects.length);
  });
});

type Crd = KubeObject & { status: { conditions: { type: string; status: string }[] } };
type Deployment = KubeObject & { spec: { replicas: number }; status: { readyReplicas?: number } };

describe('a release of the chart', () => {
  let scene: Scene;
  let operator: OperatorProcess | undefined;
  let session: Pod;
  let sessions: BusyWatch;
  beforeAll(async () => {
    scene = await Scene.open('games', {}, cluster.connection);
    sessions = new BusyWatch(scene);
  });
  afterAll(async () => {
    await operator?.stop();
    await scene?.api.close();
  });

  /** The nodes are fake: the operator runs here, under the ServiceAccount of the chart. */
  async function startOperator(): Promise<void> {
    const kubeconfig = await writeOperatorKubeconfig(cluster, cluster.dir);
    const lease = ['--leader-elect', '--lease-namespace', NAMESPACE];
    const where = ['--kubeconfig', kubeconfig, '--all-namespaces', '--health-address', '127.0.0.1:0'];
    operator = await OperatorProcess.start({ args: [...where, '--admission-guard', ...lease] });
  }
  async function stopOperator(): Promise<void> {
    expect(await operator?.stop()).toBe(0);
    expect(operator?.errors).toEqual([]);
    operator = undefined;
  }
  const crd = () => scene.api.get<Crd>(`/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${CRD}`);
  const deployment = () =>
    scene.api.get<Deployment>(`/apis/apps/v1/namespaces/${NAMESPACE}/deployments/${RELEASE}-operator`);
  const podIds = async () => (await scene.pods(APP)).map((pod) => pod.metadata.uid).sort();
  const names = async (plural: string) => (await cluster.kubectl(['get', plural, '-o', 'name'])).trim();

  /** Sessions come and go until `work` is done; each makes the pool grow and shrink. Resolves with their number. */
  async function underSessions(work: () => Promise<unknown>): Promise<number> {
    let done = false;
    const working = work().finally(() => {
      done = true;
    });
    let flips = 0;
    do {
      const [idle] = await eventually(async () => {
        const pods = await scene.settledAt(4, APP);
        const free = pods.filter((pod) => pod.metadata.labels?.[STATE_LABEL] === 'idle');
        expect(free).toHaveLength(3);
        return free;
      });
      await sessions.start(idle as Pod);
      await scene.childAt('rooms', 5);
      await sessions.end(idle as Pod);
      await scene.childAt('rooms', 4);
      flips += 1;
    } while (!done);
    await working;
    return flips;
  }

  it('is installed and keeps an hsd at its target', async () => {
    await helm.apply('install', RELEASE, NAMESPACE, {});
    expect(await deployment()).toMatchObject({ spec: { replicas: 2 }, status: { readyReplicas: 2 } });
    await startOperator();
    await scene.createHsd('rooms', { idleTarget: 3 });
    const [first] = await scene.settledAt(3, APP);
    session = first as Pod;
    await sessions.start(session);
    await scene.settledAt(4, APP);
    await scene.status('rooms', { busyCount: 1, availableCount: 3 });
  });

  it('passes its own test, which finds the leader', async () => {
    const [output, printed] = await Promise.all([
      helm.run(['test', RELEASE, '--namespace', NAMESPACE, '--timeout', '120s']),
      runHookPod(cluster, scene, NAMESPACE, `${RELEASE}-test`),
    ]);
    expect(printed.trim().split('\n')).toEqual([
      expect.stringMatching(/ leads$/),
      'the replicas are Ready',
      'HotStandbyDeployments are served',
    ]);
    expect(output).toContain('Succeeded');
  });

  it('says what runs and what to do next', async () => {
    const notes = await helm.run(['get', 'notes', RELEASE, '--namespace', NAMESPACE]);
    expect(notes).toContain('looks after all namespaces.');
    expect(notes).toContain(`helm test ${RELEASE} -n ${NAMESPACE}`);
  });

  it('is upgraded while sessions come and go, and none is lost', async () => {
    const before = await crd();
    const values = { replicas: 3, admissionMarks: { enabled: true }, commonLabels: { team: 'games' } };
    const flips = await underSessions(() => helm.apply('upgrade', RELEASE, NAMESPACE, values));
    expect(flips).toBeGreaterThan(0);
    expect(await deployment()).toMatchObject({ spec: { replicas: 3 }, status: { readyReplicas: 3 } });
    expect(await names('mutatingadmissionpolicies')).toContain('hotstandby-busy-pod-marks');
    const after = await crd();
    expect(after.metadata.uid).toBe(before.metadata.uid);
    expect(after.status.conditions).toContainEqual(expect.objectContaining({ type: 'Established', status: 'True' }));
    expect(await sessions.lost()).toEqual([]);
  });

  it('stays as it is when an upgrade is refused', async () => {
    const flags = ['upgrade', RELEASE, CHART, '--namespace', NAMESPACE];
    const { code, output } = await helm.try(flags, { replicas: 0 });
    expect(code).not.toBe(0);
    expect(output).toContain("at '/replicas': minimum: got 0, want 1");
    expect(await deployment()).toMatchObject({ spec: { replicas: 3 } });
  });

  it('is rolled back while sessions come and go, and none is lost', async () => {
    const flags = ['rollback', RELEASE, '1', '--namespace', NAMESPACE, '--wait', '--timeout', '120s'];
    const flips = await underSessions(() => helm.run(flags));
    expect(flips).toBeGreaterThan(0);
    expect(await deployment()).toMatchObject({ spec: { replicas: 2 }, status: { readyReplicas: 2 } });
    expect(await names('mutatingadmissionpolicies')).not.toContain('hotstandby');
    expect(await sessions.lost()).toEqual([]);
  });

  it('is uninstalled and leaves the definition, the hsd and every Pod of it', async () => {
    await scene.settledAt(4, APP);
    const before = await podIds();
    await stopOperator();
    await helm.run(['uninstall', RELEASE, '--namespace', NAMESPACE, '--wait']);
    expect(await names('validatingadmissionpolicies,clusterroles')).not.toContain('hotstandby');
    expect(await scene.exists(`/apis/apps/v1/namespaces/${NAMESPACE}/deployments/${RELEASE}-operator`)).toBe(false);
    expect((await crd()).metadata.deletionTimestamp).toBeUndefined();
    expect((await scene.hsd('rooms')).metadata.deletionTimestamp).toBeUndefined();
    expect(await podIds()).toEqual(before);
  });

  it('is installed again over what was kept, and goes on', async () => {
    const before = await podIds();
    await helm.apply('install', RELEASE, NAMESPACE, {});
    await startOperator();
    await sessions.end(session);
    await scene.childAt('rooms', 3);
    await scene.settledAt(3, APP);
    expect(before).toEqual(expect.arrayContaining(await podIds()));
  });

  it('takes the definition with it only when told so', async () => {
    await helm.apply('upgrade', RELEASE, NAMESPACE, { crds: { keep: false } });
    await stopOperator();
    await helm.run(['uninstall', RELEASE, '--namespace', NAMESPACE, '--wait', '--timeout', '120s']);
    expect(await names('crds')).not.toContain(CRD);
  });

  it('takes over what install.yaml has installed, and nothing is made anew', async () => {
    await cluster.kubectl(['apply', '--server-side', '-f', releasedManifest('install')]);
    const uids = async () =>
      Promise.all([crd(), deployment()]).then((objects) => objects.map(({ metadata }) => metadata.uid));
    const before = await uids();
    await helm.run([
      'install',
      RELEASE,
      CHART,
      '--namespace',
      NAMESPACE,
      '--take-ownership',
      '--force-conflicts',
      '--wait',
    ]);
    expect(await uids()).toEqual(before);
  });

  it('is installed by the admin of a namespace, who has no rights on the cluster', async () => {
    const team = await Scene.open('team', {}, cluster.connection);
    const { namespace } = team;
    await cluster.kubectl(['apply', '--server-side', '-f', releasedManifest('namespace-admins')]);
    await cluster.kubectl(['create', 'serviceaccount', 'ann', '-n', namespace]);
    const admin = ['--clusterrole=admin', `--serviceaccount=${namespace}:ann`, '-n', namespace];
    await cluster.kubectl(['create', 'rolebinding', 'ann', ...admin]);
    const token = (await cluster.kubectl(['create', 'token', 'ann', '-n', namespace])).trim();
    const path = join(cluster.dir, 'ann.kubeconfig');
    const ann = new Helm(writeTokenKubeconfig(path, { token, namespace }, cluster.connection), cluster.dir);
    // The built-in role takes over the rights of namespace-admins.yaml a moment later.
    const question = ['patch', 'hotstandbydeployments.apps.paia.tech', '--subresource=status', '-n', namespace];
    await eventually(() =>
      cluster.kubectl(['auth', 'can-i', ...question, `--as=system:serviceaccount:${namespace}:ann`]),
    );
    await ann.run(['install', RELEASE, CHART, '--namespace', namespace, '--wait'], { ownNamespaceOnly: true });
    expect(await team.settledAt(2, 'app.kubernetes.io/component=operator')).toHaveLength(2);
    await team.close();
  });
});
