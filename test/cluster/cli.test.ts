import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '../../root';
import { isAlive } from '../../tools/base/process-identity';
import { describeCluster } from '../../tools/cluster/describe-cluster';
import { resolveCommands } from '../../tools/cluster/programs';
import { clusterDir, readState } from '../../tools/cluster/state';

const BUILD_MS = 30 * 60_000;
jest.setTimeout(60_000);

/** Names of their own, so that a developer's clusters stay out of it. */
const NAME = `test-${process.pid}`;

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

async function cluster(...args: string[]): Promise<Outcome> {
  return clusterWith({}, ...args);
}

async function clusterWith(env: NodeJS.ProcessEnv, ...args: string[]): Promise<Outcome> {
  const command = ['--import', 'tsx', join(ROOT, 'tools/cluster/cli.ts'), ...args];
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, command, { env: { ...process.env, ...env } })) };
  } catch (error) {
    const { code, stdout, stderr } = error as Outcome;
    return { code, stdout, stderr };
  }
}

describeCluster('npm run cluster', () => {
  beforeAll(() => resolveCommands((line) => process.stderr.write(`${line}\n`)), BUILD_MS);

  afterAll(async () => {
    await cluster('down', '--name', NAME);
  });

  test('up, status and down are one life of a cluster', async () => {
    const up = await cluster('up', '--name', NAME, '--count', '1');
    expect(up).toMatchObject({ code: 0, stderr: '' });
    expect(up.stdout).toContain(`export KUBECONFIG=${clusterDir(NAME)}/kubeconfig`);

    const again = await cluster('up', '--name', NAME, '--count', '1');
    expect(again.stdout).toContain('already up');
    const other = await cluster('up', '--name', NAME, '--count', '7');
    expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining('is up with 1 kwok nodes, not 7 kwok') });

    const status = await cluster('status', '--name', NAME);
    expect(status).toMatchObject({ code: 0, stdout: expect.stringContaining('1 of 1 kwok nodes Ready') });

    const supervisor = readState(NAME)?.supervisor ?? { pid: -1, started: '' };
    expect(isAlive(supervisor)).toBe(true);
    expect(await cluster('down', '--name', NAME)).toMatchObject({ code: 0, stdout: `cluster ${NAME}: stopped\n` });
    expect(isAlive(supervisor)).toBe(false);
    expect(existsSync(clusterDir(NAME))).toBe(false);
    expect(await cluster('status', '--name', NAME)).toMatchObject({ code: 3, stdout: `${NAME}: not up\n` });
  });

  test('status tells a crash from a stop, and down clears away the rest', async () => {
    await cluster('up', '--name', NAME, '--count', '1');
    const pid = readState(NAME)?.supervisor.pid ?? -1;
    process.kill(pid, 'SIGKILL');
    const status = await cluster('status', '--name', NAME);
    expect(status).toMatchObject({
      code: 3,
      stdout: expect.stringContaining(`crashed (its supervisor, process ${pid}, is gone)`),
    });
    await cluster('down', '--name', NAME);
    expect(existsSync(clusterDir(NAME))).toBe(false);
  });

  test('a start that fails is told with the reason, and leaves no cluster', async () => {
    const up = await clusterWith({ KUBEBUILDER_ASSETS: '/nonexistent' }, 'up', '--name', NAME);
    expect(up).toMatchObject({
      code: 1,
      stderr: 'KUBEBUILDER_ASSETS=/nonexistent has no etcd and no kube-apiserver; unset it to have them built\n',
    });
    expect(readState(NAME)).toBeUndefined();
  });

  test.each([
    { args: ['up', '--name', 'No_Good'], says: 'cluster name "No_Good": use up to 40 lower-case letters' },
    { args: ['up', '--count', '0'], says: 'use a whole number from 1 to 1000' },
    { args: ['up', '--nodes', 'docker'], says: 'Allowed choices are kwok, real' },
    { args: ['sideways'], says: "unknown command 'sideways'" },
  ])('says what is wrong with $args', async ({ args, says }) => {
    const outcome = await cluster(...args);
    expect(outcome).toMatchObject({ code: 1, stderr: expect.stringContaining(says) });
    expect(outcome.stderr.trim().split('\n')).toHaveLength(1);
  });
});
