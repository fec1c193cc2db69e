import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { until } from '../../../tools/base/eventually';
import { nodeTools } from '../../../tools/build/image/packages';
import { type Cluster, startCluster } from '../../../tools/cluster/index';
import { appImage, IMAGE_NAMES, type RealNodes } from '../../../tools/cluster/real/index';
import { realNodesPreflightNow } from '../../../tools/cluster/real/preflight';
import { isAlive } from '../../../tools/cluster/real/processes';
import { linkOf, type MachineState, machineState, processesOf, remainsOf } from './traces';

interface Pod {
  metadata: { name: string; uid: string };
  spec: { nodeName: string };
  status: {
    podIP: string;
    phase: string;
    containerStatuses?: {
      ready: boolean;
      restartCount: number;
      lastState: { terminated?: { reason: string } };
      state: { terminated?: { exitCode: number } };
    }[];
  };
}
interface PodList {
  items: Pod[];
}

const SERVER = `
  const http = require('node:http');
  http.createServer((_, reply) => reply.end(require('node:os').hostname())).listen(8080, () => console.log('listening'));
  process.on('SIGTERM', () => process.exit(0));
`;

/** Restricted as Pod Security Standards want it, so that every kind of confinement is known to work. */
const WEB = [
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          terminationGracePeriodSeconds: 2,
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: 'kubernetes.io/hostname',
              whenUnsatisfiable: 'DoNotSchedule',
              nodeTaintsPolicy: 'Honor',
              labelSelector: { matchLabels: { app: 'web' } },
            },
          ],
          securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
          containers: [
            {
              name: 'web',
              image: IMAGE_NAMES.node,
              command: ['node', '-e', SERVER],
              securityContext: {
                readOnlyRootFilesystem: true,
                allowPrivilegeEscalation: false,
                capabilities: { drop: ['ALL'] },
              },
              resources: { requests: { cpu: '10m' }, limits: { memory: '200Mi', cpu: '1' } },
              readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
            },
          ],
        },
      },
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: { name: 'reader' },
    rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }],
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: 'reader' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
    subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'default' }],
  },
];

/** Calls the API as any in-cluster client does: address from the environment, token and CA from the volume. */
const IN_POD_API_CALL = `
  const fs = require('node:fs'), dir = '/var/run/secrets/kubernetes.io/serviceaccount/';
  const read = (name) => fs.readFileSync(dir + name, 'utf8');
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
  const call = (path) => new Promise((done) => require('node:https')
    .get({ host, port, path, ca: read('ca.crt'), headers: { authorization: 'Bearer ' + read('token') } }, (r) => { r.resume(); done(r.statusCode); }));
  Promise.all([call('/api/v1/namespaces/default/pods'), call('/api/v1/secrets')]).then((codes) => console.log(codes.join()));
`;

/** Opens a new connection each time, so each request is balanced anew. */
const IN_POD_SERVICE_CALLS = (url: string): string => `
  const http = require('node:http');
  const get = () => new Promise((done, fail) => http.get('${url}', { agent: false, timeout: 2000 }, (r) => {
    let body = ''; r.on('data', (c) => { body += c; }).on('end', () => done(body));
  }).on('error', fail).on('timeout', () => fail(new Error('timeout'))));
  (async () => { const seen = new Set(); for (let i = 0; i < 40; i++) seen.add(await get()); console.log(seen.size); })();
`;

jest.setTimeout(60_000);

const preflight = realNodesPreflightNow();
const suite = preflight.ok ? describe : describe.skip;

