/**
 * Starts the programs of a cluster so that none outlives its owner, whatever ends the owner (SIGKILL included).
 *
 * Two lines of defence, both released by the kernel closing the owner's pipes:
 * our own binaries exit when their standard input ends (binaries/lifeline); and one small shell, the guardian, kills
 * every program it was told of, which covers foreign binaries, and removes the cluster's files.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { logTail } from './log-tail';

/** How to run one program. */
export interface Command {
  /** Path of the executable. */
  file: string;
  /** Arguments before the caller's, e.g. the program's name in a multi-call binary. */
  args: string[];
  /** Whether the program watches its standard input by itself (binaries/lifeline). */
  lifeline: boolean;
}

export interface ProgramOptions {
  /** Name in messages. */
  name: string;
  command: Command;
  args: string[];
  /** File that gets its standard output and error. */
  logFile: string;
  env?: NodeJS.ProcessEnv;
}

/** A running program. */
export interface Program {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Resolves, never rejects, with a sentence about how it ended. */
  readonly exited: Promise<string>;
  readonly running: boolean;
  /** SIGTERM, and SIGKILL to its process group after `graceMs`; resolves when it is gone. */
  stop(graceMs?: number): Promise<void>;
}

/** What the guardian removes when its owner died without `release()`. */
export interface OrphanedFiles {
  /** Removed last, and only if empty by then: others may keep things in it. */
  dir: string;
  /** Files and whole directories, each below `dir`. */
  remove: string[];
}

/** `$1` and the rest are OrphanedFiles. Kills process groups, because programs start helpers. */
const GUARDIAN_SCRIPT = `
pids=
while read -r verb pid; do
  case $verb in
    watch) pids="$pids $pid" ;;
    forget) left=; for each in $pids; do [ "$each" = "$pid" ] || left="$left $each"; done; pids=$left ;;
    release) exit 0 ;;
  esac
done
for pid in $pids; do kill -9 "-$pid" 2>/dev/null || kill -9 "$pid" 2>/dev/null; done
dir=$1; shift
tries=0
# A program in the middle of a write still finishes it: then rm finds a directory not empty.
while sleep 0.1; [ $tries -lt 20 ]; do
  rm -rf -- "$@" 2>/dev/null && break
  tries=$((tries + 1))
done
rmdir -- "$dir" 2>/dev/null
`;

/** Owns the programs of one cluster. */
export class Guardian {
  private readonly shell: ChildProcess;
  private readonly pipe: Writable;

  constructor({ dir, remove }: OrphanedFiles) {
    this.shell = spawn('/bin/sh', ['-c', GUARDIAN_SCRIPT, 'guardian', dir, ...remove], {
      stdio: ['pipe', 'ignore', 'ignore'],
      // Own session: Ctrl-C in a terminal reaches the owner alone, which then stops things in order.
      detached: true,
    });
    this.pipe = inputOf(this.shell);
    // An exec failure also shows as EPIPE here; /bin/sh is a given on every system this runs on.
    this.pipe.on('error', () => undefined);
  }

  /** Process id of the guardian itself. */
  get pid(): number {
    return this.shell.pid ?? -1;
  }

  /** Starts a program in its own process group with its output in `logFile`. Throws when it cannot be executed. */
  async run(options: ProgramOptions): Promise<Program> {
    const { name, command, logFile } = options;
    const output = openSync(logFile, 'a', 0o600);
    const child = spawn(command.file, [...command.args, ...options.args], {
      stdio: ['pipe', output, output],
      detached: true,
      env: { ...process.env, ...options.env, ...(command.lifeline ? { HOTSTANDBY_LIFELINE: 'stdin' } : {}) },
    });
    closeSync(output);
    inputOf(child).on('error', () => undefined);
    const exited = this.exitOf(child);
    const { pid } = child;
    if (pid === undefined) throw new Error(`${name}: cannot run ${command.file}: ${await exited}`);
    this.watch(pid);
    return {
      name,
      pid,
      logFile,
      exited,
      get running() {
        return child.exitCode === null && child.signalCode === null;
      },
      stop: (graceMs = 10_000) => stopChild(child, pid, exited, graceMs),
    };
  }

  /** Kills this process, and its group if it leads one, when the owner dies. */
  watch(pid: number): void {
    this.tell('watch', pid);
  }

  /** Ends the guard: call it after every program has been stopped. */
  async release(): Promise<void> {
    if (this.shell.exitCode !== null || this.shell.signalCode !== null) return;
    const gone = new Promise((resolve) => this.shell.once('exit', resolve));
    this.pipe.write('release\n');
    await gone;
  }

  private exitOf(child: ChildProcess): Promise<string> {
    return new Promise((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => {
        if (child.pid !== undefined) this.tell('forget', child.pid);
        resolve(signal === null ? `exited with code ${code}` : `was ended by ${signal}`);
      });
    });
  }

  private tell(verb: 'watch' | 'forget', pid: number): void {
    if (this.pipe.writable) this.pipe.write(`${verb} ${pid}\n`);
  }
}

/**
 * Waits for `ready`, but no longer than the program lives or `timeoutMs`; on failure the error carries the log lines
 * that explain it.
 */
export async function waitReady(
  program: Program,
  ready: () => Promise<boolean>,
  { timeoutMs = 60_000, intervalMs = 50 }: { timeoutMs?: number; intervalMs?: number } = {},
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (program.running) {
    if (await ready()) return;
    if (Date.now() > deadline) throw new Error(explain(program, `is not ready after ${timeoutMs / 1000} s`));
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
  throw new Error(explain(program, await program.exited));
}

/** "name what", and the lines of its log that say why. */
export function explain(program: Program, what: string): string {
  return [`${program.name} ${what}; from ${program.logFile}:`, ...logTail(program.logFile)].join('\n  ');
}

async function stopChild(child: ChildProcess, pid: number, exited: Promise<string>, graceMs: number): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
  const timer = setTimeout(() => killGroup(pid), graceMs);
  await exited;
  clearTimeout(timer);
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function inputOf(child: ChildProcess): Writable {
  if (child.stdin === null) throw new Error('a child process without standard input has no lifeline');
  return child.stdin;
}
