import { ApiClient } from '../../../operator/kube/client';
import { type EventRecord, EventRecorder } from '../../../operator/kube/events';
import { FakeClock } from '../support/fake-clock';
import { type Handler, HttpServer, sendJson, sendStatus } from '../support/http-server';
import { recordingLogger } from '../support/logger';
import { turns, until } from '../support/until';

const MINUTE = 60_000;

let server: HttpServer;
let client: ApiClient;
let clock: FakeClock;
let recorder: EventRecorder;
let answers: Handler[];
const logger = recordingLogger();

const event = (change: Partial<EventRecord> = {}): EventRecord => ({
  regarding: {
    apiVersion: 'apps.paia.tech/v1alpha1',
    kind: 'HotStandbyDeployment',
    namespace: 'ns',
    name: 'a',
    uid: 'u',
  },
  type: 'Normal',
  reason: 'ScaledUp',
  action: 'Scale',
  note: '3 -> 5',
  ...change,
});

const about = (uid: string): EventRecord => event({ regarding: { ...event().regarding, uid, name: uid } });
const sent = (index: number) => JSON.parse(server.requests[index]?.body ?? 'null');
const methods = () => server.requests.map(({ method }) => method);

async function written(count: number): Promise<void> {
  await until(() => server.requests.length >= count);
  await turns();
  expect(server.requests).toHaveLength(count);
}

beforeEach(async () => {
  clock = new FakeClock('2026-03-04T05:06:07.008Z');
  answers = [];
  logger.lines.length = 0;
  server = await HttpServer.start((request, response) => {
    const answer = answers.shift();
    if (answer !== undefined) answer(request, response);
    else sendJson(response, 200, {});
  });
  client = new ApiClient({ server: server.url, tls: {} }, { userAgent: 'test' });
  recorder = new EventRecorder({ client, clock, random: () => 0.5, logger, instance: 'pod-1' });
});

afterEach(async () => {
  await recorder.flush();
  await client.close();
  await server.stop();
});

test('an Event is created as events.k8s.io/v1 wants it', async () => {
  recorder.record(event());
  await written(1);
  expect(server.requests[0]).toMatchObject({ method: 'POST', path: '/apis/events.k8s.io/v1/namespaces/ns/events' });
  expect(sent(0)).toEqual({
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name: expect.stringMatching(/^a\.[0-9a-f]+$/), namespace: 'ns' },
    eventTime: '2026-03-04T05:06:07.008000Z',
    reportingController: 'paia.tech/hotstandby',
    reportingInstance: 'pod-1',
    regarding: event().regarding,
    type: 'Normal',
    reason: 'ScaledUp',
    action: 'Scale',
    note: '3 -> 5',
  });
});

test('an Event about a cluster-scoped object goes to the namespace default', async () => {
  recorder.record(event({ regarding: { ...event().regarding, namespace: '' } }));
  await written(1);
  expect(sent(0).metadata.namespace).toBe('default');
  expect(sent(0).regarding.namespace).toBeUndefined();
});

test.each([
  ['short', 'ok', 'ok'],
  ['too long', 'x'.repeat(2000), `${'x'.repeat(1021)}…`],
  ['too long, of wide characters', '茶'.repeat(1000), `${'茶'.repeat(340)}…`],
])('a note that is %s has at most 1,024 bytes', async (_name, note, want) => {
  recorder.record(event({ note }));
  await written(1);
  expect(sent(0).note).toBe(want);
  expect(Buffer.byteLength(sent(0).note)).toBeLessThanOrEqual(1024);
});

test('the name of the longest object still gives a valid name', async () => {
  recorder.record(event({ regarding: { ...event().regarding, name: `${'a'.repeat(230)}-${'b'.repeat(22)}` } }));
  await written(1);
  expect(sent(0).metadata.name.length).toBeLessThanOrEqual(253);
  expect(sent(0).metadata.name).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);
});

