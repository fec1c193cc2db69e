import { ALLOWED, endBusyPod } from './matrix/allowed';
import { Ground } from './matrix/ground';
import { KILLED, runKills } from './matrix/kill';
import { Preemption } from './matrix/preemption';
import { ROWS, type Row } from './matrix/rows';
import { runRow } from './matrix/run-row';
import { Matrix } from './matrix/table';

jest.setTimeout(900_000);

/** Fewer writes than a scale-down of three pools takes: the rounds were about something else. */
const FEWEST_KILLS = 8;

describe('a busy Pod', () => {
  const matrix = new Matrix();
  const underWay = new Map<Row, Promise<void>>();
  let shared: Ground;
  let preemption: Preemption;
  let kills: Promise<number>;

  beforeAll(async () => {
    shared = await Ground.open('matrix');
    preemption = await Preemption.open(shared.scene, true);
    // Slow, and idle most of the time: beside the others.
    for (const row of ROWS.filter(({ slow }) => slow)) void start(row);
    kills = onItsOwn(1, (ground) => runKills(ground, matrix));
    kills.catch(() => undefined);
  });
  afterAll(async () => {
    await Promise.allSettled([...underWay.values(), kills]);
    process.stderr.write(`${matrix.toMarkdown()}\n`);
    await preemption?.close();
    await shared?.close();
  });

  function start(row: Row): Promise<void> {
    const running = run(row);
    // Awaited by its own test, maybe much later.
    running.catch(() => undefined);
    underWay.set(row, running);
    return running;
  }

  function run(row: Row): Promise<void> {
    const slug = `r${ROWS.indexOf(row)}`;
    const on = (ground: Ground): Promise<void> => runRow(row, slug, ground, matrix);
    return row.operators === undefined ? on(shared) : onItsOwn(row.operators, on);
  }

  async function onItsOwn<T>(operators: number, on: (ground: Ground) => Promise<T>): Promise<T> {
    const own = await Ground.open('matrix', operators);
    try {
      return await on(own);
    } finally {
      await own.close();
    }
  }

  function nothingLost(row: string, cells: number): void {
    const outcomes = matrix.outcomes(row);
    expect(outcomes.length).toBeGreaterThanOrEqual(cells);
    expect(outcomes.filter(({ lost }) => lost > 0)).toEqual([]);
    expect(outcomes.filter(({ sessions }) => sessions === 0)).toEqual([]);
  }

  it.each(ROWS)('is not lost to: $name', async (row) => {
    await (underWay.get(row) ?? start(row));
    nothingLost(row.name, 6);
  });

  it(`is not lost to: ${KILLED}`, async () => {
    expect(await kills).toBeGreaterThanOrEqual(FEWEST_KILLS);
    nothingLost(KILLED, 9);
  });
});

describe('a busy Pod, by those who may', () => {
  let ground: Ground;
  beforeAll(async () => {
    ground = await Ground.open('allowed');
  });
  // The namespace is gone by the last row.
  afterAll(() => ground?.close());

  it.each(ALLOWED)('is ended by: $name', (row) => endBusyPod(row, `a${ALLOWED.indexOf(row)}`, ground));
});
