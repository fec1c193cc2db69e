import { decide } from '../../../operator/decide/decide';
import type { Plan, PodView } from '../../../operator/decide/model';
import { DRAIN_GRACE_MS } from '../../../operator/decide/scale-down';
import {
  aChild,
  anHsd,
  anObservation,
  aPod,
  aReplicaSet,
  describeWrite,
  HTTP,
  NOW,
  type ObservationOptions,
  type PodBuilder,
  pods,
} from './builders';

const LONG_AGO = NOW - DRAIN_GRACE_MS;
const one = anHsd({ spec: { idleTarget: 1 } });

function planOf(options: ObservationOptions): Plan {
  return decide(anObservation({ hsd: one, ...options }));
}

function writesOf(options: ObservationOptions): string[] {
  return planOf(options).writes.map(describeWrite);
}

/** Names of the Pods a plan marks as draining. */
function chosen(options: ObservationOptions): string[] {
  return planOf(options).writes.flatMap((write) =>
    write.kind === 'markPod' && write.state === 'draining' ? [write.pod.name] : [],
  );
}

const draining = (name: string): PodBuilder => aPod(name).marked('draining');
const since = (at: number, ...names: string[]): Record<string, number> =>
  Object.fromEntries(names.map((name) => [name, at]));

describe('which Pods go', () => {
  const table: [sentence: string, pods: PodBuilder[], victims: string[]][] = [
    ['one that is not Ready before any that is', [aPod('a'), aPod('b').notReady()], ['b']],
    [
      'the one on the emptiest node',
      [aPod('a').with({ node: 'n1' }), aPod('b').with({ node: 'n2' }), aPod('c').with({ node: 'n1' })],
      ['b', 'a'],
    ],
    [
      'busy Pods make a node full',
      [
        aPod('a').with({ node: 'n1' }),
        aPod('b').with({ node: 'n2' }),
        aPod('c').with({ node: 'n2' }).busy().marked('busy'),
      ],
      ['a'],
    ],
    [
      'the newest of Pods alike',
      [aPod('a').with({ createdAt: NOW - 9 }), aPod('b').with({ createdAt: NOW - 1 })],
      ['b'],
    ],
    ['the same one every time when all is equal', [aPod('b'), aPod('a')], ['a']],
    ['nobody while there is nothing too many', [aPod('a'), aPod('b').busy().marked('busy')], []],
    ['never a busy Pod, Ready or not', [aPod('a').busy().marked('busy').notReady(), aPod('b'), aPod('c')], ['b']],
  ];
  test.each(table)('%s', (_sentence, some, victims) => {
    expect(chosen({ pods: some }).sort()).toEqual([...victims].sort());
  });

  test('a Pod that is draining stays chosen although a better one came up', () => {
    expect(chosen({ pods: [draining('a'), aPod('b').notReady()], drainingSince: since(NOW, 'a') })).toEqual([]);
  });
});

