import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleOperator } from '../../scripts/bundle-operator';
import { Guardian, type Program, waitReady } from '../../test/cluster/guardian';

export interface LocalOperatorOptions {
  /** Folder for the bundle and the log. */
  dir: string;
  kubeconfig: string;
  /** Look after this namespace only; undefined: all. */
  namespace?: string;
  /** Called with the end of its log when it ends without being told to. */
  onLost: (why: string) => void;
}

/** pino's levels: 40 warn, 50 error, 60 fatal. */
const WARNING = /^\{"level":[456]0,/;

/** The operator as a process of this machine. It does not outlive this process, whatever ends it. */
export class LocalOperator {
  private stopping = false;

  private constructor(
    private readonly guardian: Guardian,
    private readonly program: Program,
  ) {}

  /** Path of the bundled operator, which `start` needs. */
  static async bundle(dir: string): Promise<void> {
    await bundleOperator(join(dir, 'operator.cjs'));
  }

  /** Resolves when its caches are filled and it reconciles. */
  static async start({ dir, kubeconfig, namespace, onLost }: LocalOperatorOptions): Promise<LocalOperator> {
    const logFile = join(dir, 'operator.log');
    const files = ['operator.cjs', 'operator.cjs.map', 'operator.cjs.LEGAL.txt', 'operator.kubeconfig', 'operator.log'];
    const guardian = new Guardian({ dir, remove: files.map((file) => join(dir, file)) });
    const scope = namespace === undefined ? ['--all-namespaces'] : ['--namespace', namespace];
    const program = await guardian.run({
      name: 'operator',
      command: { file: process.execPath, args: ['--enable-source-maps', join(dir, 'operator.cjs')], lifeline: false },
      // As the installed Deployment has it, but for the address and the replicas.
      args: ['--kubeconfig', kubeconfig, ...scope, '--admission-guard', '--health-address', '127.0.0.1:0'],
      logFile,
    });
    const operator = new LocalOperator(guardian, program);
    try {
      await waitReady(program, async () => readFileSync(logFile, 'utf8').includes('"msg":"ready"'));
    } catch (error) {
      await operator.stop();
      throw error;
    }
    void program.exited.then((what) => {
      if (!operator.stopping) onLost(`the operator ${what}; the end of its log:\n${lastLines(logFile)}`);
    });
    return operator;
  }

  /** The latest warning or error in its log, in one line; undefined when there is none. */
  trouble(): string | undefined {
    const lines = readFileSync(this.program.logFile, 'utf8').trimEnd().split('\n').reverse();
    const line = lines.find((text) => WARNING.test(text));
    if (line === undefined) return undefined;
    const { msg, err } = JSON.parse(line) as { msg?: string; err?: { message?: string } };
    return [msg, err?.message].filter(Boolean).join(': ');
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await this.program.stop();
    await this.guardian.release();
  }
}

function lastLines(file: string): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-5).join('\n');
}
