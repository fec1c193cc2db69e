import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';

export const ROOT = resolve(__dirname, '..');

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
  return new Promise((resolve, reject) => {
    const own = { ...process.env, ...env };
    const child = spawn(program, args, { cwd, env: own, timeout, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
      said += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
    });
    child.once('error', (error) => reject(new Error(`${program} cannot be run: ${error.message}`)));
    child.once('close', (code) => {
      if (code === 0) resolve(stdout);
      else reject(new Error(`${[program, ...args].join(' ')}\nended with ${code}:\n${said.trim()}`));
    });
  });
}

/** Whether a program is there and starts. */
export async function starts(program: string, ...args: string[]): Promise<boolean> {
  return run(program, args).then(
    () => true,
    () => false,
  );
}