describe('a scale-down of the child', () => {
  test('first marks, and looks again when the grace is over', () => {
    const plan = planOf({ pods: pods('pod', 3) });
    expect(plan.writes.map(describeWrite)).toEqual(['markPod pod-1 draining', 'markPod pod-2 draining']);
    expect(plan.requeueAfterMs).toBe(DRAIN_GRACE_MS);
  });

  test('waits for what is left of the grace', () => {
    const plan = planOf({ pods: [draining('a'), aPod('b')], drainingSince: since(NOW - 300, 'a') });
    expect(plan).toMatchObject({ writes: [], requeueAfterMs: DRAIN_GRACE_MS - 300 });
  });

  test('a marked Pod whose mark was not seen before waits a whole grace: a restart forgets', () => {
    expect(planOf({ pods: [draining('a'), aPod('b')] })).toMatchObject({ writes: [], requeueAfterMs: DRAIN_GRACE_MS });
  });

  test('then lowers the child, once, by as many as are drained', () => {
    const plan = planOf({ pods: [draining('a'), draining('b'), aPod('c')], drainingSince: since(LONG_AGO, 'a', 'b') });
    expect(plan.writes.map(describeWrite)).toEqual(['scaleChild 1']);
    expect(plan.requeueAfterMs).toBeUndefined();
  });

  test('waits for the last of several', () => {
    const plan = planOf({
      pods: [draining('a'), draining('b'), aPod('c')],
      drainingSince: { ...since(LONG_AGO, 'a'), ...since(NOW - 400, 'b') },
    });
    expect(plan).toMatchObject({ writes: [], requeueAfterMs: DRAIN_GRACE_MS - 400 });
  });

  test('a draining Pod that got a session is busy again and the others still go', () => {
    const plan = planOf({
      pods: [draining('a').busy(), draining('b'), aPod('c')],
      drainingSince: since(LONG_AGO, 'a', 'b'),
    });
    expect(plan.writes.map(describeWrite)).toEqual(['scaleChild 2', 'markPod a busy']);
  });

  test('draining Pods that are needed again are idle again', () => {
    const hsd = anHsd({ spec: { idleTarget: 2 } });
    expect(writesOf({ hsd, pods: [draining('a'), aPod('b')], drainingSince: since(LONG_AGO, 'a') })).toEqual([
      'markPod a idle',
    ]);
  });

  test('Pods that do not exist yet are given up at once', () => {
    expect(writesOf({ child: aChild({ replicas: 5 }, one), pods: [aPod('a')] })).toEqual(['scaleChild 1']);
  });

  test('Pods the ReplicaSet has made already and the watch has not shown yet are not missing', () => {
    const child = aChild({ replicas: 5 }, one);
    const seen = { child, pods: [aPod('a')], replicaSets: [aReplicaSet({ replicas: 5, statusReplicas: 3 }, one)] };
    expect(writesOf(seen)).toEqual(['scaleChild 3']);
    expect(writesOf({ ...seen, child: { ...child, replicas: 3 } })).toEqual([]);
  });

  describe('waits for Pods that are still to come, which a ReplicaSet would make room for with any other one,', () => {
    const http = anHsd({ spec: { ...HTTP, idleTarget: 1 } });
    const probed = (name: string): PodBuilder => aPod(name).with({ busyKey: undefined });
    const table: [sentence: string, options: ObservationOptions, want: string[]][] = [
      ['when only a probe could tell of a session', { hsd: http, pods: [probed('a')] }, []],
      ['when no guard keeps sessions', { pods: [aPod('a')], guarded: false }, []],
    ];
    test.each(table)('%s', (_sentence, options, want) => {
      const probes = { a: { state: 'idle' as const, checkedAt: NOW } };
      const child = aChild({ replicas: 3 }, options.hsd ?? one);
      expect(writesOf({ child, probes, ...options }).filter((write) => write.startsWith('scale'))).toEqual(want);
    });

    test('unless the API server lets no more come', () => {
      const child = aChild({ replicas: 3, replicaFailure: 'exceeded quota' }, http);
      const probes = { a: { state: 'idle' as const, checkedAt: NOW } };
      expect(writesOf({ hsd: http, child, probes, pods: [probed('a')] })).toEqual(['scaleChild 1']);
    });
  });

  describe('waits until every probed Pod was asked, not the chosen one alone: a session may have begun in any of them,', () => {
    const http = anHsd({ spec: { ...HTTP, idleTarget: 1 } });
    const chosen = draining('a').with({ busyKey: undefined });
    const other = aPod('b').with({ busyKey: undefined });
    const seen = (asked: number, pod = other, unready?: number): ObservationOptions => ({
      hsd: http,
      child: aChild({ replicas: 2 }, http),
      pods: [chosen, pod],
      drainingSince: since(NOW - 2_000, 'a'),
      unreadySince: new Map(unready === undefined ? [] : [['b', unready]]),
      probes: { a: { state: 'idle', checkedAt: NOW }, b: { state: 'idle', checkedAt: asked } },
    });

    test('since the one was chosen', () => {
      expect(decide(anObservation(seen(NOW - 2_500)))).toMatchObject({ writes: [], probe: ['b'] });
      expect(writesOf(seen(NOW - 1_500))).toEqual(['scaleChild 1']);
    });

    test('since it dropped readiness, which makes it the first to go', () => {
      const dropped = other.notReady();
      expect(decide(anObservation(seen(NOW - 1_500, dropped, NOW - 1_000)))).toMatchObject({
        writes: [],
        probe: ['b'],
      });
      expect(writesOf(seen(NOW - 500, dropped, NOW - 1_000))).toEqual(['scaleChild 1']);
    });
  });

  describe('waits for the mark of a session that came while its Pod was draining: it would be the first to go', () => {
    const http = anHsd({ spec: { ...HTTP, idleTarget: 1 } });
    const probed = (name: string): PodBuilder => draining(name).with({ busyKey: undefined });
    const later = { drainingSince: since(LONG_AGO, 'a', 'b') };

    test('when its probe has just told', () => {
      const probes = { a: { state: 'busy' as const, checkedAt: NOW }, b: { state: 'idle' as const, checkedAt: NOW } };
      const idle = aPod('c').with({ busyKey: undefined });
      const all = { ...probes, c: { state: 'idle' as const, checkedAt: NOW } };
      const child = aChild({ replicas: 3 }, http);
      const plan = writesOf({ hsd: http, child, probes: all, pods: [probed('a'), probed('b'), idle], ...later });
      expect(plan).toContain('markPod a busy');
      expect(plan).not.toContain('scaleChild 2');
    });

    test('when no guard keeps it', () => {
      const some = [draining('a').busy(), draining('b'), aPod('c')];
      expect(writesOf({ pods: some, guarded: false, ...later })).toEqual(['markPod a busy']);
    });
  });

  test('never goes below the sessions, whatever maxReplicas says', () => {
    const hsd = anHsd({ spec: { idleTarget: 1, maxReplicas: 1 } });
    const busy = pods('busy', 3, (pod) => pod.busy().marked('busy'));
    expect(writesOf({ hsd, pods: [...busy, draining('a')], drainingSince: since(LONG_AGO, 'a') })).toEqual([
      'scaleChild 3',
    ]);
  });

  test('does not happen while a rollout is on its way', () => {
    const some = [draining('a'), aPod('b'), aPod('orphan').orphan().busy().marked('busy')];
    expect(writesOf({ pods: some, drainingSince: since(LONG_AGO, 'a') })).not.toContain('scaleChild 1');
  });
});

