import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeOperatorFiles } from '../../../tools/build/operator-files';
import { type Cluster, startCluster } from '../../../tools/cluster';
import { releasedManifest } from '../../../tools/cluster/install';
import type { RealNodes } from '../../../tools/cluster/real/index';
import { realNodesPreflight } from '../../../tools/cluster/real/preflight';
import { testImages } from './images';
import { type NodeControl, serveNodeControl } from './node-control';
import { FRAGILE_NODE, FRAGILE_TAINT, type RealRun, RUN_ENV } from './run';

interface Started {
  dir: string;
  cluster?: Cluster;
  control?: NodeControl;
}

declare global {
  var hotstandbyReal: Started | undefined;
}

const log = (line: string): void => void process.stderr.write(`[real] ${line}\n`);

/**
 * Once before the tests on real nodes: a cluster with every image they need, and synth/'s install.yaml applied as it is,
 * so that the operator is the one in its Pods. Where real nodes cannot run the tests are skipped; with CI set it fails.
 */
export default async function setup(): Promise<void> {
  const reason = await obstacle();
  if (reason !== undefined) {
    if (process.env.CI) throw new Error(`real nodes cannot run here: ${reason}`);
    return log(`skipped, real nodes cannot run here: ${reason}`);
  }
  const started: Started = { dir: mkdtempSync(join(tmpdir(), 'hotstandby-real-')) };
  globalThis.hotstandbyReal = started;
  try {
    await start(started);
  } catch (error) {
    // jest runs no teardown after a setup that failed.
    await teardown();
    throw error;
  }
}

async function obstacle(): Promise<string | undefined> {
  if (process.env.HOTSTANDBY_KUBECONFIG) return 'HOTSTANDBY_KUBECONFIG names another cluster: unset it';
  const preflight = await realNodesPreflight();
  return preflight.ok ? undefined : preflight.reason;
}

async function start(started: Started): Promise<void> {
  const { dir } = started;
  const operatorFiles = join(dir, 'operator');
  const [cluster] = await Promise.all([
    startCluster({ nodes: { kind: 'real', count: 3 }, name: 'real', log }),
    writeOperatorFiles(operatorFiles),
  ]);
  started.cluster = cluster;
  const nodes = cluster.realNodes;
  if (!nodes) throw new Error('a cluster of kind real must have real nodes');
  started.control = await serveNodeControl(nodes);
  await Promise.all([
    testImages(nodes.images, operatorFiles).then((images) => nodes.loadImages(images)),
    cluster.kubectl(['taint', 'node', FRAGILE_NODE, `${FRAGILE_TAINT}=:NoSchedule`]),
  ]);
  await install(cluster);
  writeRun(cluster, nodes, started.control, dir);
}

async function install(cluster: Cluster): Promise<void> {
  await cluster.kubectl(['apply', '--server-side', '-f', releasedManifest('install')]);
  const deployment = ['deployment/hotstandby-operator', '-n', 'hotstandby-system'];
  await cluster.kubectl(['rollout', 'status', ...deployment, '--timeout=120s']);
}

function writeRun(cluster: Cluster, nodes: RealNodes, control: NodeControl, dir: string): void {
  const run: RealRun = {
    admin: cluster.kubeconfig,
    connection: cluster.connection,
    dir,
    nodeControl: control.url,
    python: nodes.images.python !== undefined,
  };
  const path = join(dir, 'run.json');
  writeFileSync(path, JSON.stringify(run));
  process.env[RUN_ENV] = path;
}

export async function teardown(): Promise<void> {
  const started = globalThis.hotstandbyReal;
  globalThis.hotstandbyReal = undefined;
  await started?.control?.close();
  await started?.cluster?.stop();
  if (started) rmSync(started.dir, { recursive: true, force: true });
}
