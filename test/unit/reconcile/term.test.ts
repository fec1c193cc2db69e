import { Term } from '../../../operator/reconcile/term';
import { FakeClock } from '../support/fake-clock';
import { recordingLogger } from '../support/logger';
import { turns } from '../support/until';

let clock: FakeClock;
let looks: { resolve: () => void; reject: (error: Error) => void }[];
let begun: number;
let term: Term;

beforeEach(() => {
  clock = new FakeClock();
  looks = [];
  begun = 0;
  term = new Term({
    clock,
    random: () => 0.5,
    logger: recordingLogger(),
    refresh: () => new Promise((resolve, reject) => looks.push({ resolve, reject })),
    onBegun: () => {
      begun += 1;
    },
  });
});

test('begins when the API server has been looked at, and not before', async () => {
  void term.begin();
  expect(term.hasBegun).toBe(false);
  looks[0]?.resolve();
  await turns();
  expect([term.hasBegun, begun]).toEqual([true, 1]);
  term.end();
  expect(term.hasBegun).toBe(false);
});

test('looks again, later each time, until the API server answers', async () => {
  void term.begin();
  for (let failures = 1; failures <= 4; failures += 1) {
    looks.at(-1)?.reject(new Error('no answer'));
    await turns();
    expect(term.hasBegun).toBe(false);
    clock.advance(10_000);
    await turns();
    expect(looks).toHaveLength(failures + 1);
  }
  looks.at(-1)?.resolve();
  await turns();
  expect(begun).toBe(1);
});

test('a look of a term that is over begins nothing, not the next one either', async () => {
  void term.begin();
  term.end();
  looks[0]?.resolve();
  await turns();
  expect([term.hasBegun, begun]).toEqual([false, 0]);
  void term.begin();
  looks[0]?.resolve();
  await turns();
  expect(term.hasBegun).toBe(false);
  looks[1]?.resolve();
  await turns();
  expect([term.hasBegun, begun]).toEqual([true, 1]);
});

test('looks no more once it is over', async () => {
  void term.begin();
  looks[0]?.reject(new Error('no answer'));
  await turns();
  term.end();
  clock.advance(60_000);
  await turns();
  expect(looks).toHaveLength(1);
});
