import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { paths } from '../../../operator/kube/paths';
import type { KubeObject } from '../../../operator/kube/types';
import { eventually } from '../../../tools/base/eventually';
import type { Cluster } from '../../../tools/cluster';
import type { Scene } from './scene';

const MOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

type HookPod = KubeObject & {
  spec: {
    nodeName?: string;
    serviceAccountName: string;
    containers: { command: string[]; args: string[]; env: { name: string; value?: string }[] }[];
  };
};

/**
 * Does for one Pod what the kubelet of a fake node does not: runs its program with its environment and the token of its
 * ServiceAccount, and reports how it ended. Resolves with what it printed.
 */
export async function runHookPod(cluster: Cluster, scene: Scene, namespace: string, name: string): Promise<string> {
  const path = paths.pods.one(namespace, name);
  const pod = await eventually(async () => {
    const found = await scene.api.get<HookPod>(path);
    expect(found.spec.nodeName).toBeDefined();
    return found;
  });
  const [container] = pod.spec.containers;
  if (!container) throw new Error(`Pod ${name} has no container`);
  const account = ['create', 'token', pod.spec.serviceAccountName, '-n', namespace];
  const mount = join(cluster.dir, 'hook-pod');
  mkdirSync(mount, { recursive: true });
  writeFileSync(join(mount, 'token'), await cluster.kubectl(account), { mode: 0o600 });
  writeFileSync(join(mount, 'ca.crt'), cluster.connection.tls.ca);
  const { code, output } = await run(cluster, container, mount);
  await scene.api.mergePatch(`${path}/status`, { status: { phase: code === 0 ? 'Succeeded' : 'Failed' } });
  return output;
}

function run(
  { connection }: Cluster,
  { command, args, env }: HookPod['spec']['containers'][number],
  mount: string,
): Promise<{ code: number | null; output: string }> {
  const here = (text: string): string => text.replaceAll(MOUNT, mount);
  const { hostname, port } = new URL(connection.server);
  const own = env.filter(({ name }) => name !== 'PATH').map(({ name, value = '' }) => [name, here(value)]);
  const child = spawn(process.execPath, [...command.slice(1), ...args].map(here), {
    env: {
      ...process.env,
      ...Object.fromEntries(own),
      KUBERNETES_SERVICE_HOST: hostname.replace(/^\[|\]$/g, ''),
      KUBERNETES_SERVICE_PORT: port,
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}
