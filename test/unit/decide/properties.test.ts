import fc from 'fast-check';
import { decide } from '../../../operator/decide/decide';
import type { HsdView, Observation, Plan, PodView, Write } from '../../../operator/decide/model';
import { type PodFacts, podFacts } from '../../../operator/decide/pods';
import { revisions } from '../../../operator/decide/rollout';
import { MARKS, POD_STATES } from '../../../src/api/marks';
import { DRAIN_FINALIZER, RETIRE_FINALIZER } from '../../../src/api/names';
import {
  aBudget,
  aChild,
  anHsd,
  anObservation,
  aPod,
  aReplicaSet,
  describeWrite,
  HTTP,
  hsdOwner,
  NOW,
  ownedBy,
} from './builders';

const RUNS = Number(process.env.PROPERTY_RUNS ?? 500);

/** Whatever an operator may come to see, sensible or not. */

const recently = fc.integer({ min: NOW - 3_000, max: NOW });
const CONTROLLERS = [ownedBy('rs-1'), ownedBy('rs-old'), ownedBy('rs-unseen'), hsdOwner, undefined];

const pod = fc
  .record({
    state: fc.option(fc.constantFrom(...POD_STATES), { nil: undefined }),
    controller: fc.constantFrom(...CONTROLLERS),
    deleting: fc.boolean(),
    phase: fc.constantFrom('Running', 'Running', 'Running', 'Pending', 'Failed'),
    ready: fc.boolean(),
    running: fc.constantFrom(true, true, false),
    trueKeys: fc.subarray(['paia.tech/busy', 'example.com/own', 'example.com/other']),
    busyKey: fc.constantFrom('paia.tech/busy', 'example.com/own', undefined),
    marks: fc.constantFrom({}, ...POD_STATES.map((state) => MARKS[state])),
    createdAt: recently,
    node: fc.constantFrom('node-1', 'node-2', undefined),
  })
  .map(({ marks, ...fields }): Partial<PodView> => {
    const present = Object.entries(marks).flatMap(([key, value]) => (value === null ? [] : [[key, value]]));
    return { ...fields, marks: Object.fromEntries(present) as Record<string, string> };
  });

const hsd: fc.Arbitrary<HsdView> = fc
  .record({
    http: fc.boolean(),
    counts: fc.record({
      idleTarget: fc.nat({ max: 4 }),
      minReplicas: fc.nat({ max: 4 }),
      maxReplicas: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
      minReadySeconds: fc.constantFrom(undefined, 2),
      paused: fc.constantFrom(undefined, undefined, undefined, true),
    }),
    window: fc.constantFrom(undefined, 2),
    drains: fc.boolean(),
    deleting: fc.constantFrom(false, false, true),
  })
  .map(({ http, deleting, drains, counts, window }) =>
    anHsd({
      deleting,
      generation: 3,
      finalizers: drains ? [DRAIN_FINALIZER] : [],
      spec: {
        ...counts,
        ...(http && HTTP),
        ...(drains && { sessions: { onDelete: 'Drain' } }),
        ...(window && { behavior: { scaleDown: { stabilizationWindowSeconds: window } } }),
      },
    }),
  );

const replicaSet = (uid: string): fc.Arbitrary<Parameters<typeof aReplicaSet>[0]> =>
  fc.record({
    uid: fc.constant(uid),
    deleting: fc.constantFrom(false, false, true),
    finalizers: fc.constantFrom([], [RETIRE_FINALIZER], [RETIRE_FINALIZER]),
    observed: fc.boolean(),
    replicas: fc.nat({ max: 6 }),
    statusReplicas: fc.nat({ max: 6 }),
    revision: fc.constantFrom('1', '2', '10', undefined),
    templateHash: fc.constantFrom('old', undefined),
    controller: fc.constantFrom({ kind: 'Deployment', name: 'rooms-workload', uid: 'child-1' }, hsdOwner, undefined),
  });

const child = fc.record(
  {
    replicas: fc.nat({ max: 9 }),
    paused: fc.constantFrom(false, false, true),
    deleting: fc.constantFrom(false, false, false, true),
    generation: fc.constantFrom(1, 2),
    revision: fc.constantFrom('1', '2', '10'),
    templateHash: fc.constantFrom('old', undefined),
    templateEdited: fc.boolean(),
    controller: fc.constantFrom(hsdOwner, hsdOwner, undefined, { kind: 'Helm', name: 'other', uid: 'other' }),
  },
  { requiredKeys: [] },
);

