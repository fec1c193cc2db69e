/** The process that owns a cluster started by `up`: it lives as long as the cluster, whoever started it. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { processIdentity } from '../base/process-identity';
import { type Cluster, startCluster } from './index';
import { type ClusterState, claim, clusterDir, forget, writeState } from './state';

export interface SupervisorOptions {
  name: string;
  kind: 'kwok' | 'real';
  count: number;
}

/** What a supervisor tells the `up` that waits for it. */
export type SupervisorMessage = { log: string } | { ready: string } | { failed: string };

/** Runs until told to stop (SIGTERM, SIGINT, SIGHUP), until a program dies, or until `up` goes away before ready. */
export async function supervise(options: SupervisorOptions): Promise<void> {
  const { name, kind, count } = options;
  const state: ClusterState = { supervisor: processIdentity(process.pid), phase: 'starting', kind, count };
  if (!claim(name, state)) {
    await fail(`cluster "${name}" is being started by another process`);
    return;
  }
  const ending = new Ending();
  const abort = (): void => abandon(name);
  process.once('disconnect', abort);
  for (const signal of STOP_SIGNALS) process.once(signal, abort);
  try {
    const cluster = await start(options, ending);
    for (const signal of STOP_SIGNALS) process.off(signal, abort).once(signal, () => ending.because(undefined));
    writeState(name, { ...state, phase: 'ready', kubeconfig: cluster.kubeconfig });
    process.off('disconnect', abort);
    await tell({ ready: cluster.kubeconfig });
    const failure = await ending.reason;
    await cluster.stop({ keepLogs: failure !== undefined });
    if (failure !== undefined) throw new Error(failure);
    forget(name);
  } catch (error) {
    process.off('disconnect', abort);
    const reason = error instanceof Error ? error.message : String(error);
    writeState(name, { ...state, phase: 'failed', reason });
    await fail(reason);
  }
}

function start({ name, kind, count }: SupervisorOptions, ending: Ending): Promise<Cluster> {
  return startCluster({
    name,
    dir: clusterDir(name),
    nodes: { kind, count },
    log: (line) => void tell({ log: line }),
    keepLogs: true,
    controlPlane: { onUnexpectedExit: (_program, what) => ending.because(what) },
  });
}

const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** Why a cluster ends: undefined when it was asked to. The first reason counts. */
class Ending {
  because: (failure: string | undefined) => void = () => undefined;
  readonly reason = new Promise<string | undefined>((resolve) => {
    this.because = resolve;
  });
}

/** In the middle of a start nothing is worth an orderly stop: the programs end with this process. */
function abandon(name: string): never {
  for (const entry of ['state.json', 'logs']) rmSync(join(clusterDir(name), entry), { recursive: true, force: true });
  process.exit(1);
}

async function fail(reason: string): Promise<void> {
  console.error(reason);
  process.exitCode = 1;
  await tell({ failed: reason });
}

/** The last word, ready or failed, closes the channel: neither process then waits for the other. */
function tell(message: SupervisorMessage): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected || process.send === undefined) return resolve();
    // An `up` that went away meanwhile makes the send fail; nobody is left to be told.
    process.send(message, () => {
      if (!('log' in message) && process.connected) process.disconnect();
      resolve();
    });
  });
}
