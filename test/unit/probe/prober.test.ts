import type { Clock } from '../../../operator/kube/clock';
import { LOOPBACK_CIDRS } from '../../../operator/probe/http-address';
import type { HttpOutcome } from '../../../operator/probe/http-probe';
import { FakeClock } from '../support/fake-clock';
import { HttpServer } from '../support/http-server';
import { until } from '../support/until';
import { last, NOT_FOUND, nextQuestion, OK, pod, pods, SPEC, setup } from './prober-setup';

/** A thread that is busy for `busyMs`: time has passed, timers have not fired. Like Node's, timers take 1 ms at least. */
function busyThread() {
  const fake = new FakeClock();
  const thread = { busyMs: 0 };
  const clock: Clock = {
    now: () => fake.now() + thread.busyMs,
    monotonic: () => fake.monotonic() + thread.busyMs,
    setTimeout: (callback, ms) => fake.setTimeout(callback, Math.max(1, ms)),
  };
  return { fake, thread, clock };
}

describe('Prober: what an answer means', () => {
  it.each`
    outcome                      | successIsBusy | state
    ${{ status: 200 }}           | ${true}       | ${'busy'}
    ${{ status: 204 }}           | ${true}       | ${'busy'}
    ${{ status: 302 }}           | ${true}       | ${'busy'}
    ${{ status: 399 }}           | ${true}       | ${'busy'}
    ${{ status: 400 }}           | ${true}       | ${'idle'}
    ${{ status: 404 }}           | ${true}       | ${'idle'}
    ${{ status: 503 }}           | ${true}       | ${'idle'}
    ${{ status: 200 }}           | ${false}      | ${'idle'}
    ${{ status: 302 }}           | ${false}      | ${'idle'}
    ${{ status: 404 }}           | ${false}      | ${'busy'}
    ${{ reason: 'Refused' }}     | ${true}       | ${'unknown'}
    ${{ reason: 'Refused' }}     | ${false}      | ${'unknown'}
    ${{ reason: 'Malformed' }}   | ${false}      | ${'unknown'}
    ${{ reason: 'Unreachable' }} | ${false}      | ${'unknown'}
  `('$outcome with successIsBusy=$successIsBusy is $state', ({ outcome, successIsBusy, state }) => {
    const { clock, sent, prober } = setup();
    prober.setTargets('ns/a', { ...SPEC, successIsBusy }, [pod(1)]);
    clock.advance(0);
    last(sent).answer(outcome);
    expect([prober.result('uid-1')?.state, prober.result('uid-1')?.reason]).toEqual([state, outcome.reason]);
  });

  it('dates a result by when the question was sent, not by when the answer came', () => {
    const { clock, sent, prober } = setup();
    prober.setTargets('ns/a', SPEC, [pod(1)]);
    const asked = clock.monotonic();
    clock.advance(700);
    last(sent).answer(OK);
    expect(prober.result('uid-1')?.checkedAt).toBe(asked);
  });

  it('keeps the last answer beside unknown and counts the failures', () => {
    const { clock, sent, prober } = setup();
    prober.setTargets('ns/a', SPEC, [pod(1)]);
    clock.advance(0);
    last(sent).answer(OK);
    for (let failures = 1; failures <= 2; failures++) {
      nextQuestion(clock, sent);
      clock.advance(1000);
      expect(prober.result('uid-1')).toMatchObject({
        state: 'unknown',
        reason: 'Timeout',
        lastAnswer: 'busy',
        failures,
      });
    }
    nextQuestion(clock, sent).answer(NOT_FOUND);
    expect(prober.result('uid-1')).toEqual({
      state: 'idle',
      checkedAt: expect.any(Number),
      lastAnswer: 'idle',
      failures: 0,
    });
  });

  it('reports a change of state once, and nothing while the state stays', () => {
    const { clock, sent, changes, prober } = setup();
    prober.setTargets('ns/a', SPEC, [pod(1)]);
    const outcomes: HttpOutcome[] = [
      OK,
      OK,
      { status: 201 },
      NOT_FOUND,
      { reason: 'Reset' },
      { reason: 'Refused' },
      NOT_FOUND,
    ];
    const seen = outcomes.map((outcome) => {
      const question = nextQuestion(clock, sent);
      changes.length = 0;
      question.answer(outcome);
      return changes.length;
    });
    expect(seen).toEqual([1, 0, 0, 1, 1, 0, 1]);
    expect(changes).toEqual(['ns/a']);
  });
});

