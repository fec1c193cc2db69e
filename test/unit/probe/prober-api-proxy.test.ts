import type { ServerResponse } from 'node:http';
import type { Connection } from '../../../operator/kube/connection';
import { ApiServerProxyTransport } from '../../../operator/probe/http-api-proxy';
import type { HttpOutcome, HttpQuestion } from '../../../operator/probe/http-probe';
import { HttpServer, sendStatus } from '../support/http-server';
import { until } from '../support/until';
import { outcomeOf, question } from './prober-setup';

/** As on every answer that came through an API server. */
const AUDIT = { 'audit-id': 'b7e4c1d2-0000-4000-8000-000000000000' };

let api: HttpServer;
let transport: ApiServerProxyTransport;
let answer: (response: ServerResponse) => void;

function connect(connection: Partial<Connection> = {}): void {
  transport = new ApiServerProxyTransport({ server: api.url, tls: {}, ...connection }, 'hotstandby/test');
}

beforeEach(async () => {
  answer = (response) => response.writeHead(200, AUDIT).end('ok');
  api = await HttpServer.start((_request, response) => answer(response));
  connect();
});

afterEach(async () => {
  transport.close();
  await api.stop();
});

const pod = (change: Partial<HttpQuestion> = {}) =>
  question({ namespace: 'games', name: 'rooms-x7', port: 8080, ...change });

