import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { ApiClient } from '../../../operator/kube/client';
import { loadConnection } from '../../../operator/kube/config';
import { CertificateAuthority } from '../../../operator/serve/pki';
import { FakeClock } from '../support/fake-clock';
import { HttpServer, sendJson, sendStatus } from '../support/http-server';
import { until } from '../support/until';

const authority = new CertificateAuthority('first-ca');
const other = new CertificateAuthority('second-ca');
const serverOf = (ca: CertificateAuthority) =>
  ca.issue({ commonName: 'server', ips: ['127.0.0.1'], usages: ['server'] });
const userOf = (commonName: string) => authority.issue({ commonName, usages: ['client'] });

let dir: string;
let clock: FakeClock;
let server: HttpServer;
let client: ApiClient;
/** Users the server answers 401 to. */
let expired: string[];
/** Until then nobody is answered who asks for /slow. */
let released: PromiseWithResolvers<void>;

const path = (name: string): string => join(dir, name);

/** A server that says who asks. */
async function serve(ca: CertificateAuthority): Promise<HttpServer> {
  const tls = { ...serverOf(ca), ca: authority.cert, requestCert: true, rejectUnauthorized: false };
  return HttpServer.start((request, response) => {
    const user = (response.socket as TLSSocket).getPeerCertificate().subject?.CN;
    const answer = (): void => {
      if (expired.includes(String(user))) sendStatus(response, 401, 'Unauthorized', 'who are you');
      else sendJson(response, 200, { user });
    };
    if (request.path === '/slow') void released.promise.then(answer);
    else answer();
  }, tls);
}

async function connect(): Promise<void> {
  const { cert, key } = userOf('first');
  writeFileSync(path('ca.crt'), authority.cert);
  writeFileSync(path('user.crt'), cert);
  writeFileSync(path('user.key'), key);
  const content = {
    clusters: [{ name: 'c', cluster: { server: server.url, 'certificate-authority': path('ca.crt') } }],
    users: [{ name: 'u', user: { 'client-certificate': path('user.crt'), 'client-key': path('user.key') } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  writeFileSync(path('config'), JSON.stringify(content));
  const sources = { env: {}, home: dir, serviceAccount: path('none'), clock };
  client = new ApiClient(await loadConnection({ kubeconfig: path('config') }, sources), { userAgent: 'test' });
}

const whoAmI = async (): Promise<unknown> => (await client.get<{ user: string }>('/api')).user;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hotstandby-tls-'));
  clock = new FakeClock();
  expired = [];
  released = Promise.withResolvers();
  server = await serve(authority);
  await connect();
});

afterEach(async () => {
  await client.close();
  await server.stop();
  rmSync(dir, { recursive: true });
});

function renew(): void {
  const { cert, key } = userOf('second');
  writeFileSync(path('user.crt'), cert);
  writeFileSync(path('user.key'), key);
}

test('a renewed client certificate is used within a minute', async () => {
  expect(await whoAmI()).toBe('first');
  renew();
  clock.advance(59_000);
  expect(await whoAmI()).toBe('first');
  clock.advance(2_000);
  expect(await whoAmI()).toBe('second');
});

test('a renewed client certificate is used at once when the server refuses the old one', async () => {
  expect(await whoAmI()).toBe('first');
  expired = ['first'];
  renew();
  clock.advance(2_000);
  expect(await whoAmI()).toBe('second');
});

test('a certificate whose key is still the old one is left alone until the key comes', async () => {
  const { cert, key } = userOf('second');
  writeFileSync(path('user.crt'), cert);
  clock.advance(60_000);
  expect(await whoAmI()).toBe('first');
  writeFileSync(path('user.key'), key);
  clock.advance(60_000);
  expect(await whoAmI()).toBe('second');
});

test.each(['', 'no certificate'])('a file that holds %j for a moment changes nothing', async (content) => {
  writeFileSync(path('user.crt'), content);
  clock.advance(60_000);
  expect(await whoAmI()).toBe('first');
});

test('a file that is gone for a moment changes nothing', async () => {
  rmSync(path('ca.crt'));
  clock.advance(60_000);
  expect(await whoAmI()).toBe('first');
});

test('files that stay as they are keep the connections', async () => {
  for (let i = 0; i < 5; i += 1) {
    clock.advance(60_000);
    expect(await whoAmI()).toBe('first');
  }
  expect(server.mostSockets).toBe(1);
});

test('a new authority is trusted as soon as the old one does not fit', async () => {
  await server.stop();
  server = await serve(other);
  writeFileSync(path('config'), '');
  await client.close();
  await connect();
  await expect(whoAmI()).rejects.toMatchObject({ code: 'Certificate' });
  writeFileSync(path('ca.crt'), other.cert);
  clock.advance(2_000);
  expect(await whoAmI()).toBe('first');
});

test('what is under way over an old connection ends by itself', async () => {
  const slow = client.get<{ user: string }>('/slow');
  await until(() => server.unanswered === 1);
  renew();
  clock.advance(60_000);
  expect(await whoAmI()).toBe('second');
  released.resolve();
  expect(await slow).toEqual({ user: 'first' });
});
