import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { ApiClient } from '../../../operator/kube/client';
import type { Connection } from '../../../operator/kube/connection';
import { CertificateAuthority } from '../../../operator/serve/pki';
import { HttpServer, sendJson } from '../support/http-server';

const authority = new CertificateAuthority('test-ca');
const serverPair = authority.issue({
  commonName: 'server',
  dnsNames: ['api.test'],
  ips: ['127.0.0.1'],
  usages: ['server'],
});

let server: HttpServer;
let clients: ApiClient[];

function clientWith(connection: Partial<Connection>): ApiClient {
  const client = new ApiClient(
    { server: server.url, tls: { ca: authority.cert }, ...connection },
    { userAgent: 'test' },
  );
  clients.push(client);
  return client;
}

beforeEach(async () => {
  clients = [];
  const tls = { ...serverPair, ca: authority.cert, requestCert: true, rejectUnauthorized: false };
  server = await HttpServer.start((request, response) => {
    const [socket] = server.sockets as Set<TLSSocket>;
    const user = socket?.getPeerCertificate().subject?.CN;
    sendJson(response, 200, { user, alpn: socket?.alpnProtocol, headers: request.headers });
  }, tls);
});

afterEach(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await server.stop();
});

test('the certificate of the connection says who asks, over HTTP/1.1', async () => {
  const { cert, key } = authority.issue({ commonName: 'hotstandby', usages: ['client'] });
  const client = clientWith({ tls: { ca: authority.cert, cert, key } });
  await expect(client.get('/api')).resolves.toMatchObject({ user: 'hotstandby', alpn: 'http/1.1' });
});

test.each<[string, Connection['tls']]>([
  ['without the authority of the server', {}],
  ['with another authority', { ca: new CertificateAuthority('other').cert }],
  ['under another name', { ca: authority.cert, servername: 'elsewhere.test' }],
])('%s nothing is sent', async (_name, tls) => {
  await expect(clientWith({ tls }).get('/api')).rejects.toMatchObject({ code: 'Certificate' });
  expect(server.requests).toHaveLength(0);
});

test.each<[string, Connection['tls']]>([
  ['the name the kubeconfig gives is the one expected', { ca: authority.cert, servername: 'api.test' }],
  ['insecure-skip-tls-verify accepts any certificate', { rejectUnauthorized: false }],
])('%s', async (_name, tls) => {
  await expect(clientWith({ tls }).get('/api')).resolves.toBeDefined();
});

test('impersonation travels with every request', async () => {
  const client = clientWith({ headers: { 'impersonate-user': 'jane' }, authorization: async () => 'Bearer t' });
  await expect(client.get('/api')).resolves.toMatchObject({
    headers: { 'impersonate-user': 'jane', authorization: 'Bearer t' },
  });
});

describe('through a proxy', () => {
  const tunnels: string[] = [];
  const sockets = new Set<Socket>();
  let proxy: Server;

  beforeEach(async () => {
    tunnels.length = 0;
    proxy = createServer().on('connect', (request, socket: Socket) => {
      tunnels.push(request.url ?? '');
      const { hostname, port } = new URL(`http://${request.url}`);
      const upstream = connect(Number(port), hostname, () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        upstream.pipe(socket).pipe(upstream);
      });
      for (const each of [socket, upstream]) sockets.add(each.on('error', () => {}));
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  });

  afterEach(async () => {
    await Promise.all(clients.map((client) => client.close()));
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => proxy.close(resolve));
  });

  test('requests and watches are tunnelled, TLS reaches to the server', async () => {
    const proxyUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const client = clientWith({ proxyUrl });
    await expect(client.get('/api')).resolves.toMatchObject({ alpn: 'http/1.1' });
    const events = client.watch('/api', {}, new AbortController().signal, 5000);
    await expect(events.next()).rejects.toMatchObject({ code: 'Reset' });
    expect(new Set(tunnels)).toEqual(new Set([new URL(server.url).host]));
    expect(server.requests).toHaveLength(2);
  });
});