describe('repetitions', () => {
  test('the second becomes a series at once, further ones are counted and written when it ends', async () => {
    recorder.record(event());
    await written(1);
    clock.advance(1000);
    recorder.record(event());
    await written(2);
    expect(server.requests[1]).toMatchObject({
      method: 'PATCH',
      path: `/apis/events.k8s.io/v1/namespaces/ns/events/${sent(0).metadata.name}`,
    });
    expect(sent(1)).toEqual({ series: { count: 2, lastObservedTime: '2026-03-04T05:06:08.008000Z' } });
    clock.advance(1000);
    recorder.record(event());
    recorder.record(event());
    clock.advance(5 * MINUTE);
    await written(2);
    clock.advance(3 * MINUTE);
    await written(3);
    expect(sent(2)).toEqual({ series: { count: 4, lastObservedTime: '2026-03-04T05:06:09.008000Z' } });
    expect(clock.pendingTimers).toBeLessThanOrEqual(1);
  });

  test('a series that goes on is written every half hour', async () => {
    for (let minute = 0; minute < 61; minute += 1) {
      recorder.record(event());
      await turns();
      clock.advance(MINUTE);
    }
    await until(() => server.requests.length >= 4);
    await turns();
    expect(methods()).toEqual(['POST', 'PATCH', 'PATCH', 'PATCH']);
  });

  test('after 6 quiet minutes the same is a new Event', async () => {
    recorder.record(event());
    await written(1);
    clock.advance(6 * MINUTE + 1);
    recorder.record(event());
    await written(2);
    expect(methods()).toEqual(['POST', 'POST']);
    expect(sent(1).metadata.name).not.toBe(sent(0).metadata.name);
  });

  test('many scalings are one Event, whatever their numbers are', async () => {
    recorder.record(event({ note: '3 -> 5' }));
    await written(1);
    for (let i = 0; i < 30; i += 1) recorder.record(event({ note: `${5 + i} -> ${6 + i}` }));
    clock.advance(8 * MINUTE);
    await written(3);
    expect(methods()).toEqual(['POST', 'PATCH', 'PATCH']);
    expect(sent(2).series.count).toBe(31);
  });

  test('a Warning with another note is another Event', async () => {
    recorder.record(event({ type: 'Warning', note: 'quota a' }));
    recorder.record(event({ type: 'Warning', note: 'quota b' }));
    await written(2);
    expect([sent(0).note, sent(1).note]).toEqual(['quota a', 'quota b']);
  });

  test.each([
    ['reason', { reason: 'ScaledDown' }],
    ['action', { action: 'Apply' }],
    ['type', { type: 'Warning' as const }],
    ['object', { regarding: { ...event().regarding, uid: 'other' } }],
  ])('another %s is another Event', async (_name, change) => {
    recorder.record(event());
    recorder.record(event(change));
    await written(2);
    expect(methods()).toEqual(['POST', 'POST']);
  });

  test('a series whose Event has been deleted is created again with its count', async () => {
    recorder.record(event());
    await written(1);
    answers.push((_request, response) => sendStatus(response, 404, 'NotFound', 'gone'));
    recorder.record(event());
    await written(3);
    expect(methods()).toEqual(['POST', 'PATCH', 'POST']);
    expect(sent(2).series.count).toBe(2);
  });

  test('at rest nothing is left: no timer, no memory', async () => {
    recorder.record(event());
    await written(1);
    clock.advance(20 * MINUTE);
    await written(1);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('limits', () => {
  test('one object gets 25 Events at once, then one in 5 minutes', async () => {
    const warn = (note: string): void => recorder.record(event({ type: 'Warning', note }));
    for (let i = 0; i < 40; i += 1) warn(`${i}`);
    await written(25);
    clock.advance(5 * MINUTE);
    warn('later');
    warn('too soon');
    await written(26);
    expect(sent(25).note).toBe('later');
  });

  test.each([
    ['Warning', 100, 10],
    ['Normal', 50, 1],
  ] as const)('all objects together get %s Events: %d at once, then %d a second', async (type, burst, each) => {
    const record = (uid: string): void => recorder.record({ ...about(uid), type });
    for (let i = 0; i < 150; i += 1) record(`u${i}`);
    await written(burst);
    clock.advance(1000);
    for (let i = 200; i < 250; i += 1) record(`u${i}`);
    await written(burst + each);
  });

  test('everyday Events do not use up what Warnings may cost', async () => {
    for (let i = 0; i < 60; i += 1) recorder.record(about(`u${i}`));
    recorder.record({ ...about('faulty'), type: 'Warning' });
    await written(51);
  });

  test('they are written one at a time', async () => {
    for (let i = 0; i < 20; i += 1) recorder.record(about(`u${i}`));
    await written(20);
    expect(server.mostSockets).toBeLessThanOrEqual(2);
  });
});

describe('failures', () => {
  test('an API server that fails is asked again later', async () => {
    answers.push((_request, response) => sendStatus(response, 500, 'InternalError', 'no'));
    recorder.record(event());
    await until(
      () => server.requests.length === 2,
      () => clock.advance(100),
    );
    await turns();
    expect(logger.lines).toEqual([]);
    expect(sent(1)).toEqual(sent(0));
  });

  test('a create whose reply was lost is done', async () => {
    answers.push((_request, response) => response.destroy());
    answers.push((_request, response) => sendStatus(response, 409, 'AlreadyExists', 'there'));
    recorder.record(event());
    await until(
      () => server.requests.length === 2,
      () => clock.advance(100),
    );
    recorder.record(event());
    await written(3);
    expect(methods()).toEqual(['POST', 'POST', 'PATCH']);
  });

  test.each([
    [403, 'Forbidden', 'debug'],
    [404, 'NotFound', 'debug'],
    [422, 'Invalid', 'warn'],
  ])('HTTP %d is logged, and the next Event is written', async (code, reason, level) => {
    answers.push((_request, response) => sendStatus(response, code, reason, 'no'));
    recorder.record(about('x'));
    recorder.record(about('y'));
    await written(2);
    expect(logger.lines).toMatchObject([{ level, message: 'event not written', fields: { name: 'x' } }]);
  });

  test('an API server that stays away costs five attempts an Event', async () => {
    for (let i = 0; i < 5; i += 1) answers.push((_request, response) => response.destroy());
    recorder.record(event());
    await until(
      () => logger.lines.length === 1,
      () => clock.advance(1000),
    );
    expect(server.requests).toHaveLength(5);
  });
});

describe('flush', () => {
  test('writes what is pending and open counts, then takes no more', async () => {
    recorder.record(event());
    await written(1);
    for (let i = 0; i < 4; i += 1) recorder.record(event());
    recorder.record(about('x'));
    await recorder.flush();
    const last = server.requests.filter(({ method }) => method === 'PATCH').at(-1);
    expect(JSON.parse(last?.body ?? '')).toMatchObject({ series: { count: 5 } });
    const total = server.requests.length;
    recorder.record(about('y'));
    await recorder.flush();
    expect(server.requests).toHaveLength(total);
    expect(clock.pendingTimers).toBe(0);
  });

  test('writes an Event under way once', async () => {
    recorder.record(event());
    await recorder.flush();
    expect(methods()).toEqual(['POST']);
  });

  test('does not wait for an API server that is away', async () => {
    answers.push(...Array.from({ length: 30 }, (): Handler => (_request, response) => response.destroy()));
    for (let i = 0; i < 20; i += 1) recorder.record(about(`u${i}`));
    await recorder.flush();
    expect(server.requests.length).toBeLessThanOrEqual(3);
  });
});
