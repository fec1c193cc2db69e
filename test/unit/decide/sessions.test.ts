import fc from 'fast-check';
import { decide } from '../../../operator/decide/decide';
import type { PodView, SessionView } from '../../../operator/decide/model';
import { podFacts } from '../../../operator/decide/pods';
import { claimOrder, claimPatch, endPatch, etaMs, hasLabels } from '../../../operator/decide/sessions';
import { DRAIN_FINALIZER } from '../../../src/api/names';
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
  ownedBy,
  type PodBuilder,
  pods,
} from './builders';

const KEY = 'hsd.paia.tech/';
const SESSION: SessionView = { id: 's-1', claimedBy: 'lobby', claimedAt: NOW };
const http = anHsd({ spec: HTTP });
const probed = (uid?: string): PodBuilder => aPod(uid).with({ busyKey: undefined });

function writes(options: ObservationOptions): string[] {
  return decide(anObservation(options)).writes.map(describeWrite);
}

describe('the patch of a claim', () => {
  test('writes record, busy annotation, state and marks at once, on this very version of the Pod', () => {
    expect(claimPatch(anHsd(), aPod().build(), { ...SESSION, expiresAt: NOW + 60_000 })).toEqual({
      uid: 'pod-1',
      resourceVersion: '1',
      labels: { 'hsd.paia.tech/name': 'rooms', 'hsd.paia.tech/state': 'busy' },
      annotations: {
        'paia.tech/busy': 'true',
        [`${KEY}session`]: 's-1',
        [`${KEY}claimed-by`]: 'lobby',
        [`${KEY}claimed-at`]: '2026-01-01T00:00:00.000Z',
        [`${KEY}expires-at`]: '2026-01-01T00:01:00.000Z',
        'controller.kubernetes.io/pod-deletion-cost': '1000',
        'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false',
        'karpenter.sh/do-not-disrupt': 'true',
      },
    });
  });

  test('takes away what is left of an end that another claim had', () => {
    expect(claimPatch(anHsd(), aPod().build(), SESSION).annotations).toHaveProperty([`${KEY}expires-at`], null);
  });

  test('writes the key the Pod was started with, whatever the hsd says now', () => {
    const pod = aPod().with({ busyKey: 'games.example/in-use' }).build();
    const { annotations } = claimPatch(anHsd(), pod, SESSION);
    expect(annotations).toHaveProperty(['games.example/in-use'], 'true');
    expect(annotations).not.toHaveProperty(['paia.tech/busy']);
  });

  test('writes no busy annotation where HTTP probes tell', () => {
    const { annotations } = claimPatch(http, probed().build(), SESSION);
    expect(annotations).not.toHaveProperty(['paia.tech/busy']);
    expect(annotations).toHaveProperty([`${KEY}session`], 's-1');
  });
});

describe('the patch that ends a session', () => {
  test('takes back all that the claim wrote', () => {
    const pod = aPod().claimed('s-1').build();
    const before = claimPatch(anHsd(), aPod().build(), SESSION).annotations;
    const after = endPatch(anHsd(), pod);
    expect(after.labels).toMatchObject({ 'hsd.paia.tech/state': 'idle' });
    expect(after.annotations).toEqual(Object.fromEntries(Object.keys(before).map((key) => [key, null])));
  });

  test('takes every key that says busy', () => {
    const pod = aPod().claimed('s-1').with({ busyKey: 'old.example/busy' }).busy('old.example/busy').build();
    expect(endPatch(anHsd(), pod).annotations).toMatchObject({ 'old.example/busy': null, 'paia.tech/busy': null });
  });

  test('leaves the state to the probe where there is one', () => {
    expect(endPatch(http, probed().claimed('s-1').build())).toEqual({
      uid: 'pod-1',
      resourceVersion: '1',
      labels: {},
      annotations: Object.fromEntries(
        ['session', 'claimed-by', 'claimed-at', 'expires-at'].map((key) => [`${KEY}${key}`, null]),
      ),
    });
  });
});

describe('a claimed Pod', () => {
  test('is busy as any other, and needs no write', () => {
    const { writes: some, status } = decide(
      anObservation({ pods: [aPod().claimed('s-1'), ...pods('idle', 2)], child: aChild({ replicas: 3 }) }),
    );
    expect(some).toEqual([]);
    expect(status).toMatchObject({
      busyCount: 1,
      sessionCount: 1,
      oldestSessionTime: '2025-12-31T23:59:50Z',
      desiredReplicas: 3,
    });
  });

  test.each<[string, PodBuilder]>([
    ['before anything was asked of it', probed().claimed('s-1')],
    ['with no container running', probed().claimed('s-1').pending()],
    ['whose labels its app has taken', probed().claimed('s-1').with({ state: undefined })],
  ])('that is probed is busy %s', (_when, pod) => {
    const { status } = decide(anObservation({ hsd: http, pods: [pod] }));
    expect(status).toMatchObject({ busyCount: 1, unknownCount: 0 });
  });

  test('that is probed is busy against its own word, and by that word once released', () => {
    const answers = { 'pod-1': { state: 'idle' as const, checkedAt: NOW } };
    const busy = (pod: PodBuilder): number | undefined =>
      decide(anObservation({ hsd: http, pods: [pod], probes: answers })).status.busyCount;
    expect(busy(probed().claimed('s-1'))).toBe(1);
    expect(busy(probed().marked('busy'))).toBe(0);
  });

  test('whose app clears its mark is idle, and loses the record with the mark', () => {
    const pod = aPod().claimed('s-1').with({ trueKeys: [] });
    const [write] = decide(anObservation({ pods: [pod, ...pods('idle', 1)] })).writes;
    expect(write).toMatchObject({ kind: 'markPod', state: 'idle', annotations: { [`${KEY}session`]: null } });
  });
});

