import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { HttpError, type HttpReply, type HttpRequest, jsonReply, textReply } from '../../../operator/serve/http';
import { CertificateAuthority } from '../../../operator/serve/pki';
import { Router, route } from '../../../operator/serve/router';
import { HttpServer, type Limits, type ServerOptions } from '../../../operator/serve/server';
import { until } from '../support/until';

const authority = new CertificateAuthority('test-ca');
const pair = (commonName: string) => authority.issue({ commonName, ips: ['127.0.0.1'], usages: ['server'] });

let server: HttpServer | undefined;
/** What handlers were asked, and the request that waits for `release`. */
let waiting: HttpRequest<unknown>[];
let release: PromiseWithResolvers<HttpReply>;

const ROUTES = [
  route('GET', '/pods/{name}', ({ parameters }) => textReply(200, parameters.name)),
  route('POST', '/echo', async ({ body }) => textReply(200, (await body()).toString())),
  route('POST', '/refuse', () => {
    throw new HttpError(401, 'who are you', { 'www-authenticate': 'Bearer' });
  }),
  route('GET', '/broken', () => {
    throw new Error('a mistake');
  }),
  route('DELETE', '/nothing', () => ({ status: 204 })),
  route('GET', '/wait', (request) => {
    waiting.push(request);
    return release.promise;
  }),
];

function fail(error: unknown): HttpReply {
  if (!(error instanceof HttpError)) return textReply(500, 'our fault');
  return jsonReply(error.status, { message: error.message }, error.headers);
}

async function serve(limits: Partial<Limits> = {}, options: Partial<ServerOptions> = {}): Promise<string> {
  const common = { host: '127.0.0.1', port: 0, what: 'tests', flag: '--address', fail };
  server = await HttpServer.start({ ...common, router: new Router(ROUTES), limits, ...options });
  return `http://127.0.0.1:${server.port}`;
}

/** A connection whose bytes tests write themselves. */
interface Wire {
  readonly socket: Socket;
  received: string;
  closed: boolean;
}

function wire(bytes = ''): Wire {
  const socket = connectTcp(server?.port ?? 0, '127.0.0.1');
  const opened: Wire = { socket, received: '', closed: false };
  socket.on('data', (chunk) => {
    opened.received += chunk;
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    opened.closed = true;
  });
  socket.write(bytes);
  return opened;
}

beforeEach(() => {
  waiting = [];
  release = Promise.withResolvers();
});

afterEach(async () => {
  await server?.close();
  server = undefined;
});

