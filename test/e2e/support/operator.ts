import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { runInfo } from './run-info';

export interface OperatorOptions {
  /** Command line; default: watches `namespace` only. */
  args?: string[];
  namespace?: string;
  kubeconfig?: string;
  env?: NodeJS.ProcessEnv;
  /** The bundled operator to run. Default: the one of the sources here. */
  program?: string;
}

interface LogLine {
  level: number;
  msg: string;
  err?: { message: string };
}

/** pino's number for it. */
const ERROR_LEVEL = 50;

/** The real operator as a process of its own. */
export class OperatorProcess {
  readonly lines: string[] = [];
  readonly exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  private readonly ready: Promise<void>;

  private constructor(private readonly child: ChildProcess) {
    const ready = Promise.withResolvers<void>();
    this.ready = ready.promise;
    this.ready.catch(() => {});
    for (const stream of [child.stdout, child.stderr]) {
      if (!stream) continue;
      createInterface({ input: stream }).on('line', (line) => {
        this.lines.push(line);
        if (line.includes('"ready"')) ready.resolve();
      });
    }
    this.exit = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        ready.reject(new Error(`the operator ended before it was ready:\n${this.lines.slice(-20).join('\n')}`));
        resolve({ code, signal });
      });
    });
  }

  static spawn(options: OperatorOptions): OperatorProcess {
    const info = runInfo();
    const scope = options.namespace === undefined ? ['--all-namespaces'] : ['--namespace', options.namespace];
    const args = options.args ?? [
      '--kubeconfig',
      options.kubeconfig ?? info.operatorKubeconfig,
      ...scope,
      '--health-address',
      '127.0.0.1:0',
    ];
    const env = { ...process.env, HOTSTANDBY_ALLOW_LOOPBACK_PODS: 'true', ...options.env };
    return new OperatorProcess(
      spawn(process.execPath, ['--enable-source-maps', options.program ?? info.operator, ...args], {
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    );
  }

  /** Starts one and waits until its caches are filled. */
  static async start(options: OperatorOptions): Promise<OperatorProcess> {
    const operator = OperatorProcess.spawn(options);
    await operator.whenReady();
    return operator;
  }

  /** Resolves when its caches are filled; rejects with its last lines when it ends before. */
  whenReady(): Promise<void> {
    return this.ready;
  }

  /** Sends `signal` and waits for the end. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.child.kill(signal);
    return (await this.exit).code;
  }

  /** Sends `signal` and does not wait. */
  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  get output(): string {
    return this.lines.join('\n');
  }

  /** What it logged as errors, in short. */
  get errors(): string[] {
    const logged = this.lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as LogLine);
    return logged.filter(({ level }) => level >= ERROR_LEVEL).map(({ msg, err }) => `${msg}: ${err?.message ?? ''}`);
  }

  /** When (milliseconds since the epoch) it first logged `message`; undefined: not yet. */
  loggedAt(message: string): number | undefined {
    const line = this.lines.find((candidate) => candidate.includes(`"msg":"${message}"`));
    return line === undefined ? undefined : Date.parse((JSON.parse(line) as { time: string }).time);
  }

  /** Asks its health server, for example `/healthz`. Throws until it listens. */
  async ask(path: string): Promise<{ status: number; text: string }> {
    const address = /"address":"([^"]+)","msg":"serving health and metrics"/.exec(this.output)?.[1];
    if (address === undefined) throw new Error('the operator serves nothing yet');
    const response = await fetch(`http://${address}${path}`);
    return { status: response.status, text: await response.text() };
  }
}
