import { CountedMarker } from './evictor';
import type { Ground } from './ground';
import { MODES, type Mode } from './markers';
import { OwnNodes } from './nodes';
import type { Row } from './rows';
import { pause, type SessionLoop } from './session-loop';
import { countLost, Stand } from './stand';
import type { Kind, Matrix, Outcome } from './table';

/** So long at least, sessions come and go while a row does its worst. */
const PRESSED_MS = 2_500;

const SHORT: Record<Mode, string> = { annotation: 'a', 'custom key': 'c', http: 'h' };

/** Longest time for a row to end a Pod in spite of all sessions; they can hold every Pod there is. */
const BITTEN_MS = 10_000;

/** One stand of a row: with lasting sessions, or with sessions that turn busy all the time. */
export interface Trial {
  stand: Stand;
  mode: Mode;
  loop?: SessionLoop;
  /** With the row's `counted`: what was evicted before. */
  marker?: CountedMarker;
  nodes?: OwnNodes;
}

/** Carries out one row in all its cells at the same time and writes the counts into the matrix. */
export async function runRow(row: Row, slug: string, ground: Ground, matrix: Matrix): Promise<void> {
  const trials = await Promise.all(
    trialsOf(row, matrix).map(([mode, turning]) => open(row, slug, ground, mode, turning)),
  );
  try {
    await row.before?.(ground);
    await Promise.all(trials.map((trial) => assault(row, trial)));
    await row.after?.(ground);
    await Promise.all(trials.map((trial) => conclude(row, trial, matrix)));
  } finally {
    await Promise.all(trials.map(({ stand }) => stand.close()));
    await Promise.all(trials.map(({ nodes }) => nodes?.close()));
  }
}

function trialsOf(row: Row, matrix: Matrix): [mode: Mode, turning: boolean][] {
  return MODES.flatMap((mode) =>
    [false, true]
      .filter((turning) => {
        const because = row.leftOut?.(mode, turning ? 'turning' : 'Ready');
        const kinds: Kind[] = turning ? ['turning'] : ['Ready', 'NotReady'];
        if (because !== undefined) for (const kind of kinds) matrix.set(row.name, mode, kind, { because });
        return because === undefined;
      })
      .map((turning): [Mode, boolean] => [mode, turning]),
  );
}

export async function open(
  row: Pick<Row, 'nodes' | 'spec' | 'counted'>,
  slug: string,
  ground: Ground,
  mode: Mode,
  turning: boolean,
): Promise<Trial> {
  const name = `${slug}-${SHORT[mode]}${turning ? 't' : 's'}`;
  const nodes = row.nodes && (await OwnNodes.open(ground.scene, name, row.nodes.count, row.nodes.pods));
  const stand = await Stand.open({ ground, name, mode, spec: row.spec, nodes });
  if (!turning) await stand.occupyBoth();
  const marker = turning && row.counted ? new CountedMarker(stand.marker, ground.scene, row.counted) : undefined;
  return { stand, mode, nodes, marker, ...(turning && { loop: stand.loop({ marker }) }) };
}

async function assault(row: Row, { stand, loop }: Trial): Promise<void> {
  const bites = async (): Promise<void> => (row.toothless ? undefined : stand.bitten());
  loop?.start();
  try {
    await Promise.all([
      row.act(stand).then(() => Promise.race([bites(), pause(BITTEN_MS)])),
      loop && pause(PRESSED_MS),
    ]);
  } finally {
    await loop?.stop();
  }
  await bites();
}

/** What was lost is known however the rest ends, so it is counted first, and once more when all is at rest. */
async function conclude(row: Row, trial: Trial, matrix: Matrix): Promise<void> {
  await count(row, trial, matrix);
  await row.settled?.(trial.stand);
  await trial.stand.rested();
  await count(row, trial, matrix);
}

async function count(row: Row, { stand, mode, loop, marker }: Trial, matrix: Matrix): Promise<void> {
  const set = (kind: Kind, outcome: Outcome): void => matrix.set(row.name, mode, kind, outcome);
  if (loop) {
    const note = marker && `${marker.early} more by an eviction that came before`;
    set('turning', { sessions: loop.begun, lost: loop.lost.length, note });
    return;
  }
  set('Ready', { sessions: stand.ready.length, lost: await countLost(stand, stand.ready) });
  set('NotReady', { sessions: stand.notReady.length, lost: await countLost(stand, stand.notReady) });
}
