import { Ground } from './matrix/ground';
import { Preemption } from './matrix/preemption';
import { ROWS, type Row } from './matrix/rows';
import { runRow } from './matrix/run-row';
import { Matrix } from './matrix/table';

jest.setTimeout(600_000);

describe('a busy Pod', () => {
  const matrix = new Matrix();
  let shared: Ground;
  let preemption: Preemption;
  const underWay = new Map<Row, Promise<void>>();

  beforeAll(async () => {
    shared = await Ground.open('matrix');
    preemption = await Preemption.open(shared.scene, true);
    for (const row of ROWS.filter(({ slow }) => slow)) void start(row);
  });
  afterAll(async () => {
    await Promise.allSettled(underWay.values());
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

  async function run(row: Row): Promise<void> {
    const slug = `r${ROWS.indexOf(row)}`;
    if (row.operators === undefined) return runRow(row, slug, shared, matrix);
    const own = await Ground.open('matrix', row.operators);
    try {
      await runRow(row, slug, own, matrix);
    } finally {
      await own.close();
    }
  }

  it.each(ROWS)('is not lost to: $name', async (row) => {
    await (underWay.get(row) ?? start(row));
    const outcomes = matrix.outcomes(row.name);
    expect(outcomes.filter(({ lost }) => lost > 0)).toEqual([]);
    expect(outcomes.filter(({ sessions }) => sessions === 0)).toEqual([]);
  });
});
