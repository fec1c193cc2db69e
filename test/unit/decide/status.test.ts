import { mergeConditions, type Verdict } from '../../../operator/decide/conditions';
import { decide } from '../../../operator/decide/decide';
import type { Refusal } from '../../../operator/decide/model';
import type { Condition, HotStandbyStatus } from '../../../src/api/types';
import { aChild, anHsd, anObservation, aPod, aReplicaSet, HTTP, NOW, type ObservationOptions, pods } from './builders';

const statusOf = (options: ObservationOptions): HotStandbyStatus => decide(anObservation(options)).status;

function condition(options: ObservationOptions, type: string): Condition {
  const found = statusOf(options).conditions?.find((c) => c.type === type);
  if (found === undefined) throw new Error(`no condition ${type}`);
  return found;
}

const summary = (options: ObservationOptions, type: string): string => {
  const { status, reason } = condition(options, type);
  return `${status} ${reason}`;
};

const starting = (name: string): ReturnType<typeof aPod> => aPod(name).marked('starting').notReady();

describe('counts', () => {
  test('every live Pod is counted once, in the state its label will say', () => {
    const some = [
      aPod('busy-1').busy().marked('busy'),
      aPod('busy-2').busy().notReady(),
      aPod('idle-1'),
      aPod('idle-not-ready').notReady(),
      starting('starting-1'),
      aPod('going').with({ deleting: true }),
      aPod('failed').with({ phase: 'Failed', ready: false }),
    ];
    expect(statusOf({ pods: some, hsd: anHsd({ generation: 4, spec: { idleTarget: 3 } }) })).toMatchObject({
      observedGeneration: 4,
      desiredReplicas: 5,
      busyCount: 2,
      idleCount: 3,
      availableCount: 1,
      startingCount: 1,
      drainingCount: 0,
      detachedCount: 0,
      unknownCount: 0,
      replicas: 5,
      readyReplicas: 2,
    });
  });

  test('draining and detached Pods are not available', () => {
    const some = [
      aPod('new-1'),
      aPod('new-2'),
      aPod('old-1').detached(),
      aPod('old-2').detached().busy().marked('busy'),
    ];
    expect(statusOf({ child: aChild(), pods: some })).toMatchObject({
      availableCount: 2,
      drainingCount: 1,
      detachedCount: 2,
      busyCount: 1,
      idleCount: 3,
    });
  });

  test('Pods whose probe failed are unknown, and not available', () => {
    const some = pods('pod', 2, (pod) => pod.with({ busyKey: undefined }));
    const probes = {
      'pod-1': { state: 'unknown', checkedAt: NOW },
      'pod-2': { state: 'idle', checkedAt: NOW },
    } as const;
    expect(statusOf({ hsd: anHsd({ spec: HTTP }), pods: some, probes })).toMatchObject({
      unknownCount: 1,
      availableCount: 1,
    });
  });

  test('the selector is the one of the Pods, its labels in order', () => {
    const hsd = anHsd({ spec: { selector: { matchLabels: { tier: 'gold', app: 'rooms' } } } });
    expect(statusOf({ hsd, child: null }).selector).toBe('app=rooms,tier=gold');
  });

  test('lastScaleTime is what this process remembers, else what the status says', () => {
    const hsd = anHsd({ status: { lastScaleTime: '2025-01-01T00:00:00Z' } });
    expect(statusOf({ hsd, pods: pods('pod', 2) }).lastScaleTime).toBe('2025-01-01T00:00:00Z');
    // The clock of the leader before was ahead.
    const lastScaleTime = '2024-12-31T23:00:00Z';
    expect(statusOf({ hsd, pods: pods('pod', 2), lastScaleTime }).lastScaleTime).toBe(lastScaleTime);
  });
});

