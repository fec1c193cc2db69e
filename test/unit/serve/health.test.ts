import { type HealthOptions, olderThan, startHealthServer } from '../../../operator/serve/health';
import type { HttpServer } from '../../../operator/serve/server';

const OPTIONS: HealthOptions = {
  host: '127.0.0.1',
  port: 0,
  live: {},
  ready: {},
  metrics: { contentType: 'text/plain; version=0.0.4', text: async () => 'up 1\n' },
};

let server: HttpServer | undefined;

async function serve(options: Partial<HealthOptions> = {}): Promise<string> {
  server = await startHealthServer({ ...OPTIONS, ...options });
  return `http://127.0.0.1:${server.port}`;
}

afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function get(url: string, init?: RequestInit): Promise<[number, string]> {
  const response = await fetch(url, init);
  return [response.status, await response.text()];
}

describe('health server', () => {
  it('answers 200 while every check passes', async () => {
    const url = await serve({ live: { queue: () => undefined }, ready: { caches: () => undefined } });
    expect(await get(`${url}/healthz`)).toEqual([200, '[+]queue ok\nok\n']);
    expect(await get(`${url}/readyz?verbose`)).toEqual([200, '[+]caches ok\nok\n']);
  });

  it('answers 503 and says which check failed and why', async () => {
    const url = await serve({ ready: { caches: () => 'pods are not synced', watch: () => undefined } });
    expect(await get(`${url}/readyz`)).toEqual([503, '[-]caches failed: pods are not synced\n[+]watch ok\nfailed\n']);
    expect((await get(`${url}/healthz`))[0]).toBe(200);
  });

  it('counts a check that throws as failed', async () => {
    const broken = () => {
      throw new Error('no idea');
    };
    const url = await serve({ live: { broken } });
    expect(await get(`${url}/healthz`)).toEqual([503, '[-]broken failed: no idea\nfailed\n']);
  });

  it('asks the checks anew for every request', async () => {
    let reason: string | undefined = 'not yet';
    const url = await serve({ ready: { caches: () => reason } });
    expect((await get(`${url}/readyz`))[0]).toBe(503);
    reason = undefined;
    expect((await get(`${url}/readyz`))[0]).toBe(200);
  });

  it('serves metrics with their content type', async () => {
    const url = await serve();
    const response = await fetch(`${url}/metrics`);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4');
    expect(await response.text()).toBe('up 1\n');
  });

  it('answers 500 when the metrics cannot be made, and lives on', async () => {
    const text = () => Promise.reject(new Error('no metrics today'));
    const url = await serve({ metrics: { contentType: 'text/plain', text } });
    expect(await get(`${url}/metrics`)).toEqual([500, 'no metrics today\n']);
    expect((await get(`${url}/healthz`))[0]).toBe(200);
  });

  it.each([
    ['HEAD', '/healthz', 200],
    ['POST', '/healthz', 405],
    ['GET', '/', 404],
    ['GET', '/healthz/queue', 404],
  ])('answers %s %s with %d', async (method, path, status) => {
    expect((await get(`${await serve()}${path}`, { method }))[0]).toBe(status);
  });

  it('says in one line that the port is in use and what to do', async () => {
    await serve();
    const port = server?.port ?? 0;
    await expect(startHealthServer({ ...OPTIONS, port })).rejects.toThrow(
      `cannot serve health and metrics on 127.0.0.1:${port}: the port is in use; choose another one with --health-address HOST:PORT (port 0: any free one)`,
    );
  });

  it('takes a free port instead where nobody asked for that one', async () => {
    await serve();
    const port = server?.port ?? 0;
    const other = await startHealthServer({ ...OPTIONS, port, orAnyPort: true });
    expect(other.port).not.toBe(port);
    expect((await get(`http://127.0.0.1:${other.port}/healthz`))[0]).toBe(200);
    await other.close();
  });

  it('says in one line that the machine has no such address', async () => {
    await expect(startHealthServer({ ...OPTIONS, host: '192.0.2.1' })).rejects.toThrow(
      'on 192.0.2.1:0: this machine has no such address',
    );
  });

  it('closes at once although a request is under way', async () => {
    const asked = Promise.withResolvers<void>();
    const text = (): Promise<string> => {
      asked.resolve();
      return new Promise(() => {});
    };
    const url = await serve({ metrics: { contentType: 'text/plain', text } });
    const cut = expect(fetch(`${url}/metrics`)).rejects.toThrow();
    await asked.promise;
    await server?.close();
    server = undefined;
    await cut;
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
  });
});

describe('olderThan', () => {
  it.each([
    [0, undefined],
    [120_000, undefined],
    [121_400, 'a key has been waiting for 121 s (limit 120 s)'],
  ])('judges an age of %d ms', (age, want) => {
    expect(olderThan('a key has been waiting', () => age, 120_000)()).toBe(want);
  });
});
