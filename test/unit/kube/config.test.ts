import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConnection } from '../../../operator/kube/config';
import { ConfigError } from '../../../operator/kube/errors';
import { FakeClock } from '../support/fake-clock';

let dir: string;
let clock: FakeClock;
let env: NodeJS.ProcessEnv;

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const sources = () => ({ env, home: join(dir, 'home'), serviceAccount: join(dir, 'sa'), clock });

interface Entry {
  cluster?: object;
  user?: object;
  name?: string;
  current?: string;
  namespace?: string;
}

/** Writes a kubeconfig (JSON is YAML) with one context called `name`. */
function kubeconfig(file: string, { cluster, user, name = 'main', current = name, namespace }: Entry = {}): string {
  const path = join(dir, file);
  mkdirSync(join(path, '..'), { recursive: true });
  const content = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': current,
    clusters: [{ name: `${name}-cluster`, cluster: { server: `https://${name}.test:6443`, ...cluster } }],
    contexts: [{ name, context: { cluster: `${name}-cluster`, user: `${name}-user`, namespace } }],
    users: [{ name: `${name}-user`, user: user ?? {} }],
  };
  writeFileSync(path, JSON.stringify(content));
  return path;
}

function file(name: string, content: string): string {
  const path = join(dir, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
  return path;
}

function inPod(): void {
  env.KUBERNETES_SERVICE_HOST = '10.96.0.1';
  env.KUBERNETES_SERVICE_PORT = '443';
  file('sa/token', 'first\n');
  file('sa/ca.crt', 'CA');
  file('sa/namespace', 'hotstandby-system\n');
}

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hotstandby-config-'));
  clock = new FakeClock();
  env = {};
});

afterEach(() => rmSync(dir, { recursive: true }));

describe('where it is looked for', () => {
  const serverOf = async (options?: Parameters<typeof loadConnection>[0]): Promise<string> =>
    (await loadConnection(options, sources())).server;

  beforeEach(() => {
    inPod();
    env.KUBECONFIG = kubeconfig('env', { name: 'env' });
    kubeconfig('home/.kube/config', { name: 'home' });
  });

  test('first in the file given', async () => {
    expect(await serverOf({ kubeconfig: kubeconfig('given', { name: 'given' }) })).toBe('https://given.test:6443');
  });

  test('then in $KUBECONFIG', async () => {
    expect(await serverOf()).toBe('https://env.test:6443');
  });

  test('then in the Pod', async () => {
    env.KUBECONFIG = '';
    expect(await serverOf()).toBe('https://10.96.0.1:443');
  });

  test('then at home; also in a Pod when a context is asked for', async () => {
    env.KUBECONFIG = undefined;
    expect(await serverOf({ context: 'home' })).toBe('https://home.test:6443');
    env.KUBERNETES_SERVICE_HOST = undefined;
    expect(await serverOf()).toBe('https://home.test:6443');
  });

  test('several files in $KUBECONFIG count as one, missing ones left out', async () => {
    env.KUBECONFIG = [join(dir, 'missing'), env.KUBECONFIG, kubeconfig('second', { name: 'second' })].join(':');
    expect(await serverOf()).toBe('https://env.test:6443');
    expect(await serverOf({ context: 'second' })).toBe('https://second.test:6443');
  });
});

