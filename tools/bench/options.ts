import { Command, InvalidArgumentError } from 'commander';

/** What can be asked for by `--only`. */
export const BENCHMARKS = {
  reaction: 'busy annotation to written replicas, at every size',
  rest: 'writes while nothing changes',
  steady: 'sessions as a Poisson process: reaction, writes per flip, CPU, event loop',
  burst: 'many Pods busy at once, then idle at once',
  memory: 'resident memory by Pods in sight',
  'cold-start': 'start of the process to the first decision',
  raw: 'Pod patches a second of the API server itself',
  probes: 'the http probe engine',
} as const;
export type BenchmarkName = keyof typeof BENCHMARKS;

export interface BenchOptions {
  quick: boolean;
  only: ReadonlySet<BenchmarkName>;
  cpuProf: boolean;
  /** Of the full size: above 0, at most 1. */
  scale: number;
}

const NAMES = Object.keys(BENCHMARKS) as BenchmarkName[];
const NOTES = `
Benchmarks:
${NAMES.map((name) => `  ${name.padEnd(12)} ${BENCHMARKS[name]}`).join('\n')}

A full run takes about 20 minutes on two idle cores, needs 4 GB of memory, and writes docs/benchmarks.md; with --quick,
--only, --scale or --cpu-prof nothing is written. Everything runs on loopback and is removed at the end.`;

/** Reads the command line (without node and script). Prints and exits for --help and for bad input. */
export function parseBenchOptions(argv: readonly string[]): BenchOptions {
  const flags = new Command('bench')
    .usage('[options]')
    .description('Measures the operator against a bare watch+patch loop on a control plane of its own.')
    .option('--quick', 'small sizes, about a minute: fails when something is broken, never because of a time')
    .option('--only <names>', 'these benchmarks, separated by commas', parseNames)
    .option(
      '--scale <share>',
      'a part of the full sizes, above 0 to 1: 0.2 measures 2,000 Pods instead of 10,000, all of it shorter',
      parseShare,
      1,
    )
    .option('--cpu-prof', "print each operator process's functions by self time")
    .addHelpText('after', NOTES)
    .allowExcessArguments(false)
    .parse([...argv], { from: 'user' })
    .opts<{ quick?: boolean; only?: ReadonlySet<BenchmarkName>; cpuProf?: boolean; scale: number }>();
  const { quick = false, only = new Set(NAMES), cpuProf = false, scale } = flags;
  return { quick, only, cpuProf, scale };
}

function parseShare(text: string): number {
  const share = Number(text);
  if (share > 0 && share <= 1) return share;
  throw new InvalidArgumentError(`"${text}" is no number above 0 and at most 1, for example 0.2`);
}

function parseNames(text: string): ReadonlySet<BenchmarkName> {
  const names = text.split(',').map((name) => name.trim());
  const wrong = names.find((name) => !NAMES.includes(name as BenchmarkName));
  if (wrong !== undefined) throw new InvalidArgumentError(`"${wrong}" is none of ${NAMES.join(', ')}`);
  return new Set(names as BenchmarkName[]);
}
