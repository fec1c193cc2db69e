import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { examplePath } from '../../../examples/images';
import { hasProgram } from './languages';
import { PodApi } from './pod-api';

const README = examplePath('README.md');
const TEXT = readFileSync(README, 'utf8');

describe('examples/README.md', () => {
  const links = [...TEXT.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map((match) => match[1] ?? '');
  it.each(links)('links to %s, which exists', (link) => {
    expect(existsSync(resolve(dirname(README), link))).toBe(true);
  });

  const paths = [...new Set(TEXT.match(/examples\/[\w./-]+\w/g))];
  it.each(paths)('names %s, which exists', (path) => {
    expect(existsSync(resolve(dirname(README), '..', path))).toBe(true);
  });
});

describe('the curl command of examples/README.md', () => {
  if (!hasProgram('curl', '--version')) {
    it.skip('marks the Pod: curl is not installed', () => undefined);
    return;
  }
  const command = TEXT.match(/```sh\n(SA=[^`]*)```/)?.[1] ?? '';
  let folder: string;
  let api: PodApi;
  let env: Record<string, string>;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hotstandby-example-'));
    api = new PodApi();
    writeFileSync(join(folder, 'ca.crt'), api.authority.cert);
    writeFileSync(join(folder, 'token'), api.token);
    env = {
      PATH: process.env.PATH ?? '',
      KUBERNETES_SERVICE_HOST: '127.0.0.1',
      KUBERNETES_SERVICE_PORT: String(await api.start()),
      POD_NAMESPACE: api.pod.namespace,
      POD_NAME: api.pod.name,
      POD_UID: api.pod.uid,
    };
  });
  afterEach(async () => {
    await api.stop();
    rmSync(folder, { recursive: true });
  });

  async function run(): Promise<{ output: string; code: unknown }> {
    const script = command.replace(/^SA=.*$/m, `SA=${folder}`);
    const shell = spawn('sh', ['-c', script], { env, stdio: ['ignore', 'pipe', 'ignore'] });
    const [output, [code]] = await Promise.all([text(shell.stdout), once(shell, 'close')]);
    return { output, code };
  }

  it('marks the Pod and says that it is yours', async () => {
    expect(await run()).toEqual({ output: 'the Pod is yours\n', code: 0 });
    expect(api.pod.annotations).toEqual({ 'paia.tech/busy': 'true' });
  });

  it('refuses the session when the Pod is being deleted', async () => {
    api.pod.deletionTimestamp = '2026-01-01T00:00:00Z';
    expect(await run()).toEqual({ output: 'the Pod is being deleted: refuse the session\n', code: 0 });
  });

  it('fails when the mark was not written', async () => {
    api.faults.push({ status: 403, message: 'forbidden' });
    expect(await run()).toEqual({ output: '', code: 22 });
  });
});