describe('busy Pods that dropped readiness, which ReplicaSets end first', () => {
  const some = [aPod('busy').busy().marked('busy').notReady(), draining('a'), aPod('b')];
  const seen = { pods: some, drainingSince: since(LONG_AGO, 'a') };

  test('with the guard: lower first, then detach, so that no Pod is made in between', () => {
    expect(writesOf(seen)).toEqual(['scaleChild 1', 'ownPod busy']);
  });

  test('without the guard: detach first, lower when the Pod that was made in its place can go, too', () => {
    expect(writesOf({ ...seen, guarded: false })).toEqual(['ownPod busy']);
    const child = aChild({ replicas: 3 }, one);
    const after = [aPod('busy').detached().busy().marked('busy').notReady(), draining('a'), aPod('b')];
    expect(writesOf({ ...seen, child, pods: after, guarded: false })).toEqual([]);
    const made = [...after, draining('made').pending()];
    const drainingSince = since(LONG_AGO, 'a', 'made');
    expect(writesOf({ ...seen, child, pods: made, drainingSince, guarded: false })).toEqual(['scaleChild 1']);
  });

  test('they stay attached as long as nothing is lowered', () => {
    expect(writesOf({ pods: [aPod('busy').busy().marked('busy').notReady(), aPod('b')] })).toEqual([]);
  });

  test('in http mode the guard sees only the label: a Pod whose label is not busy yet is detached first', () => {
    const probed = (name: string): PodBuilder => aPod(name).with({ busyKey: undefined });
    const http = {
      hsd: anHsd({ spec: { ...HTTP, idleTarget: 1 } }),
      pods: [probed('flipped').notReady(), probed('a').marked('draining'), probed('b')],
      probes: {
        flipped: { state: 'busy', checkedAt: NOW },
        a: { state: 'idle', checkedAt: NOW },
        b: { state: 'idle', checkedAt: NOW },
      },
      drainingSince: since(LONG_AGO, 'a'),
    } satisfies ObservationOptions;
    expect(writesOf(http)).toEqual(['ownPod flipped', 'markPod flipped busy']);
    const marked = [probed('flipped').notReady().marked('busy'), probed('a').marked('draining'), probed('b')];
    expect(writesOf({ ...http, pods: marked })).toEqual(['scaleChild 1', 'ownPod flipped']);
  });
});

