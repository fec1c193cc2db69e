import { decide } from '../../../operator/decide/decide';
import type { Plan, ReplicaSetView } from '../../../operator/decide/model';
import { DRAIN_GRACE_MS } from '../../../operator/decide/scale-down';
import { DRAIN_ANNOTATION, DRAIN_FINALIZER, KOPF_FINALIZER, RETIRE_FINALIZER } from '../../../src/api/names';
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
  type PodBuilder,
  pods,
} from './builders';

/** Deleted, with `sessions.onDelete: Drain`. */
const draining = anHsd({
  deleting: true,
  finalizers: [DRAIN_FINALIZER],
  spec: { idleTarget: 2, sessions: { onDelete: 'Drain' } },
});
const released = anHsd({ ...draining, spec: { sessions: { onDelete: 'Delete' } } });
const LONG_AGO = NOW - DRAIN_GRACE_MS;

/** As the Pods and the child of such an hsd are marked. */
const attached = (name: string): PodBuilder => aPod(name);
const detached = (name: string): PodBuilder => {
  const pod = aPod(name).detached();
  return pod.with({ marks: { ...pod.build().marks, [DRAIN_ANNOTATION]: 'true' } });
};
const busy = (pod: PodBuilder): PodBuilder => {
  const { marks } = pod.build();
  const marked = pod.busy().marked('busy');
  return marked.with({ marks: { ...marks, ...marked.build().marks } });
};
const going = (pod: PodBuilder): PodBuilder => {
  const { marks } = pod.build();
  const marked = pod.marked('draining');
  return marked.with({ marks: { ...marks, ...marked.build().marks } });
};

const planOf = (options: ObservationOptions): Plan =>
  decide(
    anObservation({ hsd: draining, child: aChild({ replicas: options.pods?.length ?? 0 }, draining), ...options }),
  );
const writesOf = (options: ObservationOptions): string[] => planOf(options).writes.map(describeWrite);

describe('deleting an hsd that drains', () => {
  test('drains the idle Pods and keeps the busy one, attached as it is', () => {
    const plan = planOf({ pods: [busy(attached('busy')), attached('a'), attached('b')] });
    expect(plan.writes.map(describeWrite)).toEqual(['markPod a draining', 'markPod b draining']);
    expect(plan.reason).toBe('Draining');
  });

  test('lowers the child to its busy Pods when the grace is over', () => {
    const seen = { pods: [busy(attached('busy')), going(attached('a'))], drainingSince: { a: LONG_AGO } };
    expect(writesOf(seen)).toEqual(['scaleChild 1']);
  });

  test('ends detached idle Pods, and no busy one', () => {
    const seen = { pods: [busy(detached('busy')), going(detached('a'))], drainingSince: { a: LONG_AGO } };
    expect(writesOf({ ...seen, child: aChild({ replicas: 0 }, draining) })).toEqual(['deletePod a']);
  });

  test('detaches a busy Pod that is not Ready before the child is lowered, unless the guard sees it', () => {
    const seen = { pods: [busy(attached('busy')).notReady(), going(attached('a'))], drainingSince: { a: LONG_AGO } };
    expect(writesOf({ ...seen, guarded: false })).toEqual(['ownPod busy']);
    expect(writesOf({ ...seen, guarded: true })).toEqual(['scaleChild 0', 'ownPod busy']);
  });

  test('holds what it must spare when somebody else lowered the child', () => {
    expect(writesOf({ child: aChild({ replicas: 0 }, draining), pods: [busy(attached('busy'))] })).toEqual([
      'scaleChild 1',
    ]);
  });

  test('raises the child for no Pod that merely cannot be asked: each new one of a rolling update would be one more', () => {
    const unasked = (name: string): PodBuilder => attached(name).with({ busyKey: undefined });
    const seen = { pods: [busy(attached('busy')), unasked('a'), unasked('b')] };
    expect(writesOf({ ...seen, child: aChild({ replicas: 2 }, draining) })).not.toContain('scaleChild 3');
    expect(writesOf({ ...seen, child: aChild({ replicas: 0 }, draining) })).toContain('scaleChild 1');
    expect(writesOf(seen).filter((write) => write.startsWith('scaleChild'))).toEqual([]);
  });

  test("leaves somebody else's Deployment of that name alone", () => {
    const controller = { kind: 'Helm', name: 'other', uid: 'other' };
    const seen = { child: aChild({ replicas: 9, controller }, draining), pods: [busy(detached('busy'))] };
    expect(writesOf(seen)).toEqual([]);
    expect(writesOf({ ...seen, pods: [] })).toEqual(['deleteBudget', `removeFinalizer ${DRAIN_FINALIZER}`]);
  });

  test('names the Pods it waits for', () => {
    const { status } = planOf({ pods: pods('room', 7, busy) });
    expect(status.conditions).toContainEqual(
      expect.objectContaining({
        reason: 'Draining',
        message: expect.stringContaining(
          'waiting for the sessions of room-1, room-2, room-3, room-4, room-5 and 2 more',
        ),
      }),
    );
  });
});

const retired = (overrides: Partial<ReplicaSetView> = {}): ReplicaSetView =>
  aReplicaSet({ uid: 'rs-old', controller: hsdOwner, finalizers: [RETIRE_FINALIZER], ...overrides });

