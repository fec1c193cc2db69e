import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '../../root';

/** Longer output is an error. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** A program of node_modules/.bin. */
export function tool(name: string): string {
  return join(ROOT, 'node_modules/.bin', name);
}

export interface RunOptions {
  /** The repository's root when absent. */
  readonly cwd?: string;
  /** On top of this process's own. */
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds until it is asked to end. No limit when absent. */
  readonly timeoutMs?: number;
}

/** Runs a program to its end; resolves with standard output, rejects with all it said and how it ended. */
export function run(
  program: string,
  args: readonly string[],
  { cwd = ROOT, env = {}, timeoutMs: timeout }: RunOptions = {},
): Promise<string> {
  const options = { cwd, env: { ...process.env, ...env }, timeout, maxBuffer: MAX_OUTPUT_BYTES };
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, options, (cause, stdout, stderr) => {
      if (cause === null) return resolve(stdout);
      if (child.pid === undefined) return reject(new Error(`${program} cannot be run: ${cause.message}`, { cause }));
      const how = cause.signal ?? cause.code;
      reject(new Error(`${[program, ...args].join(' ')}\nended with ${how}:\n${(stdout + stderr).trim()}`, { cause }));
    });
    child.stdin?.end();
  });
}

/** Whether a program is there and starts. */
export async function starts(program: string, ...args: string[]): Promise<boolean> {
  return run(program, args).then(
    () => true,
    () => false,
  );
}
