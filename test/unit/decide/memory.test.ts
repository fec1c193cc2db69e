import fc from 'fast-check';
import {
  carriedOut,
  type Memory,
  newMemory,
  recall,
  refused,
  remember,
  retryInMs,
} from '../../../operator/decide/memory';
import type { Observation, Plan, Refusal, Write } from '../../../operator/decide/model';
import { stabilize } from '../../../operator/decide/stabilization';
import { childManifest } from '../../../operator/decide/template';
import { aChild, anHsd, anObservation, aPod, HTTP, NOW, pods } from '../decide/builders';

const WINDOW_S = 60;
const hsd = anHsd({ spec: { behavior: { scaleDown: { stabilizationWindowSeconds: WINDOW_S } } } });
const empty = newMemory({ hsd, pods: [], now: NOW });

const planOf = (recommendation?: number): Plan => ({
  writes: [],
  attempts: new Map(),
  status: {},
  events: [],
  ended: [],
  probe: [],
  reason: 'Settled',
  ...(recommendation !== undefined && { recommendation }),
});

function seenAt(now: number, memory: Memory): Observation {
  return { ...anObservation({ hsd, now }), ...recall(memory, hsd, [], now) };
}

/** A pass at `now` that wants so many Pods. */
function pass(memory: Memory, now: number, wanted: number): Memory {
  return remember(memory, seenAt(now, memory), planOf(wanted));
}

describe('what was wanted', () => {
  test('begins with what runs now, detached Pods included: a restart cuts no cool-down short', () => {
    const detached = aPod('old').detached().build();
    const seen = { hsd, child: aChild({ replicas: 3 }), pods: [detached, ...pods('pod', 3)] };
    expect(newMemory({ ...seen, now: NOW }).recommendations).toEqual([{ at: NOW, replicas: 4 }]);
    expect(empty.recommendations).toEqual([]);
  });

  test('last counts until now, and what the window cannot ask for any more is forgotten', () => {
    const memory = pass(pass(empty, NOW, 5), NOW + 10_000, 3);
    const later = (seconds: number): unknown => recall(memory, hsd, [], NOW + seconds * 1000).recommendations;
    expect(later(69)).toEqual([
      { at: NOW + 10_000, replicas: 5 },
      { at: NOW + 69_000, replicas: 3 },
    ]);
    expect(later(70)).toEqual([{ at: NOW + 70_000, replicas: 3 }]);
  });

  test('is kept when a plan wants nothing (somebody else has the child)', () => {
    const memory = pass(empty, NOW, 5);
    expect(remember(memory, seenAt(NOW, memory), planOf())).toEqual(memory);
  });

  test('gives the highest of the window, however many passes there were, and never grows past what differs', () => {
    const step = fc.record({ afterMs: fc.integer({ min: 0, max: 40_000 }), wanted: fc.nat({ max: 9 }) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
        let memory = empty;
        let now = NOW;
        /** Every number that was wanted, and until when. */
        const all: { until: number; wanted: number }[] = [];
        for (const { afterMs, wanted } of steps) {
          now += afterMs;
          for (const last of all.slice(-1)) last.until = now;
          const inWindow = all.filter(({ until }) => until + WINDOW_S * 1000 > now).map((entry) => entry.wanted);
          const seen = seenAt(now, memory);
          expect(stabilize(seen, { desired: wanted, idleWanted: wanted }, 100).replicas).toBe(
            Math.max(wanted, ...inWindow),
          );
          memory = pass(memory, now, wanted);
          all.push({ until: now, wanted });
          expect(memory.recommendations.length).toBeLessThanOrEqual(10);
        }
      }),
    );
  });
});

