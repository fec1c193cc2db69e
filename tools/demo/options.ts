import { resolve } from 'node:path';
import { Command, CommanderError, Option } from 'commander';

/** What the demo is told on its command line and by its environment. */
export interface DemoOptions {
  /** Run the script and exit instead of showing the live table. */
  once: boolean;
  /** Nodes of the embedded cluster. `auto`: real ones where this machine can run them, else kwok. */
  nodes: 'kwok' | 'real' | 'auto';
  /** Absolute path of the kubeconfig of a cluster to use instead of an embedded one. */
  kubeconfig?: string;
  /** With `kubeconfig`: image of the Pods there. It only has to keep running. */
  image: string;
  /** With `kubeconfig`: do not ask before installing. */
  yes: boolean;
}

/** The program ends without running: `exitCode` 0 for --help, 2 for a wrong command line. */
export class UsageExit extends Error {
  constructor(
    readonly exitCode: 0 | 2,
    message: string,
  ) {
    super(message);
    this.name = 'UsageExit';
  }
}

const DEFAULT_IMAGE = 'registry.k8s.io/pause:3.10';

const NOTES = `
Without --kubeconfig a Kubernetes cluster of its own is started on this machine and removed at the end. It is compiled
from source the first time (needs Go; kept in ~/.cache/hotstandby).

With --kubeconfig (or $HOTSTANDBY_KUBECONFIG) that cluster is used: the namespace hotstandby-demo, and what
HotStandby needs of synth/ as far as it is not there. All of it is removed at the end.

Examples:
  npm start                                 a live table you drive by keys
  npm start -- --once                       a short scripted run, plain lines, exit code 0
  npm start -- --nodes kwok                 no real containers: starts fastest, needs no root
  npm start -- --kubeconfig ~/.kube/config
`;

function command(): Command {
  return new Command('npm start --')
    .usage('[options]')
    .description('Shows HotStandby at work: sessions begin and end, and idle Pods are always at hand.')
    .option('--once', 'run a short script with plain output and exit')
    .addOption(
      new Option('--nodes <kind>', 'nodes of the embedded cluster: kwok (simulated), real (containers; Linux, root)')
        .choices(['kwok', 'real', 'auto'])
        .default('auto'),
    )
    .option('--kubeconfig <file>', 'use this cluster; default: $HOTSTANDBY_KUBECONFIG, else an embedded one')
    .addOption(new Option('--image <name>', 'with --kubeconfig: image of the Pods there').default(DEFAULT_IMAGE))
    .option('-y, --yes', 'with --kubeconfig: do not ask before installing')
    .helpOption('-h, --help', 'print this')
    .addHelpText('after', NOTES)
    .allowExcessArguments(false)
    .exitOverride();
}

/** Reads the command line (without node and script). Throws UsageExit for --help and for anything wrong. */
export function parseDemoOptions(argv: readonly string[], env: NodeJS.ProcessEnv, cwd: string): DemoOptions {
  let printed = '';
  const program = command().configureOutput({
    writeOut: (text) => {
      printed += text;
    },
    writeErr: () => undefined,
    getOutHelpWidth: () => 110,
  });
  try {
    program.parse([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) throw new UsageExit(0, printed.trimEnd());
    throw usage(error.message.replace(/^error: /, ''));
  }
  const flags = program.opts<{
    once?: true;
    nodes: DemoOptions['nodes'];
    kubeconfig?: string;
    image: string;
    yes?: true;
  }>();
  const kubeconfig = flags.kubeconfig ?? env.HOTSTANDBY_KUBECONFIG;
  if (flags.kubeconfig === '') throw usage('--kubeconfig is empty: give a file or leave it out');
  if (kubeconfig && program.getOptionValueSource('nodes') === 'cli') {
    throw usage(
      `--nodes ${flags.nodes} is for the embedded cluster, but ${kubeconfig} names another: give one of them`,
    );
  }
  return {
    once: flags.once ?? false,
    nodes: flags.nodes,
    kubeconfig: kubeconfig ? resolve(cwd, kubeconfig) : undefined,
    image: flags.image,
    yes: flags.yes ?? false,
  };
}

function usage(problem: string): UsageExit {
  return new UsageExit(2, `error: ${problem.replace(/\.$/, '')}; see npm start -- --help`);
}