describe('Prober: when it asks', () => {
  it('asks a new Pod at once and then every period at the same phase', () => {
    const { clock, sent, prober } = setup({ auto: OK });
    clock.advance(12_345);
    prober.setTargets('ns/a', SPEC, [pod(1)]);
    clock.advance(60_000);
    const times = sent.map(({ atMs }) => atMs);
    expect(times[0]).toBe(12_345);
    const gaps = times.slice(1).map((at, i) => at - (times[i] ?? 0));
    expect(gaps[0]).toBeGreaterThanOrEqual(5_000);
    expect(gaps[0]).toBeLessThanOrEqual(15_000);
    // Timers are whole milliseconds.
    for (const gap of gaps.slice(1)) expect(Math.abs(gap - 10_000)).toBeLessThanOrEqual(1);
  });

  it("uses each hsd's own period", () => {
    const { clock, sent, prober } = setup({ auto: OK });
    prober.setTargets('ns/a', { ...SPEC, periodSeconds: 1 }, [pod(1)]);
    prober.setTargets('ns/b', { ...SPEC, periodSeconds: 30 }, [pod(2)]);
    clock.advance(120_000);
    const count = (ip: string) => sent.filter((question) => question.ip === ip).length;
    expect(count('10.0.0.1')).toBeGreaterThanOrEqual(119);
    expect(count('10.0.0.1')).toBeLessThanOrEqual(121);
    expect(count('10.0.0.2')).toBeGreaterThanOrEqual(4);
    expect(count('10.0.0.2')).toBeLessThanOrEqual(5);
  });

  it('spreads the first probes of 2,000 new Pods, and the later ones over the whole period', () => {
    const { clock, sent, prober } = setup({ auto: OK });
    prober.setTargets('ns/a', SPEC, pods(2000));
    clock.advance(1_100);
    expect(sent.length).toBe(2000);
    const busiest = (from: number, width: number): number => {
      const buckets = new Map<number, number>();
      for (const { atMs } of sent.slice(from))
        buckets.set(Math.floor(atMs / width), (buckets.get(Math.floor(atMs / width)) ?? 0) + 1);
      return Math.max(...buckets.values());
    };
    expect(busiest(0, 10)).toBeLessThanOrEqual(25);
    clock.advance(40_000);
    // 200 a second on average.
    expect(busiest(2000, 1000)).toBeLessThan(270);
  });

  it('keeps the schedule of Pods that stay when others come and go', () => {
    const run = (disturb: boolean): number[] => {
      const { clock, sent, prober } = setup({ auto: OK });
      prober.setTargets('ns/a', SPEC, [pod(1)]);
      for (let second = 0; second < 40; second++) {
        clock.advance(1000);
        if (disturb) prober.setTargets('ns/a', { ...SPEC }, [pod(1), pod(100 + second)]);
      }
      return sent.filter(({ ip }) => ip === '10.0.0.1').map(({ atMs }) => atMs);
    };
    expect(run(true)).toEqual(run(false));
  });

  it('takes up a shorter period without waiting for the rest of the longer one', () => {
    const { clock, sent, prober } = setup({ auto: OK });
    prober.setTargets('ns/a', { ...SPEC, periodSeconds: 3600 }, [pod(1)]);
    clock.advance(10);
    prober.setTargets('ns/a', { ...SPEC, periodSeconds: 2 }, [pod(1)]);
    expect(prober.result('uid-1')?.state).toBe('busy');
    clock.advance(2_000);
    expect(sent.length).toBe(2);
  });

  it('never asks a Pod again while it has not answered', () => {
    const { clock, sent, prober } = setup();
    prober.setTargets('ns/a', { ...SPEC, periodSeconds: 1, timeoutSeconds: 5 }, [pod(1)]);
    clock.advance(4_999);
    expect(sent.length).toBe(1);
    clock.advance(1_001);
    expect(sent.length).toBe(2);
  });

  it('runs no more than half of its limit for one namespace and still asks the others', () => {
    const { clock, sent, prober } = setup({ maxConcurrent: 10 });
    prober.setTargets('dead/a', { ...SPEC, timeoutSeconds: 30 }, pods(20));
    prober.setTargets('dead/b', { ...SPEC, timeoutSeconds: 30 }, pods(20, 20));
    clock.advance(100);
    expect(sent.length).toBe(5);
    prober.setTargets('alive/c', SPEC, [pod(99)]);
    clock.advance(50);
    expect(last(sent).ip).toBe('10.0.0.99');
  });

  it('reports how late a probe was when it had to wait for a place', () => {
    const { clock, reports, prober } = setup({ maxConcurrent: 2 });
    prober.setTargets('ns/a', SPEC, pods(2));
    clock.advance(2_500);
    expect(reports.map(({ latenessSeconds }) => latenessSeconds > 0.9)).toEqual([false, true]);
  });
});

