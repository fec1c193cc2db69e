import { once } from 'node:events';
import type { Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { AddressPolicy, LOOPBACK_CIDRS } from '../../../operator/probe/http-address';
import { type HttpOutcome, PodIpTransport, requestTarget } from '../../../operator/probe/http-probe';
import { HttpServer } from '../support/http-server';
import { until } from '../support/until';
import { outcomeOf, question } from './prober-setup';
import { type Answer, tcpServer } from './tcp-server';

const transport = new PodIpTransport();
afterEach(() => transport.close());

function ask(port: number, path = '/busy', ip = '127.0.0.1'): Promise<HttpOutcome> {
  return outcomeOf(transport, question({ ip, port, path }));
}

async function answerTo(answer: Answer): Promise<HttpOutcome> {
  const { port, server } = await tcpServer(answer);
  const outcome = await ask(port);
  server.close();
  return outcome;
}

const say = (text: string) => (socket: Socket) => void socket.end(text);

describe('PodIpTransport against a real server', () => {
  it.each<[string, Answer, HttpOutcome]>([
    ['a complete answer', say('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'), { status: 200 }],
    ['an answer that ends with the connection', say('HTTP/1.1 200 OK\r\n\r\nok'), { status: 200 }],
    ['HTTP/1.0', say('HTTP/1.0 404 Not Found\r\n\r\n'), { status: 404 }],
    [
      'a chunked answer',
      say('HTTP/1.1 503 X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'),
      { status: 503 },
    ],
    ['a status nobody knows', say('HTTP/1.1 799 X\r\nContent-Length: 0\r\n\r\n'), { status: 799 }],
    ['an interim answer first', say('HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 X\r\n\r\n'), { status: 204 }],
    ['an unasked-for upgrade', say('HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'), { reason: 'Reset' }],
    ['no HTTP at all', say('SSH-2.0-OpenSSH_9.6\r\n'), { reason: 'Malformed' }],
    [
      'two contradicting lengths',
      say('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok'),
      { reason: 'Malformed' },
    ],
    ['headers above 16 KiB', say(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`), { reason: 'TooLarge' }],
    ['a connection closed without a word', (socket) => void socket.end(), { reason: 'Reset' }],
    ['a connection reset', (socket) => void socket.resetAndDestroy(), { reason: 'Reset' }],
    ['a body cut short', say('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok'), { reason: 'Reset' }],
    [
      'a chunked body cut short',
      say('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n'),
      { reason: 'Reset' },
    ],
  ])('judges %s', async (_name, answer, want) => {
    expect(await answerTo(answer)).toEqual(want);
  });

  it('reports a port nobody listens on as refused', async () => {
    const { port, server } = await tcpServer(() => {});
    server.close();
    await once(server, 'close');
    expect(await ask(port)).toEqual({ reason: 'Refused' });
  });

  it.each([[70_000], [-1]])('reports port %d as an error of its own instead of throwing', async (port) => {
    expect(await ask(port)).toEqual({ reason: 'LocalError' });
  });

  it('does not follow a redirect', async () => {
    const server = await HttpServer.start((_request, response) =>
      response.writeHead(302, { location: '/elsewhere' }).end(),
    );
    expect(await ask(Number(new URL(server.url).port))).toEqual({ status: 302 });
    expect(server.requests.map(({ path }) => path)).toEqual(['/busy']);
    await server.stop();
  });

  it('sends its name, the path with its query, and nothing that identifies anybody', async () => {
    const server = await HttpServer.start((_request, response) => response.end());
    const { port } = new URL(server.url);
    await ask(Number(port), '/is/busy?room=1#top');
    const [request] = server.requests;
    expect(request).toMatchObject({ method: 'GET', path: '/is/busy', query: { room: '1' } });
    expect(request?.headers).toEqual({
      host: `127.0.0.1:${port}`,
      'user-agent': 'hotstandby-probe',
      accept: '*/*',
      connection: 'keep-alive',
    });
    await server.stop();
  });

  it('reads no more than about 10 KiB of an endless body and takes the status', async () => {
    let written = 0;
    const { port, open, server } = await tcpServer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      const pour = (): void => {
        while (socket.writable && socket.write('x'.repeat(1024))) written += 1024;
      };
      socket.on('drain', pour);
      pour();
    });
    expect(await ask(port)).toEqual({ status: 200 });
    await until(() => open.size === 0);
    // What the kernel buffered on both sides is all that can have gone out.
    expect(written).toBeLessThan(16 * 1024 * 1024);
    server.close();
  });

  it('drops the connection and stays silent when aborted', async () => {
    const { port, heads, open, server } = await tcpServer(() => {});
    const outcomes: HttpOutcome[] = [];
    const attempt = transport.send(question({ port }), (outcome) => outcomes.push(outcome));
    await until(() => heads.length === 1);
    attempt.abort();
    await until(() => open.size === 0);
    expect(outcomes).toEqual([]);
    server.close();
  });

  const hasIPv6 = Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ address }) => address === '::1'),
  );
  (hasIPv6 ? it : it.skip)('reaches IPv6 addresses and puts them in brackets in the Host header', async () => {
    const { port, heads, server } = await tcpServer(say('HTTP/1.1 200 OK\r\n\r\n'), '::1');
    expect(await ask(port, '/busy', '::1')).toEqual({ status: 200 });
    expect(heads[0]).toContain(`\r\nHost: [::1]:${port}\r\n`);
    server.close();
  });
});

describe('requestTarget', () => {
  it.each([
    ['/busy', '/busy'],
    ['/busy?a=1&b=%20', '/busy?a=1&b=%20'],
    ['/busy#fragment', '/busy'],
    ['/a b', '/a%20b'],
    ['/a\r\nX-Evil: 1', '/a%0D%0AX-Evil:%201'],
    ['/bés/\u{1F600}', '/b%C3%A9s/%F0%9F%98%80'],
    ['/\ud800', '/%EF%BF%BD'],
  ])('turns %j into %j', (path, target) => {
    expect(requestTarget(path)).toBe(target);
  });
});

describe('AddressPolicy', () => {
  const strict = new AddressPolicy();

  it.each(['10.0.0.7', '100.64.3.2', '172.17.0.2', '192.168.1.9', '34.118.224.5', 'fd00:10:244::5', '2001:db8::1'])(
    'permits %s, an address Pods have',
    (ip) => {
      expect(strict.permits(ip)).toBe(true);
    },
  );

  it.each([
    '127.0.0.1',
    '127.9.9.9',
    '0.0.0.0',
    '0.1.2.3',
    '169.254.169.254',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    '224.0.0.1',
    '239.255.255.255',
    '255.255.255.255',
    '::',
    '::1',
    '::7f00:1',
    'fe80::1',
    'febf::1',
    'fe80::1%eth0',
    'ff02::1',
    '::ffff:127.0.0.1',
    '::ffff:169.254.169.254',
    '::ffff:7f00:1',
    '64:ff9b::a9fe:a9fe',
    '2002:7f00:1::',
    'fd00:ec2::254',
    'localhost',
    '10.0.0',
    '0x7f000001',
    '010.0.0.1',
    '',
  ])('refuses %j', (ip) => {
    expect(strict.permits(ip)).toBe(false);
  });

  it('permits loopback addresses, and no others more, for test clusters', () => {
    const lenient = new AddressPolicy(LOOPBACK_CIDRS);
    expect(['127.3.0.9', '::1', '169.254.169.254', '0.0.0.0'].map((ip) => lenient.permits(ip))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  it.each(['127.0.0.1', '127.0.0.0/33', 'localhost/8', '127.0.0.0/', '::1/129'])(
    'names the exception %j that is no CIDR',
    (cidr) => {
      expect(() => new AddressPolicy([cidr])).toThrow(`"${cidr}" is not a CIDR`);
    },
  );
});
