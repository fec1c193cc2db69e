import { decide } from '../../../operator/decide/decide';
import type { Plan, Refusal } from '../../../operator/decide/model';
import { settingsOf, templateHash } from '../../../operator/decide/template';
import { NAME_LABEL, RETIRE_FINALIZER } from '../../../src/api/names';
import type { Condition } from '../../../src/api/types';
import {
  aChild,
  anHsd,
  anObservation,
  aPod,
  aReplicaSet,
  describeWrite,
  hsdOwner,
  NOW,
  type ObservationOptions,
  pods,
} from './builders';

const planOf = (options: ObservationOptions = {}): Plan => decide(anObservation(options));
const writesOf = (options: ObservationOptions = {}): string[] => planOf(options).writes.map(describeWrite);

test('at rest there is nothing to write', () => {
  const plan = planOf({ pods: pods('pod', 2) });
  expect(plan).toMatchObject({ writes: [], events: [], probe: [], reason: 'Settled' });
  expect(plan.requeueAfterMs).toBeUndefined();
});

describe('the child', () => {
  test('is created with the whole count', () => {
    const plan = planOf({ child: null, hsd: anHsd({ spec: { idleTarget: 2, minReplicas: 3 } }) });
    expect(plan.writes.map(describeWrite)).toEqual(['applyChild 3']);
    expect(plan.reason).toBe('Apply');
  });

  test('is created again around busy Pods that outlived it', () => {
    const busy = aPod('pod-1').detached().busy().marked('busy');
    expect(writesOf({ child: null, pods: [busy] })).toEqual(['applyChild 2']);
  });

  test('is created with room for the Pods of a ReplicaSet it will adopt', () => {
    const replicaSets = [aReplicaSet({ controller: undefined, replicas: 5, statusReplicas: 5 })];
    expect(writesOf({ child: null, replicaSets, pods: pods('pod', 5) })).toContain('applyChild 5');
    const gone = [aReplicaSet({ controller: { kind: 'Deployment', name: 'rooms-workload', uid: 'child-0' } })];
    expect(writesOf({ child: null, replicaSets: gone, pods: pods('pod', 5) })).toContain('applyChild 2');
  });

  test('is raised at once when somebody else lowered it', () => {
    expect(writesOf({ child: aChild({ replicas: 0 }), pods: pods('pod', 2) })).toEqual(['scaleChild 2']);
  });

  test('is lowered at once when somebody else raised it and no Pod came of it yet', () => {
    expect(writesOf({ child: aChild({ replicas: 9 }), pods: pods('pod', 2) })).toEqual(['scaleChild 2']);
  });
});

describe('the order of writes', () => {
  test('scale, then busy marks, then other marks', () => {
    const some = [
      aPod('ended').marked('busy'),
      aPod('starting').marked('starting'),
      aPod('flipped-1').busy(),
      aPod('flipped-2').busy(),
    ];
    expect(writesOf({ child: aChild({ replicas: 3 }), pods: some })).toEqual([
      'scaleChild 4',
      'markPod flipped-1 busy',
      'markPod flipped-2 busy',
      'markPod ended idle',
      'markPod starting idle',
    ]);
  });

  test('steps of a rollout come after marks, and ends last of all', () => {
    const rs = aReplicaSet({ uid: 'rs-old', controller: hsdOwner, finalizers: [RETIRE_FINALIZER] });
    const some = [
      aPod('flipped').busy(),
      aPod('new-1'),
      aPod('new-2'),
      aPod('gone').marked('draining').detached(),
      aPod('held').of('rs-old').marked('busy').busy(),
    ];
    const writes = writesOf({
      child: aChild({ replicas: 3 }),
      replicaSets: [aReplicaSet({ replicas: 3, statusReplicas: 3 }), rs],
      pods: some,
      drainingSince: { gone: NOW - 5_000 },
    });
    expect(writes).toEqual(['markPod flipped busy', 'deleteReplicaSet rs-old', 'deletePod gone']);
  });

  test('a Pod about to be ended is not marked again', () => {
    const foreign = aPod('gone').marked('draining').detached().with({ marks: {} });
    const plan = planOf({ pods: [...pods('pod', 2), foreign], child: aChild(), drainingSince: { gone: NOW - 5_000 } });
    expect(plan.writes.map(describeWrite)).toEqual(['deletePod gone']);
  });
});

