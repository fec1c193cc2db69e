import { KeyedLock } from '../../../../operator/serve/claims/keyed-lock';

test('what concerns one key happens in order, also after a failure, and others do not wait', async () => {
  const lock = new KeyedLock();
  const log: string[] = [];
  const first = Promise.withResolvers<void>();
  const one = lock.run('a', async () => {
    await first.promise;
    log.push('a1');
    throw new Error('failed');
  });
  const two = lock.run('a', async () => void log.push('a2'));
  await lock.run('b', async () => void log.push('b'));
  first.resolve();
  await expect(one).rejects.toThrow('failed');
  await two;
  expect(log).toEqual(['b', 'a1', 'a2']);
});

test('keys that are done with are forgotten', async () => {
  const lock = new KeyedLock();
  await Promise.all(Array.from({ length: 100 }, (_, i) => lock.run(String(i), async () => i)));
  await new Promise((resolve) => setImmediate(resolve));
  expect((lock as unknown as { tails: Map<string, unknown> }).tails.size).toBe(0);
});