describe('a rollout that was on its way', () => {
  test('a ReplicaSet that was handed over is deleted without its Pods', () => {
    const replicaSets = [retired()];
    const seen = { replicaSets, pods: [busy(attached('busy')).of('rs-old')], child: aChild({ replicas: 0 }, draining) };
    expect(writesOf(seen)).toContain('deleteReplicaSet rs-old');
  });

  test('a ReplicaSet that is not let go of yet holds the finalizer: a Pod of it may turn up', () => {
    const seen = { replicaSets: [retired({ deleting: true })], child: aChild({ replicas: 0 }, draining) };
    expect(writesOf(seen)).toEqual([]);
    expect(writesOf({ ...seen, emptied: new Set(['rs-old']) })).toEqual(['releaseReplicaSet rs-old']);
  });

  test('goes on for an hsd that does not drain: a foreground deletion waits for the ReplicaSet', () => {
    const hsd = anHsd({ deleting: true, finalizers: ['foregroundDeletion'] });
    const seen = { hsd, replicaSets: [retired({ deleting: true })], pods: [attached('a').of('rs-old')] };
    expect(writesOf(seen)).toEqual(['ownPod a']);
    expect(writesOf({ ...seen, pods: [], emptied: new Set(['rs-old']) })).toEqual(['releaseReplicaSet rs-old']);
  });

  test('stops when the Pods are meant to outlive the hsd (--cascade=orphan)', () => {
    const hsd = anHsd({ deleting: true, finalizers: ['orphan'] });
    expect(writesOf({ hsd, replicaSets: [retired({ deleting: true })], pods: [attached('a').of('rs-old')] })).toEqual(
      [],
    );
  });

  test('Pods without an owner are adopted, so that they can go', () => {
    const seen = { replicaSets: [], pods: [detached('idle').orphan()], child: aChild({ replicas: 0 }, draining) };
    expect(writesOf(seen)).toContain('ownPod idle');
  });

  test('a paused child is lowered all the same', () => {
    const seen = {
      child: aChild({ paused: true, replicas: 2 }, draining),
      replicaSets: [aReplicaSet({}, draining)],
      pods: [busy(attached('busy')), going(attached('a'))],
      drainingSince: { a: LONG_AGO },
    };
    expect(writesOf(seen)).toEqual(['scaleChild 1']);
  });
});

describe('the finalizers of a deleted hsd', () => {
  test('drain goes with the last Pod, after the child has been released', () => {
    expect(writesOf({ pods: [] })).toEqual(['deleteBudget', 'releaseChild', `removeFinalizer ${DRAIN_FINALIZER}`]);
  });

  test('drain waits for idle Pods as well: a session may start in the very moment it goes', () => {
    expect(writesOf({ pods: [attached('a')] })).toEqual(['markPod a draining']);
    const seen = { pods: [going(attached('a'))], drainingSince: { a: LONG_AGO } };
    expect(writesOf(seen)).toEqual(['scaleChild 0']);
  });

  test('drain waits for Pods that are on their way: the child is lowered first, and seen to be', () => {
    const child = aChild({ replicas: 2 }, draining);
    expect(writesOf({ child, pods: [] })).toEqual(['scaleChild 0']);
    expect(writesOf({ child: { ...child, replicas: 0, generation: 2 }, pods: [] })).toEqual([]);
    const replicaSets = [aReplicaSet({ statusReplicas: 1 }, draining)];
    expect(writesOf({ child: { ...child, replicas: 0 }, pods: [], replicaSets })).toEqual([]);
  });

  test('drain does not wait for idle Pods whose child somebody has deleted', () => {
    const seen = { child: null, pods: [attached('a')] };
    expect(writesOf(seen)).toEqual(['deleteBudget', `removeFinalizer ${DRAIN_FINALIZER}`]);
  });

  test('drain goes at once when Drain is taken back', () => {
    expect(writesOf({ hsd: released, pods: [busy(attached('busy'))] })).toEqual([
      'deleteBudget',
      'releaseChild',
      `removeFinalizer ${DRAIN_FINALIZER}`,
    ]);
  });

  test("kopf's goes at once, although Pods still drain", () => {
    const hsd = { ...draining, finalizers: [KOPF_FINALIZER, DRAIN_FINALIZER] };
    expect(writesOf({ hsd, pods: [busy(attached('busy'))] })).toEqual([`removeFinalizer ${KOPF_FINALIZER}`]);
  });

  test('drain is put on while the hsd lives, and taken off when it is not wanted any more', () => {
    const living = anHsd({ spec: { sessions: { onDelete: 'Drain' } } });
    expect(writesOf({ hsd: living, child: aChild({}, living), pods: pods('pod', 2) })).toEqual([
      `addFinalizer ${DRAIN_FINALIZER}`,
    ]);
    const changed = anHsd({ finalizers: [DRAIN_FINALIZER] });
    expect(writesOf({ hsd: changed, child: aChild({}, changed), pods: pods('pod', 2) })).toEqual([
      `removeFinalizer ${DRAIN_FINALIZER}`,
    ]);
  });
});
