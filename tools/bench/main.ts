/** `npm run bench`: every number of the design, measured beside a bare watch+patch loop. */
import { total } from './audit';
import { DOCUMENT, writeBenchmarks } from './document';
import { goalRows } from './goals';
import { describeMachine, watchLoad } from './machine';
import { BENCHMARKS, type BenchOptions, parseBenchOptions } from './options';
import { type Run, report } from './report';
import type { Results } from './results';
import { bundlePrograms, type Log, scratch, startRig } from './rig';
import { QUICK, scaled } from './sizes';
import { Suite } from './suite';

const started = performance.now();

const log: Log = (line) => {
  const seconds = ((performance.now() - started) / 1000).toFixed(0).padStart(5);
  process.stderr.write(`${seconds} s  ${line}\n`);
};

async function main(): Promise<void> {
  const options = parseBenchOptions(process.argv.slice(2));
  const load = watchLoad();
  const { dir } = scratch();
  // Before there is a rig, leaving is enough: the cluster's guardian clears away what was started.
  let stop = async (): Promise<void> => {};
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      log(`${signal}: stopping, nothing is written`);
      void stop().finally(() => process.exit(130));
    });
  }
  log('bundling the operator and starting a control plane');
  const programs = await bundlePrograms(dir);
  const rig = await startRig(dir, log);
  stop = once(rig.stop);
  const sizes = options.quick ? QUICK : scaled(options.scale);
  const suite = new Suite({ rig, programs, dir, sizes, options, log });
  const machine = await describeMachine(rig.api);
  try {
    await suite.run();
  } finally {
    await stop();
  }
  await suite.probes();
  const minutes = (performance.now() - started) / 60_000;
  finish(
    { machine, load: load.stop(), minutes, sizes, scale: options.scale, results: suite.results },
    options,
    suite.failures,
  );
}

/** Prints what was found; a full run also writes the document. Sets the exit code. */
function finish(run: Run, options: BenchOptions, broken: readonly string[]): void {
  for (const { what, goal, measured, beside, ratio, met } of goalRows(run.results)) {
    const verdict = met === undefined ? '' : met ? 'met' : 'not met';
    process.stdout.write(`${[what, `goal ${goal}`, measured, beside, ratio, verdict].filter(Boolean).join(' | ')}\n`);
  }
  const isFull =
    !options.quick && !options.cpuProf && options.scale === 1 && options.only.size === Object.keys(BENCHMARKS).length;
  if (isFull) {
    writeBenchmarks(report(run));
    log(`written: ${DOCUMENT}`);
  }
  const failures = [...broken, ...brokenPromises(run.results)];
  for (const failure of failures) process.stderr.write(`error: ${failure}\n`);
  if (failures.length > 0) process.exitCode = 1;
}

/** What fails a run whatever the machine: never a time. */
function brokenPromises({ rest, busyPodsLost }: Results): string[] {
  const written = rest === undefined ? 0 : total(rest.writes);
  return [
    ...(written > 0 ? [`${written} writes at rest, should be 0: ${JSON.stringify([...(rest?.writes ?? [])])}`] : []),
    ...(busyPodsLost > 0 ? [`${busyPodsLost} busy Pods were lost, should be 0`] : []),
  ];
}

function once(action: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => {
    running ??= action();
    return running;
  };
}

main().then(
  () => process.exit(),
  (error: unknown) => {
    process.stderr.write(`error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
  },
);
