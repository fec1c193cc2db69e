import { perform } from '../../../operator/apply/apply';
import { budgetSpec } from '../../../operator/decide/budget';
import type { Write } from '../../../operator/decide/model';
import { ownerReference } from '../../../operator/decide/template';
import { NotLeading } from '../../../operator/kube/fence';
import { aBudget, aChild, anHsd, aPod, aReplicaSet } from '../decide/builders';
import { type Handler, type HttpServer, sendJson, sendStatus } from '../support/http-server';
import { ApplyHarness, answer, replyTo } from './harness';

const hsd = anHsd({ finalizers: ['example.com/other', 'kopf.zalando.org/KopfFinalizerMarker'] });
const KEY = 'default/rooms';
const DEPLOYMENT = '/apis/apps/v1/namespaces/default/deployments/rooms-workload';
const REPLICA_SET = '/apis/apps/v1/namespaces/default/replicasets/rs-1';
const BUDGET = '/apis/policy/v1/namespaces/default/poddisruptionbudgets/rooms-busy';
const POD = '/api/v1/namespaces/default/pods/pod-1';
const labels = { 'hsd.paia.tech/name': 'rooms' };
const pod = aPod('pod-1').with({ resourceVersion: '41' }).build();
const replicaSet = aReplicaSet({ resourceVersion: '42', finalizers: ['example.com/theirs'] });
const child = aChild({ replicas: 2, generation: 5, resourceVersion: '43' });

let harness: ApplyHarness;
let server: HttpServer;
let handler: Handler;

beforeEach(async () => {
  handler = answer;
  harness = await ApplyHarness.open((request, response) => handler(request, response));
  server = harness.server;
});

afterEach(() => harness.close());

const send = (write: Write): Promise<void> => perform(harness.applier, hsd, write);

const mark = (unchangedOnly: boolean): Write => ({
  kind: 'markPod',
  pod,
  state: 'busy',
  labels: { 'hsd.paia.tech/state': 'busy' },
  annotations: { cost: '1000', old: null },
  unchangedOnly,
});
const deleteOptions = { kind: 'DeleteOptions', apiVersion: 'v1' };

