/** Namespaces held by one small process each; when it ends, the kernel ends everything in them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { logTail } from '../log-tail';
import { descendant, ended } from './processes';

/** A set of namespaces that lives until `release`, or until this process ends in whatever way. */
export interface Namespaces {
  /** The process that holds them, as this machine numbers it: process 1 of its PID namespace. */
  readonly pid: number;
  /** Resolves when everything in them has ended. */
  readonly gone: Promise<void>;
  /** Ends every process in them. Resolves when they have ended; safe to call twice. */
  release(): Promise<void>;
}

/**
 * Starts `command`, which sets namespaces up, says "ready" on its standard output and becomes their holder two processes
 * below (`unshare --fork` after a shell or `nsenter`). It ends when its standard input does.
 */
export async function holdNamespaces(command: readonly string[], logFile: string): Promise<Namespaces> {
  const [program = '', ...args] = command;
  const log = openSync(logFile, 'a');
  // A session of its own: Ctrl-C must not reach it before its owner has decided.
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', log], detached: true });
  closeSync(log);
  const gone = ended(child);
  await ready(child, logFile);
  const pid = await descendant(child.pid ?? 0, 2);
  return {
    pid,
    gone,
    async release() {
      child.stdin?.end();
      await gone;
    },
  };
}

function ready(child: ChildProcess, logFile: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      reject(
        new Error([`namespaces could not be made (code ${code}), from ${logFile}:`, ...logTail(logFile)].join('\n  ')),
      );
    });
    child.stdin?.on('error', () => undefined);
    child.stdout?.once('data', () => resolve());
  });
}

/** How a program is started inside namespaces. */
export interface EnterOptions {
  readonly env: NodeJS.ProcessEnv;
  /** File that gets standard output and error. */
  readonly logFile: string;
}

/** The command that runs `command` inside the network, PID and mount namespaces that `pid` holds. */
export function entering(pid: number, command: readonly string[]): string[] {
  return ['nsenter', '--target', String(pid), '--net', '--pid', '--mount', '--', ...command];
}

/** A program running inside namespaces. */
export class Daemon {
  /** Resolves when it has ended. */
  readonly gone: Promise<void>;
  private stopping = false;

  private constructor(
    readonly name: string,
    readonly pid: number,
    private readonly child: ChildProcess,
  ) {
    this.gone = ended(child);
  }

  /** Starts a program inside the namespaces that `pid` holds. `onExit` is called when it ends without having been told to. */
  static async start(
    name: string,
    pid: number,
    command: readonly string[],
    { env, logFile }: EnterOptions,
    onExit: (line: string) => void,
  ): Promise<Daemon> {
    const [program = '', ...args] = entering(pid, command);
    const log = openSync(logFile, 'a');
    const child = spawn(program, args, { env, stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    const daemon = new Daemon(name, await descendant(child.pid ?? 0, 1), child);
    void daemon.gone.then(() => {
      if (!daemon.stopping)
        onExit(`${name} ended by itself (${child.signalCode ?? `code ${child.exitCode}`}), see ${logFile}`);
    });
    return daemon;
  }

  /** Sends a signal and waits for the end. SIGKILL is a crash; after SIGTERM the program may tidy up. */
  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.expectExit();
    if (this.child.exitCode === null && this.child.signalCode === null) process.kill(this.pid, signal);
    await this.gone;
  }

  /** From here on its end is no news. */
  expectExit(): void {
    this.stopping = true;
  }
}