describe('in a Pod', () => {
  beforeEach(inPod);

  test('server, authority and namespace come from the ServiceAccount', async () => {
    const connection = await loadConnection({}, sources());
    expect(connection).toMatchObject({ server: 'https://10.96.0.1:443', namespace: 'hotstandby-system' });
    expect(String(connection.tls.ca)).toBe('CA');
  });

  test('an IPv6 address gets brackets', async () => {
    env.KUBERNETES_SERVICE_HOST = 'fd00::1';
    expect((await loadConnection({}, sources())).server).toBe('https://[fd00::1]:443');
  });

  test('the token is read again after a minute, and at once when it was refused', async () => {
    const { authorization } = await loadConnection({}, sources());
    expect(await authorization?.()).toBe('Bearer first');
    file('sa/token', 'second');
    expect(await authorization?.()).toBe('Bearer first');
    clock.advance(60_000);
    expect(await authorization?.()).toBe('Bearer second');
    file('sa/token', 'third');
    expect(await authorization?.('Bearer second')).toBe('Bearer third');
  });

  test('a token file that cannot be read leaves the last token in use', async () => {
    const { authorization } = await loadConnection({}, sources());
    await authorization?.();
    rmSync(join(dir, 'sa/token'));
    clock.advance(60_000);
    expect(await authorization?.()).toBe('Bearer first');
  });
});

describe('a kubeconfig', () => {
  const load = (entry: Entry) => loadConnection({ kubeconfig: kubeconfig('sub/config', entry) }, sources());

  test('gives certificates as data', async () => {
    const { tls } = await load({
      cluster: { 'certificate-authority-data': base64('CA') },
      user: { 'client-certificate-data': base64('CERT'), 'client-key-data': base64('KEY') },
    });
    expect([tls.ca, tls.cert, tls.key].map(String)).toEqual(['CA', 'CERT', 'KEY']);
  });

  test('gives certificates as files relative to itself', async () => {
    for (const name of ['ca', 'cert', 'key']) file(`sub/pki/${name}`, name);
    const { tls } = await load({
      cluster: { 'certificate-authority': 'pki/ca' },
      user: { 'client-certificate': 'pki/cert', 'client-key': join(dir, 'sub/pki/key') },
    });
    expect([tls.ca, tls.cert, tls.key].map(String)).toEqual(['ca', 'cert', 'key']);
  });

  test.each<[string, Entry, object]>([
    ['namespace', { namespace: 'games' }, { namespace: 'games' }],
    ['proxy', { cluster: { 'proxy-url': 'http://proxy:3128' } }, { proxyUrl: 'http://proxy:3128' }],
    ['server name', { cluster: { 'tls-server-name': 'k8s' } }, { tls: { servername: 'k8s' } }],
    ['skipped verification', { cluster: { 'insecure-skip-tls-verify': true } }, { tls: { rejectUnauthorized: false } }],
    ['impersonation', { user: { as: 'jane' } }, { headers: { 'impersonate-user': 'jane' } }],
    ['a trailing slash', { cluster: { server: 'http://localhost:8001/k/' } }, { server: 'http://localhost:8001/k' }],
  ])('gives %s', async (_name, entry, want) => {
    expect(await load(entry)).toMatchObject(want);
  });

  test.each([
    ['a token', { token: 'abc' }, 'Bearer abc'],
    ['a token file, before a token', { token: 'old', tokenFile: 'token' }, 'Bearer from-file'],
    ['a password', { username: 'u', password: 'p' }, `Basic ${base64('u:p')}`],
    ['certificates alone', {}, undefined],
  ])('with %s', async (_name, user, want) => {
    file('sub/token', 'from-file\n');
    expect(await (await load({ user })).authorization?.()).toBe(want);
  });
});