describe('Ready', () => {
  const arrived = { pods: pods('pod', 2) };
  /** An hsd whose status says what `options` leads to. */
  const settledBy = (options: ObservationOptions, change: Parameters<typeof anHsd>[0] = {}): ReturnType<typeof anHsd> =>
    anHsd({ ...change, status: statusOf(options) });

  test('is False while the first Pods start, and Reconciling says so', () => {
    const seen = { pods: [aPod('a'), starting('b')] };
    expect(summary(seen, 'Ready')).toBe('False Scaling');
    expect(summary(seen, 'Reconciling')).toBe('True Scaling');
  });

  test('is True once the idle target is met', () => {
    expect(summary(arrived, 'Ready')).toBe('True Ready');
    expect(summary(arrived, 'Reconciling')).toBe('False Ready');
  });

  test('does not flap in a burst: IdleTargetMet tells the moment', () => {
    const burst = { hsd: settledBy(arrived), pods: pods('pod', 2, (pod) => pod.busy()) };
    expect(summary(burst, 'Ready')).toBe('True Ready');
    expect(summary(burst, 'Reconciling')).toBe('False Ready');
    expect(summary(burst, 'IdleTargetMet')).toBe('False PodsStarting');
  });

  test('is False again for a new generation that is not met yet', () => {
    const hsd = settledBy(arrived, { generation: 2, spec: { idleTarget: 3 } });
    expect(summary({ hsd, pods: pods('pod', 2) }, 'Ready')).toBe('False Scaling');
  });

  test('stays False while a rollout is on its way although enough Pods are available', () => {
    const rolling = { pods: [...pods('pod', 2), aPod('old').detached().notReady()], child: aChild() };
    expect(summary(rolling, 'Ready')).toBe('False RollingOut');
    expect(summary({ ...arrived, child: aChild({ paused: true }) }, 'Ready')).toBe('False RollingOut');
    expect(summary({ ...arrived, child: aChild({ generation: 2, observedGeneration: 1 }) }, 'Ready')).toBe(
      'False RollingOut',
    );
  });

  test('does not wait for sessions on Pods of an earlier template', () => {
    const seen = { pods: [...pods('pod', 2), aPod('old').detached().busy().marked('busy')], child: aChild() };
    expect(summary(seen, 'Ready')).toBe('True Ready');
  });

  test('is True at a full maxReplicas: the spec is carried out as far as it allows', () => {
    const hsd = anHsd({ spec: { idleTarget: 2, maxReplicas: 2 } });
    const seen = { hsd, pods: [aPod('a').busy().marked('busy'), aPod('b')] };
    expect(summary(seen, 'Ready')).toBe('True Ready');
    expect(summary(seen, 'IdleTargetMet')).toBe('False MaxReplicasReached');
  });

  test('is False while Stalled, even after it was True', () => {
    const refusal: Refusal = { generation: 1, reason: 'Invalid', message: 'image: Required value' };
    const seen = { hsd: settledBy(arrived), ...arrived, refusal };
    expect(condition(seen, 'Stalled')).toMatchObject({
      status: 'True',
      reason: 'Invalid',
      message: 'image: Required value',
    });
    expect(summary(seen, 'Ready')).toBe('False Invalid');
    expect(summary(seen, 'Reconciling')).toBe('False Stalled');
  });

  test('a refusal of an earlier generation stalls nothing', () => {
    const seen = {
      hsd: anHsd({ generation: 2 }),
      ...arrived,
      refusal: { generation: 1, reason: 'Invalid', message: 'no' } as const,
    };
    expect(summary(seen, 'Stalled')).toBe('False Accepted');
  });
});

