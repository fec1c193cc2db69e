import type { ServerResponse } from 'node:http';
import { ApiClient } from '../../../operator/kube/client';
import { ApiError, NetworkError } from '../../../operator/kube/errors';
import type { WatchEvent } from '../../../operator/kube/types';
import { FakeClock } from '../support/fake-clock';
import { HttpServer, sendStatus } from '../support/http-server';
import { until } from '../support/until';

const IDLE_MS = 125_000;

let server: HttpServer;
let client: ApiClient;
let clock: FakeClock;
let stopping: AbortController;
let respond: (response: ServerResponse) => void;

beforeEach(async () => {
  clock = new FakeClock();
  stopping = new AbortController();
  server = await HttpServer.start((_request, response) => respond(response));
  client = new ApiClient({ server: server.url, tls: {} }, { userAgent: 'test', clock });
});

afterEach(async () => {
  await client.close();
  await server.stop();
});

const added = (name: string): string =>
  `${JSON.stringify({ type: 'ADDED', object: { metadata: { name, resourceVersion: '1' } } })}\n`;

/** Follows a watch to its end. */
async function follow(): Promise<{ names: string[]; error: unknown }> {
  const names: string[] = [];
  try {
    for await (const event of watch()) names.push(event.object.metadata.name);
    return { names, error: undefined };
  } catch (error) {
    return { names, error };
  }
}

const watch = (): AsyncIterable<WatchEvent> =>
  client.watch('/api/v1/pods', { resourceVersion: '5' }, stopping.signal, IDLE_MS);

/** Writes `parts` one network read after the other. */
async function trickle(response: ServerResponse, parts: Buffer[]): Promise<void> {
  response.writeHead(200);
  for (const part of parts) await new Promise<void>((resolve) => response.write(part, () => setImmediate(resolve)));
}

test('asks for a watch and ends when the server ends it', async () => {
  respond = (response) => response.end(added('a') + added('b'));
  await expect(follow()).resolves.toEqual({ names: ['a', 'b'], error: undefined });
  expect(server.requests[0]?.query).toEqual({ resourceVersion: '5', watch: 'true' });
});

test('a stream split at every byte, inside characters too, is read alike', async () => {
  respond = async (response) => {
    await trickle(
      response,
      [...Buffer.from(added('käse') + added('茶'))].map((byte) => Buffer.from([byte])),
    );
    response.end();
  };
  await expect(follow()).resolves.toEqual({ names: ['käse', '茶'], error: undefined });
});

test('an error in the stream is thrown as the API server words it', async () => {
  const status = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version: 5 (9)' };
  respond = (response) => response.end(`${added('a')}${JSON.stringify({ type: 'ERROR', object: status })}\n`);
  const { names, error } = await follow();
  expect(names).toEqual(['a']);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ code: 410, reason: 'Expired', message: status.message });
});

test('a refusal before the stream is thrown', async () => {
  respond = (response) => sendStatus(response, 403, 'Forbidden', 'pods is forbidden');
  expect(await follow()).toMatchObject({ names: [], error: { code: 403, message: 'pods is forbidden' } });
});

test('an end in the middle of a line is a broken connection', async () => {
  respond = (response) => response.end(added('a') + added('b').slice(0, -9));
  expect(await follow()).toMatchObject({ names: ['a'], error: { code: 'Reset' } });
});

test('a cut connection is a broken connection', async () => {
  respond = async (response) => {
    await trickle(response, [Buffer.from(added('a'))]);
    response.destroy();
  };
  expect(await follow()).toMatchObject({ names: ['a'], error: { code: 'Reset' } });
});

test('a line that is not JSON is thrown', async () => {
  respond = (response) => response.end('{"type":\n');
  expect(await follow()).toMatchObject({ names: [], error: { code: 'Malformed' } });
});

test('silence since the call counts as a dead peer', async () => {
  respond = () => {};
  const following = follow();
  await until(() => server.requests.length === 1);
  clock.advance(IDLE_MS);
  const { error } = await following;
  expect(error).toBeInstanceOf(NetworkError);
  expect(error).toMatchObject({ code: 'Timeout' });
});

test('silence is measured from the last bytes', async () => {
  let stream: ServerResponse | undefined;
  respond = (response) => {
    stream = response;
    response.write(added('a'));
  };
  const events = watch()[Symbol.asyncIterator]();
  await events.next();
  clock.advance(IDLE_MS - 1);
  stream?.write(added('b'));
  await events.next();
  clock.advance(IDLE_MS - 1);
  stream?.write(added('c'));
  await expect(events.next()).resolves.toMatchObject({ value: { object: { metadata: { name: 'c' } } } });
  const next = events.next();
  clock.advance(IDLE_MS);
  await expect(next).rejects.toMatchObject({ code: 'Timeout' });
});

test('the caller ends it', async () => {
  respond = (response) => response.write(added('a'));
  const events = watch()[Symbol.asyncIterator]();
  await events.next();
  const next = events.next();
  stopping.abort();
  await expect(next).rejects.toMatchObject({ code: 'Aborted' });
});

test('leaving the loop closes the connection and leaves no timer', async () => {
  respond = (response) => response.write(added('a'));
  for await (const event of watch()) {
    expect(event.type).toBe('ADDED');
    break;
  }
  await until(() => server.sockets.size === 0);
  expect(clock.pendingTimers).toBe(0);
});
