/** What every benchmark runs on: a control plane of its own, the installed manifests, the bundled programs. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { ApiClient } from '../../operator/kube/client';
import { bundleOperator } from '../build/bundle-operator';
import { type Cluster, startCluster } from '../cluster';
import { install, releasedManifest } from '../cluster/install';
import { AuditLog, auditPolicy } from './audit';

export type Log = (line: string) => void;

const WORKERS = ['bare-loop', 'bare-list', 'pod-server', 'probe-worker'] as const;
type Worker = (typeof WORKERS)[number];

/** A hung API server must show as a failed benchmark, an overloaded one must not. */
const WRITE_TIMEOUT_MS = 60_000;

export interface Programs {
  /** The bundled operator. */
  operator: string;
  worker(name: Worker): string;
}

export interface Rig {
  cluster: Cluster;
  /** As administrator. */
  api: ApiClient;
  /** Kubeconfig of the installed ServiceAccount. */
  operatorKubeconfig: string;
  audit: AuditLog;
  stop(): Promise<void>;
}

/** Bundles what the benchmarks start, so that nothing is compiled while something is measured. */
export async function bundlePrograms(dir: string): Promise<Programs> {
  const operator = join(dir, 'operator.cjs');
  const [workers] = await Promise.all([bundleWorkers(dir), bundleOperator(operator)]);
  return { operator, ...workers };
}

/** The same without the operator. */
export async function bundleWorkers(outdir: string): Promise<Pick<Programs, 'worker'>> {
  const entryPoints = WORKERS.map((name) => join(__dirname, 'workers', `${name}.ts`));
  const outExtension = { '.js': '.cjs' };
  await build({ entryPoints, outdir, outExtension, bundle: true, platform: 'node', format: 'cjs', target: 'node24' });
  return { worker: (name) => join(outdir, `${name}.cjs`) };
}

/** A new temporary folder, and how to remove it. */
export function scratch(): { dir: string; remove: () => void } {
  const dir = mkdtempSync(join(tmpdir(), 'hotstandby-bench-'));
  const remove = (): void => rmSync(dir, { recursive: true, force: true });
  process.on('exit', remove);
  return { dir, remove };
}

/** Starts the control plane with four kwok nodes and installs synth/, the admission marks included. */
export async function startRig(dir: string, log: Log): Promise<Rig> {
  mkdirSync(dir, { recursive: true });
  const auditFile = join(dir, 'audit.log');
  const policyFile = join(dir, 'audit-policy.yaml');
  writeFileSync(policyFile, auditPolicy());
  const cluster = await startCluster({
    nodes: { kind: 'kwok', count: 4 },
    name: 'bench',
    log,
    controlPlane: {
      extraArgs: { 'kube-apiserver': [`--audit-policy-file=${policyFile}`, `--audit-log-path=${auditFile}`] },
    },
  });
  try {
    const operatorKubeconfig = await install(cluster, dir);
    const marks = releasedManifest('install').replace(/install\.yaml$/, 'admission-marks.yaml');
    await cluster.kubectl(['apply', '--server-side', '-f', marks]);
    const options = { userAgent: 'hotstandby-bench', writeTimeoutMs: WRITE_TIMEOUT_MS };
    const api = new ApiClient(cluster.connection, options);
    const stop = async (): Promise<void> => {
      await api.close();
      await cluster.stop();
    };
    return { cluster, api, operatorKubeconfig, audit: new AuditLog(auditFile), stop };
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}
