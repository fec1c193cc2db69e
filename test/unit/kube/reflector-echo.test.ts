import { Echo } from '../../../operator/kube/echo';
import { FakeClock } from '../support/fake-clock';
import { turns, until } from '../support/until';
import { api, clock, content, follow, logger, reflector, watchRequests } from './reflector-setup';

/** The operator writes, and takes over the reply. */
function write(color: string): void {
  reflector.observe(api.change('a', { color }));
}

async function pass(seconds: number): Promise<void> {
  for (let i = 0; i < seconds * 2; i += 1) {
    clock.advance(500);
    await turns(3);
  }
}

describe('a watch that is cut without a word', () => {
  it('is found out by the first own write it does not bring, and what was missed is made up for', async () => {
    api.add('a');
    api.add('b');
    await follow();
    api.holdWatches();
    api.remove('b');
    write('red');
    expect(content()).toEqual(['a=red', 'b']);
    await pass(4);
    expect(watchRequests()).toHaveLength(1);
    await pass(2);
    await until(() => content().join() === 'a=red');
    expect(watchRequests().length).toBeGreaterThan(1);
    expect(api.count('list')).toBe(1);
    expect(logger.lines).toContainEqual(
      expect.objectContaining({ message: 'a watch is silent about own writes: starting another' }),
    );
  });

  it('tells the others', async () => {
    const onMute = jest.fn();
    api.add('a');
    await follow({ onMute });
    api.holdWatches();
    write('red');
    await pass(6);
    expect(onMute).toHaveBeenCalledTimes(1);
  });

  it('is made anew when another one was cut and it is silent, too, and left alone when it is not', async () => {
    api.add('a');
    await follow();
    await pass(4);
    reflector.doubt();
    await turns();
    expect(watchRequests()).toHaveLength(1);
    await pass(2);
    reflector.doubt();
    await until(() => watchRequests().length === 2);
    expect(api.count('list')).toBe(1);
  });
});

describe('a healthy watch', () => {
  it('is left alone while own writes come back', async () => {
    api.add('a');
    await follow();
    for (const color of ['red', 'green', 'blue']) {
      write(color);
      await until(() => content().join() === `a=${color}`);
      await pass(10);
    }
    expect(watchRequests()).toHaveLength(1);
  });

  it('is left alone after writes that changed nothing', async () => {
    const thing = api.add('a');
    await follow();
    reflector.observe(thing);
    await pass(30);
    expect(watchRequests()).toHaveLength(1);
  });
});

describe('Echo', () => {
  function scene() {
    const time = new FakeClock();
    const missing: string[] = [];
    const echo = new Echo(time, (times) => missing.push(`${times} after ${time.monotonic()}`));
    echo.begin();
    return { time, missing, echo };
  }

  it('leaves a watch alone that is late but brings something', () => {
    const { time, missing, echo } = scene();
    echo.expect('100');
    for (let version = 50; version < 90; version += 1) {
      time.advance(4_000);
      echo.heard(String(version));
    }
    expect(missing).toEqual([]);
    echo.heard('100');
    time.advance(3_600_000);
    expect(missing).toEqual([]);
  });

  it('counts from the first write that is awaited, not from the last sign of life', () => {
    const { time, missing, echo } = scene();
    time.advance(60_000);
    echo.expect('100');
    time.advance(4_999);
    echo.expect('101');
    expect(missing).toEqual([]);
    time.advance(1);
    expect(missing).toEqual(['1 after 65000']);
  });

  it('waits longer for each new watch that is as silent', () => {
    const { time, missing, echo } = scene();
    echo.expect('100');
    for (let i = 0; i < 6; i += 1) {
      time.advance(100_000);
      echo.end();
      echo.begin();
    }
    expect(missing).toHaveLength(6);
    const gaps = scene();
    gaps.echo.expect('100');
    for (let i = 0; i < 500; i += 1) {
      const before = gaps.missing.length;
      gaps.time.advance(1_000);
      if (gaps.missing.length === before) continue;
      gaps.echo.end();
      gaps.echo.begin();
    }
    expect(gaps.missing.map((text) => Number(text.split(' ').at(-1)) / 1000)).toEqual([
      5, 15, 35, 75, 155, 235, 315, 395, 475,
    ]);
  });

  it('leaves no timer behind', () => {
    const { time, echo } = scene();
    echo.expect('100');
    echo.end();
    expect(time.pendingTimers).toBe(0);
  });
});
