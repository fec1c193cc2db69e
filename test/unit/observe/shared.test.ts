import { Shared } from '../../../operator/observe/shared';

test('equal values are one value', () => {
  const shared = new Shared<object>();
  const first = shared.of({ a: 1 });
  expect(shared.of({ a: 1 })).toBe(first);
  expect(shared.of({ a: 2 })).not.toBe(first);
});

test('values that never come again do not pile up', () => {
  const shared = new Shared<object>();
  const first = shared.of({ n: -1 });
  for (let n = 0; n < 10_000; n += 1) shared.of({ n });
  expect(shared.of({ n: -1 })).not.toBe(first);
});
