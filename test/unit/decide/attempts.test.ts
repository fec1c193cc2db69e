import fc from 'fast-check';
import {
  type Attempts,
  attempted,
  dueWrites,
  needsAny,
  type Outcome,
  stillWanted,
  troubleOf,
} from '../../../operator/decide/attempts';
import { decide } from '../../../operator/decide/decide';
import type { HsdView, Write } from '../../../operator/decide/model';
import { childManifest } from '../../../operator/decide/template';
import type { Condition } from '../../../src/api/types';
import {
  aChild,
  anHsd,
  anObservation,
  aPod,
  aReplicaSet,
  describeWrite,
  NOW,
  type ObservationOptions,
  pods,
} from './builders';

const child = aChild();
const scale = (replicas: number): Write => ({ kind: 'scaleChild', child, replicas });
const own = (uid: string): Write => ({ kind: 'ownPod', pod: aPod(uid).build() });
const hand = (uid: string): Write => ({ kind: 'ownReplicaSet', replicaSet: aReplicaSet({ uid }) });
const resume: Write = { kind: 'resumeChild', child, replicas: 2 };
const NO: Outcome = { how: 'refused', message: 'a policy says no' };
const DONE: Outcome = { how: 'done' };

function triedAs(write: Write, outcomes: readonly Outcome[]): Attempts {
  return outcomes.reduce<Attempts>((attempts, outcome) => attempted(attempts, write, outcome, NOW), new Map());
}
const waitAfter = (...outcomes: Outcome[]): number =>
  dueWrites([scale(3)], triedAs(scale(3), outcomes), NOW).waitMs ?? 0;

describe('a write that comes out the same again and again', () => {
  const hows: [sentence: string, outcome: Outcome, longestMs: number][] = [
    ['is refused', NO, 60_000],
    ['fails', { how: 'failed', message: 'no answer' }, 60_000],
    ['is not kept', DONE, 300_000],
    ['comes too late', { how: 'outdated' }, 1_000],
  ];
  test.each(hows)('%s: waits longer each time, up to a limit', (_sentence, outcome, longestMs) => {
    const waits = Array.from({ length: 40 }, (_, i) => waitAfter(...Array.from({ length: i + 1 }, () => outcome)));
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect(waits.at(-1)).toBe(longestMs);
    expect(waits.filter((ms) => ms < longestMs).length).toBeLessThan(15);
  });

  test('was done once and is wanted again: not held back', () => {
    expect(waitAfter(DONE)).toBe(0);
  });

  test('begins anew when it comes out otherwise', () => {
    expect(waitAfter(NO, NO, NO, DONE)).toBe(0);
    expect(waitAfter(DONE, DONE, DONE, NO)).toBe(waitAfter(NO));
  });

  test('waits as long as the server asks', () => {
    expect(waitAfter({ how: 'failed', message: 'busy', retryAfterMs: 9_000 })).toBe(9_000);
  });
});

test('what is held back holds back nothing but what would do harm without it', () => {
  const attempts = triedAs(hand('old'), [NO]);
  const { due, held } = dueWrites([scale(3), hand('old'), own('a'), resume], attempts, NOW);
  expect(due.map(describeWrite)).toEqual(['scaleChild 3', 'ownPod a']);
  expect(held.map(describeWrite)).toEqual(['ownReplicaSet old', 'resumeChild 2']);
  const release: Write = { kind: 'releaseReplicaSet', replicaSet: aReplicaSet() };
  expect(needsAny(release, [own('a')])).toBe(true);
  expect(needsAny({ kind: 'removeFinalizer', finalizer: 'f' }, [scale(1)])).toBe(true);
  expect(needsAny(own('b'), [own('a'), scale(1), hand('old')])).toBe(false);
});

test('an attempt at what nobody wants any more is forgotten; at the child after a minute: it may alternate', () => {
  const attempts = attempted(triedAs(own('a'), [NO]), scale(3), NO, NOW);
  expect([...stillWanted(attempts, [own('a')], NOW).keys()]).toHaveLength(2);
  expect([...stillWanted(attempts, [own('a')], NOW + 60_000).keys()]).toHaveLength(1);
  expect(stillWanted(attempts, [], NOW + 60_000).size).toBe(0);
  expect(stillWanted(attempts, [own('a'), scale(3)], NOW + 60_000)).toBe(attempts);
});

test('what is told and not wanted any more makes another look, when it is forgotten', () => {
  const lookAfter = (attempts: Attempts, now: number): number | undefined =>
    decide(anObservation({ attempts, now, pods: pods('pod', 2) })).requeueAfterMs;
  expect(lookAfter(triedAs(scale(3), [NO]), NOW)).toBe(60_000);
  expect(lookAfter(triedAs(scale(3), [NO]), NOW + 60_000)).toBeUndefined();
  expect(lookAfter(triedAs(scale(3), [DONE]), NOW)).toBeUndefined();
});

test('whatever is refused in whatever order: what is due and what is held are all of it, in order', () => {
  const writes = [scale(3), hand('a'), hand('b'), own('c'), resume];
  fc.assert(
    fc.property(fc.subarray(writes), (refused) => {
      const attempts = refused.reduce<Attempts>((all, write) => attempted(all, write, NO, NOW), new Map());
      const { due, held } = dueWrites(writes, attempts, NOW);
      expect(writes.filter((write) => due.includes(write))).toEqual(due);
      expect(due.length + held.length).toBe(writes.length);
      expect(due.includes(resume)).toBe(!refused.some((w) => w !== scale(3) && w.kind !== 'scaleChild'));
    }),
  );
});