describe('a Deployment with the name of the child', () => {
  const other = { kind: 'Helm', name: 'chart', uid: 'other' };

  test("that is somebody else's is left alone and reported", () => {
    const plan = planOf({ child: aChild({ controller: other }), pods: [aPod().busy()] });
    expect(plan).toMatchObject({ writes: [], reason: 'ChildConflict', requeueAfterMs: 30_000 });
    expect(plan.events).toEqual([
      {
        type: 'Warning',
        reason: 'ChildConflict',
        action: 'Reconcile',
        note: 'Deployment default/rooms-workload belongs to Helm chart: rename this HotStandbyDeployment or delete that Deployment',
      },
    ]);
    expect(plan.status.conditions).toContainEqual(
      expect.objectContaining({ type: 'Stalled', status: 'True', reason: 'ChildConflict' }),
    );
  });

  test('with another selector cannot be taken over, and both selectors are named', () => {
    const plan = planOf({ child: aChild({ controller: undefined, matchLabels: { app: 'old', tier: 'x' } }) });
    expect(plan).toMatchObject({ writes: [], reason: 'SelectorConflict' });
    expect(plan.events[0]?.note).toContain('(app=old,tier=x)');
    expect(plan.events[0]?.note).toContain('(app=rooms)');
  });

  test.each([
    ['being deleted', { deleting: true }],
    ['left over from a deleted hsd of the same name', { controller: { ...hsdOwner, uid: 'hsd-0' } }],
  ])('%s is waited for: no error, no write where no mark is missing', (_sentence, change) => {
    const plan = planOf({ child: aChild(change) });
    expect(plan).toMatchObject({ writes: [], events: [], reason: 'ChildDeleting' });
    expect(plan.status.conditions).toContainEqual(expect.objectContaining({ type: 'Stalled', status: 'False' }));
  });

  test('held in deletion leaves no session without its marks, and the hsd is not Ready', () => {
    const ready: Condition = {
      type: 'Ready',
      status: 'True',
      reason: 'Ready',
      observedGeneration: 1,
      lastTransitionTime: '2026-01-01T00:00:00Z',
      message: '',
    };
    const hsd = anHsd({ status: { conditions: [ready] } });
    const plan = planOf({ hsd, child: aChild({ deleting: true }), pods: [aPod('pod-1').busy(), aPod('pod-2')] });
    expect(plan.writes).toMatchObject([{ kind: 'markPod', pod: { uid: 'pod-1' }, state: 'busy' }]);
    expect(plan.status.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', status: 'False' }));
  });

  test('of nobody is taken over', () => {
    expect(writesOf({ child: aChild({ controller: undefined, templateHash: undefined }) })).toEqual([
      'applyChild 2 takeOwnership',
    ]);
  });
});

describe('a deleted hsd', () => {
  const deleted = anHsd({ deleting: true, finalizers: ['example.com/other', 'kopf.zalando.org/KopfFinalizerMarker'] });

  test("loses the finalizer of the original operator, and nothing of others'", () => {
    const plan = planOf({ hsd: deleted, pods: [aPod('a').busy(), aPod('b').marked('starting')] });
    expect(plan).toMatchObject({
      writes: [{ kind: 'removeFinalizer', finalizer: 'kopf.zalando.org/KopfFinalizerMarker' }],
      events: [],
      reason: 'Deleting',
    });
  });

  test('without it is left to the garbage collector', () => {
    expect(writesOf({ hsd: anHsd({ deleting: true }), child: aChild({ replicas: 0 }) })).toEqual([]);
  });

  test('gets no new child', () => {
    expect(writesOf({ hsd: deleted, child: null })).not.toContain('applyChild 2');
  });
});

describe('Events', () => {
  const reasons = (options: ObservationOptions): string[] => planOf(options).events.map((event) => event.reason);

  test('tell of the creation', () => {
    expect(planOf({ child: null }).events).toEqual([
      {
        type: 'Normal',
        reason: 'ChildCreated',
        action: 'Create',
        note: 'Created Deployment rooms-workload with 2 replicas (0 busy + 2 idle wanted)',
      },
    ]);
  });

  test('tell of scaling up and down, with the sum', () => {
    const up = planOf({ child: aChild(), pods: [aPod('a').busy().marked('busy'), aPod('b')] });
    expect(up.events).toEqual([
      expect.objectContaining({
        reason: 'ScaledUp',
        note: 'Scaled Deployment rooms-workload up from 2 to 3 (1 busy + 2 idle wanted)',
      }),
    ]);
    expect(reasons({ child: aChild({ replicas: 5 }), pods: pods('pod', 2) })).toEqual(['ScaledDown']);
  });

  test('tell of a rollout where it begins', () => {
    const hsd = anHsd({ spec: { podTemplate: { spec: { containers: [{ name: 'room', image: 'room:2' }] } } } });
    const child = aChild();
    const replicaSets = [aReplicaSet()];
    expect(reasons({ hsd, child, replicaSets, pods: pods('pod', 2) })).toEqual(['RollingOut']);
    const paused = { ...child, paused: true, templateHash: templateHash(hsd) };
    expect(reasons({ hsd, child: paused, replicaSets, pods: pods('pod', 2) })).toEqual([]);
  });

  test('tell of nothing while Pods are only marked', () => {
    expect(reasons({ pods: pods('pod', 4), child: aChild({ replicas: 4 }) })).toEqual([]);
  });

  test.each([
    ['a short message', 'image: Required value'],
    ['a message longer than a condition holds', 'x'.repeat(3_000)],
  ])('say %s of a refusal once, not with every pass', (_sentence, message) => {
    const refusal: Refusal = { generation: 1, reason: 'Invalid', message };
    const first = planOf({ refusal, pods: pods('pod', 2) });
    expect(first.events.map((event) => event.reason)).toEqual(['Invalid']);
    expect(reasons({ refusal, pods: pods('pod', 2), hsd: anHsd({ status: first.status }) })).toEqual([]);
  });

  test('say a conflict once', () => {
    const child = aChild({ controller: { kind: 'Helm', name: 'chart', uid: 'other' } });
    const first = planOf({ child });
    expect(first.events).toHaveLength(1);
    expect(reasons({ child, hsd: anHsd({ status: first.status }) })).toEqual([]);
  });

  test('say another refusal anew', () => {
    const refusal: Refusal = { generation: 1, reason: 'Invalid', message: 'image: Required value' };
    const some = pods('pod', 2);
    const { status } = planOf({ refusal, pods: some });
    const hsd = anHsd({ status });
    expect(reasons({ refusal: { ...refusal, message: 'name: Required value' }, hsd, pods: some })).toEqual(['Invalid']);
  });
});

test('the reason of a plan is its weightiest write', () => {
  const reason = (options: ObservationOptions): string => planOf(options).reason;
  expect(reason({ child: null })).toBe('Apply');
  expect(reason({ child: aChild({ replicas: 1 }), pods: [aPod().marked('starting')] })).toBe('Scale');
  expect(reason({ pods: [aPod('a').marked('starting'), aPod('b')] })).toBe('Mark');
  expect(reason({ child: null, refusal: { generation: 1, reason: 'Invalid', message: 'no' } })).toBe('Stalled');
});

describe('spec.paused', () => {
  const paused = anHsd({ spec: { paused: true } });
  const seen = { hsd: paused, child: aChild({ replicas: 0 }, paused), pods: [aPod('a').busy(), aPod('b')] };

  test('writes nothing, ends nothing and says nothing, but counts on', () => {
    expect(planOf(seen)).toMatchObject({
      writes: [],
      events: [],
      probe: [],
      reason: 'Paused',
      status: { busyCount: 1 },
    });
  });

  test('is no failure: Ready, with the reason', () => {
    const ready = planOf(seen).status.conditions?.find((c) => c.type === 'Ready');
    expect(ready).toMatchObject({ status: 'True', reason: 'Paused' });
  });

  test('does not hold up a deletion', () => {
    const deleted = { ...paused, deleting: true, finalizers: ['kopf.zalando.org/KopfFinalizerMarker'] };
    expect(writesOf({ ...seen, hsd: deleted })).toHaveLength(1);
  });
});

describe('settings of the child that somebody edited', () => {
  test.each([
    ['minReadySeconds', { minReadySeconds: 7 }],
    ['the strategy', { strategy: 'Recreate undefined undefined' }],
    ['the history', { revisionHistoryLimit: 0 }],
  ])('%s: one write heals it, and no second follows', (_what, edit) => {
    const hsd = anHsd();
    const settings = { ...settingsOf(hsd), ...edit };
    const { writes } = planOf({ child: aChild({ replicas: 1, settings }), pods: [aPod('a')], hsd });
    const heals = writes.flatMap((write) => (write.kind === 'applyChild' ? [write] : []));
    expect(heals).toHaveLength(1);
    expect(heals[0]?.manifest.spec).toMatchObject({
      minReadySeconds: 0,
      revisionHistoryLimit: 10,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    });
  });
});

describe('settings passed on to the child', () => {
  const hsd = anHsd({ spec: { minReadySeconds: 5, revisionHistoryLimit: 2, progressDeadlineSeconds: 60 } });

  test('are applied without a rollout, at the count the child has', () => {
    expect(writesOf({ hsd, child: aChild({ replicas: 2 }), pods: pods('pod', 2) })).toEqual(['applyChild 2']);
    expect(planOf({ hsd, child: aChild({ replicas: 2 }), pods: pods('pod', 2) }).events).toEqual([]);
  });

  test("and metadata of its own are, too, under the labels that are HotStandby's", () => {
    const deploymentMetadata = { labels: { team: 'games', [NAME_LABEL]: 'x' }, annotations: { note: 'b' } };
    const labelled = anHsd({ spec: { deploymentMetadata } });
    const [write] = planOf({ hsd: labelled, child: aChild({ replicas: 2 }), pods: pods('pod', 2) }).writes;
    expect(write).toMatchObject({
      kind: 'applyChild',
      manifest: { metadata: { labels: { team: 'games', [NAME_LABEL]: labelled.name }, annotations: { note: 'b' } } },
    });
    expect(writesOf({ hsd: labelled, child: aChild({ replicas: 2 }, labelled), pods: pods('pod', 2) })).toEqual([]);
    expect(writesOf({ hsd: anHsd(), child: aChild({ replicas: 2 }, labelled), pods: pods('pod', 2) })).toEqual([
      'applyChild 2',
    ]);
  });

  test('that are right already are not written again', () => {
    expect(writesOf({ hsd, child: aChild({ replicas: 2 }, hsd), pods: pods('pod', 2) })).toEqual([]);
  });

  test('a Pod is available only after minReadySeconds, and the plan comes again then', () => {
    const fresh = aPod('a')
      .marked('starting')
      .with({ readySince: NOW - 2_000 });
    const plan = planOf({ hsd, child: aChild({ replicas: 2 }, hsd), pods: [fresh, aPod('b')] });
    expect(plan).toMatchObject({ writes: [], requeueAfterMs: 3_000, status: { availableCount: 1, startingCount: 1 } });
  });

  test.each([
    ['put back an hour', -3_600_000, 0, 5_000],
    ['put back an hour, 4 s after it was seen', -3_600_000, 4_000, 1_000],
    ['put ahead an hour', 3_600_000, 0, undefined],
  ])("the API server's clock is %s", (_how, jump, seenForMs, requeueAfterMs) => {
    const fresh = aPod('a').marked('starting').with({ readySince: NOW });
    const seenReady = new Map([
      ['a', { readySince: NOW, at: NOW - seenForMs }],
      ['b', { readySince: NOW - 30_000, at: NOW - 30_000 }],
    ]);
    const plan = planOf({ hsd, pods: [fresh, aPod('b')], serverNow: NOW + jump, seenReady });
    expect(plan.requeueAfterMs).toBe(requeueAfterMs);
    expect(plan.status.startingCount).toBe(requeueAfterMs === undefined ? 0 : 1);
  });
});

test('the API server’s clock dates what the status says, and nothing else', () => {
  const seen = { pods: [aPod('a')], child: aChild({ replicas: 1 }) };
  const { status, ...plan } = planOf(seen);
  const { status: earlier, ...same } = planOf({ ...seen, serverNow: NOW - 3_600_000 });
  expect(same).toEqual(plan);
  const dateless = (conditions = status.conditions): object[] | undefined =>
    conditions?.map(({ lastTransitionTime: _, ...rest }) => rest);
  expect(dateless(earlier.conditions)).toEqual(dateless());
  expect(earlier.conditions?.[0]?.lastTransitionTime).toBe('2025-12-31T23:00:00Z');
});
