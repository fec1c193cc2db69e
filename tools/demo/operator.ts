import { OperatorProcess } from '../base/operator-process';
import { Guardian } from '../cluster/guardian';
import { manifestObjects } from '../cluster/install';

export interface LocalOperatorOptions {
  /** Folder of the kubeconfig. */
  dir: string;
  /** Path of the bundled operator. */
  bundle: string;
  kubeconfig: string;
  /** Look after this namespace only; undefined: all. */
  namespace?: string;
  /** Called with the end of its log when it ends without being told to. */
  onLost: (why: string) => void;
}

/** The operator as a process of this machine. */
export interface LocalOperator {
  /** See OperatorProcess. */
  trouble(): string | undefined;
  stop(): Promise<void>;
}

const STOP_MS = 10_000;

/** Resolves when the operator's caches are filled and it reconciles. It does not outlive this process, whatever ends it. */
export async function startLocalOperator(options: LocalOperatorOptions): Promise<LocalOperator> {
  const { dir, bundle, kubeconfig, namespace, onLost } = options;
  const guardian = new Guardian({ dir, remove: [kubeconfig] });
  const scope = namespace === undefined ? ['--all-namespaces'] : ['--namespace', namespace];
  const args = [...installedArgs(), '--kubeconfig', kubeconfig, ...scope, '--health-address', '127.0.0.1:0'];
  const operator = new OperatorProcess({ program: bundle, args, guard: (pid) => guardian.watch(pid) });
  let isStopping = false;
  const stop = async (): Promise<void> => {
    isStopping = true;
    const timer = setTimeout(() => operator.kill('SIGKILL'), STOP_MS);
    await operator.stop();
    clearTimeout(timer);
    await guardian.release();
  };
  try {
    await operator.whenReady();
  } catch (error) {
    await stop();
    throw error;
  }
  void operator.ended().then((how) => {
    if (!isStopping) onLost(`the operator: ${how}; the end of its log:\n${operator.lastLines(5).join('\n')}`);
  });
  return { trouble: () => operator.trouble(), stop };
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
