import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheDirectory } from '../../../tools/base/cache';
import { readConnection } from '../../../tools/cluster/api';
import { writeKubeconfig } from '../../../tools/cluster/kubeconfig';
import { logTail } from '../../../tools/cluster/log-tail';
import { canBind, freePorts } from '../../../tools/cluster/ports';
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

  test('is read back as it was written', async () => {
    const written = writeKubeconfig(join(dir, 'kubeconfig'), 'mine', connection);
    expect(await readConnection(written)).toEqual(connection);
  });

  test('without a client certificate is an error that says so', async () => {
    const text = `
current-context: x
contexts: [{name: x, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "https://h"}}]
users: [{name: u, user: {token: t}}]`;
    await expect(readConnection(file('kubeconfig', text))).rejects.toThrow('need a user with a client certificate');
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
