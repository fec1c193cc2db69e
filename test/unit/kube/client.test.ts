import { ApiClient, type RequestInfo } from '../../../operator/kube/client';
import type { Connection } from '../../../operator/kube/connection';
import { ApiError, NetworkError } from '../../../operator/kube/errors';
import { paths } from '../../../operator/kube/paths';
import { FakeClock } from '../support/fake-clock';
import { type Handler, HttpServer, type ReceivedRequest, sendJson, sendStatus } from '../support/http-server';
import { until } from '../support/until';

let server: HttpServer;
let client: ApiClient;
let handler: Handler;
let reported: RequestInfo[];
const clock = new FakeClock();

const clientFor = (connection: Partial<Connection> = {}, connections?: number): ApiClient =>
  new ApiClient(
    { server: server.url, tls: {}, ...connection },
    { userAgent: 'hotstandby/test', onRequest: (info) => reported.push(info), clock, connections },
  );

beforeEach(async () => {
  reported = [];
  handler = (_request, response) => sendJson(response, 200, { kind: 'Thing' });
  server = await HttpServer.start((request, response) => handler(request, response));
  client = clientFor();
});

afterEach(async () => {
  await client.close();
  await server.stop();
});

const failure = async (promise: Promise<unknown>): Promise<unknown> => promise.then(() => undefined).catch((e) => e);

describe('what travels', () => {
  const pod = paths.pods.one('ns', 'a');
  const manager = { fieldManager: 'hotstandby' };
  const cases: { name: string; call: () => Promise<unknown>; want: Partial<ReceivedRequest> & { type?: string } }[] = [
    {
      name: 'get with a query',
      call: () => client.get(pod, { a: 'x y&z', b: 1, c: true, d: undefined }),
      want: { method: 'GET', path: '/api/v1/namespaces/ns/pods/a', query: { a: 'x y&z', b: '1', c: 'true' }, body: '' },
    },
    {
      name: 'list with a selector',
      call: () => client.list(paths.pods.list(), { labelSelector: 'hsd.paia.tech/name in (a,b)', limit: 500 }),
      want: { method: 'GET', query: { labelSelector: 'hsd.paia.tech/name in (a,b)', limit: '500' } },
    },
    {
      name: 'create names the field manager',
      call: () => client.create(paths.pods.list('ns'), { kind: 'Pod' }),
      want: { method: 'POST', query: manager, type: 'application/json', body: '{"kind":"Pod"}' },
    },
    {
      name: 'update names the field manager',
      call: () => client.update(pod, { kind: 'Pod' }),
      want: { method: 'PUT', query: manager, type: 'application/json', body: '{"kind":"Pod"}' },
    },
    {
      name: 'apply without force',
      call: () => client.apply(pod, { kind: 'Pod' }),
      want: { method: 'PATCH', query: manager, type: 'application/apply-patch+yaml', body: '{"kind":"Pod"}' },
    },
    {
      name: 'apply with force',
      call: () => client.apply(pod, {}, { force: true, query: { dryRun: 'All' } }),
      want: { method: 'PATCH', query: { ...manager, force: 'true', dryRun: 'All' } },
    },
    {
      name: 'merge patch',
      call: () => client.mergePatch(paths.hsds.one('ns', 'a', 'status'), { status: { note: 'ä' } }),
      want: {
        method: 'PATCH',
        path: '/apis/apps.paia.tech/v1alpha1/namespaces/ns/hotstandbydeployments/a/status',
        query: manager,
        type: 'application/merge-patch+json',
        body: '{"status":{"note":"ä"}}',
      },
    },
    {
      name: 'JSON patch',
      call: () => client.jsonPatch(pod, [{ op: 'remove', path: '/a' }]),
      want: { query: manager, type: 'application/json-patch+json', body: '[{"op":"remove","path":"/a"}]' },
    },
  ];

  test.each(cases)('$name', async ({ call, want }) => {
    await expect(call()).resolves.toEqual({ kind: 'Thing' });
    const { type, ...rest } = want;
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]).toMatchObject(rest);
    expect(server.requests[0]?.headers['user-agent']).toBe('hotstandby/test');
    if (type !== undefined) expect(server.requests[0]?.headers['content-type']).toBe(type);
  });

  test('a delete carries preconditions, propagation and grace period in a body with its length', async () => {
    await client.delete(pod, {
      uid: 'u',
      resourceVersion: '7',
      propagationPolicy: 'Orphan',
      gracePeriodSeconds: 0,
    });
    const [request] = server.requests;
    expect(JSON.parse(request?.body ?? '')).toEqual({
      kind: 'DeleteOptions',
      apiVersion: 'v1',
      preconditions: { uid: 'u', resourceVersion: '7' },
      propagationPolicy: 'Orphan',
      gracePeriodSeconds: 0,
    });
    expect(request?.headers['content-length']).toBe(String(request?.body.length));
    expect(request?.headers['transfer-encoding']).toBeUndefined();
  });

  test('a trial deletion says so in the body: the API server does not read the query beside one', async () => {
    await client.delete(pod, { dryRun: true });
    const [request] = server.requests;
    expect(JSON.parse(request?.body ?? '')).toEqual({ kind: 'DeleteOptions', apiVersion: 'v1', dryRun: ['All'] });
    expect(request?.query).toEqual({});
  });

  test('the path of the server URL comes before the path of the request', async () => {
    client = clientFor({ server: `${server.url}/k8s/clusters/c-1` });
    await client.get('/api');
    expect(server.requests[0]?.path).toBe('/k8s/clusters/c-1/api');
  });

  test('text reads what is not JSON', async () => {
    handler = (_request, response) => response.end('ok');
    await expect(client.text('/readyz')).resolves.toBe('ok');
  });
});

