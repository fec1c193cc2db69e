import { paths } from '../../operator/kube/paths';
import type { KubeObject } from '../../operator/kube/types';
import { eventually } from '../../tools/base/eventually';
import { metricValue } from '../../tools/base/metric-value';
import { dockerfileConfig } from '../../tools/build/dockerfile';
import { OPERATOR_IMAGE } from '../../tools/build/operator-image';
import { kubectl, tryKubectl } from '../e2e/support/kubectl';
import { isReady, type Pod, Scene } from '../e2e/support/scene';
import { applyExample } from './support/manifests';
import { ipOf, nodeOf, restartsOf, Sessions } from './support/sessions';
import { describeReal, note } from './support/suite';

jest.setTimeout(300_000);

const NAMESPACE = 'hotstandby-system';
/** A Lease that nobody gives back is taken over after 15 s: well under it, the leader has said goodbye. */
const HANDOVER_MS = 10_000;

/** `resources.requests.memory` in install.yaml. */
const MEMORY_REQUEST = 128 * 2 ** 20;

/** Less than Node.js takes before it runs anything. */
const BARE_NODE = 20 * 2 ** 20;

const NODE = '/nodejs/bin/node';
const BIGGEST_BUNDLE = 4 * 2 ** 20;
/** It takes well under a second where a core is free; the machine may be loaded. */
const SLOWEST_START_MS = 30_000;
/** Evaluated in the Pod: when process 1 started, in milliseconds since the epoch. Field 22 counts 1/100 s since boot (man 5 proc). */
const STARTED_AT = `Date.now() - Number(fs.readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000
  + Number(fs.readFileSync('/proc/1/stat', 'utf8').replace(/^.*\\) /, '').split(' ')[19]) * 10`;

type Lease = KubeObject & { spec: { holderIdentity: string; leaseTransitions: number } };