describe('a session that nobody released', () => {
  const expired = (uid: string): PodBuilder => aPod(uid).claimed(`s-${uid}`, { expiresAt: NOW });

  test('is over when its time has come, told in an Event', () => {
    const plan = decide(anObservation({ pods: [expired('a'), ...pods('idle', 2)] }));
    expect(plan.writes.map(describeWrite)).toEqual(['endSession a']);
    expect(plan.events).toMatchObject([{ reason: 'SessionExpired', type: 'Normal' }]);
    expect(plan.ended).toMatchObject([{ reason: 'Expired', session: { id: 's-a' } }]);
  });

  test('goes on until then, by the clock of the API server alone', () => {
    const pod = aPod().claimed('s-1', { expiresAt: NOW + 5_000 });
    const plan = decide(anObservation({ now: NOW + 86_400_000, pods: [pod, ...pods('idle', 2)] }));
    expect(plan.writes).toEqual([]);
    expect(plan.requeueAfterMs).toBe(5_000);
  });

  test('waits while the hsd is paused', () => {
    expect(writes({ hsd: anHsd({ spec: { paused: true } }), pods: [expired('a')] })).toEqual([]);
  });

  test('is over though the child belongs to somebody else', () => {
    const child = aChild({ controller: { kind: 'Deployment', name: 'other', uid: 'other' } });
    expect(writes({ child, pods: [expired('a')] })).toEqual(['endSession a']);
  });

  test('is over while its hsd drains', () => {
    const hsd = anHsd({ deleting: true, finalizers: [DRAIN_FINALIZER], spec: { sessions: { onDelete: 'Drain' } } });
    expect(writes({ hsd, child: aChild({ replicas: 1 }, hsd), pods: [expired('a')] })).toContain('endSession a');
  });

  test('held by two Pods is the first one’s', () => {
    const first = aPod('b').claimed('s-1', { claimedAt: NOW - 9_000 });
    const second = aPod('a').claimed('s-1', { claimedAt: NOW - 8_000 });
    const plan = decide(anObservation({ pods: [second, first, ...pods('idle', 2)] }));
    expect(plan.writes.map(describeWrite)).toEqual(['endSession a']);
    expect(plan.events).toMatchObject([{ reason: 'SessionDuplicate', type: 'Warning' }]);
  });

  test('is not taken for a second one when it has just ended on another Pod', () => {
    const cleared = aPod('a')
      .claimed('s-1', { claimedAt: NOW - 9_000 })
      .with({ trueKeys: [] });
    const again = aPod('b').claimed('s-1', { claimedAt: NOW - 1_000 });
    expect(writes({ pods: [cleared, again, ...pods('idle', 1)] })).toEqual(['markPod a idle']);
  });
});

describe('claims in hand', () => {
  test('a reserved Pod counts as busy, is marked by nobody else and never drained', () => {
    const reserved = aPod('a').with({ state: 'starting' });
    const claims = { reserved: new Set(['a']), waiting: 0 };
    const plan = decide(anObservation({ claims, pods: [reserved, ...pods('idle', 2)] }));
    expect(plan.writes).toEqual([]);
    expect(plan.status).toMatchObject({ busyCount: 1, desiredReplicas: 3 });
  });

  test('whoever waits is demand: 50 callers on an empty pool start 50 Pods at once', () => {
    const claims = { reserved: new Set<string>(), waiting: 50 };
    const seen = pods('held', 3, (pod) => pod.claimed('s').with({ session: undefined }));
    const growth = { proven: aChild().templateHash ?? '' };
    const plan = decide(anObservation({ claims, growth, pods: seen, child: aChild({ replicas: 3 }) }));
    expect(plan.writes.map(describeWrite)).toContain('scaleChild 55');
    expect(plan.status).toMatchObject({ waitingCount: 50, desiredReplicas: 55 });
  });

  test('a pool none of whose Pods was ever available grows for them by one idle target', () => {
    const claims = { reserved: new Set<string>(), waiting: 1_000 };
    const seen = pods('starting', 2, (pod) => pod.pending().marked('starting'));
    const plan = decide(anObservation({ claims, growth: null, pods: seen, child: aChild({ replicas: 2 }) }));
    expect(plan.writes.map(describeWrite)).toContain('scaleChild 4');
    expect(plan.status.conditions).toContainEqual(
      expect.objectContaining({ type: 'IdleTargetMet', reason: 'NeverAvailable' }),
    );
  });

  test.each<[string, PodBuilder, ReadonlySet<string>]>([
    ['was claimed', aPod('a').claimed('s-1'), new Set()],
    ['is being claimed', aPod('a'), new Set(['a'])],
  ])('a Pod that %s was available: growth is not held back', (_what, pod, reserved) => {
    const claims = { reserved, waiting: 50 };
    expect(writes({ claims, growth: null, pods: [pod], child: aChild({ replicas: 1 }) })).toContain('scaleChild 53');
  });
});