describe('refusals', () => {
  test('the Status of the API server becomes the error', async () => {
    const details = { name: 'a', causes: [{ field: 'spec.x', message: 'wrong' }] };
    handler = (_request, response) =>
      sendJson(response, 422, { kind: 'Status', code: 422, reason: 'Invalid', message: 'spec.x: wrong', details });
    const error = await failure(client.get('/api'));
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ code: 422, reason: 'Invalid', message: 'spec.x: wrong', details });
  });

  test('Retry-After is milliseconds in the error', async () => {
    handler = (_request, response) => sendStatus(response, 429, 'TooManyRequests', 'slow', { 'retry-after': '3' });
    expect(await failure(client.get('/api'))).toMatchObject({ code: 429, retryAfterMs: 3000 });
  });

  test('an answer of something that is no API server is quoted', async () => {
    handler = (_request, response) => response.writeHead(502).end('<html>\n  bad gateway</html>');
    expect(await failure(client.get('/api'))).toMatchObject({
      code: 502,
      reason: '',
      message: 'the server answered HTTP 502: <html> bad gateway</html>',
    });
  });

  test('a 401 is tried once more when there are newer credentials', async () => {
    const tokens = ['Bearer old', 'Bearer new'];
    client = clientFor({ authorization: async (rejected) => (rejected === tokens[0] ? tokens[1] : tokens[0]) });
    handler = (request, response) =>
      request.headers.authorization === tokens[1]
        ? sendJson(response, 200, { ok: true })
        : sendStatus(response, 401, 'Unauthorized', 'Unauthorized');
    await expect(client.create('/api', {})).resolves.toEqual({ ok: true });
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(tokens);
  });

  test('a 401 with the same credentials is final', async () => {
    client = clientFor({ authorization: async () => 'Bearer same' });
    handler = (_request, response) => sendStatus(response, 401, 'Unauthorized', 'Unauthorized');
    expect(await failure(client.get('/api'))).toMatchObject({ code: 401 });
    expect(server.requests).toHaveLength(1);
  });
});

