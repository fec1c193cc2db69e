import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import type { LoopSettings } from './bare-loop';
import { runInfo } from './run-info';

/** The bare watch+patch loop as a process of its own, bundled like the operator. */
export class BareLoop {
  private constructor(private readonly child: ChildProcess) {}

  /** Starts it and waits until it watches. */
  static async start(settings: LoopSettings): Promise<BareLoop> {
    const { dir } = runInfo();
    const outfile = join(dir, 'bare-loop.cjs');
    await build({
      entryPoints: [join(__dirname, 'bare-loop.ts')],
      outfile,
      bundle: true,
      platform: 'node',
      target: 'node24',
      format: 'cjs',
    });
    const file = join(dir, 'bare-loop.json');
    writeFileSync(file, JSON.stringify(settings), { mode: 0o600 });
    const child = spawn(process.execPath, [outfile], {
      env: { ...process.env, BARE_LOOP: file },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stdout }).once('line', () => resolve());
      child.once('close', (code) => reject(new Error(`the bare loop ended with code ${code}`)));
    });
    return new BareLoop(child);
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('close', resolve));
    this.child.kill();
    await ended;
  }
}
