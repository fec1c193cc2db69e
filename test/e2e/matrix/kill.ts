import type { OperatorProcess } from '../support/operator';
import { WriteProxy } from '../support/write-proxy';
import type { Ground } from './ground';
import { MODES, type Mode } from './markers';
import { open, type Trial } from './run-row';
import type { SessionLoop } from './session-loop';
import { countLost, IDLE_TARGET, type Stand } from './stand';
import type { Matrix } from './table';

export const KILLED = 'operator killed between every two writes of a scale-down';

/** More writes than the scale-downs of three stands take; the rounds end earlier when the operator needed fewer. */
const MOST_WRITES = 40;
/** With sessions that come and go the writes never end, so these are some of the moments. */
const TURNING_AT = [2, 6, 11, 17];

/**
 * The operator dies at its first write, its second, and so on, right after the API server has carried it out. Each time
 * another one finishes the work. (Templates and deaths before a write: crash.test.ts.)
 */
export async function runKills(ground: Ground, matrix: Matrix): Promise<number> {
  const trials = await Promise.all(
    MODES.flatMap((mode) => [false, true].map((turning) => open({}, 'kill', ground, mode, turning))),
  );
  await ground.stopOperators();
  const steady = trials.filter(({ loop }) => loop === undefined);
  const rounds = await killAtEach(
    ground,
    steady.map(({ stand }) => stand),
  );
  for (const { stand, mode } of steady) {
    matrix.set(KILLED, mode, 'Ready', { sessions: stand.ready.length, lost: await countLost(stand, stand.ready) });
    const { notReady } = stand;
    matrix.set(KILLED, mode, 'NotReady', { sessions: notReady.length, lost: await countLost(stand, notReady) });
  }
  await killWhileTurning(ground, trials, matrix);
  return rounds;
}

async function killAtEach(ground: Ground, stands: Stand[]): Promise<number> {
  for (let n = 1; n <= MOST_WRITES; n += 1) {
    if (!(await round(ground, stands, n))) return n - 1;
  }
  throw new Error(`the operator still writes after ${MOST_WRITES} writes`);
}

async function killWhileTurning(ground: Ground, trials: readonly Trial[], matrix: Matrix): Promise<void> {
  const turning = trials.filter((trial): trial is Trial & { loop: SessionLoop } => trial.loop !== undefined);
  for (const n of TURNING_AT) {
    for (const { loop } of turning) loop.start();
    await round(
      ground,
      turning.map(({ stand }) => stand),
      n,
      () => Promise.all(turning.map(({ loop }) => loop.stop())),
    );
  }
  const set = (mode: Mode, { begun, lost }: SessionLoop): void =>
    matrix.set(KILLED, mode, 'turning', { sessions: begun, lost: lost.length });
  for (const { mode, loop } of turning) set(mode, loop);
}

/** One scale-down with an operator that dies at write `n`, and back. Resolves with whether it came that far. */
async function round(
  ground: Ground,
  stands: readonly Stand[],
  n: number,
  calm: () => Promise<unknown> = () => Promise.resolve(),
): Promise<boolean> {
  const all = (step: (stand: Stand) => Promise<unknown>): Promise<unknown> => Promise.all(stands.map(step));
  await all((stand) => stand.patch({ idleTarget: 1 }));
  let killed = false;
  let operator: OperatorProcess | undefined;
  const proxy = new WriteProxy(n, 'after', () => {
    killed = true;
    operator?.kill('SIGKILL');
  });
  operator = ground.spawnOperator(await proxy.listen());
  await Promise.race([operator.exit, all((stand) => stand.rested())]);
  await operator.stop('SIGKILL');
  await proxy.close();
  await calm();
  await ground.startOperators();
  await all((stand) => stand.rested());
  await all((stand) => stand.patch({ idleTarget: IDLE_TARGET }));
  await all((stand) => stand.rested());
  await ground.stopOperators();
  return killed;
}
