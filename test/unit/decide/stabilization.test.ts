import fc from 'fast-check';
import type { Capacity } from '../../../operator/decide/capacity';
import { decide } from '../../../operator/decide/decide';
import type { Plan, Recommendation } from '../../../operator/decide/model';
import { type Stabilized, stabilize } from '../../../operator/decide/stabilization';
import { aChild, anHsd, anObservation, NOW, pods } from './builders';

const WINDOW_SECONDS = 60;
const hsd = anHsd({
  spec: { idleTarget: 2, behavior: { scaleDown: { stabilizationWindowSeconds: WINDOW_SECONDS } } },
});
/** So many Pods were wanted so many seconds ago. */
const ago = (seconds: number, replicas: number): Recommendation => ({ at: NOW - seconds * 1000, replicas });

/** So many Pods wanted, none of them busy. */
const idle = (desired: number): Capacity => ({ desired, idleWanted: desired });

const table: [sentence: string, before: Recommendation[], wanted: number, current: number, want: Stabilized][] = [
  ['nothing remembered holds nothing back', [], 2, 5, { replicas: 2 }],
  ['the highest number of the window is held', [ago(10, 4), ago(20, 5)], 2, 5, { replicas: 5, waitMs: 40_000 }],
  ['what fell out of the window is forgotten', [ago(60, 5)], 2, 5, { replicas: 2 }],
  ['it sinks step by step', [ago(50, 5), ago(30, 4), ago(5, 2)], 2, 5, { replicas: 5, waitMs: 10_000 }],
  ['more than there is is not made up for', [ago(10, 9)], 2, 5, { replicas: 5, waitMs: 50_000 }],
  ['scaling up is never held back', [ago(10, 3)], 7, 5, { replicas: 7 }],
  ['as many as there are need no holding', [ago(10, 9)], 5, 5, { replicas: 5 }],
];
test.each(table)('%s', (_sentence, recommendations, wanted, current, want) => {
  expect(stabilize(anObservation({ hsd, recommendations }), idle(wanted), current)).toEqual(want);
});

test('without a window the number sinks at once', () => {
  expect(stabilize(anObservation({ recommendations: [ago(0, 9)] }), idle(2), 5)).toEqual({ replicas: 2 });
});

test('the number held lies between what is wanted and what is there', () => {
  const count = fc.nat({ max: 20 });
  const remembered = fc.array(fc.record({ at: fc.integer({ min: NOW - 90_000, max: NOW }), replicas: count }));
  fc.assert(
    fc.property(remembered, count, count, (recommendations, wanted, current) => {
      const { replicas } = stabilize(anObservation({ hsd, recommendations }), idle(wanted), current);
      expect(replicas).toBeGreaterThanOrEqual(wanted);
      expect(replicas).toBeLessThanOrEqual(Math.max(wanted, current));
    }),
  );
});

test.each([
  ['idle Pods go down to it at once', 3, 0, 3],
  ['it holds no more than there are', 9, 0, 5],
  ['busy Pods stay beyond it', 1, 4, 4],
])('a lowered maxReplicas does not wait for the window: %s', (_sentence, maxReplicas, busy, want) => {
  const lowered = anHsd({ spec: { ...hsd.spec, maxReplicas } });
  const seen = anObservation({ hsd: lowered, recommendations: [ago(10, 5)] });
  expect(stabilize(seen, { desired: Math.max(2, busy), idleWanted: Math.max(2, busy) - busy }, 5).replicas).toBe(want);
});

test('a window of an hour in which a large pool sank Pod by Pod', () => {
  const large = Array.from({ length: 200_000 }, (_, i) => ({ at: NOW - 200 + i / 1000, replicas: 200_010 - i }));
  const { replicas } = stabilize(anObservation({ hsd, recommendations: large }), idle(2), 1_000_000);
  expect(replicas).toBe(200_010);
});

describe('within the window', () => {
  const planOf = (recommendations: Recommendation[]): Plan =>
    decide(anObservation({ hsd, child: aChild({ replicas: 5 }, hsd), pods: pods('pod', 5), recommendations }));

  test('nothing is drained, and the plan comes again when it may be', () => {
    expect(planOf([ago(10, 5)])).toMatchObject({ writes: [], requeueAfterMs: 50_000 });
  });

  test('the status tells what is wanted and what holds it back', () => {
    const { status } = planOf([ago(10, 5)]);
    expect(status.desiredReplicas).toBe(2);
    expect(status.conditions).toContainEqual(expect.objectContaining({ type: 'ScalingLimited', status: 'True' }));
  });

  test('what is wanted now is to be remembered', () => {
    expect(planOf([]).recommendation).toBe(2);
  });
});
