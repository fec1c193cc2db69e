import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheDirectory, withLock } from '../../../tools/cluster/cache';
import { readKubeconfig, writeKubeconfig } from '../../../tools/cluster/kubeconfig';
import { logTail } from '../../../tools/cluster/log-tail';
import { canBind, freePorts } from '../../../tools/cluster/ports';
import { isAlive, processIdentity } from '../../../tools/cluster/process-identity';
import { resolveCommands } from '../../../tools/cluster/programs';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hotstandby-unit-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const file = (name: string, text: string): string => {
  writeFileSync(join(dir, name), text);
  return join(dir, name);
};

describe('a kubeconfig', () => {
  const connection = { server: 'https://127.0.0.1:1', tls: { ca: 'CA', cert: 'CERT', key: 'KEY' } };

  test('is read back as it was written', () => {
    expect(readKubeconfig(writeKubeconfig(join(dir, 'kubeconfig'), 'mine', connection))).toEqual(connection);
  });

  test('may name files relative to itself', () => {
    for (const name of ['ca', 'cert', 'key']) file(`${name}.pem`, name.toUpperCase());
    const text = `
current-context: x
contexts: [{name: x, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1/", certificate-authority: ca.pem}}]
users: [{name: u, user: {client-certificate: cert.pem, client-key: key.pem}}]`;
    expect(readKubeconfig(file('kubeconfig', text))).toEqual(connection);
  });

  test.each([
    { problem: 'is empty', text: '', says: 'no context named ""; set current-context' },
    {
      problem: 'names a user it does not have',
      text: 'current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {}}]',
      says: 'no user named "u"',
    },
    {
      problem: 'authenticates by token',
      text: `
current-context: x
contexts: [{name: x, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "https://h", certificate-authority-data: ""}}]
users: [{name: u, user: {token: t}}]`,
      says: 'no client-certificate; the tests need a user with a client certificate',
    },
  ])('that $problem is an error that says so', ({ text, says }) => {
    expect(() => readKubeconfig(file('kubeconfig', text))).toThrow(says);
  });
});

describe('the tail of a log', () => {
  const lines = (count: number): string => Array.from({ length: count }, (_, line) => `I0101 line ${line}`).join('\n');

  test.each([
    {
      what: 'the errors when there are any',
      text: `${lines(50)}\nE1122 16:49:44.2 28104 run.go:72] "command failed"\n${lines(9)}`,
      tail: ['E1122 16:49:44.2 28104 run.go:72] "command failed"'],
    },
    {
      what: 'errors of etcd',
      text: '{"level":"info"}\n{"level":"fatal","msg":"bind: address already in use"}',
      tail: ['{"level":"fatal","msg":"bind: address already in use"}'],
    },
    { what: 'the last lines when there is no error', text: lines(9), tail: [5, 6, 7, 8].map((n) => `I0101 line ${n}`) },
    { what: 'that it is empty', text: '\n', tail: ['(the log is empty)'] },
  ])('is $what', ({ text, tail }) => expect(logTail(file('log', text), 4)).toEqual(tail));

  test('is found at the end of a big file, and long lines are cut', () => {
    const tail = logTail(file('log', `${lines(20_000)}\nE0101 ${'x'.repeat(1000)}\n`));
    expect(tail).toEqual([`E0101 ${'x'.repeat(394)}`]);
  });

  test('of a missing file is no error', () => expect(logTail(join(dir, 'none'))).toEqual(['(the log is empty)']));
});

describe('free ports', () => {
  const listen = (port: number): Promise<Server> =>
    new Promise((resolve) => {
      const server = createServer().listen(port, '127.0.0.1', () => resolve(server));
    });

  test('are different, and free', async () => {
    const ports = await freePorts(['a', 'b', 'c', 'd', 'e']);
    expect(new Set(Object.values(ports)).size).toBe(5);
    expect(await canBind('127.0.0.1', ports.a)).toBe(true);
  });

  test('a port that is taken is not free', async () => {
    const { a } = await freePorts(['a']);
    const server = await listen(a);
    expect(await canBind('127.0.0.1', a)).toBe(false);
    await new Promise((closed) => server.close(closed));
  });

  test('an address that is not this machine has none, and the error says so', async () => {
    await expect(freePorts(['a'], ['192.0.2.1'])).rejects.toThrow('no 1 free TCP ports on 192.0.2.1');
  });
});

describe('a process identity', () => {
  test('is alive for this process', () => expect(isAlive(processIdentity(process.pid))).toBe(true));

  test('is dead for a process that ended', () => {
    const { pid } = spawnSync('true');
    expect(isAlive(processIdentity(pid))).toBe(false);
  });

  test('is dead when another process has its id now', () => {
    expect(isAlive({ pid: process.pid, started: 'long ago' })).toBe(false);
  });
});

describe('a lock in the cache', () => {
  test('lets one after the other work, and is gone afterwards', async () => {
    const path = join(dir, 'thing');
    const steps: string[] = [];
    const work = (name: string) => async (): Promise<void> => {
      steps.push(`${name} in`);
      await new Promise((resolve) => setImmediate(resolve));
      steps.push(`${name} out`);
    };
    await Promise.all([
      withLock(path, 'thing', () => undefined, work('a')),
      withLock(path, 'thing', () => undefined, work('b')),
    ]);
    expect(steps).toEqual(['a in', 'a out', 'b in', 'b out']);
    expect(existsSync(`${path}.lock`)).toBe(false);
  });

  test('is given back when the work fails', async () => {
    const failing = withLock(
      join(dir, 'thing'),
      'thing',
      () => undefined,
      () => Promise.reject(new Error('no disk')),
    );
    await expect(failing).rejects.toThrow('no disk');
    expect(existsSync(join(dir, 'thing.lock'))).toBe(false);
  });

  test.each([
    { of: 'a dead process', content: JSON.stringify({ pid: process.pid, started: 'long ago' }) },
    { of: 'nobody who can be read', content: '' },
  ])('of $of is taken over', async ({ content }) => {
    file('thing.lock', content);
    await expect(
      withLock(
        join(dir, 'thing'),
        'thing',
        () => undefined,
        async () => 'done',
      ),
    ).resolves.toBe('done');
  });
});

describe('the environment', () => {
  test.each([
    { env: { XDG_CACHE_HOME: '/var/cache/me' }, want: '/var/cache/me/hotstandby' },
    { env: {}, want: expect.stringMatching(/\/\.cache\/hotstandby$/) },
  ])('decides where the cache is: $want', ({ env, want }) => expect(cacheDirectory(env)).toEqual(want));

  test('KUBEBUILDER_ASSETS with every program is used and nothing is built', async () => {
    for (const name of ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kwok']) file(name, '');
    const commands = await resolveCommands(fail, { KUBEBUILDER_ASSETS: dir });
    expect(commands.etcd).toEqual({ file: join(dir, 'etcd'), args: [], lifeline: false });
  });

  test('KUBEBUILDER_ASSETS without an API server is refused', async () => {
    file('etcd', '');
    await expect(resolveCommands(fail, { KUBEBUILDER_ASSETS: dir })).rejects.toThrow(
      `KUBEBUILDER_ASSETS=${dir} has no kube-apiserver; unset it to have them built`,
    );
  });
});

function fail(line: string): void {
  throw new Error(`unexpected: ${line}`);
}