describe('one line says what is wrong', () => {
  const cases: { name: string; options: () => Parameters<typeof loadConnection>[0]; want: string }[] = [
    {
      name: 'no configuration anywhere',
      options: () => ({}),
      want: 'no cluster configured: give --kubeconfig FILE, set KUBECONFIG, create DIR/home/.kube/config, or run in a Pod with a ServiceAccount token',
    },
    {
      name: 'no such file',
      options: () => ({ kubeconfig: join(dir, 'nowhere') }),
      want: 'kubeconfig DIR/nowhere does not exist',
    },
    {
      name: 'none of the files in $KUBECONFIG',
      options: () => {
        env.KUBECONFIG = join(dir, 'nowhere');
        return {};
      },
      want: 'kubeconfig DIR/nowhere does not exist',
    },
    {
      name: 'no such context',
      options: () => ({ kubeconfig: kubeconfig('config'), context: 'prod' }),
      want: 'kubeconfig DIR/config has no context "prod": it has "main"',
    },
    {
      name: 'no current context',
      options: () => ({ kubeconfig: kubeconfig('config', { current: '' }) }),
      want: 'kubeconfig DIR/config has no current-context: choose one with --context (it has "main")',
    },
    {
      name: 'an empty file',
      options: () => ({ kubeconfig: file('config', '') }),
      want: 'kubeconfig DIR/config holds no configuration: expected clusters, contexts and users',
    },
    {
      name: 'not YAML',
      options: () => ({ kubeconfig: file('config', 'a: [1,\nb') }),
      want: 'kubeconfig DIR/config cannot be read: ',
    },
    {
      name: 'no server',
      options: () => ({ kubeconfig: kubeconfig('config', { cluster: { server: '' } }) }),
      want: 'kubeconfig DIR/config: context "main" needs cluster "main-cluster" with a server',
    },
    {
      name: 'a server that is no URL',
      options: () => ({ kubeconfig: kubeconfig('config', { cluster: { server: '10.0.0.1:6443' } }) }),
      want: 'kubeconfig DIR/config: server "10.0.0.1:6443" is not an http(s) URL',
    },
    {
      name: 'a proxy that is not for HTTP',
      options: () => ({ kubeconfig: kubeconfig('config', { cluster: { 'proxy-url': 'socks5://p:1' } }) }),
      want: 'kubeconfig DIR/config: proxy-url "socks5://p:1" is not an http(s) URL',
    },
    {
      name: 'a certificate that is not there',
      options: () => ({ kubeconfig: kubeconfig('config', { user: { 'client-key': 'key.pem' } }) }),
      want: 'kubeconfig DIR/config names DIR/key.pem, which does not exist',
    },
  ];

  test.each(cases)('$name', async ({ options, want }) => {
    const error = await loadConnection(options(), sources()).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ConfigError);
    const { message } = error as ConfigError;
    expect(message.replaceAll(dir, 'DIR')).toMatch(want);
    expect(message).not.toContain('\n');
  });
});

test('an exec plugin is asked once while its token is good, again when it was refused, and its failure is one line', () => {
  const plugin = file(
    'plugin.sh',
    `#!/bin/sh
echo run >> ${join(dir, 'runs')}
n=$(wc -l < ${join(dir, 'runs')} | tr -d ' ')
[ "$PLUGIN_FAILS" = yes ] && { echo "no credentials:"; echo "log in first"; } >&2 && exit 1
echo "{\\"apiVersion\\":\\"client.authentication.k8s.io/v1\\",\\"kind\\":\\"ExecCredential\\",\\"status\\":{\\"token\\":\\"token-$n\\"}}"
`,
  );
  const exec = {
    apiVersion: 'client.authentication.k8s.io/v1',
    command: 'sh',
    args: [plugin],
    installHint: 'install it',
  };
  const good = kubeconfig('good', { user: { exec } });
  const failing = kubeconfig('failing', { user: { exec: { ...exec, env: [{ name: 'PLUGIN_FAILS', value: 'yes' }] } } });
  // client-node is ESM only, which jest's CommonJS modules cannot load: another process does.
  const child = join(__dirname, 'exec-plugin.child.ts');
  const output = execFileSync(process.execPath, ['--import', 'tsx', child, good, failing], { encoding: 'utf8' });
  expect(JSON.parse(output)).toEqual({
    first: 'Bearer token-1',
    second: 'Bearer token-1',
    afterRefusals: ['Bearer token-2', 'Bearer token-2', 'Bearer token-2'],
    last: 'Bearer token-2',
    error: `kubeconfig ${failing}: exec plugin "sh" of user "main-user" failed: no credentials: log in first (install it)`,
  });
}, 30_000);
