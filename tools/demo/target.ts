/** The cluster the demo runs on: one it starts, or one it is given. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Cluster, startCluster } from '../cluster';
import type { Kubectl } from '../cluster/install';
import { runKubectl } from '../cluster/kubectl';
import { realNodesPreflight } from '../cluster/real/preflight';
import type { TargetKind } from './manifests';
import type { DemoOptions } from './options';
import type { Progress } from './progress';

export interface Target extends Kubectl {
  readonly kind: TargetKind;
  /** Absolute path, for people's kubectl too. */
  readonly kubeconfig: string;
  /** Scratch folder, removed by `stop`. */
  readonly dir: string;
  /** Of an embedded cluster with real nodes. */
  readonly realNodes?: Cluster['realNodes'];
  stop(): Promise<void>;
}

const NODES = 2;

/**
 * The cluster of `options`, ready for use.
 * @param onLost called with an explanation when a program of the embedded cluster ends by itself
 */
export async function openTarget(
  options: DemoOptions,
  progress: Progress,
  onLost: (why: string) => void,
): Promise<Target> {
  if (options.kubeconfig !== undefined) return externalTarget(options.kubeconfig);
  const kind = await kindOfNodes(options.nodes, progress);
  try {
    return await embeddedTarget(kind, progress, onLost);
  } catch (error) {
    if (kind === 'kwok' || options.nodes !== 'auto') throw error;
    const [reason] = (error instanceof Error ? error.message : String(error)).split('\n');
    progress.say(`real nodes did not start (${reason}): going on with kwok nodes`);
    return embeddedTarget('kwok', progress, onLost);
  }
}

async function kindOfNodes(wanted: DemoOptions['nodes'], progress: Progress): Promise<'kwok' | 'real'> {
  if (wanted !== 'auto') return wanted;
  const preflight = await realNodesPreflight();
  if (preflight.ok) return 'real';
  progress.say(`kwok nodes (simulated Pods), because real ones: ${preflight.reason}`);
  return 'kwok';
}

async function embeddedTarget(
  kind: 'kwok' | 'real',
  progress: Progress,
  onLost: (why: string) => void,
): Promise<Target> {
  const cluster = await progress.during(`starting a Kubernetes control plane and ${NODES} ${kind} nodes`, () =>
    startCluster({
      nodes: { kind, count: NODES },
      name: 'hotstandby-demo',
      log: progress.say,
      controlPlane: { onUnexpectedExit: (_program, what) => onLost(what) },
    }),
  );
  const { kubeconfig, dir, realNodes } = cluster;
  return { kind, kubeconfig, dir, realNodes, kubectl: cluster.kubectl, stop: () => cluster.stop() };
}

function externalTarget(kubeconfig: string): Target {
  const dir = mkdtempSync(join(tmpdir(), 'hotstandby-demo-'));
  return {
    kind: 'external',
    kubeconfig,
    dir,
    // Not `Cluster.kubectl`: that one wants a client certificate in the kubeconfig, people's have tokens and plugins.
    kubectl: (args, options) => runKubectl(args, { KUBECONFIG: kubeconfig }, options?.input),
    stop: async () => rmSync(dir, { recursive: true, force: true }),
  };
}
