import { decide } from '../../../operator/decide/decide';
import type { Controller, Plan } from '../../../operator/decide/model';
import {
  aChild,
  anHsd,
  anObservation,
  aReplicaSet,
  describeWrite,
  type ObservationOptions,
  ownedBy,
  pods,
} from './builders';

const hsd = anHsd({ spec: { idleTarget: 2 } });
const copy: Controller = { kind: 'Deployment', name: 'copy', uid: 'copy-1' };
const copied = aReplicaSet({ uid: 'rs-copy', controller: copy });
const mine = { replicaSets: [aReplicaSet(), copied], child: aChild({ replicas: 2 }, hsd) };
const planOf = (options: ObservationOptions): Plan => decide(anObservation({ hsd, ...options }));

test.each<[string, Controller]>([
  ['a copy of the child', ownedBy('rs-copy')],
  ['a StatefulSet with our label in its template', { kind: 'StatefulSet', name: 'db', uid: 'sts-1' }],
  ['a Job with our label in its template', { kind: 'Job', name: 'job', uid: 'job-1' }],
])('Pods of %s are neither counted, nor marked, nor ended, and wait for nothing', (_whose, controller) => {
  for (const busy of [false, true]) {
    const theirs = pods('theirs', 3, (pod) => (busy ? pod.busy() : pod).marked('starting').with({ controller }));
    const plan = planOf({ ...mine, pods: [...pods('pod', 2), ...theirs] });
    expect(plan.writes).toEqual([]);
    expect(plan.status).toMatchObject({ replicas: 2, busyCount: 0, availableCount: 2, detachedCount: 0 });
    expect(plan.status.conditions?.find(({ type }) => type === 'Ready')?.status).toBe('True');
  }
});

test('a copy of the child keeps no deleted hsd that drains from going', () => {
  const going = anHsd({
    deleting: true,
    finalizers: ['hsd.paia.tech/drain'],
    spec: { sessions: { onDelete: 'Drain' } },
  });
  const theirs = pods('theirs', 2, (pod) => pod.busy().marked('busy').of('rs-copy'));
  const seen = { hsd: going, child: aChild({ replicas: 0 }, going), replicaSets: [copied], pods: theirs };
  expect(planOf(seen).writes.map(describeWrite)).toContain('removeFinalizer hsd.paia.tech/drain');
});

test.each<[string, Partial<Parameters<typeof aReplicaSet>[0]>]>([
  ['a ReplicaSet no watch has shown yet', { uid: 'rs-unrelated' }],
  ['an orphaned ReplicaSet', { uid: 'rs-copy', controller: undefined }],
  [
    'a ReplicaSet of a child that was deleted and made again',
    { uid: 'rs-copy', controller: { kind: 'Deployment', name: 'rooms-workload', uid: 'child-0' } },
  ],
])('Pods of %s count and are protected: they may hold sessions of ours', (_whose, rs) => {
  const theirs = pods('theirs', 1, (pod) => pod.busy().marked('starting').of('rs-copy'));
  const plan = planOf({ ...mine, replicaSets: [aReplicaSet(), aReplicaSet(rs)], pods: [...pods('pod', 2), ...theirs] });
  expect(plan.status.busyCount).toBe(1);
  expect(plan.writes.map(describeWrite)).toContain('markPod theirs-1 busy');
});