describe('IdleTargetMet', () => {
  const table: [sentence: string, seen: ObservationOptions, want: string][] = [
    ['enough Pods are available', { pods: pods('pod', 2) }, 'True TargetMet'],
    ['a target of nothing is always met', { hsd: anHsd({ spec: { idleTarget: 0 } }), child: null }, 'True TargetMet'],
    ['Pods are starting', { pods: [starting('a'), starting('b')] }, 'False PodsStarting'],
    [
      'the quota is used up',
      { child: aChild({ replicaFailure: 'exceeded quota: pods' }), replicaSets: [aReplicaSet()], pods: [aPod('a')] },
      'False ReplicaFailure',
    ],
    [
      'maxReplicas leaves no room',
      { hsd: anHsd({ spec: { idleTarget: 2, maxReplicas: 1 } }), pods: [aPod('a')] },
      'False MaxReplicasReached',
    ],
    [
      'maxReplicas leaves room, and the Pod for it is starting',
      { hsd: anHsd({ spec: { idleTarget: 2, maxReplicas: 1 } }), pods: [starting('a')] },
      'False PodsStarting',
    ],
    [
      'there is no child because it was refused',
      { child: null, refusal: { generation: 1, reason: 'Forbidden', message: 'denied' } },
      'False Forbidden',
    ],
  ];
  test.each(table)('%s', (_sentence, seen, want) => {
    expect(summary(seen, 'IdleTargetMet')).toBe(want);
  });

  test('passes the words of the ReplicaFailure on', () => {
    const seen = { child: aChild({ replicaFailure: 'exceeded quota: pods' }), pods: [aPod('a')] };
    expect(condition(seen, 'IdleTargetMet').message).toBe('1 of 2 idle Pods available: exceeded quota: pods');
  });
});

describe('ScalingLimited', () => {
  test.each([
    ['neither', {}, 'False DesiredWithinRange'],
    ['maxReplicas', { maxReplicas: 1 }, 'True TooManyReplicas'],
    ['minReplicas', { minReplicas: 4 }, 'True TooFewReplicas'],
  ])('by %s', (_limit, spec, want) => {
    expect(summary({ hsd: anHsd({ spec }), pods: pods('pod', 2) }, 'ScalingLimited')).toBe(want);
  });
});

describe('BusyProbeHealthy', () => {
  const http = (answer: 'idle' | 'unknown', ready = true): string =>
    summary(
      {
        hsd: anHsd({ spec: HTTP }),
        pods: [aPod('a').with({ busyKey: undefined, ready })],
        probes: { a: { state: answer, checkedAt: NOW } },
      },
      'BusyProbeHealthy',
    );

  test('is True in annotation mode', () => {
    expect(summary({ pods: pods('pod', 2) }, 'BusyProbeHealthy')).toBe('True Annotation');
  });

  test('is False while a Ready Pod does not answer', () => {
    expect(http('idle')).toBe('True ProbesAnswered');
    expect(http('unknown')).toBe('False ProbesFailing');
    expect(http('unknown', false)).toBe('True ProbesAnswered');
  });

  test('says when the API server does not pass questions on', () => {
    const probes = { a: { state: 'unknown' as const, checkedAt: NOW, reason: 'Forbidden' } };
    const asked = [aPod('a').with({ busyKey: undefined, ready: true })];
    expect(summary({ hsd: anHsd({ spec: HTTP }), pods: asked, probes }, 'BusyProbeHealthy')).toBe(
      'False ProbesForbidden',
    );
  });
});

describe('the times and generations of conditions', () => {
  const verdict: Verdict = { type: 'Ready', status: 'True', reason: 'Ready', message: 'fine' };
  const [first] = mergeConditions(undefined, [verdict], 1, NOW);

  test('a new condition starts now, in whole seconds', () => {
    expect(mergeConditions(undefined, [verdict], 1, NOW + 999)).toEqual([
      { ...verdict, observedGeneration: 1, lastTransitionTime: '2026-01-01T00:00:00Z' },
    ]);
  });

  test('lastTransitionTime moves only when status does', () => {
    const later = (change: Partial<Verdict>): string | undefined =>
      mergeConditions(first && [first], [{ ...verdict, ...change }], 1, NOW + 60_000)[0]?.lastTransitionTime;
    expect(later({ reason: 'Scaling', message: 'other' })).toBe('2026-01-01T00:00:00Z');
    expect(later({ status: 'False' })).toBe('2026-01-01T00:01:00Z');
  });

  test('observedGeneration is the one of the spec that was judged', () => {
    expect(mergeConditions(first && [first], [verdict], 7, NOW)[0]?.observedGeneration).toBe(7);
    const { conditions = [] } = statusOf({ hsd: anHsd({ generation: 7 }), pods: pods('pod', 2) });
    expect(new Set(conditions.map((c) => c.observedGeneration))).toEqual(new Set([7]));
  });

  test('a long message is cut', () => {
    expect(mergeConditions(undefined, [{ ...verdict, message: 'x'.repeat(5_000) }], 1, NOW)[0]?.message).toHaveLength(
      1_024,
    );
  });

  it.each([1022, 1023, 1024, 1025])(
    'says at most what a server stores: characters are not cut in half, after %d others',
    (length) => {
      const message = `${'x'.repeat(length)}\u{1F600}\ud800y`;
      const [cut] = mergeConditions(undefined, [{ ...verdict, message }], 1, NOW);
      expect(cut?.message.isWellFormed()).toBe(true);
      expect(cut?.message.startsWith('x'.repeat(Math.min(length, 1024)))).toBe(true);
      expect(cut?.message.length).toBeLessThanOrEqual(1024);
    },
  );

  test('a type that is not judged any more is dropped', () => {
    expect(mergeConditions(first && [first], [], 1, NOW)).toEqual([]);
  });
});

