import type { WriteContext } from '../../../operator/apply/applier';
import { StatusWriter } from '../../../operator/reconcile/status-writer';
import { anHsd } from '../decide/builders';
import { FakeClock } from '../support/fake-clock';

const KEY = 'default/rooms';
const STATUS = { busyCount: 1, observedGeneration: 1 };

test('a status that is refused is written later each time, at last once a minute', async () => {
  const clock = new FakeClock();
  let isRefused = true;
  const mergePatch = (): Promise<unknown> =>
    isRefused ? Promise.reject(new Error('no')) : Promise.resolve({ metadata: { uid: 'hsd-1' } });
  const context = { client: { mergePatch }, world: { hsds: { observe: () => undefined } } } as unknown as WriteContext;
  const writer = new StatusWriter(context, clock);
  const write = (): Promise<number | undefined> => writer.write(KEY, anHsd(), {}, STATUS);
  const waits: number[] = [];
  for (let failure = 0; failure < 9; failure++) {
    await expect(write()).rejects.toThrow('no');
    const waitMs = (await write()) ?? 0;
    waits.push(waitMs);
    clock.advance(waitMs);
  }
  expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  isRefused = false;
  expect(await write()).toBeUndefined();
  expect(await write()).toBe(500);
});
