/** A Kubernetes cluster for a test, a benchmark or the demo: `startCluster()`, use it, `stop()`. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Log } from '../base/cache';
import { type Connection, readConnection } from './api';
import { type ControlPlane, type ControlPlaneOptions, startControlPlane } from './control-plane';
import { Guardian } from './guardian';
import { runKubectl } from './kubectl';
import { startKwokNodes } from './kwok';
import type { RealNodes } from './real/index';

export type { Connection } from './api';
export { describeCluster } from './describe-cluster';
export { controlPlanePreflight } from './programs';

const KUBECTL_CACHE = 'kubectl-cache';

/** Which nodes a cluster has. The two kinds never share a cluster. */
export interface NodesOptions {
  kind: 'kwok' | 'real';
  /** How many. Default 2. */
  count?: number;
}

export interface ClusterOptions {
  /** Default: 2 kwok nodes. Ignored with an existing kubeconfig. */
  nodes?: NodesOptions;
  /** Name of the kubeconfig's context. Default `hotstandby`. */
  name?: string;
  /** Where its files go; must not be in use. Default: a new temporary directory. Removed by `stop()`. */
  dir?: string;
  /** Progress for a person. Default: silence. */
  log?: Log;
  /** Kubeconfig of an existing cluster to use instead of starting one. Default: `HOTSTANDBY_KUBECONFIG`. */
  kubeconfig?: string;
  /** Whether logs stay in `<dir>/logs` when the start fails or this process is killed. Default false. */
  keepLogs?: boolean;
  /** Further settings of the control plane. */
  controlPlane?: Pick<ControlPlaneOptions, 'extraArgs' | 'onUnexpectedExit' | 'commands'>;
}

export interface Cluster {
  readonly name: string;
  readonly dir: string;
  readonly kind: 'kwok' | 'real' | 'external';
  /** Path of the administrator's kubeconfig. */
  readonly kubeconfig: string;
  readonly connection: Connection;
  /** Undefined when external. */
  readonly controlPlane?: ControlPlane;
  /** With kwok nodes: the range of Pod IPs; loopback on Linux, so that a test can answer for a Pod. */
  readonly podCidr?: string;
  /** With real nodes: to load images, or to break one. */
  readonly realNodes?: RealNodes;
  /** Runs kubectl on this cluster; resolves with its standard output, rejects with what it complained about. */
  kubectl(args: string[], options?: { input?: string }): Promise<string>;
  /** Ends every process and removes every file, with `keepLogs` all but the logs. Safe to call twice. */
  stop(options?: { keepLogs?: boolean }): Promise<void>;
}

/** Starts a cluster, or takes the one of a given kubeconfig. Leaves nothing behind when it throws. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const given = options.kubeconfig ?? process.env.HOTSTANDBY_KUBECONFIG;
  return given ? externalCluster(resolve(given), options) : embeddedCluster(options);
}

async function externalCluster(kubeconfig: string, options: ClusterOptions): Promise<Cluster> {
  const connection = await readConnection(kubeconfig);
  const dir = clusterDirectory(options);
  options.log?.(`using the cluster at ${connection.server} (${kubeconfig})`);
  return {
    name: options.name ?? 'external',
    dir,
    kind: 'external',
    kubeconfig,
    connection,
    kubectl: kubectlOf(kubeconfig, dir),
    stop: async () => rmSync(dir, { recursive: true, force: true }),
  };
}

async function embeddedCluster(options: ClusterOptions): Promise<Cluster> {
  const { kind, count = 2 } = options.nodes ?? { kind: 'kwok' };
  const { name = 'hotstandby', log = () => undefined, keepLogs = false } = options;
  const dir = clusterDirectory(options);
  const guardian = new Guardian({ dir, remove: ownFiles(dir, keepLogs) });
  const undo = new Undo();
  undo.add(() => guardian.release());
  try {
    const settings = { ...options.controlPlane, dir, name, log, guardian };
    const start = kind === 'kwok' ? startWithKwokNodes : startWithRealNodes;
    const started = await start(settings, count, undo);
    const { kubeconfig, connection } = started.controlPlane;
    log(`cluster ${name}: ready with ${count} ${kind} nodes at ${connection.server}`);
    const stop: Cluster['stop'] = async (how) => {
      await undo.run();
      removeFiles(dir, how?.keepLogs ?? false);
    };
    const run = kubectlOf(kubeconfig, dir);
    return { ...started, name, dir, kind, kubeconfig, connection, kubectl: run, stop };
  } catch (error) {
    await undo.run();
    removeFiles(dir, keepLogs);
    throw error;
  }
}

type Started = Pick<Cluster, 'realNodes' | 'podCidr'> & { controlPlane: ControlPlane };

async function startWithKwokNodes(settings: ControlPlaneOptions, count: number, undo: Undo): Promise<Started> {
  const controlPlane = await startControlPlane(settings);
  undo.add(() => controlPlane.stop());
  const { podCidr } = await startKwokNodes(controlPlane, { count });
  return { controlPlane, podCidr };
}

async function startWithRealNodes(settings: ControlPlaneOptions, count: number, undo: Undo): Promise<Started> {
  // Loaded only when wanted: it reads the machine's network and packages.
  const real = await import('./real/index');
  const preflight = await real.realNodesPreflight();
  if (!preflight.ok) throw new Error(`real nodes cannot run here: ${preflight.reason}`);
  const site = await real.openRealSite(settings.log);
  undo.add(() => site.close());
  const controlPlane = await startControlPlane({ ...settings, ...site.controlPlaneOptions });
  undo.add(() => controlPlane.stop());
  const realNodes = await real.startRealNodes(controlPlane, { site, count, log: settings.log });
  undo.add(() => realNodes.stop());
  return { controlPlane, realNodes };
}

/** What to take back, last thing first, once. */
class Undo {
  private steps: (() => Promise<void>)[] = [];

  add(step: () => Promise<void>): void {
    this.steps.push(step);
  }

  /** Takes every step even if one fails, then rejects with the first failure. */
  async run(): Promise<void> {
    const steps = this.steps.reverse();
    this.steps = [];
    const failures: unknown[] = [];
    for (const step of steps) await step().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  }
}

function clusterDirectory({ dir }: ClusterOptions): string {
  if (dir === undefined) return mkdtempSync(join(tmpdir(), 'hotstandby-'));
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  return resolve(dir);
}

/** What the control plane, kwok and kubectl write below a cluster's directory. */
function ownFiles(dir: string, keepLogs: boolean): string[] {
  const names = [
    'etcd',
    'pki',
    'kubeconfig',
    'controller-manager.kubeconfig',
    'scheduler.kubeconfig',
    'kwok.kubeconfig',
  ];
  names.push(KUBECTL_CACHE, ...(keepLogs ? [] : ['logs']));
  return names.map((name) => join(dir, name));
}

function removeFiles(dir: string, keepLogs: boolean): void {
  for (const path of keepLogs ? ownFiles(dir, true) : [dir]) rmSync(path, { recursive: true, force: true });
}

/** kubectl's discovery cache in ~/.kube would outlive the cluster, once per port. */
function kubectlOf(kubeconfig: string, dir: string): Cluster['kubectl'] {
  const env = { KUBECONFIG: kubeconfig, KUBECACHEDIR: join(dir, KUBECTL_CACHE) };
  return (args, options) => runKubectl(args, env, options?.input);
}
