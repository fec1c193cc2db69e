/** `up`, `down` and `status`. Each returns the exit code of the command line. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../base/cache';
import { isAlive, type ProcessIdentity } from '../base/process-identity';
import { answers, apiClient, isNodeReady, type NodeObject, readConnection } from './api';
import { buildNodePrograms } from './build';
import { logTail } from './log-tail';
import { resolveCommands } from './programs';
import { clusterDir, forget, forgetButLogs, type KnownCluster, knownNames, readState } from './state';
import type { SupervisorMessage, SupervisorOptions } from './supervisor';

/** Orderly, then not: the API server may take seconds to stop, real nodes too. */
const STOP_MS = 40_000;
const POLL_MS = 50;
/** As systemctl and LSB scripts say "not running". */
const NOT_RUNNING = 3;

/** Starts a cluster that outlives this process and prints how to use it. */
export async function up(options: SupervisorOptions, supervisorCommand: string[], log: Log): Promise<number> {
  const { name, kind } = options;
  const dir = clusterDir(name);
  if (process.env.HOTSTANDBY_KUBECONFIG) {
    throw new Error('HOTSTANDBY_KUBECONFIG already names a cluster to use; unset it to start one');
  }
  const known = readState(name);
  if (known?.alive) return alreadyUp(name, known, options, log);
  forget(name);
  // Here and not in the supervisor: Ctrl-C then reaches the compiler too.
  await resolveCommands(log);
  if (kind === 'real') await buildNodePrograms(log);
  mkdirSync(join(dir, 'logs'), { recursive: true, mode: 0o700 });
  const output = openSync(join(dir, 'logs', 'supervisor.log'), 'a', 0o600);
  const supervisor = spawn(process.execPath, [...process.execArgv, ...supervisorCommand], {
    stdio: ['ignore', output, output, 'ipc'],
    detached: true,
  });
  closeSync(output);
  const kubeconfig = await readyOrThrow(supervisor, dir, log);
  supervisor.unref();
  sayHowToUse(kubeconfig, name, log);
  return 0;
}

/** Stops a cluster and removes its files; also clears away what a crash left. */
export async function down(name: string, log: Log): Promise<number> {
  const known = readState(name);
  if (known?.alive) await endSupervisor(known.supervisor);
  const existed = knownNames().includes(name);
  forget(name);
  if (known?.alive) log(`cluster ${name}: stopped`);
  else log(`cluster ${name}: was not up${existed ? '; removed what it had left' : ''}`);
  return 0;
}

/** One line for each cluster, from what is there now. Exit code 0 when all asked for are up, else 3. */
export async function status(name: string | undefined, log: Log): Promise<number> {
  const names = name === undefined ? knownNames() : [name];
  if (names.length === 0) log('no cluster is up; start one with: npm run cluster -- up');
  let code = 0;
  for (const each of names) code = Math.max(code, await statusOf(each, log));
  return code;
}

function alreadyUp(name: string, known: KnownCluster, wanted: SupervisorOptions, log: Log): number {
  if (known.kubeconfig === undefined)
    throw new Error(`cluster "${name}" is being started by process ${known.supervisor.pid}`);
  if (known.kind !== wanted.kind || known.count !== wanted.count) {
    const has = `${known.count} ${known.kind} nodes`;
    throw new Error(
      `cluster "${name}" is up with ${has}, not ${wanted.count} ${wanted.kind}: take it down first or use --name`,
    );
  }
  log(`cluster ${name}: already up`);
  sayHowToUse(known.kubeconfig, name, log);
  return 0;
}

function sayHowToUse(kubeconfig: string, name: string, log: Log): void {
  log(`export KUBECONFIG=${kubeconfig}`);
  log(`stop it with: npm run cluster -- down${name === 'default' ? '' : ` --name ${name}`}`);
}

/** The kubeconfig's path, once the supervisor says it is ready. */
function readyOrThrow(supervisor: ChildProcess, dir: string, log: Log): Promise<string> {
  return new Promise((resolve, reject) => {
    supervisor.on('message', (message: SupervisorMessage) => {
      if ('log' in message) log(message.log);
      else if ('ready' in message) resolve(message.ready);
      else reject(new Error(message.failed));
    });
    supervisor.once('error', reject);
    supervisor.once('exit', (code, signal) => {
      const file = join(dir, 'logs', 'supervisor.log');
      const lines = logTail(file).join('\n  ');
      reject(new Error(`the cluster's supervisor ended (${signal ?? `code ${code}`}); from ${file}:\n  ${lines}`));
    });
  });
}

async function endSupervisor(supervisor: ProcessIdentity): Promise<void> {
  process.kill(supervisor.pid, 'SIGTERM');
  const deadline = Date.now() + STOP_MS;
  while (isAlive(supervisor)) {
    if (Date.now() > deadline) process.kill(supervisor.pid, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function statusOf(name: string, log: Log): Promise<number> {
  const known = readState(name);
  if (known === undefined) {
    log(`${name}: not up`);
    return NOT_RUNNING;
  }
  if (known.phase === 'failed') {
    log(`${name}: failed; logs in ${join(clusterDir(name), 'logs')}: ${known.reason}`);
    return NOT_RUNNING;
  }
  if (!known.alive) {
    forgetButLogs(name);
    const logs = join(clusterDir(name), 'logs');
    log(`${name}: crashed (its supervisor, process ${known.supervisor.pid}, is gone); cleaned up, logs in ${logs}`);
    return NOT_RUNNING;
  }
  if (known.kubeconfig === undefined) {
    log(`${name}: starting (process ${known.supervisor.pid})`);
    return NOT_RUNNING;
  }
  return liveStatus(name, known.kubeconfig, known, log);
}

/** Asks the API server itself. */
async function liveStatus(name: string, kubeconfig: string, known: KnownCluster, log: Log): Promise<number> {
  const connection = await readConnection(kubeconfig);
  const client = apiClient(connection);
  try {
    if (!(await answers(client, '/readyz'))) {
      log(`${name}: not ready: ${connection.server}/readyz does not answer 200 (supervisor ${known.supervisor.pid})`);
      return NOT_RUNNING;
    }
    const version = await client.get<{ gitVersion: string }>('/version');
    const { items } = await client.list<NodeObject>('/api/v1/nodes');
    const ready = items.filter(isNodeReady);
    const nodes = `${ready.length} of ${known.count} ${known.kind} nodes Ready`;
    log(`${name}: up, Kubernetes ${version.gitVersion}, ${nodes}, ${connection.server}, ${kubeconfig}`);
    return ready.length === known.count ? 0 : NOT_RUNNING;
  } finally {
    await client.close();
  }
}
