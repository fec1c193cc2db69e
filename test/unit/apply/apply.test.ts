import type { Applier } from '../../../operator/apply/applier';
import { ChildRefused, NotAllowedToWrite, perform } from '../../../operator/apply/apply';
import type { Write } from '../../../operator/decide/model';
import { childManifest, ownerReference } from '../../../operator/decide/template';
import { ApiClient } from '../../../operator/kube/client';
import { ApiError } from '../../../operator/kube/errors';
import { World } from '../../../operator/observe/world';
import { aBudget, aChild, anHsd, aPod, aReplicaSet } from '../decide/builders';
import { FakeClock } from '../support/fake-clock';
import { type Handler, HttpServer, type ReceivedRequest, sendJson, sendStatus } from '../support/http-server';
import { recordingLogger } from '../support/logger';

const hsd = anHsd({ finalizers: ['example.com/other', 'kopf.zalando.org/KopfFinalizerMarker'] });
const KEY = 'default/rooms';
const DEPLOYMENT = '/apis/apps/v1/namespaces/default/deployments/rooms-workload';
const REPLICA_SET = '/apis/apps/v1/namespaces/default/replicasets/rs-1';
const POD = '/api/v1/namespaces/default/pods/pod-1';
const labels = { 'hsd.paia.tech/name': 'rooms' };
const pod = aPod('pod-1').with({ resourceVersion: '41' }).build();
const replicaSet = aReplicaSet({ resourceVersion: '42' });
const child = aChild({ replicas: 2, generation: 5, resourceVersion: '43' });

let server: HttpServer;
let applier: Applier & { world: World };
let handler: Handler;
let mayWrite: boolean;
let warnings: { reason: string; note: string }[];

/** The object at the request's path, as it is after the write. */
function replyTo({ path }: ReceivedRequest): Record<string, unknown> {
  const name = path
    .replace(/\/scale$/, '')
    .split('/')
    .at(-1);
  return { metadata: { name, namespace: 'default', uid: `uid-of-${name}`, resourceVersion: '99', labels } };
}

beforeEach(async () => {
  mayWrite = true;
  handler = (request, response) => sendJson(response, 200, replyTo(request));
  server = await HttpServer.start((request, response) => handler(request, response));
  const clock = new FakeClock();
  const client = new ApiClient({ server: server.url, tls: {} }, { userAgent: 'hotstandby/test', clock });
  const options = {
    client,
    clock,
    random: () => 0,
    logger: recordingLogger(),
    onChange: () => undefined,
    watchNodes: false,
  };
  warnings = [];
  applier = {
    client,
    world: new World(options),
    mayWrite: () => mayWrite,
    warn: (reason, note) => warnings.push({ reason, note }),
  };
});

afterEach(async () => {
  await applier.client.close();
  await server.stop();
});

const send = (write: Write): Promise<void> => perform(applier, hsd, write);
const received = (): object[] =>
  server.requests.map(({ method, path, body }) => ({ method, path, body: body === '' ? undefined : JSON.parse(body) }));

const mark = (guarded: boolean): Write => ({
  kind: 'markPod',
  pod,
  state: 'busy',
  labels: { 'hsd.paia.tech/state': 'busy' },
  annotations: { cost: '1000', old: null },
  guarded,
});
const deleteOptions = { kind: 'DeleteOptions', apiVersion: 'v1' };

