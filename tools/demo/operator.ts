import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Guardian, type Program, waitReady } from '../cluster/guardian';
import { manifestObjects } from '../cluster/install';

export interface LocalOperatorOptions {
  /** Folder for its log. */
  dir: string;
  /** Path of the bundled operator. */
  bundle: string;
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

  /** Resolves when its caches are filled and it reconciles. */
  static async start({ dir, bundle, kubeconfig, namespace, onLost }: LocalOperatorOptions): Promise<LocalOperator> {
    const logFile = join(dir, 'operator.log');
    const guardian = new Guardian({ dir, remove: [logFile, kubeconfig] });
    const scope = namespace === undefined ? ['--all-namespaces'] : ['--namespace', namespace];
    const program = await guardian.run({
      name: 'operator',
      command: { file: process.execPath, args: ['--enable-source-maps', bundle], lifeline: false },
      args: [...installedArgs(), '--kubeconfig', kubeconfig, ...scope, '--health-address', '127.0.0.1:0'],
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

/** What the installed Deployment says on the command line, but for the scope and what only makes sense in a Pod. */
function installedArgs(): string[] {
  const deployments = manifestObjects('install').filter(({ kind }) => kind === 'Deployment') as unknown as Deployment[];
  const args = deployments.flatMap(({ spec }) => spec.template.spec.containers.flatMap((container) => container.args));
  return args.filter(
    (arg) => !/^--(all-namespaces|namespace|leader-elect|lease-namespace|lease-name|health-address)\b/.test(arg),
  );
}

interface Deployment {
  spec: { template: { spec: { containers: { args: string[] }[] } } };
}

function lastLines(file: string): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-5).join('\n');
}
