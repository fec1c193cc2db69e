import { Ground } from './matrix/ground';
import { patiently } from './matrix/patiently';
import { pause } from './matrix/session-loop';
import { Stand } from './matrix/stand';
import type { OperatorProcess } from './support/operator';
import { isReady, type Pod } from './support/scene';
import { WriteProxy } from './support/write-proxy';

jest.setTimeout(400_000);

/** No write for so long: what was going on is over. Longer than the grace of a scale-down and the status interval. */
const QUIET_MS = 2_500;

interface Figure {
  what: string;
  /** What the writes are counted per. */
  per: number;
  unit: string;
  writes: readonly string[];
}

describe('writes to the API server', () => {
  const figures: Figure[] = [];
  let ground: Ground;
  let proxy: WriteProxy;
  let operator: OperatorProcess;

  beforeAll(async () => {
    ground = await Ground.open('writes', 0);
    proxy = new WriteProxy(0, 'before', () => undefined);
    operator = ground.spawnOperator(await proxy.listen());
    await operator.whenReady();
  });
  afterAll(async () => {
    process.stderr.write(`${report(figures)}\n`);
    await operator?.stop();
    await proxy?.close();
    await ground?.close();
  });

  async function quiet(): Promise<void> {
    await patiently(async () => {
      const { writes } = proxy;
      await pause(QUIET_MS);
      expect(proxy.writes).toBe(writes);
    });
  }

  /** Counts the writes of `work` and of all that follows from it. */
  async function count(what: string, per: number, unit: string, work: () => Promise<unknown>): Promise<number> {
    await quiet();
    const before = proxy.log.length;
    await work();
    await quiet();
    const writes = proxy.log.slice(before);
    figures.push({ what, per, unit, writes });
    return writes.length / per;
  }

  /** Starts a session on an idle Pod. */
  async function begin(stand: Stand, held: readonly Pod[]): Promise<Pod> {
    const pod = await patiently(() => {
      const taken = new Set(held.map(({ metadata }) => metadata.uid));
      const free = stand.others.find((candidate) => isReady(candidate) && !taken.has(candidate.metadata.uid));
      if (free === undefined) throw new Error('no idle Pod');
      return free;
    });
    expect(await stand.marker.begin(pod)).toBe('begun');
    return pod;
  }

  /** Sessions one after the other at a steady rate, `overlap` at a time; two flips each. */
  async function flip(stand: Stand, sessions: number, everyMs: number, overlap: number): Promise<void> {
    const held: Pod[] = [];
    for (let index = 0; index < sessions + overlap; index += 1) {
      const oldest = index >= overlap ? held.shift() : undefined;
      if (oldest) expect(await stand.marker.end(oldest)).toBe(true);
      if (index < sessions) held.push(await begin(stand, held));
      await pause(everyMs);
    }
  }

  it('are few for each busy flip, and fewer the faster they come', async () => {
    const stand = await Stand.open({ ground, name: 'flips', mode: 'annotation', spec: { idleTarget: 8 } });
    const held: Pod[] = [];
    const busy = await count('flips to busy, one each 2 s', 4, 'flip', async () => {
      for (let index = 0; index < 4; index += 1) {
        held.push(await begin(stand, held));
        await pause(2_000);
      }
    });
    const idle = await count('flips to idle, one each 2 s', 4, 'flip', async () => {
      for (const pod of held) {
        await stand.marker.end(pod);
        await pause(2_000);
      }
    });
    const fast = await count('flips, 20 a second, as many to busy as to idle', 160, 'flip', () =>
      flip(stand, 80, 100, 4),
    );
    // Alone: the scale, the mark, the status (twice), an Event, and the mark of a new Pod or of one that drains.
    expect(busy).toBeLessThan(10);
    expect(idle).toBeLessThan(10);
    expect(fast).toBeLessThan(5);
    await stand.close();
  });

  it('are few for a rollout', async () => {
    const stand = await Stand.open({ ground, name: 'rollout', mode: 'annotation' });
    for (let busy = 0; busy < 3; busy += 1) await stand.occupy('ready');
    await stand.rested();
    const each = await count('rollout of 6 Pods, 3 of them busy', 1, 'rollout', async () => {
      await stand.changeImage(2);
      await stand.imaged(2);
      await stand.rested();
    });
    // Nine Pods are touched: three adopted and kept, three adopted, drained and ended, three new ones marked.
    expect(each).toBeLessThan(50);
    await stand.close();
  });

  it('are none at rest', async () => {
    const stand = await Stand.open({ ground, name: 'rest', mode: 'annotation' });
    await stand.occupyBoth();
    await quiet();
    const before = proxy.log.length;
    await pause(5_000);
    figures.push({ what: '5 s at rest', per: 1, unit: '5 s', writes: proxy.log.slice(before) });
    expect(proxy.log.slice(before)).toEqual([]);
    await stand.close();
  });
});

function report(figures: readonly Figure[]): string {
  const rows = figures.map(({ what, per, unit, writes }) => {
    const kinds = [...new Set(writes)].map((kind): [string, number] => [kind, writes.filter((w) => w === kind).length]);
    const parts = kinds.sort((a, b) => b[1] - a[1]).map(([kind, n]) => `${kind} ${rounded(n / per)}`);
    return `| ${what} | ${rounded(writes.length / per)} a ${unit} | ${parts.join(', ')} |`;
  });
  return ['| writes | in all | of these |', '| --- | --- | --- |', ...rows, ''].join('\n');
}

function rounded(figure: number): string {
  return String(Number(figure.toFixed(2)));
}