test('a status that says everything already stays as it is, to the letter', () => {
  const seen = { pods: pods('pod', 2) };
  const status = statusOf(seen);
  expect(statusOf({ ...seen, hsd: anHsd({ status }), now: NOW + 3_600_000 })).toEqual(status);
});

describe('a rollout past its progress deadline', () => {
  const child = aChild({ replicas: 2, deadlineExceeded: 'has timed out progressing' });
  const stuck = { child, pods: pods('pod', 2, (pod) => pod.notReady().marked('starting')) };

  test('is Stalled when it is the first one, too', () => {
    expect(summary(stuck, 'Stalled')).toBe('True ProgressDeadlineExceeded');
    expect(condition(stuck, 'Stalled')?.message).toBe(
      'Pods of the template do not become available: has timed out progressing',
    );
    expect(summary(stuck, 'Ready')).toBe('False ProgressDeadlineExceeded');
  });

  test('is not once the target is met', () => {
    expect(summary({ child, pods: pods('pod', 2) }, 'Stalled')).toBe('False Accepted');
  });

  test('says how many of the old template serve', () => {
    const pool = { ...stuck, pods: [...stuck.pods, aPod('old').detached()] };
    expect(condition(pool, 'Stalled')?.message).toMatch(
      /of the new template .*, 1 idle Pods of the old one keep serving/,
    );
  });
});

describe('Pods that were started for HTTP probes, in annotation mode', () => {
  const old = pods('old', 2, (pod) => pod.detached().with({ busyKey: undefined }).marked('busy'));
  const mode = 'annotation' as const;

  test('that nothing says how to ask are kept, and a condition says what to do', () => {
    const seen = { hsd: anHsd({ spec: { busyProbe: { mode } } }), pods: [...pods('pod', 2), ...old], child: aChild() };
    expect(summary(seen, 'BusyProbeHealthy')).toBe('False ProbesFailing');
    expect(condition(seen, 'BusyProbeHealthy')?.message).toMatch(
      /^2 Pods were started for HTTP probes, .* Put it back/,
    );
    expect(decide(anObservation(seen)).writes.filter(({ kind }) => kind === 'deletePod')).toEqual([]);
  });

  test('that do not answer are told of as in http mode', () => {
    const hsd = anHsd({ spec: { busyProbe: { mode, http: {} } } });
    const probes = { 'old-1': { state: 'unknown' as const, checkedAt: NOW } };
    expect(summary({ hsd, pods: old, probes, child: aChild() }, 'BusyProbeHealthy')).toBe('False ProbesFailing');
    const answered = {
      'old-1': { state: 'busy' as const, checkedAt: NOW },
      'old-2': { state: 'idle' as const, checkedAt: NOW },
    };
    expect(summary({ hsd, pods: old, probes: answered, child: aChild() }, 'BusyProbeHealthy')).toBe('True Annotation');
  });
});
