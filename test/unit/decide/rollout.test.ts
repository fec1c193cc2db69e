import { decide } from '../../../operator/decide/decide';
import type { Observation, Refusal, TemplateKeys } from '../../../operator/decide/model';
import { revisions } from '../../../operator/decide/rollout';
import { RETIRE_FINALIZER } from '../../../src/api/names';
import {
  aChild,
  anHsd,
  anObservation,
  aPod,
  aReplicaSet,
  describeWrite,
  type ObservationOptions,
  ownedBy,
  pods,
} from './builders';

/** The spec asks for room:2; what runs was made from room:1. */
const hsd = anHsd({
  generation: 2,
  spec: { podTemplate: { spec: { containers: [{ name: 'room', image: 'room:2' }] } } },
});
const before = anHsd();
const oldRs = (overrides = {}): ReturnType<typeof aReplicaSet> =>
  aReplicaSet({ uid: 'rs-old', revision: '1', replicas: 3, statusReplicas: 3, ...overrides }, before);
const newRs = (overrides = {}): ReturnType<typeof aReplicaSet> =>
  aReplicaSet({ uid: 'rs-new', revision: '2', replicas: 2, statusReplicas: 2, ...overrides }, hsd);
const oldPods = [aPod('old-1').of('rs-old').marked('busy').busy(), ...pods('old-idle', 2, (pod) => pod.of('rs-old'))];
const owner = { kind: 'HotStandbyDeployment', name: 'rooms', uid: 'hsd-1' };
const handedOver = (overrides = {}): ReturnType<typeof aReplicaSet> =>
  oldRs({ controller: owner, finalizers: [RETIRE_FINALIZER], ...overrides });
const newPods = pods('new', 2, (pod) => pod.of('rs-new'));

function writesOf(options: ObservationOptions): string[] {
  return decide(anObservation({ hsd, ...options })).writes.map(describeWrite);
}

describe('each step of a rollout, and a restart at each of them', () => {
  const table: [sentence: string, seen: ObservationOptions, writes: string[]][] = [
    [
      '1: the new template is applied to a paused child, which then makes and ends nothing',
      { child: aChild({ replicas: 3 }, before), replicaSets: [oldRs()], pods: oldPods },
      ['applyChild 3 paused'],
    ],
    [
      '2 and 3: the old ReplicaSet is handed over, then the child goes on with what is missing',
      { child: aChild({ replicas: 3, paused: true, generation: 2 }, hsd), replicaSets: [oldRs()], pods: oldPods },
      ['ownReplicaSet rs-old', 'resumeChild 2'],
    ],
    [
      '3 alone, after a crash between the two',
      {
        child: aChild({ replicas: 3, paused: true, generation: 2 }, hsd),
        replicaSets: [handedOver()],
        pods: oldPods,
      },
      ['resumeChild 2'],
    ],
    [
      '4: the old ReplicaSet goes without its Pods',
      {
        child: aChild({ replicas: 2, generation: 3, observedGeneration: 3 }, hsd),
        replicaSets: [handedOver(), newRs()],
        pods: [...oldPods, ...newPods.map((pod) => ({ ...pod, ready: false, state: 'starting' as const }))],
      },
      ['deleteReplicaSet rs-old'],
    ],
    [
      '4 again, when an operator of before 0.2.0 handed it over: with the finalizer first',
      {
        child: aChild({ replicas: 2 }, hsd),
        replicaSets: [oldRs({ controller: owner }), newRs()],
        pods: [...oldPods, ...newPods],
      },
      ['ownReplicaSet rs-old'],
    ],
    [
      'the ReplicaSet controller does not know of the deletion yet: it would replace Pods that are taken from it',
      {
        child: aChild({ replicas: 2 }, hsd),
        replicaSets: [handedOver({ deleting: true, observed: false }), newRs()],
        pods: [...oldPods, ...newPods],
      },
      [],
    ],
    [
      '5: its Pods are adopted, and those that have no owner',
      {
        child: aChild({ replicas: 2 }, hsd),
        replicaSets: [handedOver({ deleting: true }), newRs()],
        pods: [aPod('old-1').orphan().marked('busy').busy(), aPod('old-2').of('rs-old'), ...newPods],
      },
      ['ownPod old-1', 'ownPod old-2'],
    ],
    [
      'the cache shows none of its Pods any more: the finalizer stays until the API server says so',
      {
        child: aChild({ replicas: 2 }, hsd),
        replicaSets: [handedOver({ deleting: true }), newRs()],
        pods: newPods,
      },
      [],
    ],
    [
      '6: it is let go of when the API server has no Pod of it',
      {
        child: aChild({ replicas: 2 }, hsd),
        replicaSets: [handedOver({ deleting: true }), newRs()],
        pods: newPods,
        emptied: new Set(['rs-old']),
      },
      ['releaseReplicaSet rs-old'],
    ],
    [
      'Pods of a ReplicaSet that somebody else deletes are theirs',
      {
        child: aChild({ replicas: 2 }, hsd),
        replicaSets: [oldRs({ deleting: true, finalizers: ['foregroundDeletion'] }), newRs()],
        pods: [aPod('old-1').of('rs-old').marked('busy').busy(), ...newPods],
      },
      [],
    ],
    [
      'the new Pods are Ready: old idle ones are drained, the busy one stays',
      {
        child: aChild({ replicas: 2 }, hsd),
        replicaSets: [newRs()],
        pods: [...newPods, aPod('old-1').detached().marked('busy').busy(), aPod('old-2').detached()],
      },
      ['markPod old-2 draining'],
    ],
  ];
  test.each(table)('%s', (_sentence, seen, writes) => {
    expect(writesOf(seen)).toEqual(writes);
  });

  test('old idle Pods leave one by one as new ones become Ready', () => {
    const detached = [aPod('old-1').detached(), aPod('old-2').detached()];
    const newOnes = (ready: number): ReturnType<typeof aPod>[] =>
      [1, 2].map((i) =>
        i <= ready ? aPod(`new-${i}`).of('rs-new') : aPod(`new-${i}`).of('rs-new').marked('starting').notReady(),
      );
    const leaving = (ready: number): number =>
      writesOf({ child: aChild({}, hsd), replicaSets: [newRs()], pods: [...newOnes(ready), ...detached] }).length;
    expect([leaving(0), leaving(1), leaving(2)]).toEqual([0, 1, 2]);
  });
});

