import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppProcess } from './app-process';
import { LANGUAGES, type Language } from './languages';
import { PodApi } from './pod-api';

// A first Go build compiles net/http: 40 s on a busy machine of 2 cores.
const BUILD_MS = 300_000;
const TEST_MS = 30_000;
const BUSY = { 'paia.tech/busy': 'true' };

jest.setTimeout(TEST_MS);

for (const { missing, name } of LANGUAGES) {
  if (missing) it.skip(`${name}: ${missing}`, () => undefined);
}

describe.each(LANGUAGES.filter(({ missing }) => !missing))('the annotation example in $name', (language: Language) => {
  let folder: string;
  let command: readonly string[];
  let api: PodApi;
  let app: AppProcess;
  let env: Record<string, string>;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hotstandby-example-'));
    command = language.command(folder);
  }, BUILD_MS);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  beforeEach(async () => {
    api = new PodApi();
    const port = await api.start();
    writeFileSync(join(folder, 'ca.crt'), api.authority.cert);
    writeToken(api.token);
    env = {
      HOTSTANDBY_SA_DIR: folder,
      KUBERNETES_SERVICE_HOST: '127.0.0.1',
      KUBERNETES_SERVICE_PORT: String(port),
      POD_NAMESPACE: api.pod.namespace,
      POD_NAME: api.pod.name,
      POD_UID: api.pod.uid,
    };
  });
  afterEach(async () => {
    await app.kill();
    await api.stop();
  });

  const writeToken = (token: string): void => writeFileSync(join(folder, 'token'), `${token}\n`);

  async function run(options?: { untilReady: boolean }): Promise<void> {
    app = new AppProcess(command, env);
    await app.start(options);
  }

  it('marks its Pod busy with the first session and clears the mark at its end', async () => {
    await run();

    expect(await app.startSession()).toMatchObject({ status: 201, state: 'busy' });
    expect(api.pod.annotations).toEqual(BUSY);
    expect(await app.get('/')).toMatchObject({ status: 200, state: 'busy', message: 'rooms-1' });

    expect(await app.endSession()).toMatchObject({ status: 200, state: 'idle' });
    expect(api.pod.annotations).toEqual({});
    expect(api.writes).toEqual([null, 'true', null]);
  });

  it('holds one session at a time', async () => {
    await run();
    await app.startSession();

    expect(await app.startSession()).toMatchObject({ status: 409, state: 'busy' });
    expect(api.writes).toEqual([null, 'true']);
  });

  it('starts one of two sessions that come at once', async () => {
    await run();
    const answers = await Promise.all([app.startSession(), app.startSession()]);

    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
    expect(api.writes).toEqual([null, 'true']);
  });

  it('has no session to end while idle', async () => {
    await run();
    expect(await app.endSession()).toMatchObject({ status: 404, state: 'idle' });
    expect(api.writes).toEqual([null]);
  });

  it('refuses the session when the reply carries a deletionTimestamp, and leaves the mark to die with the Pod', async () => {
    await run();
    api.pod.deletionTimestamp = '2026-01-01T00:00:00Z';

    expect(await app.startSession()).toMatchObject({ status: 503, state: 'leaving' });
    expect(await app.startSession()).toMatchObject({ status: 503, state: 'leaving' });
    expect(api.writes).toEqual([null, 'true']);
    expect(api.pod.annotations).toEqual(BUSY);
  });

  it('clears the mark an earlier run of the container left, and is not ready before', async () => {
    Object.assign(api.pod.annotations, BUSY);
    let open: () => void = () => undefined;
    api.gate = new Promise((resolve) => {
      open = resolve;
    });
    await run({ untilReady: false });

    expect(await app.get('/')).toMatchObject({ status: 503, state: 'starting' });
    expect(await app.startSession()).toMatchObject({ status: 503, state: 'starting' });
    open();
    await app.reach('idle');

    expect(api.pod.annotations).toEqual({});
    expect(api.writes).toEqual([null]);
  });

  it('says why the mark was refused, and stays free for the next session', async () => {
    await run();
    api.faults.push({ status: 403, message: 'pods "rooms-1" is forbidden' });

    const refused = await app.startSession();

    expect(refused).toMatchObject({ status: 503, state: 'idle' });
    expect(refused.message).toContain('pods "rooms-1" is forbidden');
    expect(await app.startSession()).toMatchObject({ status: 201 });
    expect(api.writes).toEqual([null, 'true']);
  });

  it.each([
    ['the answer is lost after the write', 'cut-after', [null, 'true', null]],
    ['the connection is lost before the write', 'cut-before', [null, null]],
    ['the API server fails', { status: 500, message: 'etcd is away' }, [null, null]],
  ] as const)('refuses the session and takes the mark off when %s', async (_, fault, writes) => {
    await run();
    api.faults.push(fault);

    expect(await app.startSession()).toMatchObject({ status: 503 });
    await app.reach('idle');

    expect(api.writes).toEqual(writes);
    expect(api.pod.annotations).toEqual({});
    expect(await app.startSession()).toMatchObject({ status: 201 });
  });

  it('goes on clearing the mark until the API server has taken it', async () => {
    await run();
    await app.startSession();
    api.faults.push({ status: 503, message: 'busy' }, { status: 429, message: 'too many requests' });

    expect(await app.endSession()).toMatchObject({ status: 200, state: 'idle' });
    expect(api.pod.annotations).toEqual({});
  });

  it('uses the token that is on disk now', async () => {
    await run();
    api.token = 'token-2';
    writeToken('token-2');

    expect(await app.startSession()).toMatchObject({ status: 201 });
  });

  it('marks no other Pod of its name', async () => {
    await run();
    api.pod.uid = 'uid-2';

    const refused = await app.startSession();

    expect(refused).toMatchObject({ status: 503, state: 'idle' });
    expect(refused.message).toContain('422');
    expect(api.pod.annotations).toEqual({});
  });

  it('trusts no server but the one of the cluster', async () => {
    writeFileSync(join(folder, 'ca.crt'), new PodApi().authority.cert);
    await run({ untilReady: false });

    await app.line(/cannot clear the busy mark.*certificate/);

    expect(await app.get('/')).toMatchObject({ status: 503, state: 'starting' });
    expect(api.writes).toEqual([]);
  });

  it('finishes its session after SIGTERM, takes no other, clears the mark and exits 0', async () => {
    await run();
    await app.startSession();
    app.signal('SIGTERM');
    await app.line(/leaving when the session has ended/);

    expect(await app.get('/')).toMatchObject({ status: 200, state: 'busy' });
    expect(await app.startSession()).toMatchObject({ status: 503 });
    expect(await app.endSession()).toMatchObject({ status: 200 });

    expect(await app.exit()).toBe(0);
    expect(api.pod.annotations).toEqual({});
  });

  it('exits after its last session even when the mark cannot be cleared', async () => {
    await run();
    await app.startSession();
    app.signal('SIGTERM');
    await app.line(/leaving when the session has ended/);
    api.faults.push({ status: 503, message: 'away' }, { status: 503, message: 'away' });

    expect(await app.endSession()).toMatchObject({ status: 200, state: 'leaving' });
    expect(await app.exit()).toBe(0);
    expect(api.faults).toHaveLength(1);
  });

  it('exits 0 at once after SIGTERM while idle', async () => {
    await run();
    app.signal('SIGTERM');

    expect(await app.exit()).toBe(0);
  });

  it('says which variable the Pod template lacks', async () => {
    delete env.POD_UID;
    app = new AppProcess(command, env);

    expect(await app.exit()).toBe(1);
    expect(app.lines).toEqual(['POD_UID is not set: run in a Pod whose template sets it (see env in hsd.yaml)']);
  });
});