describeReal('the operator as the Pods of install.yaml', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open('operator-pod');
  });
  afterAll(async () => {
    await scene?.close();
  });

  const operatorPods = async (): Promise<Pod[]> => {
    const { items } = await scene.api.list<Pod>(paths.pods.list(NAMESPACE), {
      labelSelector: 'app.kubernetes.io/name=hotstandby',
    });
    return items.filter((pod) => pod.metadata.deletionTimestamp === undefined);
  };
  const twoReady = (): Promise<Pod[]> =>
    eventually(async () => {
      const pods = await operatorPods();
      expect(pods.filter(isReady)).toHaveLength(2);
      expect(pods).toHaveLength(2);
      return pods;
    });
  const lease = (): Promise<Lease> => scene.api.get<Lease>(paths.leases.one(NAMESPACE, 'hotstandby-operator'));
  const metrics = async (pod: Pod): Promise<string> => (await fetch(`http://${ipOf(pod)}:8080/metrics`)).text();
  const leading = async (pod: Pod): Promise<boolean> => metricValue(await metrics(pod), 'hotstandby_leader') === 1;

  async function leaderAndFollower(): Promise<{ leader: Pod; follower: Pod }> {
    return eventually(async () => {
      const pods = await twoReady();
      const flags = await Promise.all(pods.map(leading));
      expect(flags.filter(Boolean)).toHaveLength(1);
      const [leader, follower] = flags[0] ? pods : [...pods].reverse();
      if (!leader || !follower) throw new Error('two Pods must be there');
      expect((await lease()).spec.holderIdentity).toContain(leader.metadata.name);
      return { leader, follower };
    });
  }

  it('runs two Ready replicas on two nodes, one of which leads by the Lease', async () => {
    const { leader, follower } = await leaderAndFollower();
    expect(nodeOf(leader)).not.toBe(nodeOf(follower));
  });

  const exec = (pod: Pod | undefined, ...command: string[]): string[] => [
    ...['exec', '-n', NAMESPACE, pod?.metadata.name ?? '', '--'],
    ...command,
  ];
  const evaluate = (pod: Pod | undefined, script: string): string[] => exec(pod, NODE, '-p', script);

  it('runs as the user of operator/Dockerfile with no capability, a read-only root and the default seccomp filter', async () => {
    const [pod] = await twoReady();
    const status = await kubectl(evaluate(pod, "fs.readFileSync('/proc/1/status', 'utf8')"));
    expect(dockerfileConfig({}).User).toBe('65532:65532');
    expect(status).toMatch(/^Uid:\s+65532\s/m);
    expect(status).toMatch(/^Gid:\s+65532\s/m);
    expect(status).toMatch(/^CapEff:\s+0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
    expect(status).toMatch(/^Seccomp:\s+2$/m);
    const { stderr } = await tryKubectl(evaluate(pod, "fs.writeFileSync('/tmp/file', '')"));
    expect(stderr).toContain('EROFS: read-only file system');
  });

  it('has no shell, and beside the one program only what is passed on with it', async () => {
    const [pod] = await twoReady();
    for (const shell of ['sh', 'bash', 'busybox']) {
      expect((await tryKubectl(exec(pod, shell, '-c', 'true'))).stderr).toContain('executable file not found');
    }
    const files = await kubectl(evaluate(pod, "fs.readdirSync('/app').sort().join(' ')"));
    expect(files.trim()).toBe('THIRD-PARTY.txt operator.cdx.json operator.cjs');
  });

  it('is small, and ready soon after its process has started', async () => {
    const [pod] = await twoReady();
    const size = await eventually(() => imageSize(pod as Pod));
    const bundle = Number(await kubectl(evaluate(pod, "fs.statSync('/app/operator.cjs').size")));
    note(`operator image: ${mebibytes(size)} on the Node.js of this project, ${mebibytes(bundle)} of it the program`);
    expect(bundle).toBeLessThan(BIGGEST_BUNDLE);

    const startedAt = Number(await kubectl(evaluate(pod, STARTED_AT)));
    const log = await kubectl(['logs', '-n', NAMESPACE, pod?.metadata.name ?? '']);
    const ready = log.split('\n').find((line) => line.includes('"msg":"ready"')) ?? '{}';
    const took = Date.parse((JSON.parse(ready) as { time: string }).time) - startedAt;
    note(`operator start-up: process -> caches filled ${Math.round(took)} ms`);
    expect(took).toBeGreaterThan(0);
    expect(took).toBeLessThan(SLOWEST_START_MS);
  });

  it('lives in a namespace that refuses Pods unfit for the restricted Pod Security Standard', async () => {
    const { code, stderr } = await tryKubectl(['run', 'root', '--image=x', '-n', NAMESPACE, '--dry-run=server']);
    expect(code).toBe(1);
    expect(stderr).toContain('violates PodSecurity "restricted:latest"');
  });

  it('has never restarted and stays within the memory it asks for', async () => {
    const pods = await twoReady();
    expect(pods.map(restartsOf)).toEqual([0, 0]);
    for (const pod of pods) {
      const rss = metricValue(await metrics(pod), 'process_resident_memory_bytes') ?? Number.NaN;
      const used = await eventually(() => workingSet(pod));
      note(`operator memory: ${mebibytes(used)} working set, ${mebibytes(rss)} RSS`);
      expect(used).toBeLessThan(MEMORY_REQUEST);
    }
  });

  it('hands over at once when the leader Pod is deleted, and goes on without losing a session', async () => {
    await applyExample(scene, 'annotation', ['rbac', 'hsd']);
    const [first, second] = await scene.settledAt(3);
    const sessions = new Sessions(scene);
    expect(await sessions.start(first as Pod)).toMatchObject({ status: 201 });
    await scene.childAt('rooms', 4);

    const { leader, follower } = await leaderAndFollower();
    const before = (await lease()).spec.leaseTransitions;
    const deleted = performance.now();
    await scene.api.delete(paths.pods.one(NAMESPACE, leader.metadata.name));
    // Nobody may lead yet: what happens now must not be missed.
    expect(await sessions.start(second as Pod)).toMatchObject({ status: 201 });
    await eventually(async () => expect(await leading(follower)).toBe(true), HANDOVER_MS);
    const led = performance.now();
    await scene.childAt('rooms', 5);
    note(
      `leader Pod deleted -> the other leads ${Math.round(led - deleted)} ms, a session begun meanwhile has its spare Pod ${Math.round(performance.now() - deleted)} ms`,
    );
    expect(performance.now() - deleted).toBeLessThan(HANDOVER_MS);
    expect((await lease()).spec.leaseTransitions).toBe(before + 1);
    await scene.status('rooms', { busyCount: 2, desiredReplicas: 5 });
    expect(await sessions.lost()).toEqual([]);

    for (const pod of [first, second]) await sessions.end(pod as Pod);
    await scene.settledAt(3);
    await leaderAndFollower();
    expect((await twoReady()).map(restartsOf)).toEqual([0, 0]);
  });

  /** As the kubelet reports it, every 10 s, in bytes. */
  async function imageSize(pod: Pod): Promise<number> {
    const { status } = await scene.api.get<NodeImages>(`/api/v1/nodes/${nodeOf(pod)}`);
    const image = status.images.find(({ names }) => names.includes(OPERATOR_IMAGE));
    expect(image).toBeDefined();
    return image?.sizeBytes ?? 0;
  }

  /** What the kubelet counts against the container's limit, in bytes. */
  async function workingSet(pod: Pod): Promise<number> {
    const { pods } = await scene.api.get<Summary>(`/api/v1/nodes/${nodeOf(pod)}/proxy/stats/summary`);
    const used = pods.find(({ podRef }) => podRef.uid === pod.metadata.uid)?.memory?.workingSetBytes ?? 0;
    // The kubelet counts every 10 s or so: the first figure of a new Pod may be none, or that of its start.
    expect(used).toBeGreaterThan(BARE_NODE);
    return used;
  }
});

interface NodeImages {
  status: { images: { names: string[]; sizeBytes: number }[] };
}

interface Summary {
  pods: { podRef: { uid: string }; memory?: { workingSetBytes: number } }[];
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
