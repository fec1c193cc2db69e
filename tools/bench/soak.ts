/** `npm run soak`: hours of churn; what grows, and whether a session was ever lost. */
import { Command, InvalidArgumentError } from 'commander';
import { Churn } from './churn';
import { DOCUMENT, writeSoak } from './document';
import { describeMachine } from './machine';
import { Mirror } from './mirror';
import { Operator, type OperatorFigures } from './operator';
import { createNamespaces, createPools, OPERATOR, type Pool, wait } from './pools';
import { bundlePrograms, type Log, type Rig, scratch, startRig } from './rig';
import { leastSquares } from './stats';

const NAMESPACE = 'soak';
const HSDS = 20;
const IDLE_TARGET = 4;
const RATES = { flipsPerSecond: 10, templateSeconds: 20, targetSeconds: 5 };
const SAMPLE_MS = 5_000;
const WORD_MS = 60_000;
/** V8 grows its heap in the first minutes of any load: the slope is taken after this share of the time. */
const WARM_UP_SHARE = 0.25;
/** How long everything may take to come to rest at the end. */
const SETTLE_MS = 180_000;
/** Shorter ones are looks: they are not written to the document. */
const DOCUMENT_FROM_MINUTES = 20;

interface Sample {
  minutes: number;
  figures: OperatorFigures;
}

const started = performance.now();
const minutes = (): number => (performance.now() - started) / 60_000;
const log: Log = (line) => void process.stderr.write(`${minutes().toFixed(1).padStart(6)} min  ${line}\n`);

function parseMinutes(text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new InvalidArgumentError(`"${text}" is no number of minutes above 0, for example 20`);
}

function options(argv: readonly string[]): { minutes: number } {
  return new Command('soak')
    .description(
      'Sessions, template changes and idleTarget changes at random on 20 hsds; samples the operator all the time.',
    )
    .option('--minutes <n>', 'how long', parseMinutes, 20)
    .addHelpText(
      'after',
      `\nFails when a busy Pod was lost, or when the hsds do not come to rest at the end. One of ${DOCUMENT_FROM_MINUTES} minutes or more
writes its result to docs/benchmarks.md.`,
    )
    .allowExcessArguments(false)
    .parse([...argv], { from: 'user' })
    .opts<{ minutes: number }>();
}

async function main(): Promise<boolean> {
  const { minutes: duration } = options(process.argv.slice(2));
  const { dir } = scratch();
  // Before there is a rig, leaving is enough: the cluster's guardian clears away what was started.
  let interrupt = (): void => process.exit(130);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupt());
  log('bundling the operator and starting a control plane');
  const programs = await bundlePrograms(dir);
  const rig = await startRig(dir, log);
  const stopSoon = new AbortController();
  interrupt = () => stopSoon.abort();
  try {
    return await soak(rig, programs.operator, duration, stopSoon.signal);
  } finally {
    await rig.stop();
  }
}

async function soak(rig: Rig, bundle: string, duration: number, signal: AbortSignal): Promise<boolean> {
  const mirror = new Mirror(rig.api);
  const operator = await Operator.start({ bundle, kubeconfig: rig.operatorKubeconfig });
  try {
    const pools = Array.from({ length: HSDS }, (_, index) => ({
      namespace: NAMESPACE,
      name: `rooms-${index}`,
      idleTarget: IDLE_TARGET,
    }));
    await createNamespaces(rig.api, [NAMESPACE]);
    await mirror.start();
    await createPools(rig.api, pools);
    const churn = new Churn({ api: rig.api, mirror, log }, pools, RATES);
    log(`${HSDS} hsds, ${RATES.flipsPerSecond} flips/s, for ${duration} minutes; Ctrl-C ends it early, with a summary`);
    const begun = minutes();
    const running = churn.run();
    const samples = await sampleUntil(operator, churn, () => signal.aborted || minutes() - begun >= duration, running);
    churn.stop();
    await running;
    await churn.drain();
    const isSettled = await settled(mirror, pools);
    const { cpu, cores, date } = await describeMachine(rig.api);
    const found = summary(samples, churn, isSettled, await operator.figures());
    process.stdout.write(`${found.lines.join('\n')}\n`);
    if (minutes() - begun >= DOCUMENT_FROM_MINUTES) {
      const heading = `On ${date}, ${cores} cores (${cpu}): ${HSDS} hsds, \`npm run soak -- --minutes ${duration}\`.`;
      writeSoak([heading, '', ...found.lines.map((line) => `- ${line}`)].join('\n'));
      log(`written: ${DOCUMENT}`);
    }
    return found.isGood;
  } finally {
    await operator.stop();
    await mirror.stop();
  }
}

