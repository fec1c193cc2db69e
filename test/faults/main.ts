import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { KNOWN, type Known, knownFailure, outlived } from './known';
import { parsePlan, planText, randomPlan, shrink, singleFaults } from './plans';
import { type Plan, run } from './run';
import { SCENARIOS, scenarioNamed } from './scenarios';
import type { Report } from './worker';

interface Options {
  scenario?: string[];
  fault?: string;
  random?: number;
  seed: number;
  replay?: string;
  jobs: number;
  all: boolean;
  verbose: boolean;
}

/** Plans a worker is given at a time. */
const CHUNK = 40;
const PROGRESS_MS = 10_000;
/** Kinds of failures that come with a plan to replay. */
const SHOWN = 12;
/** Causes of one kind that are named. */
const MOST_CAUSES = 6;

const whole = (text: string): number => {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('write a whole number.');
  return Number(text);
};

const program = new Command('npm run test:faults --')
  .description(
    'Runs the whole operator against an API server in memory, with every single fault at every write of every scenario.',
  )
  .option('--scenario <names...>', 'of these scenarios only')
  .option('--fault <text>', 'those faults only whose name contains it')
  .option('--all', 'of those scenarios too that are left to the nightly run', false)
  .option('--random <plans>', 'so many random plans of up to three faults instead', whole)
  .option('--seed <seed>', 'first seed of the random plans', whole, 1)
  .option('--replay <plan>', 'runs one plan, by its text or the seed of a random one, and shows every step')
  .option('--jobs <processes>', 'at the same time', whole, Math.min(2, availableParallelism()))
  .option('--verbose', 'names every plan that fails', false);

async function main(): Promise<void> {
  const options = program.parse().opts<Options>();
  if (options.replay !== undefined) return replay(options.replay);
  const started = performance.now();
  const plans = await plansOf(options);
  console.log(`${plans.length} plans over ${new Set(plans.map(({ scenario }) => scenario)).size} scenarios`);
  const all = await runAll(plans, options.jobs);
  const failed = all.filter((report) => knownFailure(report) === undefined);
  const known = all.length - failed.length;
  for (const each of KNOWN) tellKnown(each, all);
  const over = outlived(plans, sweptBy(options, plans), all);
  for (const { why, plan } of over) console.log(`holds again, take it out of known.ts: ${plan ?? why}`);
  await tell(failed, options.verbose);
  const seconds = Math.round((performance.now() - started) / 1000);
  // As jest says it: .ci/run counts these lines.
  const failures = failed.length + over.length;
  const counts = [failures > 0 && `${failures} failed`, known > 0 && `${known} todo`];
  const text = [...counts, `${plans.length - all.length} passed`, `${plans.length + over.length} total`]
    .filter(Boolean)
    .join(', ');
  console.log(`Tests:       ${text}`);
  console.log(`Time:        ${seconds} s`);
  process.exitCode = failures > 0 ? 1 : 0;
}

async function plansOf({ scenario, fault = '', random, seed, all }: Options): Promise<Plan[]> {
  const scenarios = scenario?.map(scenarioNamed) ?? SCENARIOS;
  if (random !== undefined) return Array.from({ length: random }, (_, i) => randomPlan(seed + i, scenarios));
  const plans: Plan[] = [];
  const chosen = scenarios.filter(({ isNightly }) => all || scenario !== undefined || !isNightly);
  for (const each of chosen) plans.push(...(await singleFaults(each)));
  return plans.filter(({ faults }) => fault === '' || faults.some(({ name }) => name.includes(fault)));
}

/** Scenarios every single fault of which was run. */
function sweptBy({ random, fault }: Options, plans: readonly Plan[]): Set<string> {
  return new Set(random === undefined && fault === undefined ? plans.map(({ scenario }) => scenario) : []);
}

/** Spreads the plans over processes. Resolves with those that fail, in the order of the plans. */
async function runAll(plans: readonly Plan[], jobs: number): Promise<Report[]> {
  const failed = new Map<string, Report>();
  let done = 0;
  let next = 0;
  const progress = setInterval(() => {
    console.log(`${done} of ${plans.length} plans, ${failed.size} failed`);
  }, PROGRESS_MS);
  const work = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = fork(join(__dirname, 'worker.ts'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
      let open = 0;
      const feed = (): void => {
        const chunk = plans.slice(next, next + CHUNK);
        next += chunk.length;
        open = chunk.length;
        if (open === 0) worker.disconnect();
        else worker.send(chunk);
      };
      worker.on('message', (report: Report) => {
        done += 1;
        open -= 1;
        if (report.broken.length > 0) failed.set(planText(report.plan), report);
        if (open === 0) feed();
      });
      worker.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`))));
      feed();
    });
  try {
    await Promise.all(Array.from({ length: jobs }, work));
  } finally {
    clearInterval(progress);
  }
  return plans.flatMap((plan) => failed.get(planText(plan)) ?? []);
}

function tellKnown(known: Known, all: readonly Report[]): void {
  const count = all.filter((report) => knownFailure(report) === known).length;
  if (count > 0) console.log(`todo: ${count} x ${known.why}`);
}

/** Failures of one kind: the same thing is broken, whichever Pod and number it is. */
function kindOf({ broken }: Report): string {
  return (broken[0] ?? '').replace(/rooms[-a-z0-9]*/g, 'rooms').replaceAll(/\d+/g, 'N');
}

async function tell(failed: readonly Report[], isVerbose: boolean): Promise<void> {
  const kinds = [...Map.groupBy(failed, kindOf).values()].sort((a, b) => b.length - a.length);
  for (const [index, reports] of kinds.entries()) {
    const [first] = reports;
    if (first === undefined) continue;
    console.log(`\n${reports.length} x ${first.broken.join('; ')}`);
    const causes = causesOf(reports);
    for (const line of isVerbose ? reports.map(({ plan }) => planText(plan)) : causes.slice(0, MOST_CAUSES)) {
      console.log(`   ${line}`);
    }
    if (index < SHOWN) console.log(`   npm run test:faults -- --replay "${planText(await shrink(first.plan))}"`);
  }
}

/** What led to one kind of failure, the most frequent first. */
function causesOf(reports: readonly Report[]): string[] {
  const nameOf = ({ plan }: Report): string => plan.faults.map(({ name }) => name).join(' + ') || 'no fault';
  return [...Map.groupBy(reports, nameOf)]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([name, each]) => {
      const scenarios = [...new Set(each.map(({ plan }) => plan.scenario))];
      return `${each.length} x ${name} (${scenarios.slice(0, 4).join(', ')}${scenarios.length > 4 ? ', ...' : ''})`;
    });
}

async function replay(text: string): Promise<void> {
  const plan = /^\d+$/.test(text) ? randomPlan(Number(text)) : parsePlan(text);
  const shrunk = (await run(plan)).broken.length > 0 ? await shrink(plan) : plan;
  const { broken, trace } = await run(shrunk, { traces: true });
  console.log(`${planText(shrunk)}\n${trace.join('\n')}`);
  console.log(broken.length === 0 ? 'holds' : `BROKEN: ${broken.join('; ')}`);
  process.exitCode = broken.length === 0 ? 0 : 1;
}

main().catch((error: Error) => {
  console.error(`error: ${error.stack ?? error.message}`);
  process.exit(1);
});
