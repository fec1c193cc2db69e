import { readFileSync, writeFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { UsageError } from '../errors';
import { bestFixed } from './best-fixed';
import { type Sample, type Scenario, simulate } from './engine';
import { generate, PATTERNS, type Pattern } from './generate';
import { plot } from './plot';
import { poolOf } from './pool';
import { seeded } from './random';
import { reportOf, reportText } from './report';
import { parseTrace } from './trace';

const EXAMPLES = `
Examples:
  $ kubectl hsd simulate -f rooms.yaml --trace sessions.csv
  $ kubectl hsd simulate -f rooms.yaml --generate day --sessions 5000 --days 7 --plot rooms.svg
  $ kubectl hsd simulate -f rooms.yaml --trace counts.csv --warm-up 2m --session 25m -o json

A trace has a row for each session ("2026-05-01T08:00:00Z"), or rows of a timestamp and how many sessions began from then
on to the next row ("2026-05-01 08:00:00,120"). Times without a zone are UTC. Further columns are ignored; with a header
the second column counts only when it is called count or value.
`;

interface Flags {
  filename: string;
  trace?: string;
  generate?: Pattern;
  sessions?: string;
  days: string;
  perMinute?: string;
  warmUp: string;
  session: string;
  seed: string;
  output: 'text' | 'json';
  plot?: string;
}

/** Adds `simulate`: what a pool would have done with a day's sessions, before it does. */
export function addSimulate(program: Command, print: (text: string) => void): void {
  program
    .command('simulate')
    .description('Run a pool over a trace of sessions, or over a made-up day, without a cluster.')
    .requiredOption('-f, --filename <file>', 'manifest with a HotStandbyDeployment; - reads standard input')
    .option('--trace <file>', 'when sessions began, as CSV; - reads standard input')
    .addOption(new Option('--generate <pattern>', 'make a trace up').choices(PATTERNS))
    .option('--sessions <n>', 'with --generate: sessions in all')
    .option('--days <n>', 'with --generate: over so many days', '1')
    .option('--per-minute <n>', 'thin or thicken the trace to so many sessions a minute')
    .option('--warm-up <duration>', 'from the creation of a Pod to its readiness', '60s')
    .option('--session <duration>', 'how long a session lasts', '10m')
    .option('--seed <n>', 'of everything random: the same seed gives the same answer', '1')
    .addOption(new Option('-o, --output <format>', 'how to answer').choices(['text', 'json']).default('text'))
    .option('--plot <file>', 'write a picture as SVG, too')
    .addHelpText('after', EXAMPLES)
    .action((flags: Flags) => run(flags, print));
}

function run(flags: Flags, print: (text: string) => void): void {
  const random = seeded(number('--seed', flags.seed, 0));
  const { arrivals, what } = arrivalsOf(flags, random);
  const samples: Sample[] = [];
  const scenario: Scenario = {
    spec: poolOf(read(flags.filename), named(flags.filename), (arrivals[0] ?? 0) * 1000),
    arrivals,
    warmUpSeconds: duration('--warm-up', flags.warmUp),
    sessionSeconds: duration('--session', flags.session),
    ...(flags.plot !== undefined && { onStep: (sample: Sample) => void samples.push(sample) }),
  };
  const outcome = simulate(scenario);
  const report = reportOf(outcome, bestFixed(scenario, outcome.missed));
  if (flags.plot !== undefined)
    write(flags.plot, plot(samples, `${what}: ${report.missedPercent} % of sessions waited`));
  print(flags.output === 'json' ? JSON.stringify(report, undefined, 2) : reportText(report, what));
}

function arrivalsOf(flags: Flags, random: () => number): { arrivals: Float64Array; what: string } {
  const { trace, generate: pattern, sessions } = flags;
  if ((trace === undefined) === (pattern === undefined)) {
    throw new UsageError('give either --trace FILE or --generate day|bursty|steady with --sessions N');
  }
  if (trace !== undefined) {
    const perMinute = flags.perMinute === undefined ? undefined : positive('--per-minute', flags.perMinute);
    return { arrivals: parseTrace(read(trace), { name: named(trace), random, perMinute }), what: named(trace) };
  }
  const days = number('--days', flags.days, 1);
  const perMinute = flags.perMinute === undefined ? undefined : positive('--per-minute', flags.perMinute) * 1440 * days;
  if (sessions === undefined && perMinute === undefined) {
    throw new UsageError('--generate needs --sessions N, or --per-minute N');
  }
  const count = sessions === undefined ? Number(perMinute) : number('--sessions', sessions, 1);
  const what = `${days === 1 ? 'a day' : `${days} days`} of pattern ${pattern}`;
  return { arrivals: generate(pattern as Pattern, count, days, random), what };
}

function read(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw new UsageError(`cannot read ${named(file)}: ${(error as Error).message}`);
  }
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new UsageError(`cannot write ${file}: ${(error as Error).message}`);
  }
}

function named(file: string): string {
  return file === '-' ? 'standard input' : file;
}

function number(flag: string, text: string, least: number): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= least) return value;
  throw new UsageError(`${flag} "${text}" is not a whole number of ${least} or more`);
}

function positive(flag: string, text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new UsageError(`${flag} "${text}" is not a number above 0`);
}

const UNITS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600 };

/** Seconds of `90s`, `1h30m`, `500ms`: Go's way, as everywhere in kubectl. */
function duration(flag: string, text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  const isWhole = parts.length > 0 && parts.map(([part]) => part).join('') === text;
  const seconds = parts.reduce((sum, [, value, unit = 's']) => sum + Number(value) * (UNITS[unit] ?? 1), 0);
  if (isWhole && seconds > 0) return seconds;
  throw new UsageError(`${flag} "${text}" is not a duration above 0: write for example 90s, 2m or 1h30m`);
}
