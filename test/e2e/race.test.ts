import { Ground } from './matrix/ground';
import { pause, type SessionLoop } from './matrix/session-loop';
import { Stand } from './matrix/stand';

jest.setTimeout(400_000);

/** Four pools of this many idle Pods, so 200 Pods and those that are busy. */
const POOLS = ['red', 'green', 'blue', 'gold'];
const IDLE_TARGET = 50;
const FLIPS = 2_000;
/** Sessions at a time in each pool: half of them busy at any moment would leave the scale-downs nothing to end. */
const SESSIONS = 6;
const LONGEST_MS = 280_000;

describe('busy writes against scale-downs and rollouts', () => {
  let ground: Ground;
  beforeAll(async () => {
    ground = await Ground.open('race');
  });
  afterAll(() => ground?.close());

  /** Up and down, and a new image with every second turn, until told to stop. */
  async function agitate(stand: Stand, signal: AbortSignal): Promise<void> {
    for (let turn = 0; !signal.aborted; turn += 1) {
      await stand.patch({ idleTarget: turn % 2 === 0 ? IDLE_TARGET / 2 : IDLE_TARGET });
      await pause(2_500);
      if (turn % 2 === 1) await stand.changeImage(2 + turn);
    }
  }

  it(`keeps every Pod that ${FLIPS} busy writes said is safe`, async () => {
    const open = (name: string): Promise<Stand> =>
      Stand.open({ ground, name, mode: 'annotation', spec: { idleTarget: IDLE_TARGET } });
    const stands = await Promise.all(POOLS.map(open));
    let ended = 0;
    const unlisten = ground.feed.listen(({ current }) => {
      ended += current === undefined ? 1 : 0;
    });
    const loops = stands.map((stand) => stand.loop({ parallel: SESSIONS }));
    const total = (count: (loop: SessionLoop) => number): number => loops.reduce((sum, loop) => sum + count(loop), 0);

    const stopping = new AbortController();
    const agitated = stands.map((stand) => agitate(stand, stopping.signal));
    for (const loop of loops) loop.start();
    const started = performance.now();
    while (total(({ begun }) => begun) < FLIPS && performance.now() - started < LONGEST_MS) await pause(100);
    const seconds = (performance.now() - started) / 1000;
    stopping.abort();
    await Promise.all([...loops.map((loop) => loop.stop()), ...agitated]);
    unlisten();

    const counts = {
      'busy writes that hold': total(({ begun }) => begun),
      'lost after one of those': total(({ lost }) => lost.length),
      'refused by deletionTimestamp': total(({ refused }) => refused),
      'refused by 404': total(({ gone }) => gone),
      'Pods ended meanwhile': ended,
      seconds: seconds.toFixed(0),
    };
    const lines = Object.entries(counts).map(([what, count]) => `| ${what} | ${count} |`);
    process.stderr.write(`| race | |\n| --- | --- |\n${lines.join('\n')}\n\n`);
    expect(loops.flatMap(({ lost }) => lost)).toEqual([]);
    expect(total(({ begun }) => begun)).toBeGreaterThanOrEqual(FLIPS);
    // Or nothing was raced against.
    expect(ended).toBeGreaterThan(4 * IDLE_TARGET);
  });
});
