/** Node programs as children of this process: their lines, their end, and no orphans. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface NodeProcessOptions {
  /** For messages. */
  readonly name: string;
  /** Flags of node, the script, its arguments. */
  readonly args: readonly string[];
  /** On top of this process's own. */
  readonly env?: NodeJS.ProcessEnv;
  /** Told of the child as soon as there is one: for whoever ends it should this process be killed. */
  readonly guard?: (pid: number) => void;
}

/** Lines that an error message ends with. */
const LAST_LINES = 20;
/** No test's log is as long; what is left of a longer one is its end. */
const KEPT_LINES = 100_000;

const running = new Set<ChildProcess>();

function killRunning(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** One listener however many children: in jest a file's modules are loaded anew, its process object stays. */
function remember(child: ChildProcess): void {
  if (running.size === 0) process.on('exit', killRunning);
  running.add(child);
}

function forget(child: ChildProcess): void {
  running.delete(child);
  if (running.size === 0) process.off('exit', killRunning);
}

export class NodeProcess {
  /** When it was started, by performance.now(). */
  readonly startedAt = performance.now();
  /** What it has said, on both its outputs. */
  readonly lines: string[] = [];
  /** Never rejects. Both null: it could not be started. */
  readonly exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  private readonly child: ChildProcess;
  private readonly listeners = new Set<(line: string) => void>();

  constructor(private readonly options: NodeProcessOptions) {
    const { args, env, guard } = options;
    const child = spawn(process.execPath, args, {
      env: { ...process.env, NODE_ENV: 'production', ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
      // A group of its own for whoever is guarded: Ctrl-C in a terminal reaches the owner alone, which stops things in order.
      detached: guard !== undefined,
    });
    this.child = child;
    remember(child);
    child.stdin.on('error', () => undefined);
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on('line', (line) => this.hear(line));
    }
    this.exit = new Promise((resolve) => {
      child.once('error', (error) => this.hear(error.message));
      child.once('close', (code, signal) => {
        forget(child);
        resolve({ code, signal });
      });
    });
    if (child.pid !== undefined) guard?.(child.pid);
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
    const fail = (how: string): void =>
      found.reject(new Error(`${this.options.name}: ${how} before ${text}:\n  ${this.lastLines().join('\n  ')}`));
    this.listeners.add(look);
    void this.ended().then(fail);
    const timer = setTimeout(() => fail(`${timeoutMs / 1000} s`), timeoutMs);
    try {
      return await found.promise;
    } finally {
      clearTimeout(timer);
      this.listeners.delete(look);
    }
  }

  /** The JSON that follows `word` on its line. */
  async result<T>(word: string): Promise<T> {
    const line = await this.line(`${word} `);
    return JSON.parse(line.slice(line.indexOf(`${word} `) + word.length + 1)) as T;
  }

  /** Resolves when it has ended, with how. */
  async ended(): Promise<string> {
    const { code, signal } = await this.exit;
    return signal === null ? `exit code ${code}` : `ended by ${signal}`;
  }

  /** Sends `signal` and waits for the end; resolves with the exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.kill(signal);
    return (await this.exit).code;
  }

  /** Sends `signal` and does not wait. */
  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** The end of what it has said. */
  lastLines(count = LAST_LINES): string[] {
    return this.lines.slice(-count);
  }

  get output(): string {
    return this.lines.join('\n');
  }

  private hear(line: string): void {
    this.lines.push(line);
    if (this.lines.length > KEPT_LINES) this.lines.splice(0, KEPT_LINES / 2);
    for (const listener of this.listeners) listener(line);
  }
}