const observation: fc.Arbitrary<Observation> = fc
  .record({
    hsd,
    child: fc.option(child, { nil: null, freq: 9 }),
    pods: fc.array(pod, { maxLength: 9, size: 'max' }),
    replicaSets: fc.tuple(fc.constant({}), replicaSet('rs-old')),
    guarded: fc.boolean(),
    refused: fc.constantFrom(false, false, true),
    unlabelled: fc.array(pod, { maxLength: 1 }),
    drainingSince: fc.array(fc.option(recently), { minLength: 9, maxLength: 9 }),
    answers: fc.array(fc.constantFrom('busy', 'idle', 'idle', 'unknown', undefined), { minLength: 9, maxLength: 9 }),
    cordoned: fc.subarray(['node-1', 'node-2']),
    budget: fc.constantFrom(null, aBudget(), aBudget({ minAvailable: 2 }), aBudget({ drainOnDelete: true })),
    emptied: fc.boolean(),
    recommendations: fc.array(fc.record({ at: recently, replicas: fc.nat({ max: 9 }) }), { maxLength: 2 }),
  })
  .map((seen) => {
    const some = seen.pods.map((fields, i) => aPod(`pod-${i}`).with(fields).build());
    const answered = some.flatMap(({ uid }, i) => {
      const state = seen.answers[i];
      return state === undefined ? [] : [[uid, { state, checkedAt: NOW - 500 }] as const];
    });
    const draining = some.flatMap(({ uid }, i) => {
      const since = seen.drainingSince[i];
      return typeof since === 'number' ? [[uid, since] as const] : [];
    });
    return anObservation({
      hsd: seen.hsd,
      child: seen.child && aChild(seen.child, seen.hsd),
      pods: some,
      replicaSets: seen.replicaSets.map((fields) => aReplicaSet(fields, seen.hsd)),
      guarded: seen.guarded,
      recommendations: seen.recommendations,
      cordoned: new Set(seen.cordoned),
      budget: seen.budget,
      emptied: new Set(seen.emptied ? ['rs-old'] : []),
      probes: Object.fromEntries(answered),
      drainingSince: Object.fromEntries(draining),
      unlabelled: {
        pods: seen.unlabelled.map((fields) =>
          aPod('stranger')
            .with({ ...fields, hsd: undefined })
            .build(),
        ),
        replicaSets: [],
      },
      ...(seen.refused && { refusal: { generation: 3, reason: 'Invalid', message: 'no' } }),
    });
  });

interface Seen {
  observation: Observation;
  plan: Plan;
  facts: PodFacts[];
}

/** Checks `property` for any observation. */
function forAny(property: (seen: Seen) => void): void {
  fc.assert(
    fc.property(observation, (seen) => {
      const facts = podFacts(seen, revisions(seen).retired);
      property({ observation: seen, plan: decide(seen), facts });
    }),
    { numRuns: RUNS },
  );
}

type Of<K extends Write['kind']> = Extract<Write, { kind: K }>;
function writesOf<K extends Write['kind']>({ writes }: Plan, kind: K): Of<K>[] {
  return writes.filter((write): write is Of<K> => write.kind === kind);
}

/** What a write makes the child hold; undefined: it leaves the count alone. */
function replicasOf(write: Write): number | undefined {
  if (write.kind === 'scaleChild' || write.kind === 'resumeChild') return write.replicas;
  return write.kind === 'applyChild' ? write.manifest.spec.replicas : undefined;
}

test('a Pod that must be spared is neither ended nor drained', () => {
  forAny(({ plan, facts }) => {
    const spared = new Set(facts.filter((f) => f.spared).map((f) => f.pod.uid));
    expect(writesOf(plan, 'deletePod').filter(({ pod }) => spared.has(pod.uid))).toEqual([]);
    expect(writesOf(plan, 'markPod').filter(({ pod, state }) => state === 'draining' && spared.has(pod.uid))).toEqual(
      [],
    );
  });
});

test('a Pod whose own busy annotation is true is neither ended nor drained, whatever the mode', () => {
  forAny(({ plan }) => {
    const gone = [
      ...writesOf(plan, 'deletePod').map(({ pod }) => pod),
      ...writesOf(plan, 'markPod').flatMap(({ pod, state }) => (state === 'draining' ? [pod] : [])),
    ];
    expect(gone.filter((pod) => pod.busyKey !== undefined && pod.trueKeys.includes(pod.busyKey))).toEqual([]);
  });
});

test('only Pods the hsd itself owns are ended', () => {
  forAny(({ observation: { hsd: owner }, plan }) => {
    for (const { pod } of writesOf(plan, 'deletePod')) expect(pod.controller?.uid).toBe(owner.uid);
  });
});

test('the child is never told to hold less than the attached Pods that must be spared', () => {
  forAny(({ plan, facts }) => {
    const leaving = new Set(writesOf(plan, 'ownPod').map(({ pod }) => pod.uid));
    const staying = facts.filter((f) => f.attached && f.spared && !leaving.has(f.pod.uid)).length;
    for (const replicas of plan.writes.flatMap((write) => replicasOf(write) ?? [])) {
      expect(replicas).toBeGreaterThanOrEqual(
        plan.writes.some((w) => w.kind === 'applyChild' && !w.child) ? 0 : staying,
      );
    }
  });
});