async function sampleUntil(
  operator: Operator,
  churn: Churn,
  isOver: () => boolean,
  running: Promise<void>,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  let nextWord = 0;
  while (!isOver()) {
    // A churn that failed ends the soak at once.
    await Promise.race([wait(SAMPLE_MS), running]);
    const sample = { minutes: minutes(), figures: await operator.figures() };
    samples.push(sample);
    if (performance.now() < nextWord) continue;
    nextWord = performance.now() + WORD_MS;
    const { flips, templates, targets, lost } = churn.counts;
    const { rssMb, heapMb } = sample.figures;
    log(
      `${rssMb.toFixed(0)} MB (heap ${heapMb.toFixed(0)}), ${flips} flips, ${churn.busy} busy, ${templates} templates, ${targets} targets, ${lost} lost`,
    );
  }
  return samples;
}

/** Whether every hsd has exactly its idle Pods, in time. */
async function settled(mirror: Mirror, pools: readonly Pool[]): Promise<boolean> {
  const isRight = ({ namespace, name, idleTarget }: Pool): boolean => {
    const pods = mirror.podsOf(namespace, name);
    const replicas = mirror.replicasOf(namespace, OPERATOR.target(name));
    return (
      pods.length === idleTarget && replicas === idleTarget && pods.every((pod) => pod.ready && pod.state === 'idle')
    );
  };
  const deadline = performance.now() + SETTLE_MS;
  while (performance.now() < deadline) {
    if (pools.every(isRight)) return true;
    await wait(500);
  }
  for (const { namespace, name, idleTarget } of pools.filter((pool) => !isRight(pool))) {
    log(`not at rest: ${name}, target ${idleTarget}, ${mirror.podsOf(namespace, name).length} Pods`);
  }
  return false;
}

function summary(
  samples: readonly Sample[],
  churn: Churn,
  isSettled: boolean,
  last: OperatorFigures,
): { lines: string[]; isGood: boolean } {
  const warm = samples.slice(Math.floor(samples.length * WARM_UP_SHARE));
  const slope = (of: (figures: OperatorFigures) => number): string => {
    const { slope: mbPerMinute } = leastSquares(warm.map((sample) => ({ x: sample.minutes, y: of(sample.figures) })));
    return Number.isNaN(mbPerMinute) ? 'too few samples' : `${(mbPerMinute * 1000).toFixed(0)} KB/min`;
  };
  const spent = (samples.at(-1)?.minutes ?? 0) - (samples[0]?.minutes ?? 0);
  const { flips, templates, targets, missed, lost } = churn.counts;
  const lines = [
    `churn: ${flips} flips, ${templates} templates, ${targets} idleTargets in ${spent.toFixed(1)} minutes; ${missed} came too late`,
    `busy Pods lost: ${lost}${lost > 0 ? ` (${churn.lostPods.join(', ')})` : ''}; by the operator's own count: ${last.busyPodsLost}`,
    `resident memory: ${samples[0]?.figures.rssMb.toFixed(0)} MB at first, ${last.rssMb.toFixed(0)} MB at last, ${slope(({ rssMb }) => rssMb)} after warm-up`,
    `heap in use: ${slope(({ heapMb }) => heapMb)} after warm-up`,
    `event-loop delay p99, worst of ${SAMPLE_MS / 1000} s: ${Math.max(...samples.map(({ figures }) => figures.loopP99Ms)).toFixed(0)} ms`,
    `came to rest: ${isSettled ? 'yes' : 'no'}`,
  ];
  return { lines, isGood: lost === 0 && last.busyPodsLost === 0 && isSettled };
}

main().then(
  (good) => process.exit(good ? 0 : 1),
  (error: unknown) => {
    process.stderr.write(`error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
  },
);
