import { EXAMPLE_IMAGES, examplePath } from '../../../examples/images';
import { AppProcess } from './app-process';

jest.setTimeout(30_000);

describe('the http example', () => {
  let app: AppProcess;

  beforeEach(async () => {
    app = new AppProcess([process.execPath, examplePath('http', 'app', 'app.mjs')], {});
    await app.start();
  });
  afterEach(() => app.kill());

  const busyStatus = async (): Promise<number> => (await app.get('/busy')).status;

  it('answers 200 at /busy during a session and 404 otherwise', async () => {
    expect(await busyStatus()).toBe(404);
    expect(await app.startSession()).toMatchObject({ status: 201, state: 'busy' });
    expect(await busyStatus()).toBe(200);
    expect(await app.endSession()).toMatchObject({ status: 200, state: 'idle' });
    expect(await busyStatus()).toBe(404);
  });

  it('stays ready during a session', async () => {
    await app.startSession();
    expect(await app.get('/')).toMatchObject({ status: 200, state: 'busy' });
  });

  it('holds one session at a time and has none to end while idle', async () => {
    expect(await app.endSession()).toMatchObject({ status: 404 });
    await app.startSession();
    expect(await app.startSession()).toMatchObject({ status: 409, state: 'busy' });
  });

  it('finishes its session after SIGTERM, takes no other and exits 0', async () => {
    await app.startSession();
    app.signal('SIGTERM');
    await app.line(/leaving when the session has ended/);

    expect(await busyStatus()).toBe(200);
    expect(await app.endSession()).toMatchObject({ status: 200 });
    expect(await app.exit()).toBe(0);
  });

  it('starts no session after SIGTERM', async () => {
    await app.startSession();
    app.signal('SIGTERM');
    await app.line(/leaving when the session has ended/);

    expect(await app.startSession()).toMatchObject({ status: 503 });
  });

  it('exits 0 at once after SIGTERM while idle', async () => {
    app.signal('SIGTERM');
    expect(await app.exit()).toBe(0);
  });

  it('is the program of the image its manifest names', () => {
    expect(Object.keys(EXAMPLE_IMAGES.http.files)).toEqual([examplePath('http', 'app', 'app.mjs')]);
  });
});
