import fc from 'fast-check';
import { Deferred } from '../../../operator/kube/deferred';
import { DelayedKeys } from '../../../operator/kube/delayed-keys';
import { WorkQueue } from '../../../operator/kube/queue';
import { FakeClock } from '../support/fake-clock';
import { recordingLogger } from '../support/logger';
import { turns, until } from '../support/until';

let clock: FakeClock;
let queue: WorkQueue;
const logger = recordingLogger();

/** A worker whose work the test ends by hand. */
class Bench {
  readonly started: string[] = [];
  private readonly running = new Map<string, Deferred>();
  mostAtOnce = 0;

  readonly work = (key: string): Promise<void> => {
    if (this.running.has(key)) throw new Error(`two workers have "${key}"`);
    this.started.push(key);
    const done = new Deferred();
    this.running.set(key, done);
    this.mostAtOnce = Math.max(this.mostAtOnce, this.running.size);
    return done.promise.finally(() => this.running.delete(key));
  };

  async finish(key: string, error?: Error): Promise<void> {
    const done = this.running.get(key);
    if (error === undefined) done?.resolve();
    else done?.reject(error);
    await turns();
  }

  get busy(): string[] {
    return [...this.running.keys()];
  }
}

let bench: Bench;

beforeEach(() => {
  clock = new FakeClock();
  logger.lines.length = 0;
  bench = new Bench();
  queue = new WorkQueue({ clock, random: () => 1, logger });
});

test('keys come in the order they were added, each once', async () => {
  for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key);
  expect(queue.size).toBe(3);
  queue.run(bench.work, 10);
  await turns();
  expect(bench.started).toEqual(['a', 'b', 'c']);
});

test('keys added in one turn of the event loop are handled after it', async () => {
  queue.run(bench.work, 1);
  queue.add('a');
  queue.add('a');
  await Promise.resolve();
  expect(bench.started).toEqual([]);
  await turns();
  expect(bench.started).toEqual(['a']);
});

test('no more keys than workers are in work', async () => {
  queue.run(bench.work, 2);
  for (const key of ['a', 'b', 'c']) queue.add(key);
  await turns();
  expect(bench.busy).toEqual(['a', 'b']);
  await bench.finish('a');
  expect(bench.busy).toEqual(['b', 'c']);
});

test('a key added while in work comes again after, once, and not before', async () => {
  queue.run(bench.work, 5);
  queue.add('a');
  await turns();
  queue.add('a');
  queue.add('a');
  await turns();
  expect(bench.started).toEqual(['a']);
  await bench.finish('a');
  expect(bench.started).toEqual(['a', 'a']);
  await bench.finish('a');
  expect(bench.started).toEqual(['a', 'a']);
});

test('a key that comes again waits behind the others', async () => {
  queue.run(bench.work, 1);
  queue.add('a');
  await turns();
  queue.add('b');
  queue.add('a');
  await bench.finish('a');
  await bench.finish('b');
  expect(bench.started).toEqual(['a', 'b', 'a']);
});

test('a worker that fails is logged and its key comes again with growing delays', async () => {
  queue.run(bench.work, 1);
  queue.add('a');
  const waits: number[] = [];
  for (let i = 1; i <= 4; i += 1) {
    await until(() => bench.busy.length === 1);
    await bench.finish('a', new Error('no'));
    const failedAt = clock.monotonic();
    await until(
      () => bench.started.length > i,
      () => clock.advance(1),
    );
    waits.push(clock.monotonic() - failedAt);
  }
  // random() = 1 is no jitter: 5, 10, 20, 40 ms, seen one or two turns later
  for (const [i, wait] of waits.entries()) {
    expect(wait).toBeGreaterThanOrEqual(5 * 2 ** i);
    expect(wait).toBeLessThanOrEqual(5 * 2 ** i + 3);
  }
  expect(logger.lines).toHaveLength(4);
  expect(logger.lines[0]).toMatchObject({ message: 'worker failed', fields: { key: 'a' } });
});

describe('delays', () => {
  const dueAfter = (ms: number): number => {
    clock.advance(ms);
    return queue.size;
  };

  test('a delayed key does not wait before its time', () => {
    queue.addAfter('a', 100);
    expect(queue.size).toBe(0);
    expect(dueAfter(99)).toBe(0);
    expect(dueAfter(1)).toBe(1);
  });

  test.each([
    ['a shorter delay replaces a longer one', [100, 30], 30],
    ['a longer delay does not postpone a shorter one', [30, 100], 30],
  ])('%s', (_name, delays, wantMs) => {
    for (const delay of delays) queue.addAfter('a', delay);
    expect(dueAfter(wantMs - 1)).toBe(0);
    expect(dueAfter(1)).toBe(1);
    expect(dueAfter(1000)).toBe(1);
    expect(clock.pendingTimers).toBe(0);
  });

  test.each([0, -5])('a delay of %d ms is none', (delay) => {
    queue.addAfter('a', delay);
    expect(queue.size).toBe(1);
  });

  test('failures are delayed longer each time, up to the longest delay; forget starts anew', async () => {
    queue = new WorkQueue({ clock, random: () => 1, logger, baseDelayMs: 10, maxDelayMs: 40 });
    queue.run(async () => {}, 1);
    const delays: number[] = [];
    for (let i = 0; i < 6; i += 1) {
      if (i === 5) queue.forget('a');
      queue.addRateLimited('a');
      const from = clock.monotonic();
      while (queue.size === 0) clock.advance(1);
      delays.push(clock.monotonic() - from);
      await turns();
    }
    expect(delays).toEqual([10, 20, 40, 40, 40, 10]);
  });

  test('keys become due in the order of their times, on one timer', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.integer({ min: 1, max: 50 })), { minLength: 1 }),
        (delays) => {
          const own = new FakeClock();
          const due: [string, number][] = [];
          const delayed = new DelayedKeys(own, (key) => due.push([key, own.monotonic()]));
          const want = new Map<string, number>();
          for (const [key, delay] of delays) {
            delayed.set(key, delay);
            want.set(key, Math.min(delay, want.get(key) ?? delay));
            expect(own.pendingTimers).toBe(1);
          }
          own.advance(100);
          expect(new Map(due)).toEqual(want);
          expect(due.map(([, at]) => at)).toEqual(due.map(([, at]) => at).sort((a, b) => a - b));
          expect(own.pendingTimers).toBe(0);
        },
      ),
    );
  });
});

