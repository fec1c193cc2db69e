import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { PodIpTransport } from '../../../operator/probe/http-probe';
import { CertificateAuthority } from '../../../operator/serve/pki';
import { HttpServer } from '../support/http-server';
import { turns, until } from '../support/until';
import { outcomeOf, question } from './prober-setup';

const YES = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const NO = 'HTTP/1.1 503 X\r\nContent-Length: 2\r\n\r\nno';

let transport: PodIpTransport;
let server: Server;
/** Every connection there was; those that are open. */
let accepted: Socket[];
let open: Set<Socket>;
let heads: string[];
/** What becomes of a request. */
let answer: (socket: Socket) => void;

beforeEach(async () => {
  transport = new PodIpTransport();
  accepted = [];
  heads = [];
  open = new Set();
  answer = (socket) => socket.write(YES);
  server = createServer((socket) => {
    accepted.push(socket);
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => {});
    socket.on('data', (data) => {
      heads.push(data.toString('latin1'));
      answer(socket);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(async () => {
  transport.close();
  for (const socket of open) socket.destroy();
  server.close();
  await once(server, 'close');
});

const target = () => question({ port: (server.address() as AddressInfo).port });
describe('a connection to a Pod', () => {
  it('is kept for the next probes of the same Pod', async () => {
    const pod = target();
    for (let i = 0; i < 5; i++) {
      expect(await outcomeOf(transport, pod)).toEqual({ status: 200 });
      await turns();
    }
    expect(accepted).toHaveLength(1);
    expect(heads.every((head) => /\r\nConnection: keep-alive\r\n/i.test(head))).toBe(true);
  });

  it('serves no other Pod, not even one with the same address and question', async () => {
    await outcomeOf(transport, target());
    await turns();
    expect(open.size).toBe(1);
    await outcomeOf(transport, target());
    expect(accepted).toHaveLength(2);
  });

  it('is closed when its Pod is forgotten, and never used again', async () => {
    const pod = target();
    await outcomeOf(transport, pod);
    await turns();
    transport.forget(pod);
    await until(() => open.size === 0);
    await outcomeOf(transport, pod);
    await until(() => open.size === 0);
    expect(accepted).toHaveLength(2);
  });

  it('is closed when the Pod is forgotten while its answer comes in', async () => {
    const pod = target();
    await new Promise<void>((resolve) => {
      transport.send(pod, () => {
        transport.forget(pod);
        resolve();
      });
    });
    await until(() => open.size === 0);
  });

  it('is closed with the transport', async () => {
    await outcomeOf(transport, target());
    await turns();
    transport.close();
    await until(() => open.size === 0);
  });

  it('that the app closes each time is not asked for any more', async () => {
    const pod = target();
    for (let i = 0; i < 3; i++) {
      expect(await outcomeOf(transport, pod)).toEqual({ status: 200 });
      await turns();
      accepted.at(-1)?.end();
      await until(() => open.size === 0);
    }
    expect(heads.map((head) => /Connection: (\S+)/i.exec(head)?.[1])).toEqual(['keep-alive', 'close', 'close']);
  });

  it('that the app closes in the very moment of a question costs a second connection, not the answer', async () => {
    const pod = target();
    await outcomeOf(transport, pod);
    await turns();
    answer = (socket) => {
      if (socket === accepted[0]) socket.resetAndDestroy();
      else socket.write(NO);
    };
    expect(await outcomeOf(transport, pod)).toEqual({ status: 503 });
    expect(accepted).toHaveLength(2);
  });

  it('that is new and reset is a failed probe, asked once', async () => {
    answer = (socket) => socket.resetAndDestroy();
    expect(await outcomeOf(transport, target())).toEqual({ reason: 'Reset' });
    expect(heads).toHaveLength(1);
  });

  it('on which an answer came that nobody asked for is not used again: it would pass for the next answer', async () => {
    const pod = target();
    answer = (socket) => socket.write(YES + YES);
    expect(await outcomeOf(transport, pod)).toEqual({ status: 200 });
    await turns();
    answer = (socket) => socket.write(NO);
    expect(await outcomeOf(transport, pod)).toEqual({ status: 503 });
  });

  it('on which an answer comes late that nobody asked for is not used again', async () => {
    const pod = target();
    expect(await outcomeOf(transport, pod)).toEqual({ status: 200 });
    await turns();
    accepted[0]?.write(YES);
    await turns();
    answer = (socket) => socket.write(NO);
    expect(await outcomeOf(transport, pod)).toEqual({ status: 503 });
  });

  it('is kept for no more Pods than the process can afford, and for the next one when there is room again', async () => {
    transport = new PodIpTransport(1);
    const [one, two] = [target(), target()];
    for (const pod of [one, two, one, two]) {
      expect(await outcomeOf(transport, pod)).toEqual({ status: 200 });
      await turns();
    }
    expect(accepted).toHaveLength(3);
    await until(() => open.size === 1);
    transport.forget(one);
    await until(() => open.size === 0);
    for (let i = 0; i < 3; i++) {
      await outcomeOf(transport, two);
      await turns();
    }
    expect(accepted).toHaveLength(4);
  });

  it('is not shared by two questions under way', async () => {
    const pod = target();
    await outcomeOf(transport, pod);
    await turns();
    await Promise.all([outcomeOf(transport, pod), outcomeOf(transport, pod)]);
    await turns();
    expect(accepted).toHaveLength(2);
    expect(open.size).toBe(1);
  });
});

describe('HTTPS', () => {
  const stranger = new CertificateAuthority('stranger').issue({
    commonName: 'somebody.else',
    dnsNames: ['somebody.else'],
    usages: ['server'],
  });

  it('asks over TLS, on one connection, whatever the certificate says', async () => {
    const app = await HttpServer.start((_request, response) => response.writeHead(404).end(), stranger);
    const pod = question({ scheme: 'HTTPS', port: Number(new URL(app.url).port) });
    for (let i = 0; i < 3; i++) {
      expect(await outcomeOf(transport, pod)).toEqual({ status: 404 });
      await turns();
    }
    expect(app.mostSockets).toBe(1);
    expect(app.requests[0]).toMatchObject({ method: 'GET', path: '/busy' });
    await app.stop();
  });

  it.each([
    ['speaks no TLS', (socket: Socket) => void socket.write(YES)],
    ['speaks no protocol at all', (socket: Socket) => void socket.write('\u0000'.repeat(64))],
  ])('takes an app that %s for a failed probe', async (_name, speaks) => {
    answer = speaks;
    expect(await outcomeOf(transport, { ...target(), scheme: 'HTTPS' })).toEqual({ reason: 'TlsError' });
  });

  it('asked of with HTTP is an answer 400 or none, never a success', async () => {
    const app = await HttpServer.start((_request, response) => response.end(), stranger);
    expect(await outcomeOf(transport, question({ port: Number(new URL(app.url).port) }))).not.toEqual({ status: 200 });
    expect(app.requests).toEqual([]);
    await app.stop();
  });
});