describe('when the next change comes in the middle', () => {
  test('a newer template waits until the old revision is gone', () => {
    const [first] = oldPods;
    const seen = { child: aChild({}, before), replicaSets: [handedOver()], pods: first ? [first] : [] };
    expect(writesOf(seen)).toEqual(['deleteReplicaSet rs-old']);
  });

  test('a newer template waits while a ReplicaSet being deleted still holds Pods', () => {
    const seen = {
      child: aChild({}, before),
      replicaSets: [handedOver({ deleting: true }), aReplicaSet({}, before)],
      pods: [aPod('gone').of('rs-old').busy().marked('busy'), ...pods('new', 2)],
    };
    expect(revisions(anObservation({ hsd, ...seen })).settled).toBe(false);
    expect(writesOf(seen)).toEqual(['ownPod gone']);
  });

  test('a child paused with the last template takes the newest at once', () => {
    const seen = { child: aChild({ paused: true, replicas: 3 }, before), replicaSets: [oldRs()], pods: oldPods };
    expect(writesOf(seen)).toEqual(['applyChild 3 paused']);
  });

  test('a child paused before its first ReplicaSet goes on at once with the newest template', () => {
    const seen = { child: aChild({ paused: true, replicas: 2 }, before), replicaSets: [handedOver()] };
    expect(writesOf({ ...seen, pods: [] })).toEqual(['applyChild 2']);
  });

  test('orphans are adopted before a template is applied whose ReplicaSet could take them', () => {
    const seen = {
      child: aChild({ paused: true }, before),
      replicaSets: [],
      pods: [aPod('orphan-1').orphan().busy().marked('busy')],
    };
    expect(writesOf(seen)).toEqual(['ownPod orphan-1', 'applyChild 2']);
  });

  test('a template taken back before anything was handed over keeps the Pods it has', () => {
    const seen = { hsd: before, child: aChild({ paused: true }), replicaSets: [aReplicaSet()], pods: pods('pod', 2) };
    expect(writesOf(seen)).toEqual(['resumeChild 2']);
  });
});

describe('the child never holds less because of a step', () => {
  test('sessions that came in with the new template raise the child before and with it', () => {
    const busy = pods('pod', 3, (pod) => pod.of('rs-old').marked('busy').busy());
    const seen = { child: aChild({ replicas: 3 }, before), replicaSets: [oldRs()], pods: busy };
    expect(writesOf(seen)).toEqual(['scaleChild 5', 'applyChild 5 paused']);
  });

  test('resuming a child somebody else paused ends no Pod: lowering has its own order', () => {
    const seen = {
      hsd: before,
      child: aChild({ paused: true, replicas: 6 }),
      replicaSets: [aReplicaSet({ replicas: 6, statusReplicas: 6 })],
      pods: pods('pod', 6),
    };
    expect(writesOf(seen)).toEqual(['resumeChild 6']);
  });
});