describe('shutting down', () => {
  test('waits for the workers, hands out nothing more and takes nothing more', async () => {
    queue.run(bench.work, 1);
    queue.add('a');
    queue.add('b');
    queue.addAfter('c', 10);
    await turns();
    let isDown = false;
    const down = queue.shutDown().then(() => {
      isDown = true;
    });
    queue.add('d');
    queue.addAfter('e', 10);
    queue.addRateLimited('f');
    await turns();
    expect(isDown).toBe(false);
    await bench.finish('a');
    await down;
    clock.advance(1000);
    await turns();
    expect(bench.started).toEqual(['a']);
    expect(clock.pendingTimers).toBe(0);
  });

  test('is immediate when nothing is in work', async () => {
    queue.add('a');
    await queue.shutDown();
    await queue.shutDown();
    expect(queue.size).toBe(0);
  });
});

test('the oldest age is that of the first key in line', async () => {
  expect(queue.oldestAgeMs).toBe(0);
  queue.add('a');
  clock.advance(30);
  queue.add('b');
  clock.advance(12);
  expect(queue.oldestAgeMs).toBe(42);
  queue.run(bench.work, 1);
  await turns();
  expect(queue.oldestAgeMs).toBe(12);
});

test('a long queue that moves slowly is not stalled, one that does not move is', async () => {
  const keys = Array.from({ length: 100 }, (_, i) => `key-${i}`);
  for (const key of keys) queue.add(key);
  queue.run(bench.work, 1);
  for (const key of keys.slice(0, 60)) {
    await turns();
    clock.advance(9_000);
    expect(queue.stalledMs).toBe(9_000);
    await bench.finish(key);
  }
  expect(queue.oldestAgeMs).toBe(540_000);
  expect(queue.stalledMs).toBe(0);
  clock.advance(200_000);
  expect(queue.stalledMs).toBe(200_000);
  queue.progressed();
  expect(queue.stalledMs).toBe(0);
});

test('a queue without work is not stalled, however long it had none', async () => {
  clock.advance(3_600_000);
  expect(queue.stalledMs).toBe(0);
  queue.add('a');
  expect(queue.stalledMs).toBe(0);
  queue.run(bench.work, 1);
  await turns();
  await bench.finish('a');
  clock.advance(3_600_000);
  expect(queue.stalledMs).toBe(0);
});

test.each([0, Number.NaN])('a concurrency of %d is refused', (concurrency) => {
  expect(() => queue.run(bench.work, concurrency)).toThrow(`concurrency must be at least 1, got ${concurrency}`);
});

test('running twice is refused', () => {
  queue.run(bench.work, 1);
  expect(() => queue.run(bench.work, 1)).toThrow('already running');
});

/** Keys added and not started since. */
class Debts {
  private readonly owed = new Set<string>();

  constructor(private readonly from: Bench) {}

  /** Does something, then crosses out what it started. */
  async during(act: () => void | Promise<void>): Promise<void> {
    const before = this.from.started.length;
    await act();
    await turns(2);
    for (const key of this.from.started.slice(before)) this.owed.delete(key);
  }

  add(key: string): void {
    this.owed.add(key);
  }

  get open(): string[] {
    return [...this.owed];
  }
}

test('whatever is added when, no key has two workers and the last add of every key is worked on', async () => {
  const step = fc.record({ key: fc.constantFrom('a', 'b', 'c'), isAdd: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 3 }), async (steps, concurrency) => {
      const own = new Bench();
      const debts = new Debts(own);
      const owned = new WorkQueue({ clock, random: () => 0, logger });
      owned.run(own.work, concurrency);
      for (const { key, isAdd } of steps) {
        if (isAdd) debts.add(key);
        await debts.during(() => (isAdd ? owned.add(key) : own.finish(key)));
      }
      while (own.busy.length > 0) await debts.during(() => own.finish(own.busy[0] ?? ''));
      expect(debts.open).toEqual([]);
      expect(owned.size).toBe(0);
      expect(own.mostAtOnce).toBeLessThanOrEqual(concurrency);
      expect(logger.lines).toEqual([]);
    }),
  );
});
