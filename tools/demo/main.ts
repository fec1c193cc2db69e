/** `npm start`: the demo. */
import { systemClock } from '../../operator/kube/clock';
import { Declined, type Demo, Stopped, startDemo } from './demo';
import { runLive } from './live';
import { runScript } from './once';
import { type DemoOptions, parseDemoOptions, UsageExit } from './options';
import { Progress } from './progress';
import { Stopper } from './stopper';

async function main(): Promise<number> {
  const asked = parseDemoOptions(process.argv.slice(2), process.env, process.cwd());
  const options = { ...asked, once: asked.once || !isTerminal() };
  const clock = systemClock;
  const progress = new Progress(clock, (line) => console.log(line));
  const stopper = new Stopper(clock, (exitCode) => {
    console.error('stopped at once; processes of this machine end by themselves, a given cluster keeps what was made');
    process.exit(exitCode);
  });
  stopper.listen();
  // Nobody reads any more (npm start -- --once | head): an orderly stop, not a crash.
  process.stdout.on('error', () => stopper.quit());
  if (options.once && !asked.once) progress.say('no terminal here: the scripted run (npm start -- --once) instead');
  const steps: (() => Promise<unknown>)[] = [];
  let exitCode = 0;
  try {
    const { signal } = stopper;
    const onLost = (why: string): void => stopper.fail(why);
    const demo = await startDemo({ options, progress, signal, onLost, undo: (step) => steps.push(step) });
    await run(demo, options, progress, stopper);
  } catch (error) {
    exitCode = explain(stopper.signal.aborted ? stopper.signal.reason : error, stopper.exitCode);
    if (error instanceof Declined) progress.silence();
  }
  return (await cleanUp(steps, progress)) ? exitCode : 1;
}

async function run(demo: Demo, options: DemoOptions, progress: Progress, stopper: Stopper): Promise<void> {
  progress.say(
    `ready: Kubernetes ${demo.version}, ${demo.kind === 'external' ? 'your cluster' : `${demo.kind} nodes`}`,
  );
  progress.say(`export KUBECONFIG=${demo.kubeconfig}`);
  if (!options.once) return runLive(demo, stopper);
  await runScript(demo, { say: progress.say, clock: systemClock, signal: stopper.signal });
  progress.say('every step happened as it should');
}

function isTerminal(): boolean {
  return Boolean(process.stdin.isTTY && process.stdout.isTTY && process.env.TERM !== 'dumb');
}

/** Says what ended the demo, in one line where a person can mend it. Returns the exit code. */
function explain(reason: unknown, exitCode: number): number {
  if (reason instanceof Stopped) {
    console.log(reason.message);
    return exitCode;
  }
  console.error(`error: ${reason instanceof Error ? reason.message : String(reason)}`);
  return 1;
}

/** Takes every step even if one fails. False when one did. */
async function cleanUp(steps: (() => Promise<unknown>)[], progress: Progress): Promise<boolean> {
  if (steps.length === 0) return true;
  let isClean = true;
  const work = async (): Promise<void> => {
    for (const step of steps.reverse()) {
      await step().catch((error: unknown) => {
        isClean = false;
        console.error(`error: not removed: ${error instanceof Error ? error.message : String(error)}`);
      });
    }
  };
  await progress.during('removing everything the demo has made', work);
  if (isClean) progress.say('removed; nothing is left');
  return isClean;
}

main().then(
  (exitCode) => process.exit(exitCode),
  (error: unknown) => {
    if (!(error instanceof UsageExit)) throw error;
    (error.exitCode === 0 ? console.log : console.error)(error.message);
    process.exit(error.exitCode);
  },
);