describe('what each write sends', () => {
  const table: [sentence: string, write: Write, request: object][] = [
    [
      'a scale up, on the count that was seen: it must not wait for the Deployment controller, nor lower',
      { kind: 'scaleChild', child, replicas: 7 },
      {
        method: 'PATCH',
        path: `${DEPLOYMENT}/scale`,
        body: [
          { op: 'test', path: '/metadata/uid', value: 'child-1' },
          { op: 'test', path: '/spec/replicas', value: 2 },
          { op: 'add', path: '/spec/replicas', value: 7 },
        ],
      },
    ],
    [
      'a scale up from nothing: a Scale leaves out a count of 0',
      { kind: 'scaleChild', child: { ...child, replicas: 0 }, replicas: 1 },
      {
        method: 'PATCH',
        path: `${DEPLOYMENT}/scale`,
        body: [
          { op: 'test', path: '/metadata/uid', value: 'child-1' },
          { op: 'test', path: '/spec/replicas', value: null },
          { op: 'add', path: '/spec/replicas', value: 1 },
        ],
      },
    ],
    [
      'a scale down, on the very child that was seen: somebody may have raised it meanwhile',
      { kind: 'scaleChild', child, replicas: 1 },
      {
        method: 'PATCH',
        path: `${DEPLOYMENT}/scale`,
        body: { metadata: { resourceVersion: '43' }, spec: { replicas: 1 } },
      },
    ],
    [
      'going on after a pause, on the very child that was paused',
      { kind: 'resumeChild', child, replicas: 3 },
      {
        method: 'PATCH',
        path: DEPLOYMENT,
        body: { metadata: { uid: 'child-1', resourceVersion: '43' }, spec: { paused: null, replicas: 3 } },
      },
    ],
    [
      'a mark that protects lands on whatever version of the Pod',
      mark(false),
      {
        method: 'PATCH',
        path: POD,
        body: {
          metadata: {
            uid: 'pod-1',
            labels: { 'hsd.paia.tech/state': 'busy' },
            annotations: { cost: '1000', old: null },
          },
        },
      },
    ],
    [
      'any other mark only on the version that was seen',
      mark(true),
      {
        method: 'PATCH',
        path: POD,
        body: { metadata: expect.objectContaining({ uid: 'pod-1', resourceVersion: '41' }) },
      },
    ],
    [
      'handing a ReplicaSet over, with the finalizer that holds it',
      { kind: 'ownReplicaSet', replicaSet },
      {
        method: 'PATCH',
        path: REPLICA_SET,
        body: {
          metadata: {
            uid: 'rs-1',
            resourceVersion: '42',
            ownerReferences: [ownerReference(hsd)],
            finalizers: ['example.com/theirs', 'hsd.paia.tech/retire'],
          },
        },
      },
    ],
    [
      'letting a ReplicaSet go, and nobody else be forgotten',
      { kind: 'releaseReplicaSet', replicaSet: { ...replicaSet, finalizers: ['hsd.paia.tech/retire', 'b'] } },
      {
        method: 'PATCH',
        path: REPLICA_SET,
        body: {
          metadata: {
            uid: 'rs-1',
            resourceVersion: '42',
            finalizers: ['b'],
            annotations: { 'hsd.paia.tech/drain-on-delete': null },
          },
        },
      },
    ],
    [
      'labelling a ReplicaSet',
      { kind: 'labelReplicaSet', replicaSet, hsd: 'rooms' },
      { method: 'PATCH', path: REPLICA_SET, body: { metadata: { uid: 'rs-1', resourceVersion: '42', labels } } },
    ],
    [
      'deleting a ReplicaSet that its finalizer holds: the precondition makes sure of that',
      { kind: 'deleteReplicaSet', replicaSet },
      {
        method: 'DELETE',
        path: REPLICA_SET,
        body: {
          ...deleteOptions,
          preconditions: { uid: 'rs-1', resourceVersion: '42' },
          propagationPolicy: 'Background',
        },
      },
    ],
    [
      'detaching or adopting a Pod',
      { kind: 'ownPod', pod },
      {
        method: 'PATCH',
        path: POD,
        body: { metadata: { uid: 'pod-1', resourceVersion: '41', ownerReferences: [ownerReference(hsd)] } },
      },
    ],
    [
      'ending a Pod, only as it was seen',
      { kind: 'deletePod', pod },
      {
        method: 'DELETE',
        path: POD,
        body: { ...deleteOptions, preconditions: { uid: 'pod-1', resourceVersion: '41' } },
      },
    ],
    [
      'taking a finalizer off, and no other that took its place',
      { kind: 'removeFinalizer', finalizer: 'kopf.zalando.org/KopfFinalizerMarker' },
      {
        method: 'PATCH',
        path: '/apis/apps.paia.tech/v1alpha1/namespaces/default/hotstandbydeployments/rooms',
        body: [
          { op: 'test', path: '/metadata/uid', value: 'hsd-1' },
          { op: 'test', path: '/metadata/finalizers/1', value: 'kopf.zalando.org/KopfFinalizerMarker' },
          { op: 'remove', path: '/metadata/finalizers/1' },
        ],
      },
    ],
    [
      'mending a budget, all of it',
      { kind: 'repairBudget', budget: aBudget({ minAvailable: 4 }) },
      {
        method: 'PATCH',
        path: BUDGET,
        body: [
          { op: 'test', path: '/metadata/uid', value: 'budget-1' },
          { op: 'replace', path: '/spec', value: budgetSpec(hsd) },
        ],
      },
    ],
    [
      'marking a budget that the garbage collector has to leave',
      { kind: 'markBudget', budget: aBudget(), value: 'true' },
      {
        method: 'PATCH',
        path: BUDGET,
        body: { metadata: { uid: 'budget-1', annotations: { 'hsd.paia.tech/drain-on-delete': 'true' } } },
      },
    ],
    [
      'taking a budget away, whatever its status says by now',
      { kind: 'deleteBudget', budget: aBudget() },
      { method: 'DELETE', path: BUDGET, body: { ...deleteOptions, preconditions: { uid: 'budget-1' } } },
    ],
  ];
  test.each(table)('%s', async (_sentence, write, request) => {
    await send(write);
    expect(harness.received).toEqual([request]);
  });
});

