import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleOperator } from '../../../tools/build/bundle-operator';
import { type Cluster, startCluster } from '../../../tools/cluster';
import { install } from '../../../tools/cluster/install';
import { RUN_ENV, type RunInfo } from './run-info';

declare global {
  var hotstandbyE2e: { cluster: Cluster; dir: string } | undefined;
}

/** Once before the e2e tests: a cluster, the manifests of synth/ on it, and a bundled operator to start. */
export default async function setup(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'hotstandby-e2e-'));
  const log = (line: string): void => void process.stderr.write(`[e2e] ${line}\n`);
  const cluster = await startCluster({ nodes: { kind: 'kwok', count: 4 }, name: 'e2e', log });
  globalThis.hotstandbyE2e = { cluster, dir };
  const operator = join(dir, 'operator.cjs');
  const [kubeconfig] = await Promise.all([install(cluster, dir), bundleOperator(operator)]);
  const info: RunInfo = {
    admin: cluster.kubeconfig,
    connection: cluster.connection,
    operatorKubeconfig: kubeconfig,
    operator,
    dir,
  };
  writeFileSync(join(dir, 'run.json'), JSON.stringify(info));
  process.env[RUN_ENV] = join(dir, 'run.json');
}

export async function teardown(): Promise<void> {
  const run = globalThis.hotstandbyE2e;
  await run?.cluster.stop();
  if (run) rmSync(run.dir, { recursive: true, force: true });
}