describe('ApiServerProxyTransport', () => {
  it.each<[string, Partial<HttpQuestion>, string]>([
    ['HTTP', { scheme: 'HTTP' }, '/api/v1/namespaces/games/pods/http%3Arooms-x7%3A8080/proxy/busy'],
    ['HTTPS', { scheme: 'HTTPS' }, '/api/v1/namespaces/games/pods/https%3Arooms-x7%3A8080/proxy/busy'],
    [
      'a path that needs encoding',
      { path: '/is%20busy/\u00e9' },
      '/api/v1/namespaces/games/pods/http%3Arooms-x7%3A8080/proxy/is%20busy/%C3%A9',
    ],
    ['the root', { path: '/' }, '/api/v1/namespaces/games/pods/http%3Arooms-x7%3A8080/proxy/'],
  ])('asks the API server for a Pod by %s', async (_name, change, path) => {
    expect(await outcomeOf(transport, pod(change))).toEqual({ status: 200 });
    expect(api.requests).toMatchObject([{ method: 'GET', path }]);
  });

  it('sends the query, and the user, impersonation and token of the operator', async () => {
    connect({ headers: { 'impersonate-user': 'me' }, authorization: async () => 'Bearer t' });
    await outcomeOf(transport, pod({ path: '/busy?of=1' }));
    expect(api.requests).toMatchObject([
      {
        query: { of: '1' },
        headers: {
          authorization: 'Bearer t',
          'impersonate-user': 'me',
          'user-agent': 'hotstandby/test',
          accept: '*/*',
        },
      },
    ]);
  });

  it('goes below the path the API server is served at', async () => {
    connect({ server: `${api.url}/k8s/clusters/c-1` });
    await outcomeOf(transport, pod());
    expect(api.requests[0]?.path).toMatch(/^\/k8s\/clusters\/c-1\/api\/v1\/namespaces\/games\/pods\//);
  });

  it.each([
    '/../../../../nodes/n/proxy',
    '/..',
    '/a/../b',
    '/a/%2e%2E/b',
    '/a%2f..%2Fb',
    '/a\\..\\b',
    '/a/.',
    '/a/./b?c',
    '/..#x',
  ])('does not send the path %s: it could become another one of the API server', async (path) => {
    expect(await outcomeOf(transport, pod({ path }))).toEqual({ reason: 'LocalError' });
    expect(api.requests).toEqual([]);
  });

  it.each(['/...', '/a..b', '/.well-known/busy', '/busy?path=/../x'])('sends the path %s', async (path) => {
    expect(await outcomeOf(transport, pod({ path }))).toEqual({ status: 200 });
  });

  it('asks nothing while the name of the Pod is not known', async () => {
    expect(await outcomeOf(transport, pod({ name: '' }))).toEqual({ reason: 'LocalError' });
    expect(api.requests).toEqual([]);
  });

  const says =
    (code: number, body: string, headers = {}) =>
    (response: ServerResponse) =>
      void response.writeHead(code, { ...AUDIT, ...headers }).end(body);
  const refuses = (code: number, reason: string) => (response: ServerResponse) =>
    sendStatus(response, code, reason, 'no', AUDIT);

  it.each<[string, (response: ServerResponse) => void, HttpOutcome]>([
    ['200 of the app', says(200, 'yes'), { status: 200 }],
    ['404 of the app', says(404, 'no session'), { status: 404 }],
    ['503 of the app', says(503, '{"busy":false}'), { status: 503 }],
    ['503 of the app without a body', says(503, ''), { status: 503 }],
    ['a redirect of the app, which is not followed', says(302, '', { location: '/elsewhere' }), { status: 302 }],
    ['a long body, which is cut', says(200, 'x'.repeat(1_000_000)), { status: 200 }],
    ['503 of the API server: nobody listens in the Pod', refuses(503, 'ServiceUnavailable'), { reason: 'ProxyError' }],
    ['502 of the API server', refuses(502, 'BadGateway'), { reason: 'ProxyError' }],
    ['404 of the API server: the Pod is gone', refuses(404, 'NotFound'), { reason: 'ProxyError' }],
    ['400 of the API server: not an address of a Pod', refuses(400, 'BadRequest'), { reason: 'ProxyError' }],
    ['429 of the API server', refuses(429, 'TooManyRequests'), { reason: 'ProxyError' }],
    ['403 of the API server', refuses(403, 'Forbidden'), { reason: 'Forbidden' }],
    ['401 of the API server', refuses(401, 'Unauthorized'), { reason: 'Forbidden' }],
    ['a Status in several lines', says(503, '{\n  "kind": "Status",\n'), { reason: 'ProxyError' }],
    ['503 of a load balancer', (response) => void response.writeHead(503).end('<html>'), { reason: 'ProxyError' }],
    ['200 of a login page', (response) => void response.writeHead(200).end('<html>'), { reason: 'ProxyError' }],
    ['a connection that breaks', (response) => void response.destroy(), { reason: 'ProxyError' }],
  ])('judges %s', async (_name, reply, want) => {
    answer = reply;
    expect(await outcomeOf(transport, pod())).toEqual(want);
  });

  it('reads no endless body to its end', async () => {
    answer = (response) => {
      response.writeHead(200, AUDIT);
      const pour = (): void => {
        while (!response.destroyed && response.write('x'.repeat(1024)));
      };
      response.on('drain', pour);
      pour();
    };
    expect(await outcomeOf(transport, pod())).toEqual({ status: 200 });
    await until(() => api.unanswered === 0);
  });

  it('stays silent when aborted, and ends the request', async () => {
    answer = () => {};
    const outcomes: HttpOutcome[] = [];
    const attempt = transport.send(pod(), (outcome) => outcomes.push(outcome));
    await until(() => api.unanswered === 1);
    attempt.abort();
    await until(() => api.unanswered === 0);
    expect(outcomes).toEqual([]);
  });

  it('takes a new token after one was not accepted', async () => {
    const rejected: (string | undefined)[] = [];
    connect({
      authorization: async (old) => {
        rejected.push(old);
        return old === undefined ? 'Bearer old' : 'Bearer new';
      },
    });
    answer = refuses(401, 'Unauthorized');
    await outcomeOf(transport, pod());
    answer = says(200, '');
    expect(await outcomeOf(transport, pod())).toEqual({ status: 200 });
    expect(rejected).toEqual([undefined, 'Bearer old']);
    expect(api.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer old', 'Bearer new']);
  });

  it('is a failed probe while credentials cannot be had', async () => {
    connect({ authorization: () => Promise.reject(new Error('the plugin failed')) });
    expect(await outcomeOf(transport, pod())).toEqual({ reason: 'ProxyError' });
  });
});
