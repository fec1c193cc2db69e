/** What is known about the clusters `npm run cluster -- up` started: one folder each below `.cluster/`. */
import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../root';
import { isAlive, type ProcessIdentity } from '../base/process-identity';

const CLUSTERS = join(ROOT, '.cluster');

/** Contents of `.cluster/<name>/state.json`, written by the supervisor that owns the cluster. */
export interface ClusterState {
  supervisor: ProcessIdentity;
  phase: 'starting' | 'ready' | 'failed';
  kind: 'kwok' | 'real';
  count: number;
  /** Set once ready. */
  kubeconfig?: string;
  /** Set when failed: why. */
  reason?: string;
}

/** A state, and whether its supervisor is still there. */
export type KnownCluster = ClusterState & { alive: boolean };

/** `.cluster/<name>`. Throws one line for a name that is no file name and DNS label. */
export function clusterDir(name: string): string {
  if (!/^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$/.test(name)) {
    throw new Error(`cluster name "${name}": use up to 40 lower-case letters, digits and "-", no "-" at either end`);
  }
  return join(CLUSTERS, name);
}

/** Names that have a folder, sorted. */
export function knownNames(): string[] {
  try {
    const entries = readdirSync(CLUSTERS, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Undefined when there is no such cluster; a state that cannot be read is a dead one. */
export function readState(name: string): KnownCluster | undefined {
  let text: string;
  try {
    text = readFileSync(stateFile(name), 'utf8');
  } catch {
    return undefined;
  }
  const state = JSON.parse(text) as ClusterState;
  return { ...state, alive: isAlive(state.supervisor) };
}

/** Takes `name` for this process; false when another has it. */
export function claim(name: string, state: ClusterState): boolean {
  mkdirSync(clusterDir(name), { recursive: true, mode: 0o700 });
  const draft = `${stateFile(name)}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(state));
  try {
    linkSync(draft, stateFile(name));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft);
  }
}

/** Replaces the state in one step: a reader sees the old one or the new one. */
export function writeState(name: string, state: ClusterState): void {
  const draft = `${stateFile(name)}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(state));
  renameSync(draft, stateFile(name));
}

/** Removes a cluster's folder, logs included, and `.cluster` with the last one. */
export function forget(name: string): void {
  rmSync(clusterDir(name), { recursive: true, force: true });
  try {
    if (readdirSync(CLUSTERS).length === 0) rmSync(CLUSTERS, { recursive: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** Forgets that a cluster ran, but keeps its logs for whoever wants to know why it ended. */
export function forgetButLogs(name: string): void {
  rmSync(stateFile(name), { force: true });
}

function stateFile(name: string): string {
  return join(clusterDir(name), 'state.json');
}
