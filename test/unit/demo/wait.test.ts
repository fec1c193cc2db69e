import { Model } from '../../../tools/demo/model';
import { Progress } from '../../../tools/demo/progress';
import { Stopper } from '../../../tools/demo/stopper';
import { waitUntil } from '../../../tools/demo/wait';
import { anHsd } from '../decide/builders';
import { FakeClock } from '../support/fake-clock';

function aWait() {
  const model = new Model();
  const clock = new FakeClock();
  const stop = new AbortController();
  return { model, clock, stop, options: { model, clock, signal: stop.signal, deadlineMs: 1000 } };
}

describe('waiting', () => {
  test('ends with the event that makes it true, and says how long it took', async () => {
    const { model, clock, options } = aWait();
    const waited = waitUntil('an hsd', () => model.hsds.length > 0, options);
    clock.advance(40);
    model.applyHsd({ current: anHsd() });
    await expect(waited).resolves.toBe(40);
  });

  test('is over at once when it is true already', async () => {
    const { options } = aWait();
    await expect(waitUntil('nothing', () => true, options)).resolves.toBe(0);
  });

  test('gives up at the deadline and says what did not come', async () => {
    const { clock, options } = aWait();
    const waited = waitUntil('an hsd', () => false, options);
    clock.advance(1000);
    await expect(waited).rejects.toThrow('waited 1 s in vain: an hsd');
  });

  test.each([true, false])('ends with the reason of the stop (stopped before: %p)', async (before) => {
    const { stop, options } = aWait();
    if (before) stop.abort(new Error('enough'));
    const waited = waitUntil('an hsd', () => false, options);
    stop.abort(new Error('enough'));
    await expect(waited).rejects.toThrow('enough');
  });
});

describe('progress', () => {
  test('is said again while a step takes long, but not while the step itself speaks', async () => {
    const clock = new FakeClock();
    const lines: string[] = [];
    const progress = new Progress(clock, (line) => lines.push(line));
    const work = Promise.withResolvers<string>();
    const done = progress.during('building', () => work.promise);
    clock.advance(6_000);
    clock.advance(3_000);
    progress.say('halfway');
    clock.advance(3_000);
    clock.advance(3_000);
    work.resolve('built');
    await expect(done).resolves.toBe('built');
    clock.advance(60_000);
    expect(lines).toEqual([
      '   0.0 s  building',
      '   6.0 s  building (6 s so far)',
      '   9.0 s  halfway',
      '  15.0 s  building (15 s so far)',
    ]);
  });
});

describe('the stopper', () => {
  const aStopper = () => {
    const clock = new FakeClock();
    const stopper = new Stopper(clock, (code): never => {
      throw new Error(`forced ${code}`);
    });
    return { clock, stopper };
  };

  test('stops for the first reason and keeps its exit code', () => {
    const { stopper } = aStopper();
    stopper.fail('the operator is gone');
    stopper.quit();
    expect(stopper.exitCode).toBe(1);
    expect(stopper.signal.reason).toEqual(new Error('the operator is gone'));
  });

  test('takes a signal that npm passes on again for the same one, and a later one for impatience', () => {
    const { clock, stopper } = aStopper();
    stopper.signalled('SIGINT');
    clock.advance(400);
    stopper.signalled('SIGINT');
    expect(stopper.exitCode).toBe(130);
    clock.advance(400);
    expect(() => stopper.signalled('SIGTERM')).toThrow('forced 143');
  });
});