describe('detached Pods', () => {
  const attached = [aPod('new')];

  test('an idle one is drained when enough others could take a session, then ended', () => {
    expect(writesOf({ child: aChild({ replicas: 1 }, one), pods: [...attached, aPod('old').detached()] })).toEqual([
      'markPod old draining',
    ]);
    const old = draining('old').detached();
    const seen = {
      child: aChild({ replicas: 1 }, one),
      pods: [...attached, old],
      drainingSince: since(LONG_AGO, 'old'),
    };
    expect(writesOf(seen)).toEqual(['deletePod old']);
  });

  test('an idle one stays while no other could take a session', () => {
    const seen = {
      child: aChild({ replicas: 1 }, one),
      pods: [aPod('new').notReady().marked('starting'), aPod('old').detached()],
    };
    expect(writesOf(seen)).toEqual([]);
  });

  test('one that is neither busy nor Ready serves nobody and goes', () => {
    const seen = {
      child: aChild({ replicas: 1 }, one),
      pods: [aPod('new').notReady().marked('starting'), aPod('old').detached().notReady()],
    };
    expect(writesOf(seen)).toEqual(['markPod old draining']);
  });

  test('a busy one is never ended, and the child holds one less', () => {
    const seen = {
      child: aChild({ replicas: 1 }, one),
      pods: [...attached, aPod('old').detached().busy().marked('busy')],
    };
    expect(writesOf(seen)).toEqual([]);
    expect(planOf(seen).status).toMatchObject({ desiredReplicas: 2, detachedCount: 1, busyCount: 1 });
  });

  test('one whose ReplicaSet is being deleted waits: it would be made anew', () => {
    const seen = { child: aChild({ replicas: 1 }, one), pods: [...attached, aPod('old').orphan()] };
    expect(writesOf(seen)).toEqual(['ownPod old']);
  });

  test('the delete carries the Pod as it was seen, so that one that changed meanwhile survives', () => {
    const old: PodView = draining('old').detached().with({ resourceVersion: '77' }).build();
    const plan = planOf({
      child: aChild({ replicas: 1 }, one),
      pods: [...attached, old],
      drainingSince: since(LONG_AGO, 'old'),
    });
    expect(plan.writes).toEqual([
      { kind: 'deletePod', pod: expect.objectContaining({ uid: 'old', resourceVersion: '77' }) },
    ]);
  });
});

describe('http mode asks once more before a Pod goes', () => {
  const hsd = anHsd({ spec: { ...HTTP, idleTarget: 1 } });
  const going = draining('a').with({ busyKey: undefined });
  const staying = aPod('b').with({ busyKey: undefined });
  const probes = (checkedAt: number, state: 'busy' | 'idle' | 'unknown' = 'idle'): ObservationOptions['probes'] => ({
    a: { state, checkedAt },
    b: { state: 'idle', checkedAt: NOW },
  });

  test('not before it is marked', () => {
    const plan = planOf({ hsd, pods: [staying, aPod('a').with({ busyKey: undefined })], probes: probes(NOW) });
    expect(plan).toMatchObject({ probe: [], writes: [{ kind: 'markPod' }] });
  });

  test('and lowers nothing until the answer is newer than the mark', () => {
    const plan = planOf({
      hsd,
      pods: [going, staying],
      probes: probes(LONG_AGO - 1),
      drainingSince: since(LONG_AGO, 'a'),
    });
    expect(plan).toMatchObject({ probe: ['a'], writes: [], requeueAfterMs: 1_000 });
  });

  test('an answer that says idle lets it go', () => {
    const plan = planOf({ hsd, pods: [going, staying], probes: probes(NOW), drainingSince: since(LONG_AGO, 'a') });
    expect(plan).toMatchObject({ probe: [], writes: [{ kind: 'scaleChild', replicas: 1 }] });
  });

  test('an answer that says busy takes it back', () => {
    const seen = { hsd, pods: [going, staying], probes: probes(NOW, 'busy'), drainingSince: since(LONG_AGO, 'a') };
    expect(writesOf(seen)).toEqual(['markPod a busy']);
  });

  test('no answer takes it back: nobody can tell', () => {
    const seen = { hsd, pods: [going, staying], probes: probes(NOW, 'unknown'), drainingSince: since(LONG_AGO, 'a') };
    expect(writesOf(seen)).toContain('markPod a idle');
    expect(writesOf(seen)).not.toContain('scaleChild 1');
  });

  test('a Pod without a running container cannot answer and is not asked', () => {
    const pending = draining('a').with({ busyKey: undefined }).pending();
    const seen = {
      hsd,
      pods: [pending, staying],
      probes: { b: { state: 'idle', checkedAt: NOW } },
      drainingSince: since(LONG_AGO, 'a'),
    } satisfies ObservationOptions;
    expect(writesOf(seen)).toEqual(['scaleChild 1']);
  });
});