describe('the Pod of a claim', () => {
  const order = (options: ObservationOptions): string[] => {
    const observation = anObservation(options);
    return claimOrder(observation, podFacts(observation, new Set())).map(({ name }) => name);
  };

  test.each<[string, PodBuilder, ObservationOptions?]>([
    ['is not Ready', aPod().notReady()],
    ['is busy', aPod().busy().marked('busy')],
    ['is claimed', aPod().claimed('s-1')],
    ['keeps the record of a session its app has ended', aPod().claimed('s-1').with({ trueKeys: [] })],
    ['is draining', aPod().marked('draining')],
    ['is on a cordoned node', aPod(), { cordoned: new Set(['node-1']) }],
    ['is being deleted', aPod().with({ deleting: true })],
    ['is reserved', aPod(), { claims: { reserved: new Set(['pod-1']), waiting: 0 } }],
    ['has not answered its probe', probed(), { hsd: http }],
    ['was Ready too short', aPod().with({ readySince: NOW - 1 }), { hsd: anHsd({ spec: { minReadySeconds: 9 } }) }],
    ['carries no label of ours', aPod().with({ hsd: undefined })],
  ])('is none that %s', (_what, pod, options = {}) => {
    expect(order({ ...options, pods: [pod] })).toEqual([]);
  });

  test('is Ready though its label lags behind', () => {
    expect(order({ pods: [aPod().with({ state: 'starting' })] })).toEqual(['pod-1']);
  });

  test('is of the newest revision, then on the fullest node, then the oldest', () => {
    const replicaSets = [aReplicaSet({ uid: 'rs-9', revision: '9' }), aReplicaSet({ uid: 'rs-10', revision: '10' })];
    const pod = (uid: string, rs: string, node: string, age: number): PodBuilder =>
      aPod(uid).with({ controller: ownedBy(rs), node, createdAt: NOW - age });
    const some = [
      aPod('detached').detached().with({ node: 'full' }),
      pod('old-full', 'rs-9', 'full', 900),
      pod('new-empty', 'rs-10', 'empty', 900),
      pod('new-full-young', 'rs-10', 'full', 1),
      pod('new-full', 'rs-10', 'full', 800),
    ];
    expect(order({ replicaSets, pods: some })).toEqual([
      'new-full',
      'new-full-young',
      'new-empty',
      'old-full',
      'detached',
    ]);
  });

  test('is never one that a decision counts as busy', () => {
    const arbitraryPod = fc
      .record({
        busy: fc.boolean(),
        claimed: fc.boolean(),
        ready: fc.boolean(),
        state: fc.constantFrom('starting', 'idle', 'busy', 'draining', undefined),
      })
      .map(({ busy, claimed, ready, state }) => {
        const pod = aPod().with({ ready, state: state as PodView['state'] });
        const marked = busy ? pod.busy() : pod;
        return claimed ? marked.with({ session: SESSION }) : marked;
      });
    fc.assert(
      fc.property(fc.array(arbitraryPod, { maxLength: 6 }), (some) => {
        const named = some.map((pod, i) => pod.with({ uid: `p${i}`, name: `p${i}` }));
        const observation = anObservation({ pods: named });
        const facts = podFacts(observation, new Set());
        const busy = new Set(facts.filter((f) => f.spared).map((f) => f.pod.uid));
        return claimOrder(observation, facts).every((pod) => !busy.has(pod.uid) && pod.ready);
      }),
    );
  });

  test.each([
    [{}, true],
    [{ zone: 'a' }, true],
    [{ zone: 'b' }, false],
    [{ zone: 'a', other: '' }, false],
  ])('has the labels asked for (%j): %j', (wanted, want) => {
    expect(hasLabels({ labels: { app: 'rooms', zone: 'a' } }, wanted)).toBe(want);
  });
});

test.each<[string, Parameters<typeof etaMs>, number | undefined]>([
  ['the first takes the Pod that is nearest to Ready', [1, [200, 900], 1_000, true], 100],
  ['the second the next', [2, [200, 900], 1_000, true], 800],
  ['who comes after them a Pod that starts now', [3, [200, 900], 1_000, true], 1_000],
  ['nobody knows when one comes at the limit', [3, [200, 900], 1_000, false], undefined],
  ['a Pod that takes longer than others may be Ready any moment', [1, [5_000], 1_000, true], 0],
  ['nobody knows before one was Ready', [1, [200], undefined, true], undefined],
])('estimate: %s', (_sentence, input, want) => {
  expect(etaMs(...input)).toBe(want);
});
