/** `npm run cluster -- up|down|status`. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { down, status, up } from './lifecycle';
import { type SupervisorOptions, supervise } from './supervisor';

const EXAMPLES = `
Examples:
  npm run cluster -- up                                  kwok nodes: thousands of Pods, none of them runs
  npm run cluster -- up --nodes real --name real         kubelet and containerd: real Pods (Linux, root)
  export KUBECONFIG=$PWD/.cluster/default/kubeconfig
  npm run cluster -- status
  npm run cluster -- down --name real

Environment:
  KUBEBUILDER_ASSETS   folder with etcd and kube-apiserver (and, if it has them, kube-controller-manager,
                       kube-scheduler, kwok) to use instead of building them
  XDG_CACHE_HOME       where builds are kept (~/.cache by default), in hotstandby/`;

const DEFAULT_COUNT = { kwok: 2, real: 2 } as const;
const MAX_COUNT = 1_000;

interface UpFlags {
  name: string;
  nodes: 'kwok' | 'real';
  count?: number;
}

function commandLine(): Command {
  const program = new Command('cluster')
    .description('A Kubernetes control plane of your own, on this machine, without containers.')
    .addHelpText('after', EXAMPLES);
  const name = (): Option => new Option('--name <name>', 'which cluster').default('default');
  const nodes = (): Option => new Option('--nodes <kind>', 'kind of nodes').choices(['kwok', 'real']).default('kwok');
  const count = (): Option => new Option('--count <n>', 'how many nodes (default: 2)').argParser(nodeCount);
  program
    .command('up')
    .description('start a cluster that stays up; prints its kubeconfig')
    .addOption(nodes())
    .addOption(count())
    .addOption(name())
    .action((flags: UpFlags) => finish(() => up(settings(flags), supervisorCommand(flags), console.log)));
  program
    .command('down')
    .description('stop a cluster and remove its files')
    .addOption(name())
    .action((flags: { name: string }) => finish(() => down(flags.name, console.log)));
  program
    .command('status')
    .description('say what is up; exit code 3 when something is not')
    .option('--name <name>', 'which cluster (default: all)')
    .action((flags: { name?: string }) => finish(() => status(flags.name, console.log)));
  program
    .command('supervise', { hidden: true })
    .addOption(nodes())
    .addOption(count())
    .addOption(name())
    .action((flags: UpFlags) => supervise(settings(flags)));
  return program;
}

function settings({ name, nodes, count }: UpFlags): SupervisorOptions {
  return { name, kind: nodes, count: count ?? DEFAULT_COUNT[nodes] };
}

/** This very file again, as the process that will own the cluster. */
function supervisorCommand(flags: UpFlags): string[] {
  const { name, kind, count } = settings(flags);
  return [__filename, 'supervise', '--name', name, '--nodes', kind, '--count', String(count)];
}

function nodeCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= MAX_COUNT) return count;
  throw new InvalidArgumentError(`use a whole number from 1 to ${MAX_COUNT}.`);
}

/** A failure is one message, not a stack: these are the user's to solve. */
async function finish(run: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await run();
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}

void commandLine().parseAsync();
