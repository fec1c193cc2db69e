/** Node programs as children of a benchmark: their lines, their end, and no orphans. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface ChildOptions {
  /** For messages. */
  name: string;
  /** Flags of node, the script, its arguments. */
  args: readonly string[];
  env?: Readonly<Record<string, string>>;
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Lines kept for error messages. */
const KEPT_LINES = 30;

export class Child {
  /** When it was started, by performance.now(). */
  readonly startedAt = performance.now();
  readonly exited: Promise<string>;
  private readonly child: ChildProcess;
  private readonly last: string[] = [];
  private readonly waiting = new Set<(line: string) => void>();

  constructor(private readonly options: ChildOptions) {
    const env = { ...process.env, NODE_ENV: 'production', ...options.env };
    const child = spawn(process.execPath, [...options.args], { env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.child = child;
    running.add(child);
    child.stdin?.on('error', () => undefined);
    for (const stream of [child.stdout, child.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', (line) => this.hear(line));
    }
    this.exited = new Promise((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('close', (code, signal) => {
        running.delete(child);
        resolve(signal === null ? `exit code ${code}` : `ended by ${signal}`);
      });
    });
  }

  /**
   * The first line from now on that contains `text`. Rejects with the last lines when the program ends before, or when
   * it takes longer than `timeoutMs`.
   */
  async line(text: string, timeoutMs = 300_000): Promise<string> {
    const found = Promise.withResolvers<string>();
    const look = (line: string): void => {
      if (line.includes(text)) found.resolve(line);
    };
    this.waiting.add(look);
    const fail = (how: string): void =>
      found.reject(new Error(`${this.options.name}: ${how} before "${text}":\n  ${this.last.join('\n  ')}`));
    void this.exited.then(fail);
    const timer = setTimeout(() => fail(`${timeoutMs / 1000} s`), timeoutMs);
    try {
      return await found.promise;
    } finally {
      clearTimeout(timer);
      this.waiting.delete(look);
    }
  }

  /** The JSON that follows `word` on its line. */
  async result<T>(word: string): Promise<T> {
    const line = await this.line(`${word} `);
    return JSON.parse(line.slice(line.indexOf(`${word} `) + word.length + 1)) as T;
  }

  /** Sends `signal` and waits for the end. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (running.has(this.child)) this.child.kill(signal);
    await this.exited;
  }

  private hear(line: string): void {
    this.last.push(line);
    if (this.last.length > KEPT_LINES) this.last.shift();
    for (const look of this.waiting) look(line);
  }
}