describe('what each write sends', () => {
  const table: [sentence: string, write: Write, request: object][] = [
    [
      'a scale up, without precondition: it must not wait for the Deployment controller',
      { kind: 'scaleChild', child, replicas: 7 },
      { method: 'PATCH', path: `${DEPLOYMENT}/scale`, body: { spec: { replicas: 7 } } },
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
      'handing a ReplicaSet over',
      { kind: 'ownReplicaSet', replicaSet },
      {
        method: 'PATCH',
        path: REPLICA_SET,
        body: { metadata: { uid: 'rs-1', resourceVersion: '42', ownerReferences: [ownerReference(hsd)] } },
      },
    ],
    [
      'labelling a ReplicaSet',
      { kind: 'labelReplicaSet', replicaSet, hsd: 'rooms' },
      { method: 'PATCH', path: REPLICA_SET, body: { metadata: { uid: 'rs-1', resourceVersion: '42', labels } } },
    ],
    [
      'deleting a ReplicaSet without its Pods: propagation and preconditions travel',
      { kind: 'orphanReplicaSet', replicaSet },
      {
        method: 'DELETE',
        path: REPLICA_SET,
        body: { ...deleteOptions, preconditions: { uid: 'rs-1', resourceVersion: '42' }, propagationPolicy: 'Orphan' },
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
      'setting the budget of a new number of busy Pods',
      { kind: 'setBudget', budget: aBudget(1), minAvailable: 4 },
      expect.objectContaining({ method: 'PATCH', body: { metadata: { uid: 'budget-1' }, spec: { minAvailable: 4 } } }),
    ],
  ];
  test.each(table)('%s', async (_sentence, write, request) => {
    await send(write);
    expect(received()).toEqual([request]);
  });
});

describe('the child', () => {
  const manifest = childManifest(hsd, 3, false);

  test('is applied whole and by force, so that what others changed is taken back', async () => {
    await send({ kind: 'applyChild', child, manifest, takeOwnership: false });
    const [request] = server.requests;
    expect(request).toMatchObject({
      method: 'PATCH',
      path: DEPLOYMENT,
      query: { fieldManager: 'hotstandby', force: 'true' },
    });
    expect(request?.headers['content-type']).toBe('application/apply-patch+yaml');
    expect(JSON.parse(request?.body ?? '')).toEqual({
      ...manifest,
      // Its replicas go by what was seen: another version may hold more Pods.
      metadata: { ...manifest.metadata, uid: 'child-1', resourceVersion: '43' },
    });
  });

  test('is created without a uid', async () => {
    await send({ kind: 'applyChild', manifest, takeOwnership: false });
    expect(received()).toEqual([{ method: 'PATCH', path: DEPLOYMENT, body: manifest }]);
  });

  test('whose fields others own becomes ours first, on the version that was read', async () => {
    const managedFields = [
      { manager: 'python', operation: 'Update', apiVersion: 'apps/v1', fieldsV1: { 'f:spec': { 'f:replicas': {} } } },
    ];
    handler = (request, response) => {
      const reply = replyTo(request);
      sendJson(response, 200, {
        ...reply,
        metadata: { ...(reply.metadata as object), resourceVersion: '50', managedFields },
      });
    };
    await send({ kind: 'applyChild', child, manifest, takeOwnership: true });
    expect(server.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      `GET ${DEPLOYMENT}`,
      `PATCH ${DEPLOYMENT}`,
      `PATCH ${DEPLOYMENT}`,
    ]);
    expect(JSON.parse(server.requests[1]?.body ?? '')).toEqual({
      metadata: {
        resourceVersion: '50',
        managedFields: [
          expect.objectContaining({
            manager: 'hotstandby',
            operation: 'Apply',
            fieldsV1: { 'f:spec': { 'f:replicas': {} } },
          }),
        ],
      },
    });
  });

  const refusals: [sentence: string, code: number, reason: string, refused: boolean][] = [
    ['validation', 422, 'Invalid', true],
    ['admission or quota', 403, 'Forbidden', true],
    ['an unreadable body', 400, 'BadRequest', true],
    ['an answer without a reason', 400, '', true],
    ['a conflict is no refusal: somebody was faster', 409, 'Conflict', false],
    ['an overloaded server is no refusal', 429, 'TooManyRequests', false],
    ['a failing webhook is no refusal', 500, 'InternalError', false],
  ];
  test.each(refusals)('%s', async (_sentence, code, reason, refused) => {
    handler = (_request, response) => sendStatus(response, code, reason, 'the words of the server');
    const failure: unknown = await send({ kind: 'applyChild', child, manifest, takeOwnership: false }).catch(
      (e: unknown) => e,
    );
    expect(failure).toBeInstanceOf(refused ? ChildRefused : ApiError);
    expect(failure).toMatchObject({
      message: 'the words of the server',
      ...(refused && { reason: reason || 'Refused' }),
    });
  });

  test('in a namespace that is going away is not refused for what Git says', async () => {
    const details = { causes: [{ reason: 'NamespaceTerminating', message: 'namespace is being terminated' }] };
    handler = (_request, response) =>
      sendJson(response, 403, { kind: 'Status', reason: 'Forbidden', message: 'no', details });
    const write: Write = { kind: 'applyChild', child, manifest, takeOwnership: false };
    await expect(send(write)).rejects.toBeInstanceOf(ApiError);
  });
});

describe('what comes back', () => {
  test('enters the cache at once', async () => {
    await send(mark(false));
    await send({ kind: 'ownReplicaSet', replicaSet });
    expect(applier.world.pods.of(KEY)).toMatchObject([{ uid: 'uid-of-pod-1', resourceVersion: '99' }]);
    expect(applier.world.replicaSets.of(KEY)).toMatchObject([{ uid: 'uid-of-rs-1' }]);
  });

  test('of a scale call is the Deployment with its new count and generation', async () => {
    await send({ kind: 'scaleChild', child, replicas: 7 });
    expect(applier.world.child(hsd)).toMatchObject({
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
    expect(applier.world.pods.of(KEY)).toMatchObject([{ deleting: true }]);
    handler = (_request, response) => sendJson(response, 200, { kind: 'Status', status: 'Success' });
    await send({ kind: 'deletePod', pod });
    expect(applier.world.pods.of(KEY)).toHaveLength(1);
  });
});

describe('when the world moved on', () => {
  const fail = (code: number, reason: string): void => {
    handler = (_request, response) => sendStatus(response, code, reason, 'moved on');
  };

  test.each<[string, Write]>([
    ['a Pod', { kind: 'deletePod', pod }],
    ['a ReplicaSet', { kind: 'orphanReplicaSet', replicaSet }],
    ['a finalizer', { kind: 'removeFinalizer', finalizer: 'kopf.zalando.org/KopfFinalizerMarker' }],
  ])('deleting %s that is gone is done', async (_sentence, write) => {
    fail(404, 'NotFound');
    await expect(send(write)).resolves.toBeUndefined();
  });

  test.each<[string, Write]>([
    ['ending a Pod', { kind: 'deletePod', pod }],
    ['adopting a Pod', { kind: 'ownPod', pod }],
    ['deleting a ReplicaSet', { kind: 'orphanReplicaSet', replicaSet }],
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
  mayWrite = false;
  await expect(send({ kind: 'deletePod', pod })).rejects.toBeInstanceOf(NotAllowedToWrite);
  expect(server.requests).toEqual([]);
});

it('leaves a PodDisruptionBudget of somebody else alone, reports it and goes on', async () => {
  handler = (_request, response) => sendStatus(response, 409, 'AlreadyExists', 'it exists');
  await send({ kind: 'createBudget', name: 'rooms-busy', minAvailable: 1 });
  expect(warnings).toEqual([{ reason: 'BudgetConflict', note: expect.stringContaining('rooms-busy') }]);
});