describe('somebody else rolls the child out', () => {
  const restarted = (child: Partial<ReturnType<typeof aChild>> = {}): Observation =>
    anObservation({
      hsd: before,
      child: aChild({ revision: '2', generation: 2, observedGeneration: 2, ...child }),
      replicaSets: [oldRs(), newRs({ templateHash: oldRs().templateHash, replicas: 1 })],
      pods: [...oldPods, aPod('new-1').of('rs-new')],
    });

  test('kubectl rollout restart: the old revision is retired, whatever its Pods do', () => {
    expect(decide(restarted()).writes.map(describeWrite)).toContain('ownReplicaSet rs-old');
  });

  test('until the Deployment controller has caught up, no revision counts as old', () => {
    expect(revisions(restarted({ observedGeneration: 1 })).old).toEqual([]);
  });

  test('an old revision without Pods is history, not something to retire', () => {
    const observation = restarted();
    const [first, second] = observation.replicaSets;
    if (first === undefined || second === undefined) throw new Error('two ReplicaSets');
    const empty = { ...first, replicas: 0, statusReplicas: 0 };
    expect(revisions({ ...observation, replicaSets: [empty, second] }).old).toEqual([]);
  });

  test('revision 10 is newer than revision 9', () => {
    const observation = restarted({ revision: '10' });
    const [first, second] = observation.replicaSets;
    if (first === undefined || second === undefined) throw new Error('two ReplicaSets');
    const replicaSets = [
      { ...first, revision: '9' },
      { ...second, revision: '10' },
    ];
    expect(revisions({ ...observation, replicaSets }).old.map((rs) => rs.uid)).toEqual(['rs-old']);
  });

  test("a ReplicaSet of somebody else's is none of ours", () => {
    const other = oldRs({ controller: { kind: 'Deployment', name: 'other', uid: 'other' } });
    expect(revisions({ ...restarted(), replicaSets: [other] })).toMatchObject({ old: [], handedOver: [] });
  });

  test('an edit of the template is taken back without touching the ReplicaSets', () => {
    const seen = {
      hsd: before,
      child: aChild({ templateEdited: true }),
      replicaSets: [aReplicaSet()],
      pods: pods('pod', 2),
    };
    expect(writesOf(seen)).toEqual(['applyChild 2 takeOwnership']);
  });
});

describe('taking over a child of the original operator', () => {
  const child = aChild({ templateHash: undefined, hsd: undefined });
  const rs = aReplicaSet({ templateHash: undefined, hsd: undefined });
  const strangers = [
    aPod('their-1').with({ hsd: undefined, busyKey: undefined }).marked(undefined).build(),
    aPod('their-2').with({ hsd: undefined, busyKey: undefined }).marked(undefined).busy().build(),
  ];

  test('its Pods are marked first, the busy one before all others, then its ReplicaSet', () => {
    const seen = { hsd: before, child, replicaSets: [], unlabelled: { pods: strangers, replicaSets: [rs] } };
    expect(writesOf(seen)).toEqual(['markPod their-2 busy', 'markPod their-1 idle', 'labelReplicaSet rs-1']);
  });

  test('once everything is labelled the template is applied, and every field of it becomes ours', () => {
    const labelled = [aPod('their-1'), aPod('their-2').busy().marked('busy')];
    const seen = {
      hsd: before,
      child,
      replicaSets: [aReplicaSet({ templateHash: undefined })],
      pods: labelled,
    };
    expect(writesOf(seen)).toEqual(['scaleChild 3', 'applyChild 3 paused takeOwnership']);
  });

  test('the child is not lowered while one of its Pods is unknown to us', () => {
    const seen = {
      hsd: before,
      child: aChild({ templateHash: undefined, replicas: 9 }),
      replicaSets: [],
      unlabelled: { pods: strangers, replicaSets: [rs] },
    };
    expect(writesOf(seen).filter((write) => write.startsWith('scaleChild'))).toEqual([]);
  });

  test('an empty child needs no pause', () => {
    const seen = {
      hsd: before,
      child,
      replicaSets: [aReplicaSet({ templateHash: undefined, replicas: 0, statusReplicas: 0 })],
    };
    expect(writesOf(seen)).toEqual(['applyChild 2 takeOwnership']);
  });
});

describe('a child without owner or label, made from the right template', () => {
  test.each([
    ['of nobody becomes ours', { controller: undefined }],
    ['whose label was taken away gets it back', { hsd: undefined }],
  ])('%s', (_sentence, change) => {
    const seen = { hsd: before, child: aChild(change), replicaSets: [aReplicaSet()], pods: pods('pod', 2) };
    expect(writesOf(seen)).toEqual(['applyChild 2']);
  });
});