describe('what comes back', () => {
  test('enters the cache at once', async () => {
    await send(mark(false));
    await send({ kind: 'ownReplicaSet', replicaSet });
    expect(harness.applier.world.pods.of(KEY)).toMatchObject([{ uid: 'uid-of-pod-1', resourceVersion: '99' }]);
    expect(harness.applier.world.replicaSets.of(KEY)).toMatchObject([{ uid: 'uid-of-rs-1' }]);
  });

  test('of a scale call is the Deployment with its new count and generation', async () => {
    await send({ kind: 'scaleChild', child, replicas: 7 });
    expect(harness.applier.world.child(hsd)).toMatchObject({
      uid: 'child-1',
      replicas: 7,
      generation: 6,
      resourceVersion: '99',
    });
  });

  test('of a delete is the Pod on its way out; a Status of one that is gone at once leaves the cache alone', async () => {
    handler = (request, response) => {
      const reply = replyTo(request);
      sendJson(response, 200, {
        ...reply,
        metadata: { ...(reply.metadata as object), deletionTimestamp: '2026-01-01T00:00:00Z' },
      });
    };
    await send({ kind: 'deletePod', pod });
    expect(harness.applier.world.pods.of(KEY)).toMatchObject([{ deleting: true }]);
    handler = (_request, response) => sendJson(response, 200, { kind: 'Status', status: 'Success' });
    await send({ kind: 'deletePod', pod });
    expect(harness.applier.world.pods.of(KEY)).toHaveLength(1);
  });
});

test('a ReplicaSet of an hsd that drains is marked with the hand-over: the garbage collector waits', async () => {
  const drains = anHsd({ spec: { sessions: { onDelete: 'Drain' } } });
  await perform(harness.applier, drains, { kind: 'ownReplicaSet', replicaSet });
  expect(JSON.parse(server.requests[0]?.body ?? '')).toMatchObject({
    metadata: { annotations: { 'hsd.paia.tech/drain-on-delete': 'true' } },
  });
});

describe('when the world moved on', () => {
  const fail = (code: number, reason: string): void => {
    handler = (_request, response) => sendStatus(response, code, reason, 'moved on');
  };

  test.each<[string, Write]>([
    ['a Pod', { kind: 'deletePod', pod }],
    ['a ReplicaSet', { kind: 'deleteReplicaSet', replicaSet }],
    ['a finalizer', { kind: 'removeFinalizer', finalizer: 'kopf.zalando.org/KopfFinalizerMarker' }],
  ])('deleting %s that is gone is done', async (_sentence, write) => {
    fail(404, 'NotFound');
    await expect(send(write)).resolves.toBeUndefined();
  });

  test.each<[string, Write]>([
    ['ending a Pod', { kind: 'deletePod', pod }],
    ['adopting a Pod', { kind: 'ownPod', pod }],
    ['deleting a ReplicaSet', { kind: 'deleteReplicaSet', replicaSet }],
    ['letting a ReplicaSet go', { kind: 'releaseReplicaSet', replicaSet }],
    ['handing a ReplicaSet over', { kind: 'ownReplicaSet', replicaSet }],
    ['marking a Pod', mark(true)],
  ])('%s that changed fails with the conflict', async (_sentence, write) => {
    fail(409, 'Conflict');
    await expect(send(write)).rejects.toMatchObject({ code: 409 });
  });

  test('marking a Pod that is gone fails: what was decided is outdated', async () => {
    fail(404, 'NotFound');
    await expect(send(mark(false))).rejects.toMatchObject({ code: 404 });
  });

  test('a finalizer that is elsewhere by now is left to the next pass', async () => {
    fail(422, 'Invalid');
    await expect(
      send({ kind: 'removeFinalizer', finalizer: 'kopf.zalando.org/KopfFinalizerMarker' }),
    ).resolves.toBeUndefined();
  });
});

test('nothing is sent once the operator may not write', async () => {
  harness.isLeading = false;
  await expect(send({ kind: 'deletePod', pod })).rejects.toBeInstanceOf(NotLeading);
  expect(server.requests).toEqual([]);
});

it('leaves a PodDisruptionBudget of somebody else alone, reports it and goes on', async () => {
  handler = (_request, response) => sendStatus(response, 409, 'AlreadyExists', 'it exists');
  await send({ kind: 'createBudget', name: 'rooms-busy' });
  expect(harness.warnings).toEqual([{ reason: 'BudgetConflict', note: expect.stringContaining('rooms-busy') }]);
});