test('a Pod counts as draining since it was first seen so, and anew when it comes back to it', () => {
  const draining = [aPod('a').marked('draining').build()];
  const since = (memory: Memory, seen: typeof draining, now: number): ReadonlyMap<string, number> =>
    recall(memory, hsd, seen, now).drainingSince;
  const first = { ...empty, drainingSince: since(empty, draining, NOW) };
  expect(since(first, draining, NOW + 500)).toEqual(new Map([['a', NOW]]));
  const back = { ...first, drainingSince: since(first, [aPod('a').build()], NOW + 600) };
  expect(since(back, draining, NOW + 700)).toEqual(new Map([['a', NOW + 700]]));
});

test('a Pod has been seen Ready since it was first, and anew when it turns Ready again', () => {
  const slow = anHsd({ spec: { minReadySeconds: 5 } });
  const ready = aPod('a').build();
  const seenAt = (memory: Memory, pod: typeof ready, now: number, of = slow): number | undefined =>
    recall(memory, of, [pod], now).seenReady.get('a')?.at;
  const first = { ...empty, seenReady: recall(empty, slow, [ready], NOW).seenReady };
  expect(seenAt(first, ready, NOW + 500)).toBe(NOW);
  expect(seenAt(first, { ...ready, readySince: ready.readySince + 1 }, NOW + 500)).toBe(NOW + 500);
  expect(seenAt(first, aPod('a').notReady().build(), NOW + 500)).toBeUndefined();
  expect(seenAt(first, ready, NOW + 500, anHsd())).toBeUndefined();
});

test('a Ready Pod is asked out of turn once: again only after it was not Ready', () => {
  const http = anHsd({ spec: HTTP });
  const probes = { a: { state: 'unknown' as const, checkedAt: NOW } };
  const after = (asked: ReadonlySet<string>, pod: ReturnType<typeof aPod>): ReadonlySet<string> =>
    remember(empty, anObservation({ hsd: http, pods: [pod], probes, asked }), planOf()).asked;
  const ready = aPod('a').with({ busyKey: undefined });
  expect(after(new Set(), ready)).toEqual(new Set(['a']));
  expect(after(new Set(['a']), ready.notReady())).toEqual(new Set());
});

describe('a refused child', () => {
  const refusal: Refusal = { generation: 1, reason: 'Forbidden', message: 'no quota' };

  test.each([
    [1, 15_000],
    [2, 30_000],
    [5, 240_000],
    [6, 300_000],
    [60, 300_000],
  ])('is tried again after refusal %i in %i ms, and stands until then', (times, delayMs) => {
    let memory = empty;
    for (let i = 0; i < times; i++) memory = refused(memory, refusal, NOW);
    expect(retryInMs(memory, NOW)).toBe(delayMs);
    expect(recall(memory, hsd, [], NOW + delayMs - 1).refusal).toMatchObject(refusal);
    expect(recall(memory, hsd, [], NOW + delayMs).refusal).toBeUndefined();
    expect(retryInMs(memory, NOW + delayMs + 5)).toBe(0);
  });

  test('is refused no more once it was applied', () => {
    const apply: Write = {
      kind: 'applyChild',
      child: aChild(),
      manifest: childManifest(hsd, 3, false),
      takeOwnership: false,
    };
    expect(retryInMs(carriedOut(refused(empty, refusal, NOW), apply, NOW, NOW), NOW)).toBeUndefined();
  });
});

const manifest = childManifest(hsd, 3, false);
test.each<[string, Write, string | undefined]>([
  ['scaling', { kind: 'scaleChild', child: aChild(), replicas: 3 }, '2026-01-01T00:00:00Z'],
  ['creating', { kind: 'applyChild', manifest, takeOwnership: false }, '2026-01-01T00:00:00Z'],
  ['changing', { kind: 'applyChild', child: aChild(), manifest, takeOwnership: false }, undefined],
  ['not touching', { kind: 'deletePod', pod: aPod().build() }, undefined],
])('%s the child is remembered as the last scaling: %#', (_name, write, time) => {
  expect(carriedOut(empty, write, NOW, NOW).lastScaleTime).toBe(time);
});
