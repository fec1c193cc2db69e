import { ReviewCache } from '../../../../operator/serve/claims/review-cache';
import { FakeClock } from '../../support/fake-clock';

test('keeps a bounded number of answers, and no question in clear', async () => {
  const cache = new ReviewCache<string>(new FakeClock(), 100, () => 60_000);
  for (let i = 0; i < 1_000; i += 1) await cache.get([`secret-${i}`], async () => 'yes');
  expect(cache.size).toBe(100);
  expect(
    JSON.stringify(
      Object.values(cache)
        .filter((v) => v instanceof Map)
        .map((m) => [...m.keys()]),
    ),
  ).not.toContain('secret');
});

test('tells questions apart by their parts', async () => {
  const cache = new ReviewCache<number>(new FakeClock(), 100, () => 60_000);
  expect(await cache.get(['a', 'bc'], async () => 1)).toBe(1);
  expect(await cache.get(['ab', 'c'], async () => 2)).toBe(2);
});