describe('no answer', () => {
  const codeOf = async (promise: Promise<unknown>): Promise<string> => {
    const error = await failure(promise);
    expect(error).toBeInstanceOf(NetworkError);
    expect((error as Error).message).toContain(client.server);
    return (error as NetworkError).code;
  };

  test('nobody listens: Refused', async () => {
    await server.stop();
    expect(await codeOf(client.get('/api'))).toBe('Refused');
    expect(reported).toMatchObject([{ verb: 'get', resource: 'discovery', code: 'Refused' }]);
    server = await HttpServer.start(handler);
  });

  test('the connection breaks: Reset', async () => {
    handler = (_request, response) => response.destroy();
    expect(await codeOf(client.get('/api'))).toBe('Reset');
  });

  test('the answer breaks off: Reset', async () => {
    handler = (_request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('{"half":');
      setImmediate(() => response.destroy());
    };
    expect(await codeOf(client.get('/api'))).toBe('Reset');
  });

  test('the answer is not JSON: Malformed', async () => {
    handler = (_request, response) => response.end('<html>login</html>');
    expect(await codeOf(client.get('/api'))).toBe('Malformed');
  });

  test('the deadline covers the head of the answer: Timeout', async () => {
    handler = () => {};
    const request = codeOf(client.get('/api', {}, { timeoutMs: 5000 }));
    await until(() => server.requests.length === 1);
    clock.advance(5000);
    expect(await request).toBe('Timeout');
  });

  test('the deadline covers the body of the answer too: Timeout', async () => {
    let isHalfway = false;
    handler = (_request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('{"half":', () => {
        isHalfway = true;
      });
    };
    const request = codeOf(client.get('/api'));
    await until(() => isHalfway);
    clock.advance(30_000);
    expect(await request).toBe('Timeout');
  });

  test('the deadline covers waiting for a connection: Timeout', async () => {
    client = clientFor({}, 1);
    handler = () => {};
    const first = codeOf(client.get('/api', {}, { timeoutMs: 60_000 }));
    const second = codeOf(client.get('/api', {}, { timeoutMs: 5000 }));
    await until(() => server.requests.length === 1);
    clock.advance(5000);
    expect(await second).toBe('Timeout');
    clock.advance(60_000);
    expect(await first).toBe('Timeout');
  });

  test('the caller gives up: Aborted', async () => {
    handler = () => {};
    const controller = new AbortController();
    const request = codeOf(client.get('/api', {}, { signal: controller.signal }));
    await until(() => server.requests.length === 1);
    controller.abort();
    expect(await request).toBe('Aborted');
  });

  test('a request leaves no timer behind', async () => {
    const before = clock.pendingTimers;
    await client.get('/api');
    handler = (_request, response) => response.destroy();
    await failure(client.get('/api'));
    expect(clock.pendingTimers).toBe(before);
  });
});

describe('connections', () => {
  test('requests one after the other keep their connections', async () => {
    for (let i = 0; i < 20; i += 1) await client.get('/api');
    // undici opens a second one when the first is not yet free in the turn its answer ends.
    expect(server.mostSockets).toBeLessThanOrEqual(2);
  });

  test('parallel requests use no more connections than allowed', async () => {
    client = clientFor({}, 4);
    await Promise.all(Array.from({ length: 50 }, () => client.get('/api')));
    expect(server.requests).toHaveLength(50);
    expect(server.mostSockets).toBe(4);
  });

  test('watches do not use up the connections of requests', async () => {
    client = clientFor({}, 1);
    handler = (request, response) =>
      request.query.watch === 'true' ? response.writeHead(200).flushHeaders() : sendJson(response, 200, { ok: true });
    const controller = new AbortController();
    const watches = [1, 2, 3].map(() => failure(client.watch('/api', {}, controller.signal, 1000).next()));
    await until(() => server.requests.length === 3);
    await expect(client.get('/api')).resolves.toEqual({ ok: true });
    controller.abort();
    await Promise.all(watches);
  });

  test('every request is reported with verb, resource and code', async () => {
    handler = (request, response) =>
      request.method === 'PATCH' ? sendStatus(response, 409, 'Conflict', 'no') : sendJson(response, 200, {});
    await failure(client.apply(paths.deployments.one('n', 'a'), {}));
    await client.list(paths.pods.list());
    expect(reported.map(({ verb, resource, code }) => [verb, resource, code])).toEqual([
      ['apply', 'deployments', 409],
      ['list', 'pods', 200],
    ]);
    for (const { seconds } of reported) expect(seconds).toBeGreaterThanOrEqual(0);
  });
});
