import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { until } from '../../tools/base/eventually';
import { isAlive, processIdentity } from '../../tools/base/process-identity';
import { describeCluster } from '../../tools/cluster/describe-cluster';
import { type Cluster, startCluster } from '../../tools/cluster/index';
import { PROGRAMS, type ProgramName, resolveCommands } from '../../tools/cluster/programs';

/** The first run of all builds the programs; Go needs minutes for it. */
const BUILD_MS = 30 * 60_000;
jest.setTimeout(60_000);

interface PodList {
  items: { metadata: { name: string }; status: { podIP?: string; phase?: string } }[];
}

describeCluster('a cluster with kwok nodes', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    await resolveCommands((line) => process.stderr.write(`${line}\n`));
    cluster = await startCluster({ nodes: { kind: 'kwok', count: 2 } });
    await cluster.kubectl(['create', 'deployment', 'web', '--image=example', '--replicas=3']);
    await cluster.kubectl(['rollout', 'status', 'deployment/web', '--timeout=30s']);
  }, BUILD_MS);

  afterAll(() => cluster?.stop());

  const pods = async (): Promise<PodList['items']> =>
    (JSON.parse(await cluster.kubectl(['get', 'pods', '-l', 'app=web', '-o', 'json'])) as PodList).items;

  test('makes the Pods of a Deployment Ready, each with an address of its own in the cluster range', async () => {
    const addresses = (await pods()).map(({ status }) => status.podIP ?? '');
    expect(new Set(addresses).size).toBe(3);
    const range = (cluster.podCidr ?? '').split('.').slice(0, 2).join('.');
    for (const address of addresses) expect(address.startsWith(`${range}.`)).toBe(true);
  });

  test('lets an HTTP server on a Pod IP answer for that Pod', async () => {
    const [pod] = await pods();
    const host = pod?.status.podIP ?? '';
    const server = createServer((_request, response) => response.end(`I am ${pod?.metadata.name}`));
    await new Promise<void>((listening) => server.listen(8080, host, listening));
    try {
      const reply = await fetch(`http://${host}:8080/busy`);
      expect(await reply.text()).toBe(`I am ${pod?.metadata.name}`);
    } finally {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    }
  });

  test('ends deleted Pods at once, whatever their grace period', async () => {
    const [pod] = await pods();
    const started = performance.now();
    await cluster.kubectl(['delete', 'pod', pod?.metadata.name ?? '', '--grace-period=600', '--wait=true']);
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  test('lets every controller act under its own ServiceAccount', async () => {
    const events = await cluster.kubectl(['get', 'serviceaccounts', '-n', 'kube-system', '-o', 'name']);
    expect(events).toContain('serviceaccount/replicaset-controller');
  });

  test('rejects a kubectl call with what kubectl complained about', async () => {
    await expect(cluster.kubectl(['get', 'pod', 'nobody'])).rejects.toThrow('pods "nobody" not found');
  });

  test('takes manifests on standard input', async () => {
    const manifest = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'given' } });
    await expect(cluster.kubectl(['apply', '-f', '-'], { input: manifest })).resolves.toContain(
      'configmap/given created',
    );
  });

  test('is used as it is when its kubeconfig is given, and stays up when that use ends', async () => {
    const user = await startCluster({ kubeconfig: cluster.kubeconfig });
    expect(user.kind).toBe('external');
    expect(await user.kubectl(['get', 'nodes', '-o', 'name'])).toBe('node/kwok-0\nnode/kwok-1\n');
    await user.stop();
    expect(existsSync(user.dir)).toBe(false);
    expect(await cluster.kubectl(['get', '--raw', '/readyz'])).toBe('ok');
  });

  test('runs beside another one, which leaves no process and no file when stopped', async () => {
    const other = await startCluster({ name: 'other', nodes: { kind: 'kwok', count: 1 } });
    const owned = [...(other.controlPlane?.programs.values() ?? [])].map(({ pid }) => processIdentity(pid));
    owned.push(processIdentity(other.controlPlane?.guardian.pid ?? -1));
    try {
      expect(owned.map(isAlive)).toEqual(Array(PROGRAMS.length + 1).fill(true));
      expect(other.podCidr).not.toBe(cluster.podCidr);
      expect(await other.kubectl(['get', 'nodes', '-o', 'name'])).toBe('node/kwok-0\n');
    } finally {
      await other.stop();
    }
    expect(owned.map(isAlive)).toEqual(Array(PROGRAMS.length + 1).fill(false));
    expect(existsSync(other.dir)).toBe(false);
    expect(await cluster.kubectl(['get', '--raw', '/readyz'])).toBe('ok');
  });
});

describeCluster('a cluster that ends early', () => {
  beforeAll(() => resolveCommands((line) => process.stderr.write(`${line}\n`)), BUILD_MS);

  test('because a program cannot start is explained by its own words, and leaves nothing', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'hotstandby-test-'));
    const extraArgs = { 'kube-apiserver': ['--service-cluster-ip-range=nonsense'] };
    await expect(startCluster({ dir, controlPlane: { extraArgs } })).rejects.toThrow(
      /^kube-apiserver exited.*service-cluster-ip-range\[0\] is not a valid cidr/s,
    );
    expect(existsSync(dir)).toBe(false);
  });

  test.each<{ binaries: string; foreign: ProgramName[] }>([
    { binaries: 'our binaries', foreign: [] },
    { binaries: 'foreign binaries, which do not watch their owner', foreign: ['etcd', 'kube-apiserver'] },
  ])('because its owner is killed leaves no process and no file, with $binaries', async ({ foreign }) => {
    const assets = await foreignBinaries(foreign);
    const owner = spawn(process.execPath, ['--import', 'tsx', join(__dirname, 'fixtures', 'owner.ts')], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...(foreign.length > 0 ? { KUBEBUILDER_ASSETS: assets } : {}) },
    });
    try {
      const { dir, pids } = JSON.parse(await firstLine(owner)) as { dir: string; pids: number[] };
      const owned = pids.map(processIdentity);
      expect(owned.map(isAlive)).toEqual(Array(PROGRAMS.length + 1).fill(true));
      owner.kill('SIGKILL');
      await until('everything gone', () => (!owned.some(isAlive) && !existsSync(dir)) || undefined);
    } finally {
      owner.kill('SIGKILL');
      rmSync(assets, { recursive: true });
    }
  });
});

/** A KUBEBUILDER_ASSETS folder: the built programs behind scripts that drop the lifeline, as others' binaries have none. */
async function foreignBinaries(names: ProgramName[]): Promise<string> {
  const assets = mkdtempSync(join(tmpdir(), 'hotstandby-assets-'));
  const commands = await resolveCommands(() => undefined, {});
  for (const name of names) {
    const { file, args } = commands[name];
    const script = join(assets, name);
    writeFileSync(script, `#!/bin/sh\nexec env -u HOTSTANDBY_LIFELINE ${file} ${args.join(' ')} "$@"\n`);
    chmodSync(script, 0o755);
  }
  return assets;
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('the fixture has no output');
  for await (const line of createInterface({ input: child.stdout })) return line;
  throw new Error('the fixture ended without a word');
}
