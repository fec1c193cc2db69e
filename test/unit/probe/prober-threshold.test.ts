import type { HttpOutcome } from '../../../operator/probe/http-probe';
import { last, nextQuestion, OK, pod, SPEC, setup } from './prober-setup';

const IDLE: HttpOutcome = { status: 503 };
const FAILED: HttpOutcome = { reason: 'Refused' };

/** A Pod that has answered `answer`, and is asked every 10 s. */
function answered(answer: HttpOutcome, failureThreshold?: number) {
  const scene = setup();
  scene.prober.setTargets('ns/a', { ...SPEC, failureThreshold }, [pod(1)]);
  scene.clock.advance(0);
  last(scene.sent).answer(answer);
  const first = scene.prober.result('uid-1');
  scene.changes.length = 0;
  return { ...scene, first, result: () => scene.prober.result('uid-1') };
}

describe('failureThreshold', () => {
  it.each([
    ['by default', undefined],
    ['with 1', 1],
  ])('%s the first failure makes the Pod unknown', (_name, failureThreshold) => {
    const { clock, sent, changes, result } = answered(IDLE, failureThreshold);
    nextQuestion(clock, sent).answer(FAILED);
    expect(result()).toMatchObject({ state: 'unknown', reason: 'Refused', lastAnswer: 'idle', failures: 1 });
    expect(changes).toEqual(['ns/a']);
  });

  it.each([
    ['idle', IDLE],
    ['busy', OK],
  ] as const)('with 3 the answer %s stands through two failures, and is not taken for a newer one', (state, answer) => {
    const { clock, sent, changes, first, result } = answered(answer, 3);
    for (const failures of [1, 2]) {
      nextQuestion(clock, sent).answer(FAILED);
      expect(result()).toEqual({ ...first, failures });
    }
    expect(changes).toEqual([]);
    nextQuestion(clock, sent).answer(FAILED);
    expect(result()).toMatchObject({ state: 'unknown', lastAnswer: state, failures: 3 });
    expect(changes).toEqual(['ns/a']);
  });

  it('counts failures in a row: an answer between them starts anew', () => {
    const { clock, sent, result } = answered(IDLE, 2);
    for (let round = 0; round < 3; round++) {
      nextQuestion(clock, sent).answer(FAILED);
      expect(result()).toMatchObject({ state: 'idle', failures: 1 });
      const before = result()?.checkedAt;
      nextQuestion(clock, sent).answer(IDLE);
      expect(result()).toMatchObject({ state: 'idle', failures: 0 });
      expect(result()?.checkedAt).toBeGreaterThan(before ?? 0);
    }
  });

  it('does not make a Pod known that has never answered', () => {
    const { clock, sent, prober } = setup();
    prober.setTargets('ns/a', { ...SPEC, failureThreshold: 3 }, [pod(1)]);
    clock.advance(0);
    last(sent).answer(FAILED);
    expect(prober.result('uid-1')).toMatchObject({ state: 'unknown', lastAnswer: undefined });
  });

  it('gives up no state for good: unknown ends with an answer only', () => {
    const { clock, sent, prober, result } = answered(IDLE, 1);
    nextQuestion(clock, sent).answer(FAILED);
    prober.setTargets('ns/a', { ...SPEC, failureThreshold: 100 }, [pod(1)]);
    nextQuestion(clock, sent).answer(FAILED);
    expect(result()).toMatchObject({ state: 'unknown', failures: 2 });
    nextQuestion(clock, sent).answer(OK);
    expect(result()).toMatchObject({ state: 'busy', failures: 0 });
  });

  it('does not excuse an address that two Pods claim', () => {
    const { clock, sent, prober, result } = answered(IDLE, 100);
    prober.setTargets('ns/b', SPEC, [pod(2, { ip: pod(1).ip })]);
    // Both of them are asked by then.
    for (let i = 0; i < 3; i++) nextQuestion(clock, sent).answer(IDLE);
    expect(result()).toMatchObject({ state: 'unknown', reason: 'SharedAddress' });
  });

  it('does not excuse a question out of turn: whoever asks it is about to end the Pod', async () => {
    const { clock, sent, prober, changes } = answered(IDLE, 100);
    clock.advance(1);
    const asked = prober.probeNow('uid-1');
    last(sent).answer(FAILED);
    expect(await asked).toMatchObject({ state: 'unknown', lastAnswer: 'idle', failures: 1 });
    expect(changes).toEqual(['ns/a']);
  });
});