describe('HTTP server', () => {
  it('hands the parameters to the handler and its reply to the caller', async () => {
    const response = await fetch(`${await serve()}/pods/a%20b`);
    expect([response.status, await response.text()]).toEqual([200, 'a b']);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'content-length': '3',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
  });

  it('answers HEAD with the headers of GET alone', async () => {
    await serve();
    const { socket } = wire('HEAD /pods/abc HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
    const text = await new Promise<string>((resolve) => {
      let all = '';
      socket.on('data', (chunk) => {
        all += chunk;
      });
      socket.on('close', () => resolve(all));
    });
    expect(text).toMatch(/^HTTP\/1.1 200 OK\r\n[\s\S]*content-length: 3\r\n[\s\S]*\r\n\r\n$/);
  });

  it.each([
    ['GET', '/pods', 404, { message: 'not found' }],
    ['GET', '/pods/a%2fb', 400, { message: expect.stringContaining('"a%2fb" cannot stand in a path') }],
    ['PUT', '/echo', 405, { message: 'method PUT is not allowed here: use POST' }],
    ['POST', '/refuse', 401, { message: 'who are you' }],
  ])('answers %s %s with %d, as the service words it', async (method, path, status, body) => {
    const response = await fetch(`${await serve()}${path}`, { method });
    expect([response.status, await response.json()]).toEqual([status, body]);
  });

  it('passes on the headers of an error', async () => {
    const url = await serve();
    expect((await fetch(`${url}/echo`)).headers.get('allow')).toBe('POST');
    expect((await fetch(`${url}/refuse`, { method: 'POST' })).headers.get('www-authenticate')).toBe('Bearer');
  });

  it('survives a handler that throws', async () => {
    const url = await serve();
    expect((await fetch(`${url}/broken`)).status).toBe(500);
    expect((await fetch(`${url}/pods/a`)).status).toBe(200);
  });

  it('sends no body and no length with 204', async () => {
    const response = await fetch(`${await serve()}/nothing`, { method: 'DELETE' });
    expect([response.status, response.headers.get('content-length')]).toEqual([204, null]);
  });

  it('says in one line why an address cannot be had', async () => {
    await serve();
    const port = server?.port ?? 0;
    const again = HttpServer.start({
      host: '127.0.0.1',
      port,
      what: 'claims',
      flag: '--claims-address',
      fail,
      router: new Router([]),
    });
    await expect(again).rejects.toThrow(
      `cannot serve claims on 127.0.0.1:${port}: the port is in use; choose another one with --claims-address HOST:PORT (port 0: any free one)`,
    );
  });
});

describe('bodies', () => {
  it('reads a body of the largest size and refuses the next', async () => {
    const url = await serve({ bodyBytes: 1000 });
    const post = (bytes: number) => fetch(`${url}/echo`, { method: 'POST', body: 'x'.repeat(bytes) });
    expect((await (await post(1000)).text()).length).toBe(1000);
    const refused = await post(1001);
    expect([refused.status, await refused.json()]).toEqual([413, { message: 'the body is larger than 1000 bytes' }]);
  });

  it('refuses a chunked body as soon as it is too large', async () => {
    await serve({ bodyBytes: 1000 });
    const chunk = `400\r\n${'x'.repeat(1024)}\r\n`;
    const sent = wire(`POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n${chunk}`);
    await until(() => sent.received.startsWith('HTTP/1.1 413'));
    sent.socket.destroy();
  });

  it('asks for a body that waits for a word only when the handler wants it', async () => {
    await serve();
    const head = (path: string) =>
      `POST ${path} HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n`;
    const wanted = wire(head('/echo'));
    await until(() => wanted.received.startsWith('HTTP/1.1 100'));
    wanted.socket.write('ok');
    await until(() => wanted.received.endsWith('\r\n\r\nok'));
    const refused = wire(head('/refuse'));
    await until(() => refused.received.startsWith('HTTP/1.1 401'));
    expect(refused.received).not.toContain('HTTP/1.1 100');
    wanted.socket.destroy();
    refused.socket.destroy();
  });

  it('cuts off who goes on sending a body that was refused', async () => {
    await serve({ bodyBytes: 1000, requestMs: 60_000 });
    const sent = wire('POST /refuse HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n');
    const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
    const flood = (error?: Error | null): void => {
      if (!error) sent.socket.write(chunk, flood);
    };
    flood();
    await until(() => sent.closed);
    expect(sent.received).toContain('HTTP/1.1 401');
  });
});

describe('bounds', () => {
  it.each<[string, Partial<Limits>, string, string]>([
    ['large headers', { headerBytes: 2000 }, `GET /pods/a HTTP/1.1\r\nhost: a\r\nx: ${'x'.repeat(2000)}`, '431'],
    ['a long path', { headerBytes: 2000 }, `GET /pods/${'x'.repeat(2000)}`, '431'],
    ['half a request line', { requestMs: 50 }, 'GET /po', '408'],
    ['half the headers', { requestMs: 50 }, 'GET /pods/a HTTP/1.1\r\nhost: a\r\n', '408'],
    ['half a body', { requestMs: 50 }, 'POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nx', '408'],
    ['no word at all', { requestMs: 50 }, '', '408'],
    ['no HTTP', {}, 'EHLO mail\r\n\r\n', '400'],
    ['no host', {}, 'GET /pods/a HTTP/1.1\r\n\r\n', '400'],
    ['two lengths', {}, 'POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx', '400'],
    [
      'a length and chunks',
      {},
      'POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      '400',
    ],
  ])('closes the connection of who sends %s', async (_, limits, bytes, status) => {
    await serve(limits);
    const sent = wire(bytes);
    await until(() => sent.closed);
    expect(sent.received).toContain(`HTTP/1.1 ${status}`);
  });

  it('closes a connection that asks nothing more', async () => {
    await serve({ idleMs: 10 });
    const sent = wire('GET /pods/a HTTP/1.1\r\nhost: a\r\n\r\n');
    await until(() => sent.closed);
    expect(sent.received).toContain('HTTP/1.1 200');
  });

  it('cuts off who does not take its reply', async () => {
    await serve({ sendMs: 50 });
    const sent = wire('GET /wait HTTP/1.1\r\nhost: a\r\n\r\n');
    sent.socket.pause();
    const settled = jest.fn();
    release.resolve({ ...textReply(200, 'x'.repeat(50_000_000)), settled });
    await until(() => settled.mock.calls.length > 0);
    expect(settled.mock.calls).toEqual([[false]]);
    sent.socket.destroy();
  });

  it('closes connections above the limit as they come', async () => {
    await serve({ connections: 1 });
    const first = wire('GET /wait HTTP/1.1\r\nhost: a\r\n\r\n');
    await until(() => waiting.length === 1);
    const second = wire('GET /pods/a HTTP/1.1\r\nhost: a\r\n\r\n');
    await until(() => second.closed);
    expect([first.closed, second.received]).toEqual([false, '']);
    first.socket.destroy();
  });

  it('lets nobody send requests ahead without end', async () => {
    await serve();
    const sent = wire('GET /wait HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(1000));
    await until(() => sent.closed);
    await until(() => waiting.every(({ signal }) => signal.aborted));
    expect(waiting.length).toBeLessThanOrEqual(8);
  });

  it('lets a handler take as long as it wants', async () => {
    const url = await serve({ requestMs: 50, idleMs: 50, sendMs: 50 });
    const answer = fetch(`${url}/wait`);
    await until(() => waiting.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 300));
    release.resolve(textReply(200, 'late'));
    expect(await (await answer).text()).toBe('late');
  });
});

describe('callers that hang up', () => {
  it('tells the handler, and that its reply was not delivered', async () => {
    await serve();
    const sent = wire('GET /wait HTTP/1.1\r\nhost: a\r\n\r\n');
    await until(() => waiting.length === 1);
    expect(waiting[0]?.signal.aborted).toBe(false);
    sent.socket.destroy();
    await until(() => waiting[0]?.signal.aborted === true);
    const settled = jest.fn();
    release.resolve({ ...textReply(201, 'claimed'), settled });
    await until(() => settled.mock.calls.length > 0);
    expect(settled.mock.calls).toEqual([[false]]);
  });

  it('tells that a reply was delivered', async () => {
    const url = await serve();
    const settled = jest.fn();
    release.resolve({ ...textReply(201, 'claimed'), settled });
    expect((await fetch(`${url}/wait`)).status).toBe(201);
    await until(() => settled.mock.calls.length > 0);
    expect(settled.mock.calls).toEqual([[true]]);
    expect(waiting[0]?.signal.aborted).toBe(false);
  });
});

describe('close', () => {
  it('lets requests under way end and takes no new ones', async () => {
    const url = await serve();
    const answer = fetch(`${url}/wait`);
    await until(() => waiting.length === 1);
    const closed = server?.close(60_000);
    await expect(fetch(`${url}/pods/a`)).rejects.toThrow();
    release.resolve(textReply(200, 'late'));
    const response = await answer;
    expect([response.headers.get('connection'), await response.text()]).toEqual(['close', 'late']);
    await closed;
  });

  it('cuts off what is still under way in the end', async () => {
    const url = await serve();
    const cut = expect(fetch(`${url}/wait`)).rejects.toThrow();
    await until(() => waiting.length === 1);
    await server?.close(20);
    await cut;
    await until(() => waiting[0]?.signal.aborted === true);
  });
});

describe('TLS', () => {
  /** The name in the certificate a new connection is shown. */
  async function shown(options: object = {}): Promise<string> {
    const socket: TLSSocket = connectTls({ port: server?.port, host: '127.0.0.1', ca: authority.cert, ...options });
    await new Promise((resolve, reject) => socket.on('secureConnect', resolve).on('error', reject));
    const { CN } = socket.getPeerCertificate().subject;
    socket.destroy();
    return String(CN);
  }

  it('shows a new certificate to new connections without a restart', async () => {
    await serve({}, { tls: pair('first') });
    expect(await shown()).toBe('first');
    server?.setCertificate(pair('second'));
    expect(await shown()).toBe('second');
  });

  it('speaks nothing older than TLS 1.2, before and after a new certificate', async () => {
    await serve({}, { tls: pair('first') });
    const old = { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' };
    await expect(shown(old)).rejects.toThrow();
    server?.setCertificate(pair('second'));
    await expect(shown(old)).rejects.toThrow();
  });

  it.each([
    ['says nothing', ''],
    ['speaks plain HTTP', 'GET /pods/a HTTP/1.1\r\nhost: a\r\n\r\n'],
  ])('closes the connection of who %s', async (_, bytes) => {
    await serve({ requestMs: 50 }, { tls: pair('first') });
    const sent = wire(bytes);
    await until(() => sent.closed);
  });
});