test('a paused or new template never comes with fewer replicas than the child has', () => {
  forAny(({ plan }) => {
    for (const { child: before, manifest } of writesOf(plan, 'applyChild')) {
      expect(manifest.spec.replicas).toBeGreaterThanOrEqual(before?.replicas ?? 0);
    }
  });
});

test('without the guard the child is not lowered while a spared Pod that is not Ready is in it', () => {
  forAny(({ observation: { guarded, child: before }, plan, facts }) => {
    if (guarded) return;
    const exposed = facts.filter((f) => f.attached && f.spared && !f.pod.ready);
    const lowered = writesOf(plan, 'scaleChild').filter(({ replicas }) => replicas < (before?.replicas ?? 0));
    expect(exposed.length === 0 || lowered.length === 0).toBe(true);
  });
});

test('everything that can end a Pod carries the object exactly as it was seen', () => {
  forAny(({ observation: { pods, replicaSets }, plan }) => {
    for (const { pod } of [...writesOf(plan, 'deletePod'), ...writesOf(plan, 'ownPod')]) expect(pods).toContain(pod);
    const touched = [
      ...writesOf(plan, 'ownReplicaSet'),
      ...writesOf(plan, 'deleteReplicaSet'),
      ...writesOf(plan, 'releaseReplicaSet'),
    ];
    for (const write of touched) expect(replicaSets).toContain(write.replicaSet);
    for (const { pod, state, unchangedOnly } of writesOf(plan, 'markPod')) {
      expect(pod.resourceVersion).toBe('1');
      expect(unchangedOnly).toBe(state !== 'busy');
    }
  });
});

test('a ReplicaSet is deleted only with our finalizer on it, and that taken off only when none of its Pods is left', () => {
  forAny(({ observation: { emptied, hsd: owner }, plan }) => {
    for (const { replicaSet } of writesOf(plan, 'deleteReplicaSet')) {
      expect(replicaSet).toMatchObject({ finalizers: [RETIRE_FINALIZER], deleting: false });
    }
    for (const { replicaSet } of writesOf(plan, 'releaseReplicaSet')) {
      expect(replicaSet).toMatchObject({ deleting: true, observed: true, controller: owner && { uid: owner.uid } });
      expect(emptied).toContain(replicaSet.uid);
    }
  });
});

test('the scale comes first, busy marks before others, and ends last', () => {
  const rank = (write: Write): number => {
    if (write.kind === 'scaleChild') return 0;
    if (write.kind === 'markPod') return write.state === 'busy' ? 1 : 2;
    return write.kind === 'deletePod' ? 9 : Number.NaN;
  };
  forAny(({ observation: { hsd: owner }, plan }) => {
    const ranks = plan.writes.map(rank).filter((n) => !Number.isNaN(n));
    if (!owner.deleting) expect(ranks).toEqual([...ranks].sort());
  });
});

test('no Pod is written to for two reasons, but for its owner and its marks', () => {
  forAny(({ plan }) => {
    const marked = [...writesOf(plan, 'markPod'), ...writesOf(plan, 'deletePod')].map(({ pod }) => pod.uid);
    expect(new Set(marked).size).toBe(marked.length);
    const owned = writesOf(plan, 'ownPod').map(({ pod }) => pod.uid);
    expect(new Set(owned).size).toBe(owned.length);
  });
});

test("somebody else's Deployment is never written to", () => {
  forAny(({ observation: { child: before, hsd: owner }, plan }) => {
    if (before?.controller === undefined || before.controller.uid === owner.uid) return;
    expect(plan.writes.filter((write) => replicasOf(write) !== undefined)).toEqual([]);
  });
});

test('the counts of the status add up', () => {
  forAny(({ observation: { hsd: owner }, plan: { status }, facts }) => {
    if (owner.deleting) return;
    const { busyCount = 0, idleCount = 0, availableCount = 0, startingCount = 0, drainingCount = 0, replicas } = status;
    expect(busyCount + idleCount).toBe(replicas);
    expect(replicas).toBe(facts.length);
    expect(availableCount + startingCount + drainingCount).toBeLessThanOrEqual(idleCount);
    expect(status.desiredReplicas).toBeGreaterThanOrEqual(busyCount);
  });
});

test('deciding twice gives the same plan, and changes nothing it was given', () => {
  forAny(({ observation: seen, plan }) => {
    const before = structuredClone(seen);
    expect(decide(seen)).toEqual(plan);
    expect(seen).toEqual(before);
  });
});

test('the order in which Pods are seen does not matter', () => {
  forAny(({ observation: seen, plan }) => {
    const reversed = decide({ ...seen, pods: [...seen.pods].reverse() });
    expect(reversed.writes.map(describeWrite).sort()).toEqual(plan.writes.map(describeWrite).sort());
    expect(reversed.status).toEqual(plan.status);
  });
});
