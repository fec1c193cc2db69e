import { NodeProcess } from './node-process';

export interface OperatorSettings {
  /** The bundled operator. */
  readonly program: string;
  /** Its command line. */
  readonly args: readonly string[];
  /** Flags of node. */
  readonly nodeFlags?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** See NodeProcess. */
  readonly guard?: (pid: number) => void;
}

interface LogLine {
  level: number;
  msg: string;
  time: string;
  err?: { message?: string };
}

/** pino's numbers: 40 warn, 50 error, 60 fatal. */
const LEVEL = { warn: 40, error: 50 };

/** The operator as a process of this machine. */
export class OperatorProcess extends NodeProcess {
  private readonly ready: Promise<string>;
  private readonly serving: Promise<string>;

  constructor({ program, args, nodeFlags = ['--enable-source-maps'], env, guard }: OperatorSettings) {
    super({ name: 'the operator', args: [...nodeFlags, program, ...args], env, guard });
    this.ready = this.line('"msg":"ready"');
    this.serving = this.line('"msg":"serving health and metrics"');
    for (const awaited of [this.ready, this.serving]) awaited.catch(() => undefined);
  }

  /** Resolves when its caches are filled; rejects with its last lines when it ends before. */
  async whenReady(): Promise<this> {
    await this.ready;
    return this;
  }

  /** What it logged as errors, in short. */
  get errors(): string[] {
    return this.logged(LEVEL.error);
  }

  /** The latest warning or error, in one line; undefined when there is none. */
  trouble(): string | undefined {
    return this.logged(LEVEL.warn).at(-1);
  }

  /** When (milliseconds since the epoch) it first logged `message`; undefined: not yet. */
  loggedAt(message: string): number | undefined {
    const line = this.lines.find((candidate) => candidate.includes(`"msg":"${message}"`));
    return line === undefined ? undefined : Date.parse((JSON.parse(line) as LogLine).time);
  }

  /** Asks its health server, for example `/healthz`. Waits until it listens. */
  async ask(path: string): Promise<{ status: number; text: string }> {
    const { address } = JSON.parse(await this.serving) as { address: string };
    const response = await fetch(`http://${address}${path}`);
    return { status: response.status, text: await response.text() };
  }

  private logged(level: number): string[] {
    const lines = this.lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as LogLine);
    const telling = lines.filter((line) => line.level >= level);
    return telling.map(({ msg, err }) => [msg, err?.message].filter(Boolean).join(': '));
  }
}
