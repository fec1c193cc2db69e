import { type ChildProcess, execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** What a program may be given besides its arguments. */
export interface RunOptions {
  /** Added to this process's environment. */
  readonly env?: Record<string, string>;
  /** Working directory. Default: this process's. */
  readonly cwd?: string;
  /** Milliseconds until the program is killed. Default: 60,000. */
  readonly timeoutMs?: number;
}

/** Runs a program and gives its standard output. Fails with the program's own words when it ends with another code than 0. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { env, cwd, timeoutMs = 60_000 } = options;
  return new Promise((resolve, reject) => {
    execFile(
      program,
      args,
      { cwd, env: { ...process.env, ...env }, timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (!error) return resolve(stdout);
        const said = (stderr || stdout || error.message).trim().split('\n').slice(-5).join(' | ');
        reject(new Error(`${program} ${args.join(' ')}: ${said}`, { cause: error }));
      },
    );
  });
}

/** Asks `ready` every `everyMs` until it gives a value. Fails after `timeoutMs` with "`what` not within N s". */
export async function until<T>(
  what: string,
  ready: () => Promise<T | undefined> | T | undefined,
  { timeoutMs = 30_000, everyMs = 50 } = {},
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await ready();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`${what} not within ${timeoutMs / 1000} s`);
    await sleep(everyMs);
  }
}

/** Whether a process with this id exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Resolves when the process has ended, at once if it has ended already. */
export function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

/**
 * The process `depth` generations below `pid`, where each generation is a single child.
 * `unshare --fork` and `nsenter --pid` put one process between the caller and the program.
 */
export function descendant(pid: number, depth: number): Promise<number> {
  return until(`a process ${depth} below ${pid}`, () => {
    let current: number | undefined = pid;
    for (let level = 0; level < depth && current !== undefined; level++) current = onlyChild(current);
    return current;
  });
}

function onlyChild(pid: number): number | undefined {
  let children: string;
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  } catch (error) {
    throw new Error(`process ${pid} ended while it was starting`, { cause: error });
  }
  const first = children.trim().split(' ')[0];
  return first ? Number(first) : undefined;
}