suite(preflight.ok ? 'real nodes' : `real nodes (skipped: ${preflight.reason})`, () => {
  let before: MachineState;
  let cluster: Cluster;
  let nodes: RealNodes;

  beforeAll(async () => {
    before = await machineState(await nodeTools(() => undefined));
    cluster = await startCluster({ nodes: { kind: 'real', count: 2 } });
    if (!cluster.realNodes) throw new Error('a cluster of kind real must have real nodes');
    nodes = cluster.realNodes;
    await apply(WEB.map((object) => stringify(object)).join('---\n'));
    await cluster.kubectl(['rollout', 'status', 'deploy/web', '--timeout=60s']);
  }, 900_000);

  afterAll(() => cluster?.stop(), 60_000);

  const apply = (input: string): Promise<string> => cluster.kubectl(['apply', '-f', '-'], { input });
  const get = async <T>(...args: string[]): Promise<T> =>
    JSON.parse(await cluster.kubectl(['get', ...args, '-o', 'json'])) as T;
  const webPods = async (): Promise<Pod[]> => (await get<PodList>('pods', '-l', 'app=web')).items;
  const firstPod = async (): Promise<Pod> => {
    const [pod] = await webPods();
    if (!pod) throw new Error('no web Pod');
    return pod;
  };
  const getPod = (name: string): Promise<Pod> => get<Pod>('pod', name);
  const nodeScript = (pod: string, script: string): Promise<string> =>
    cluster.kubectl(['exec', '-i', pod, '--', 'node', '-'], { input: script });
  const createPod = (name: string, spec: object): Promise<string> =>
    apply(stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec }));

  test('Pods of a Deployment are spread over both nodes and answer on their own addresses', async () => {
    const pods = await webPods();
    expect(new Set(pods.map((pod) => pod.spec.nodeName))).toEqual(new Set(['real-1', 'real-2']));
    const answers = await Promise.all(pods.map((pod) => fetchText(`http://${pod.status.podIP}:8080`)));
    expect(answers).toEqual(pods.map((pod) => pod.metadata.name));
  });

  test('a Service address reaches every Pod, from this machine and from inside a Pod', async () => {
    const { spec } = await get<{ spec: { clusterIP: string } }>('service', 'web');
    const url = `http://${spec.clusterIP}`;
    const answered = new Set<string>();
    // Rules follow EndpointSlices by a moment.
    await until('all Pods behind the Service', async () => {
      answered.add(await fetchText(url));
      return answered.size === 3 || undefined;
    });
    const pod = await firstPod();
    expect(await nodeScript(pod.metadata.name, IN_POD_SERVICE_CALLS(url))).toBe('3\n');
  });

  test('kubectl logs and exec reach a container, which is confined as its Pod says', async () => {
    const { name } = (await firstPod()).metadata;
    expect(await cluster.kubectl(['logs', name])).toBe('listening\n');
    const status = await cluster.kubectl(['exec', name, '--', 'cat', '/proc/1/status']);
    expect(status).toMatch(/^Uid:\s+1000\s/m);
    expect(status).toMatch(/^CapEff:\s+0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
    expect(status).toMatch(/^Seccomp:\s+2$/m);
  });

  test('an in-cluster client is let in by its ServiceAccount token as far as RBAC goes', async () => {
    const { name } = (await firstPod()).metadata;
    expect(await nodeScript(name, IN_POD_API_CALL)).toBe('200,403\n');
  });

  test('a container over its memory limit is killed by the kernel and started again', async () => {
    const script = 'const held = []; setInterval(() => held.push(Buffer.alloc(20 << 20, 1)), 10)';
    const limits = { memory: '100Mi' };
    await createPod('hungry', {
      containers: [{ name: 'c', image: IMAGE_NAMES.node, command: ['node', '-e', script], resources: { limits } }],
    });
    const restarted = await until('a restart', async () => {
      const status = (await getPod('hungry')).status.containerStatuses?.[0];
      return status && status.restartCount > 0 ? status : undefined;
    });
    expect(restarted.lastState.terminated?.reason).toBe('OOMKilled');
    await cluster.kubectl(['delete', 'pod', 'hungry', '--grace-period=0', '--force']);
  });

  test('an app baked into an image runs, on Node and on Python', async () => {
    const { node, python } = nodes.images;
    const probe = join(nodes.site.dir, 'probe');
    writeFileSync(`${probe}.js`, "console.log('node', process.getuid())");
    writeFileSync(`${probe}.py`, "import os, ssl, json; print('python', os.getuid())");
    const apps = [
      { base: node, file: `${probe}.js`, command: ['node', '/app/probe.js'], wanted: 'node 1000\n' },
      ...(python
        ? [{ base: python, file: `${probe}.py`, command: ['python3', '/app/probe.py'], wanted: 'python 1000\n' }]
        : []),
    ];
    for (const { base, file, command, wanted } of apps) {
      const kind = command[0] ?? '';
      const name = `hotstandby.local/probe-${kind}:1`;
      const image = await appImage({ base, name, files: { [file]: command[1] ?? '' }, command });
      await nodes.loadImages([image]);
      await createPod(kind, { restartPolicy: 'Never', containers: [{ name: 'c', image: name }] });
      await until(`${kind} Pod at its end`, async () => (await getPod(kind)).status.phase === 'Succeeded' || undefined);
      expect(await cluster.kubectl(['logs', kind])).toBe(wanted);
    }
  });

  test('containers outlive a crash of their kubelet, which takes them up again', async () => {
    const pod = await firstPod();
    const node = nodes.node(pod.spec.nodeName);
    await node.stopKubelet('SIGKILL');
    expect(await fetchText(`http://${pod.status.podIP}:8080`)).toBe(pod.metadata.name);
    await expect(cluster.kubectl(['logs', pod.metadata.name])).rejects.toThrow('connection refused');
    await node.startKubelet();
    await until('the kubelet', () => cluster.kubectl(['logs', pod.metadata.name]).catch(() => undefined));
    expect((await getPod(pod.metadata.name)).status.containerStatuses?.[0]).toMatchObject({
      restartCount: 0,
      ready: true,
    });
  });

  test('kubectl drain moves the Pods of a node to the other', async () => {
    await cluster.kubectl(['drain', 'real-2', '--ignore-daemonsets', '--delete-emptydir-data', '--force']);
    await cluster.kubectl(['rollout', 'status', 'deploy/web', '--timeout=30s']);
    expect((await webPods()).map((pod) => pod.spec.nodeName)).toEqual(['real-1', 'real-1', 'real-1']);
    await cluster.kubectl(['uncordon', 'real-2']);
  });

  test('a node that lost power takes its Pods with it and starts them again after boot', async () => {
    const pod = await firstPod();
    const node = nodes.node(pod.spec.nodeName);
    await node.powerOff();
    await expect(fetchText(`http://${pod.status.podIP}:8080`)).rejects.toThrow();
    await node.powerOn();
    const status = await until('the Pod Ready after boot', async () => {
      const found = (await getPod(pod.metadata.name)).status;
      return found.containerStatuses?.[0]?.restartCount === 1 && found.containerStatuses[0].ready ? found : undefined;
    });
    expect(await fetchText(`http://${status.podIP}:8080`)).toBe(pod.metadata.name);
  });

  test("the machine's own settings and firewall stay as they were while nodes run", async () => {
    const now = await machineState(await nodeTools(() => undefined));
    const { nftables, sysctls, mounts } = now;
    expect({ nftables, sysctls, mounts }).toEqual({
      nftables: before.nftables,
      sysctls: before.sysctls,
      mounts: before.mounts,
    });
  });

  test('stop leaves no process, mount, link, route, cgroup, nftables table, sysctl or file', async () => {
    const processes = await processesOf(nodes.site);
    const { dir } = cluster;
    // 2 nodes x (holder, containerd, kubelet), hub, kube-proxy, and a shim, a sandbox and a container for each of 3 Pods.
    expect(processes.length).toBeGreaterThanOrEqual(17);
    expect(await remainsOf(nodes.site)).not.toEqual([]);
    const link = await linkOf(nodes.site);
    expect(link).toContain('hotstandby');
    await cluster.stop();
    expect(await linkOf(nodes.site)).not.toBe(link);
    expect(processes.filter(isAlive)).toEqual([]);
    expect(await remainsOf(nodes.site)).toEqual([]);
    expect([dir, nodes.site.dir].filter((path) => existsSync(path))).toEqual([]);
    expect(await machineState(await nodeTools(() => undefined))).toEqual(before);
  });
});

async function fetchText(url: string): Promise<string> {
  return (await fetch(url, { signal: AbortSignal.timeout(2_000), headers: { connection: 'close' } })).text();
}
