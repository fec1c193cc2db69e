import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { type HttpOutcome, PodIpTransport } from '../../../operator/probe/http-probe';
import { CertificateAuthority } from '../../../operator/serve/pki';
import { until } from '../support/until';
import { outcomeOf, question } from './prober-setup';
import { type Answer, tcpServer } from './tcp-server';

const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;

const transport = new PodIpTransport();
afterEach(() => transport.close());

/** Writes `head`, then `text` without end, as fast as it is taken. */
function flood(head: string, text: string): Answer {
  const block = text.repeat(1000);
  return (socket) => {
    socket.write(head);
    const pour = (): void => {
      while (socket.writable && socket.write(block));
    };
    socket.on('drain', pour);
    pour();
  };
}

/** Writes `head`, then `text` without end, each in a packet of its own. */
function drip(head: string, text: string): Answer {
  return (socket) => {
    socket.setNoDelay(true);
    socket.write(head);
    const next = (): void => {
      if (!socket.writable) return;
      socket.write(text);
      setImmediate(next);
    };
    next();
  };
}

describe('an app that answers without end', () => {
  it.each<[string, Answer, HttpOutcome]>([
    ['interim answers', flood('', 'HTTP/1.1 103 Early Hints\r\n\r\n'), { reason: 'TooLarge' }],
    ['interim answers, one by one', drip('', 'HTTP/1.1 100 Continue\r\n\r\n'), { reason: 'TooLarge' }],
    ['empty lines', flood('', '\r\n'), { reason: 'TooLarge' }],
    ['headers', flood(OK, 'a: b\r\n'), { reason: 'TooLarge' }],
    ['headers, byte by byte', drip(OK, 'a'), { reason: 'TooLarge' }],
    ['a body', flood(`${OK}\r\n`, 'x'), { status: 200 }],
    ['a body, byte by byte', drip(`${OK}\r\n`, 'x'), { status: 200 }],
    ['a compressed body', flood(`${OK}Content-Encoding: gzip\r\n\r\n`, '\0'), { status: 200 }],
    ['chunks', flood(CHUNKED, '1\r\nx\r\n'), { status: 200 }],
    ['chunks, one by one', drip(CHUNKED, '1\r\nx\r\n'), { status: 200 }],
  ])('is cut off while it sends %s', async (_name, answer, want) => {
    const { port, open, server } = await tcpServer(answer);
    expect(await outcomeOf(transport, question({ port }))).toEqual(want);
    await until(() => open.size === 0);
    server.close();
  });

  it.each<[string, Answer, HttpOutcome]>([
    ['handshakes', (socket) => (socket as TLSSocket).renegotiate({}, () => {}), { reason: 'TlsError' }],
    ['interim answers', flood('', 'HTTP/1.1 103 Early Hints\r\n\r\n'), { reason: 'TooLarge' }],
    ['empty lines', flood('', '\r\n'), { reason: 'TooLarge' }],
  ])('is cut off while it sends %s over TLS', async (_name, answer, want) => {
    const pair = new CertificateAuthority('pods').issue({ commonName: 'pod', ips: ['127.0.0.1'], usages: ['server'] });
    const server = createTlsServer({ ...pair, maxVersion: 'TLSv1.2' }, (socket: Socket) => {
      socket.on('error', () => {});
      socket.once('data', () => answer(socket));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(await outcomeOf(transport, question({ scheme: 'HTTPS', port }))).toEqual(want);
    server.close();
  });

  it('may send a few interim answers, and its answer in many pieces', async () => {
    const pieces = [...'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(3), ...`${OK}Content-Length: 2\r\n\r\nok`];
    const { port, server } = await tcpServer((socket) => {
      socket.setNoDelay(true);
      const next = (): void => {
        const piece = pieces.shift();
        if (piece === undefined) return;
        socket.write(piece);
        setImmediate(next);
      };
      next();
    });
    expect(await outcomeOf(transport, question({ port }))).toEqual({ status: 200 });
    server.close();
  });

  it('is asked again and again over one connection without using up what one answer may cost', async () => {
    const answer = `HTTP/1.1 103 Early Hints\r\n\r\n${OK}Content-Length: 9000\r\n\r\n${'x'.repeat(9000)}`;
    const { port, server } = await tcpServer((socket) => {
      socket.write(answer);
      socket.on('data', () => socket.write(answer));
    });
    const asked = question({ port });
    for (let i = 0; i < 20; i++) expect(await outcomeOf(transport, asked)).toEqual({ status: 200 });
    transport.close();
    server.close();
  });
});
