import { last, OK, pod, pods, SPEC, setup } from './prober-setup';

/** Asks as a pass does for a victim that has not answered: every 100 ms. */
function passes(seconds: number, outcome?: Parameters<typeof setup>[0] & object) {
  const scene = setup(outcome);
  const { clock, sent, prober } = scene;
  prober.setTargets('ns/a', { ...SPEC, timeoutSeconds: 15, periodSeconds: 60 }, [pod(1)]);
  clock.advance(0);
  last(sent).answer(OK);
  const asked = sent.length;
  let mostOpen = 0;
  const answers: unknown[] = [];
  for (let i = 0; i < seconds * 10; i++) {
    void prober.probeNow('uid-1').then((answer) => answers.push(answer));
    clock.advance(100);
    mostOpen = Math.max(mostOpen, sent.filter(({ aborted }) => !aborted).length - asked);
  }
  return { ...scene, answers, questions: sent.length - asked, mostOpen };
}

describe('Prober: questions out of turn', () => {
  it('has one under way for a Pod that does not answer, however often it is asked for', () => {
    const { mostOpen, questions } = passes(20);
    expect(mostOpen).toBe(1);
    expect(questions).toBe(2);
  });

  it('waits longer each time for a Pod that refuses', () => {
    const { questions } = passes(60, { auto: { reason: 'Refused' } });
    // After 0.25, 0.5, 1, 2, 4, 8 and 10 s, instead of six hundred.
    expect(questions).toBeLessThanOrEqual(12);
    expect(questions).toBeGreaterThanOrEqual(9);
  });

  it('asks at once again after an answer', () => {
    const { questions } = passes(1, { auto: OK });
    expect(questions).toBeGreaterThanOrEqual(9);
  });

  it('answers everybody who asked, each by a question that was sent after theirs', async () => {
    const { clock, sent, prober } = setup();
    prober.setTargets('ns/a', { ...SPEC, periodSeconds: 60 }, [pod(1)]);
    clock.advance(0);
    last(sent).answer(OK);
    const first = prober.probeNow('uid-1');
    clock.advance(50);
    const second = prober.probeNow('uid-1');
    const third = prober.probeNow('uid-1');
    expect(sent).toHaveLength(2);
    sent[1]?.answer({ status: 404 });
    expect(await first).toMatchObject({ state: 'idle' });
    expect(sent).toHaveLength(3);
    sent[2]?.answer(OK);
    expect(await Promise.all([second, third])).toEqual([
      expect.objectContaining({ state: 'busy', checkedAt: clock.monotonic() }),
      expect.objectContaining({ state: 'busy' }),
    ]);
  });

  it('resolves those who wait for a later question when the Pod goes, and leaves no timer', async () => {
    const { clock, sent, prober } = setup();
    prober.setTargets('ns/a', SPEC, [pod(1)]);
    clock.advance(0);
    const first = prober.probeNow('uid-1');
    last(sent).answer({ reason: 'Refused' });
    const patient = prober.probeNow('uid-1');
    expect(await first).toMatchObject({ state: 'unknown' });
    prober.removeAll('ns/a');
    expect(await patient).toBeUndefined();
    expect(sent).toHaveLength(2);
    await prober.stop();
    expect(clock.pendingTimers).toBe(0);
  });

  it('joins the question that still waits for its place', async () => {
    const { clock, sent, prober } = setup();
    prober.setTargets('ns/a', { ...SPEC, timeoutSeconds: 30, periodSeconds: 3600 }, pods(65));
    clock.advance(1_000);
    for (const { answer } of [...sent]) answer(OK);
    const before = sent.length;
    // 64 of a namespace may be under way: the 65th waits.
    const all = pods(65).map(({ uid }) => prober.probeNow(uid));
    const again = prober.probeNow('uid-64');
    expect(sent.length - before).toBe(64);
    for (const { answer } of sent.slice(before)) answer(OK);
    last(sent).answer(OK);
    expect(await again).toMatchObject({ state: 'busy' });
    await Promise.all(all);
    expect(sent.length - before).toBe(65);
  });
});
