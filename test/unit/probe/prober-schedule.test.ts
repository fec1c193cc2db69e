import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { nextSlot, phaseOf, type Timed, TimedHeap } from '../../../operator/probe/prober-schedule';

const timed = (at: number): Timed => ({ at, slot: -1 });

function drain(heap: TimedHeap<Timed>): number[] {
  const order: number[] = [];
  for (let item = heap.pop(); item; item = heap.pop()) order.push(item.at);
  return order;
}

describe('TimedHeap', () => {
  it('gives back what was pushed and not removed, earliest first', () => {
    const times = fc.array(fc.tuple(fc.integer({ min: 0, max: 50 }), fc.boolean()), { maxLength: 200 });
    fc.assert(
      fc.property(times, (entries) => {
        const heap = new TimedHeap<Timed>();
        const items = entries.map(([at, removed]) => ({ item: timed(at), removed }));
        for (const { item } of items) heap.push(item);
        for (const { item, removed } of items) if (removed) heap.remove(item);
        const kept = items.filter(({ removed }) => !removed).map(({ item }) => item.at);
        expect(heap.size).toBe(kept.length);
        expect(drain(heap)).toEqual(kept.sort((a, b) => a - b));
      }),
    );
  });

  it('ignores the removal of an item that is in no heap or in another one', () => {
    const [mine, other] = [new TimedHeap<Timed>(), new TimedHeap<Timed>()];
    const item = timed(1);
    other.push(item);
    mine.push(timed(2));
    mine.remove(item);
    mine.remove(timed(3));
    expect([mine.size, other.size]).toEqual([1, 1]);
  });
});

describe('phaseOf', () => {
  it('spreads 10,000 Pods evenly: each tenth of the period gets 8 to 12 % of them', () => {
    const tenths = new Array<number>(10).fill(0);
    for (let i = 0; i < 10_000; i++) {
      const tenth = Math.floor(phaseOf(randomUUID()) * 10);
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    expect(Math.min(...tenths)).toBeGreaterThan(800);
    expect(Math.max(...tenths)).toBeLessThan(1200);
  });

  it('spreads uids that differ in their last character only', () => {
    const phases = Array.from('0123456789', (digit) => phaseOf(`8f14e45f-ceea-467f-a34b-00000000000${digit}`)).sort();
    const gaps = phases.slice(1).map((phase, i) => phase - (phases[i] ?? 0));
    expect(Math.max(...gaps)).toBeLessThan(0.4);
  });

  it('is the same after a restart', () => {
    expect(phaseOf('a-uid')).toBe(phaseOf('a-uid'));
  });
});

describe('nextSlot', () => {
  it.each`
    earliest | period   | phase   | slot
    ${0}     | ${10000} | ${0}    | ${0}
    ${1}     | ${10000} | ${0}    | ${10000}
    ${0}     | ${10000} | ${0.25} | ${2500}
    ${2500}  | ${10000} | ${0.25} | ${2500}
    ${2501}  | ${10000} | ${0.25} | ${12500}
    ${95000} | ${10000} | ${0.25} | ${102500}
  `('is $slot for earliest $earliest, period $period, phase $phase', ({ earliest, period, phase, slot }) => {
    expect(nextSlot(earliest, period, phase)).toBe(slot);
  });
});
