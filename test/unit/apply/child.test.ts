import { perform } from '../../../operator/apply/apply';
import { ChildRefused } from '../../../operator/apply/child';
import type { Write } from '../../../operator/decide/model';
import { childManifest } from '../../../operator/decide/template';
import { ApiError } from '../../../operator/kube/errors';
import { aChild, anHsd } from '../decide/builders';
import { type Handler, type HttpServer, sendJson, sendStatus } from '../support/http-server';
import { ApplyHarness, answer, replyTo } from './harness';

const hsd = anHsd();
const DEPLOYMENT = '/apis/apps/v1/namespaces/default/deployments/rooms-workload';
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
    expect(harness.received).toEqual([{ method: 'PATCH', path: DEPLOYMENT, body: manifest }]);
  });

  test('whose fields others own becomes ours first, on the version that was read', async () => {
    const managedFields = [
      { manager: 'python', operation: 'Update', apiVersion: 'apps/v1', fieldsV1: { 'f:spec': { 'f:replicas': {} } } },
    ];
    handler = (request, response) => {
      const reply = replyTo(request);
      sendJson(response, 200, {
        ...reply,
        metadata: { ...reply.metadata, resourceVersion: '50', managedFields },
        spec: { replicas: 2 },
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
        // Until the next write this alone says that somebody's fields are still there.
        annotations: { 'hsd.paia.tech/template-ownership': 'taking' },
        managedFields: [
          expect.objectContaining({
            manager: 'hotstandby',
            operation: 'Apply',
            fieldsV1: { 'f:spec': { 'f:replicas': {} } },
          }),
        ],
      },
    });
    expect(JSON.parse(server.requests[2]?.body ?? '').metadata).toMatchObject({
      resourceVersion: '50',
      annotations: { 'hsd.paia.tech/template-ownership': 'taken' },
    });
  });

  test('that was raised since it was seen is not taken over: the count that was decided would lower it', async () => {
    handler = (request, response) => sendJson(response, 200, { ...replyTo(request), spec: { replicas: 4 } });
    await expect(send({ kind: 'applyChild', child, manifest, takeOwnership: true })).rejects.toMatchObject({
      code: 409,
    });
    expect(server.requests.map(({ method }) => method)).toEqual(['GET']);
  });

  test('stays as it is when the lease is lost between taking its fields and applying', async () => {
    handler = (request, response) => {
      harness.isLeading = server.requests.length < 2;
      answer(request, response);
    };
    const write: Write = { kind: 'applyChild', child, manifest, takeOwnership: true };
    await expect(send(write)).rejects.toThrow('not the leader');
    expect(server.requests.map(({ method }) => method)).toEqual(['GET', 'PATCH']);
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