describe('a template the API server refused', () => {
  const refusal: Refusal = { generation: 2, reason: 'Invalid', message: 'image: Required value' };

  test('is not sent again for the same generation, and the last good child goes on', () => {
    const busy = pods('pod', 2, (pod) => pod.busy().marked('busy'));
    const seen = { child: aChild({}, before), replicaSets: [aReplicaSet({}, before)], pods: busy, refusal };
    expect(writesOf(seen)).toEqual(['scaleChild 4']);
  });

  test('is sent again once the spec changed', () => {
    const seen = { child: aChild({}, before), pods: pods('pod', 2), refusal: { ...refusal, generation: 1 } };
    expect(writesOf(seen)).toEqual(['applyChild 2 paused']);
  });

  test('does not keep the last good child paused', () => {
    const seen = {
      child: aChild({ paused: true }, before),
      replicaSets: [aReplicaSet({}, before)],
      pods: pods('pod', 2),
      refusal,
    };
    expect(writesOf(seen)).toEqual(['resumeChild 2']);
  });

  test('creates no child when there is none', () => {
    expect(writesOf({ child: null, refusal })).toEqual([]);
  });
});

test('nothing is settled while something of an earlier revision is on its way', () => {
  const settled = (options: ObservationOptions): boolean =>
    revisions(anObservation({ hsd: before, child: aChild(), ...options })).settled;
  expect(settled({ pods: pods('pod', 2) })).toBe(true);
  expect(settled({ child: aChild({ paused: true }) })).toBe(false);
  expect(settled({ replicaSets: [handedOver()] })).toBe(false);
  expect(settled({ pods: [aPod().orphan()] })).toBe(false);
  expect(settled({ pods: [aPod().orphan().with({ deleting: true })] })).toBe(true);
  expect(settled({ pods: [aPod().with({ controller: ownedBy('rs-unseen') })] })).toBe(true);
});

describe('a template that lost our own keys, by a hand or by a policy', () => {
  const DEFACED: [sentence: string, templateKeys: TemplateKeys][] = [
    ['the name label', { state: 'starting', busyKey: 'paia.tech/busy' }],
    ['the state label', { hsd: 'rooms', busyKey: 'paia.tech/busy' }],
    ['the key that says busy', { hsd: 'rooms', state: 'starting' }],
    ['the name of its hsd, for another one', { hsd: 'halls', state: 'starting', busyKey: 'paia.tech/busy' }],
  ];
  const busy = aPod('busy').marked('busy').busy();

  test.each(DEFACED)('%s: is applied again, paused, with what the child holds', (_sentence, templateKeys) => {
    const child = aChild({ replicas: 1, templateKeys });
    const seen = { hsd: before, child, pods: [busy], replicaSets: [aReplicaSet({ replicas: 1 })] };
    expect(writesOf(seen)).toEqual(['applyChild 1 paused']);
  });

  test.each(DEFACED)('%s: the child is not lowered meanwhile', (_sentence, templateKeys) => {
    const child = aChild({ replicas: 6, templateKeys });
    const some = pods('idle', 6, (pod) => pod.marked('draining'));
    const drainingSince = Object.fromEntries(some.map(({ uid }) => [uid, 0]));
    expect(writesOf({ hsd: before, child, pods: some, drainingSince })).not.toContain('scaleChild 2');
  });

  test('what was made from it is retired, though its fingerprint is the right one', () => {
    const child = aChild({ replicas: 2, paused: true, generation: 2 });
    const defaced = aReplicaSet({ uid: 'rs-defaced', templateKeys: { busyKey: 'paia.tech/busy' } });
    const right = aReplicaSet({ replicas: 1 });
    const some = [busy, aPod('other').of('rs-defaced')];
    expect(writesOf({ hsd: before, child, replicaSets: [right, defaced], pods: some })).toEqual([
      'ownReplicaSet rs-defaced',
      'resumeChild 3',
    ]);
  });

  test('while a newer template is refused the last good one is looked at by its own keys', () => {
    const refusal: Refusal = { generation: 2, reason: 'Invalid', message: 'no' };
    const intact = aChild({ replicas: 2 }, before);
    expect(revisions(anObservation({ hsd, child: intact, refusal })).defaced).toBe(false);
    const child = aChild({ replicas: 2, templateKeys: { busyKey: 'paia.tech/busy' } }, before);
    expect(revisions(anObservation({ hsd, child, refusal })).defaced).toBe(true);
  });
});

test('a child that lost its label keeps what it runs, and gets the label back without a rollout', () => {
  const child = aChild({ replicas: 2, hsd: undefined });
  expect(writesOf({ hsd: before, child, pods: pods('idle', 2) })).toEqual(['applyChild 2']);
  expect(decide(anObservation({ hsd: before, child, pods: pods('idle', 2) })).requeueAfterMs).toBe(5_000);
});