describe('a write that another one took back', () => {
  const allDone = (writes: readonly Write[]): Attempts =>
    writes.reduce<Attempts>((attempts, write) => attempted(attempts, write, DONE, NOW), new Map());
  const apply = (spec: Partial<HsdView['spec']>, replicas = 3, paused = false): Write => ({
    kind: 'applyChild',
    child,
    manifest: childManifest(anHsd({ spec }), replicas, paused),
    takeOwnership: false,
  });
  const image = (tag: number): Partial<HsdView['spec']> => ({
    podTemplate: { spec: { containers: [{ name: 'app', image: `example.com/app:${tag}` }] } },
  });

  test('is no sign of a policy, however often sessions begin and end: neither held back nor told', () => {
    const counts = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(counts, (wanted) => {
        // A count that is there already is not written.
        const scales = wanted.filter((replicas, i) => replicas !== wanted[i - 1]).map(scale);
        const attempts = allDone(scales);
        expect(troubleOf(attempts)).toBeUndefined();
        expect(dueWrites([1, 2, 3, 4].map(scale), attempts, NOW).held).toEqual([]);
      }),
    );
  });

  const turns: [sentence: string, round: readonly Write[]][] = [
    ['templates that are tried and reverted', [apply(image(1), 3, true), resume, apply(image(2), 4, true), resume]],
    ['a session during each of two rollouts', [apply(image(1)), scale(3), apply(image(2)), scale(3)]],
    ['settings that are edited', [apply({ minReadySeconds: 1 }), apply({ minReadySeconds: 2 })]],
  ];
  test.each(turns)('%s: not told', (_sentence, round) => {
    expect(troubleOf(allDone([...round, ...round, ...round, ...round]))).toBeUndefined();
  });

  const changedBack: [sentence: string, round: readonly Write[], told: string][] = [
    ['a count', [scale(3)], 'scale Deployment rooms-workload to 3'],
    ['a template', [apply(image(1))], 'apply Deployment rooms-workload'],
    ['a template at another count each time', [apply(image(1), 3), apply(image(1), 4, true)], 'apply Deployment'],
    ['a template and a pause, in turns', [apply(image(1)), resume], 'Deployment rooms-workload'],
  ];
  test.each(changedBack)('%s that somebody else changes back is told', (_sentence, round, told) => {
    expect(troubleOf(allDone([...round, ...round, ...round]))?.message).toContain(told);
  });

  test('was refused: it will be again', () => {
    expect(attempted(triedAs(scale(3), [NO]), scale(2), DONE, NOW).size).toBe(2);
  });
});

describe('what is told', () => {
  const conditionsOf = (options: ObservationOptions): ((type: string) => Condition | undefined) => {
    const { conditions } = decide(anObservation(options)).status;
    return (type) => conditions?.find((c) => c.type === type);
  };

  test('a refusal at once, a failure that repeats, a lost race or a lagging cache only after many', () => {
    const isTold = (outcome: Outcome, times: number): boolean =>
      troubleOf(
        triedAs(
          scale(3),
          Array.from({ length: times }, () => outcome),
        ),
      ) !== undefined;
    const from = (outcome: Outcome): number => [1, 2, 3, 5, 10, 20].find((times) => isTold(outcome, times)) ?? 0;
    expect([NO, { how: 'failed', message: 'x' } as const, DONE, { how: 'outdated' } as const].map(from)).toEqual([
      1, 2, 3, 10,
    ]);
  });

  test('a child that cannot be scaled stalls, in the words of the server', () => {
    const child4 = aChild({ replicas: 1 });
    const want: Write = { kind: 'scaleChild', child: child4, replicas: 2 };
    const seen = { child: child4, pods: pods('idle', 1), attempts: triedAs(want, [NO]) };
    expect(conditionsOf(seen)('Stalled')).toMatchObject({
      status: 'True',
      reason: 'WritesRefused',
      message: 'cannot scale Deployment rooms-workload to 2: a policy says no; trying again',
    });
    expect(decide(anObservation(seen))).toMatchObject({ writes: [], requeueAfterMs: 1_000 });
  });

  test('a Pod that cannot be marked leaves the pool Ready, and says so', () => {
    const some = [aPod('bad').busy(), aPod('good').busy(), ...pods('idle', 2)];
    const [mark] = decide(anObservation({ pods: some })).writes;
    if (mark === undefined) throw new Error('nothing to mark');
    const seen = { pods: some, attempts: triedAs(mark, [NO]) };
    expect(conditionsOf(seen)('Stalled')).toMatchObject({ status: 'False' });
    expect(conditionsOf(seen)('Ready')).toMatchObject({
      status: 'True',
      reason: 'WritesRefused',
      message: expect.stringContaining('cannot mark Pod bad busy: a policy says no'),
    });
    expect(decide(anObservation(seen)).writes.map(describeWrite)).toEqual(['markPod good busy']);
    const over = { pods: pods('idle', 2), attempts: triedAs(mark, [NO]) };
    expect(conditionsOf(over)('Ready')).toMatchObject({ reason: 'Ready' });
  });
});