describe('Prober: deadlines', () => {
  it.each([1, 3])('gives up after %d s, whatever has arrived by then', (timeoutSeconds) => {
    const { clock, sent, prober } = setup();
    prober.setTargets('ns/a', { ...SPEC, timeoutSeconds }, [pod(1)]);
    clock.advance(timeoutSeconds * 1000 - 1);
    expect(prober.result('uid-1')).toBeUndefined();
    clock.advance(1);
    expect(prober.result('uid-1')).toMatchObject({ state: 'unknown', reason: 'Timeout' });
    expect(sent[0]?.aborted).toBe(true);
  });

  it('lets answers that lie unread be read first when its own thread was busy', () => {
    const { fake, thread, clock } = busyThread();
    const { sent, prober } = setup({ clock });
    prober.setTargets('ns/a', SPEC, [pod(1)]);
    fake.advance(1);
    thread.busyMs = 2_000;
    fake.advance(1_000);
    expect(prober.result('uid-1')).toBeUndefined();
    last(sent).answer(OK);
    expect(prober.result('uid-1')?.state).toBe('busy');
  });

  it.each([0, 2_000])(
    'still gives up one turn later when nothing lay unread, also after %d ms more of that',
    (more) => {
      const { fake, thread, clock } = busyThread();
      const { prober } = setup({ clock });
      prober.setTargets('ns/a', SPEC, [pod(1)]);
      fake.advance(1);
      thread.busyMs = 2_000;
      fake.advance(1_000);
      thread.busyMs += more;
      fake.advance(1);
      expect(prober.result('uid-1')?.reason).toBe('Timeout');
    },
  );
});

describe('Prober: stopping', () => {
  it('drops what is under way, resolves who waits, and leaves no timer', async () => {
    const { clock, sent, prober } = setup({ maxConcurrent: 2 });
    prober.setTargets('ns/a', SPEC, pods(5));
    clock.advance(10);
    const probed = prober.probeNow('uid-3');
    const questions = sent.length;
    await prober.stop();
    expect(await probed).toBeUndefined();
    expect(sent.every(({ aborted }) => aborted)).toBe(true);
    expect(clock.pendingTimers).toBe(0);
    prober.setTargets('ns/a', SPEC, pods(5));
    clock.advance(60_000);
    expect(sent).toHaveLength(questions);
    expect(prober.size).toBe(0);
  });
});

describe('Prober against real servers', () => {
  it('sees sessions begin and end', async () => {
    let status = 503;
    const server = await HttpServer.start((_request, response) => response.writeHead(status).end('x'));
    const { clock, prober } = setup({ podIp: undefined, allowedCidrs: LOOPBACK_CIDRS });
    prober.setTargets('ns/a', { ...SPEC, port: Number(new URL(server.url).port) }, [pod(1, { ip: '127.0.0.1' })]);
    await until(
      () => prober.result('uid-1')?.state === 'idle',
      () => clock.advance(0),
    );
    status = 200;
    expect(await prober.probeNow('uid-1')).toMatchObject({ state: 'busy' });
    await server.stop();
    expect(await prober.probeNow('uid-1')).toMatchObject({ state: 'unknown', reason: 'Refused', lastAnswer: 'busy' });
    await prober.stop();
  });
});
