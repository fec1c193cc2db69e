import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

const PATIENCE_MS = 10_000;
const POLL_MS = 10;

/** What an example app answers. */
export interface Answer {
  status: number;
  state: string;
  message: string;
}

/** An example app as a process of its own. */
export class AppProcess {
  /** Everything it has written, both streams. */
  readonly lines: string[] = [];
  private readonly child: ChildProcess;
  private readonly exited: Promise<unknown[]>;
  private port = 0;

  constructor(command: readonly string[], env: Record<string, string>) {
    const [program = '', ...args] = command;
    this.child = spawn(program, args, {
      env: { PATH: process.env.PATH ?? '', PYTHONDONTWRITEBYTECODE: '1', PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.exited = once(this.child, 'close');
    for (const stream of [this.child.stdout, this.child.stderr]) {
      if (stream) createInterface(stream).on('line', (line) => this.lines.push(line));
    }
  }

  /** Waits until it listens and, unless told otherwise, until it is ready for sessions. */
  async start({ untilReady = true } = {}): Promise<void> {
    const line = await this.line(/^listening on port \d+$/);
    this.port = Number(line.split(' ').at(-1));
    if (untilReady) await this.until(async () => (await this.get('/')).status === 200, 'ready');
  }

  get(path: string): Promise<Answer> {
    return this.send('GET', path);
  }

  startSession(): Promise<Answer> {
    return this.send('POST', '/session');
  }

  endSession(): Promise<Answer> {
    return this.send('DELETE', '/session');
  }

  /** Waits until it is in `state`. */
  reach(state: string): Promise<void> {
    return this.until(async () => (await this.get('/')).state === state, `in state ${state}`);
  }

  /** The first line that matches, now or later. */
  async line(pattern: RegExp): Promise<string> {
    const found = (): string | undefined => this.lines.find((line) => pattern.test(line));
    await this.until(async () => found() !== undefined, `writing ${pattern}`);
    return found() ?? '';
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Waits for its end; resolves with the exit code, or the name of the signal that ended it. */
  async exit(): Promise<number | string> {
    const [code, signal] = (await this.exited) as [number | null, string | null];
    return code ?? signal ?? 'unknown';
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }

  private async send(method: string, path: string): Promise<Answer> {
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`, { method });
    return { status: response.status, ...((await response.json()) as Omit<Answer, 'status'>) };
  }

  private async until(holds: () => Promise<boolean>, what: string): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    while (!(await holds())) {
      if (Date.now() > deadline || this.child.exitCode !== null) {
        throw new Error(`app is not ${what}; it wrote:\n${this.lines.join('\n')}`);
      }
      await pause(POLL_MS);
    }
  }
}
