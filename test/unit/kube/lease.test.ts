import { ApiClient } from '../../../operator/kube/client';
import { LeaderElector, type LeaderElectorOptions } from '../../../operator/kube/lease';
import { silentLogger } from '../../../operator/kube/logger';
import type { KubeObject } from '../../../operator/kube/types';
import { FakeClock } from '../support/fake-clock';
import { sendStatus } from '../support/http-server';
import type { Fault } from '../support/mini-api';
import { MiniApi } from '../support/mini-api';
import { turns, until } from '../support/until';

interface Lease extends KubeObject {
  spec: Record<string, unknown>;
}

/** One process that wants to lead. Each has a clock of its own. */
class Candidate {
  readonly history: string[] = [];
  readonly signal = new AbortController();
  readonly elector: LeaderElector;
  private readonly client: ApiClient;
  /** Requests under way. */
  inFlight = 0;
  ended: Promise<void> | undefined;

  constructor(
    readonly identity: string,
    readonly clock: FakeClock,
    options: Partial<LeaderElectorOptions> = {},
  ) {
    this.client = new ApiClient({ server: api.url, tls: {} }, { userAgent: 'test', clock });
    const { client } = this;
    this.elector = new LeaderElector({
      client: {
        get: (...args) => this.counted(client.get(...args)),
        create: (...args) => this.counted(client.create(...args)),
        update: (...args) => this.counted(client.update(...args)),
      },
      clock,
      random: () => 0.5,
      logger: silentLogger,
      namespace: 'ns',
      name: 'lock',
      identity,
      onStarted: () => this.history.push('started'),
      onStopped: () => this.history.push('stopped'),
      onNewLeader: (leader) => this.history.push(`leader ${leader}`),
      ...options,
    });
    candidates.push(this);
  }

  run(): this {
    this.ended = this.elector.run(this.signal.signal);
    return this;
  }

  async lead(): Promise<this> {
    this.run();
    await until(() => this.elector.isLeader());
    return this;
  }

  private counted<T>(request: Promise<T>): Promise<T> {
    this.inFlight += 1;
    return request.finally(() => {
      this.inFlight -= 1;
    });
  }

  async leave(): Promise<void> {
    this.signal.abort();
    // Lets requests that will never be answered end by their deadline.
    let isOver = false;
    const over = (): void => {
      isOver = true;
    };
    this.ended?.then(over, over);
    await until(
      () => isOver || this.ended === undefined,
      () => this.clock.advance(100),
    );
    await this.client.close();
  }
}

let api: MiniApi;
let clock: FakeClock;
let candidates: Candidate[];

const lease = (): Lease | undefined => api.objects.get('lock') as Lease | undefined;
const holder = (): unknown => lease()?.spec.holderIdentity;
const writes = (): number => api.server.requests.filter(({ method }) => method !== 'GET').length;

/** Lets time pass in small steps; after each, every request that gets an answer at all has got it. */
async function pass(ms: number, ...clocks: FakeClock[]): Promise<void> {
  const inFlight = (): number => candidates.reduce((sum, candidate) => sum + candidate.inFlight, 0);
  for (let passed = 0; passed < ms; passed += 100) {
    for (const each of clocks.length > 0 ? clocks : [clock]) each.advance(100);
    await turns(2);
    await until(() => inFlight() === api.server.unanswered);
    await turns(2);
    await until(() => inFlight() === api.server.unanswered);
  }
}

beforeEach(async () => {
  clock = new FakeClock('2026-03-04T05:06:07.008Z');
  candidates = [];
  api = await MiniApi.start();
});

afterEach(async () => {
  await Promise.all(candidates.map((candidate) => candidate.leave()));
  await api.stop();
});

test('the first candidate creates the Lease with times of six fraction digits', async () => {
  const a = await new Candidate('a', clock).lead();
  expect(a.history).toEqual(['leader a', 'started']);
  expect(lease()).toMatchObject({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'lock', namespace: 'ns' },
    spec: {
      holderIdentity: 'a',
      leaseDurationSeconds: 15,
      acquireTime: '2026-03-04T05:06:07.008000Z',
      renewTime: '2026-03-04T05:06:07.008000Z',
      leaseTransitions: 0,
    },
  });
});

test('the leader renews and keeps the time it acquired', async () => {
  const a = await new Candidate('a', clock).lead();
  await pass(60_000);
  expect(a.elector.isLeader()).toBe(true);
  expect(lease()?.spec.acquireTime).toBe('2026-03-04T05:06:07.008000Z');
  expect(Date.parse(String(lease()?.spec.renewTime))).toBeGreaterThan(clock.now() - 3000);
  expect(lease()?.spec.leaseTransitions).toBe(0);
  // one in 2 s
  expect(writes()).toBeGreaterThan(25);
  expect(writes()).toBeLessThan(35);
});

test('what others put on the Lease is kept', async () => {
  await new Candidate('a', clock).lead();
  const stored = lease();
  if (stored !== undefined) stored.metadata.labels = { team: 'x' };
  await pass(5000);
  expect(writes()).toBeGreaterThan(1);
  expect(lease()?.metadata.labels).toEqual({ team: 'x' });
});

test('a second candidate waits while the first renews, however wrong its wall clock is', async () => {
  await new Candidate('a', clock).lead();
  const skewed = new FakeClock('2031-01-01T00:00:00.000Z');
  const b = new Candidate('b', skewed).run();
  await pass(60_000, clock, skewed);
  expect(holder()).toBe('a');
  expect(b.history).toEqual(['leader a']);
});

test('a second candidate takes over one lease duration after the last renewal it saw', async () => {
  const a = await new Candidate('a', clock).lead();
  const own = new FakeClock('2020-01-01T00:00:00.000Z');
  const b = new Candidate('b', own).run();
  await until(() => b.history.length === 1);
  // a is frozen: its clock stands still
  await pass(14_000, own);
  expect(b.elector.isLeader()).toBe(false);
  // ... and not at the look after that, up to 2.4 s later
  await pass(1100, own);
  expect(b.history).toEqual(['leader a', 'leader b', 'started']);
  expect(lease()?.spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
  // a wakes up: it has not led for long
  clock.advance(18_000);
  expect(a.elector.isLeader()).toBe(false);
  await until(() => a.history.includes('stopped'));
  await a.ended;
  expect(holder()).toBe('b');
});

test('a released Lease is taken at the next attempt', async () => {
  const a = await new Candidate('a', clock).lead();
  const own = new FakeClock();
  const b = new Candidate('b', own).run();
  await until(() => b.history.length === 1);
  a.signal.abort();
  await a.ended;
  expect(a.elector.isLeader()).toBe(true);
  await a.elector.release();
  expect(a.elector.isLeader()).toBe(false);
  expect(a.history).toEqual(['leader a', 'started', 'stopped']);
  expect(lease()?.spec).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 1 });
  own.advance(2400);
  await until(() => b.elector.isLeader());
});

test('a candidate that looks more often takes a released Lease sooner', async () => {
  const a = await new Candidate('a', clock).lead();
  const own = new FakeClock();
  const b = new Candidate('b', own, { candidatePeriodMs: 500 }).run();
  await until(() => b.history.length === 1);
  a.signal.abort();
  await a.ended;
  await a.elector.release();
  await pass(600, own);
  expect(b.elector.isLeader()).toBe(true);
});

test('a process that does not lead releases nothing', async () => {
  await new Candidate('a', clock).lead();
  const b = new Candidate('b', new FakeClock());
  const before = writes();
  await b.elector.release();
  expect(writes()).toBe(before);
  expect(holder()).toBe('a');
});

describe('losing it', () => {
  const silence: Fault = () => {};
  const failure: Fault = (_request, response) => sendStatus(response, 500, 'InternalError', 'etcd is away');

  test('isLeader ends with the renew deadline, even before any timer has fired', async () => {
    const a = await new Candidate('a', clock).lead();
    const monotonic = jest.spyOn(clock, 'monotonic');
    monotonic.mockReturnValue(9_999);
    expect(a.elector.isLeader()).toBe(true);
    monotonic.mockReturnValue(10_000);
    expect(a.elector.isLeader()).toBe(false);
    monotonic.mockRestore();
  });

  test.each([
    ['answers nothing', silence],
    ['fails', failure],
    ['breaks every connection', ((_request, response) => response.destroy()) as Fault],
  ])('an API server that %s ends it within the renew deadline', async (_name, fault) => {
    const a = await new Candidate('a', clock).lead();
    api.failNext(...Array.from({ length: 50 }, () => fault));
    await pass(9_900);
    expect(a.history).toEqual(['leader a', 'started']);
    await pass(200);
    expect(a.elector.isLeader()).toBe(false);
    expect(a.history).toEqual(['leader a', 'started', 'stopped']);
    await until(() => api.server.requests.length > 2);
  });

  test('a short failure costs nothing', async () => {
    const a = await new Candidate('a', clock).lead();
    api.failNext(silence, failure);
    await pass(30_000);
    expect(a.elector.isLeader()).toBe(true);
    expect(a.history).toEqual(['leader a', 'started']);
  });

  test('a renewal whose reply is lost was a renewal', async () => {
    const a = await new Candidate('a', clock).lead();
    const before = lease()?.metadata.resourceVersion;
    api.failNext(api.truth, api.loseReply);
    await pass(2500);
    expect(lease()?.metadata.resourceVersion).not.toBe(before);
    await pass(20_000);
    expect(a.history).toEqual(['leader a', 'started']);
    expect(lease()?.spec.leaseTransitions).toBe(0);
  });

  test('somebody else in the Lease ends it at once', async () => {
    const a = await new Candidate('a', clock).lead();
    const stored = lease();
    if (stored !== undefined) {
      stored.spec.holderIdentity = 'thief';
      stored.metadata.resourceVersion = '999';
    }
    await pass(2500);
    expect(a.history).toEqual(['leader a', 'started', 'leader thief', 'stopped']);
    await a.ended;
  });

  test('it can be a candidate again', async () => {
    const a = await new Candidate('a', clock).lead();
    const stored = lease();
    if (stored !== undefined) {
      stored.spec.holderIdentity = 'thief';
      stored.metadata.resourceVersion = '999';
    }
    await pass(2500);
    await a.ended;
    a.run();
    await pass(20_000);
    expect(a.history.slice(-2)).toEqual(['leader a', 'started']);
    expect(lease()?.spec.leaseTransitions).toBe(1);
  });
});

test('of two candidates that take a free Lease at once, one leads', async () => {
  const [a, b] = [new Candidate('a', clock).run(), new Candidate('b', clock).run()];
  await until(() => a.elector.isLeader() || b.elector.isLeader());
  await pass(10_000);
  expect([a, b].filter(({ elector }) => elector.isLeader())).toHaveLength(1);
  expect([a, b].filter(({ history }) => history.includes('started'))).toHaveLength(1);
});

test.each([
  [{ leaseDurationMs: 10_000 }, 'leaseDurationMs'],
  [{ renewDeadlineMs: 2_000 }, '15000, 2000, 2000'],
  [{ retryPeriodMs: 0 }, '15000, 10000, 0'],
  [{ leaseDurationMs: 15_500 }, 'whole seconds'],
])('durations that cannot work are refused: %j', (options, message) => {
  expect(() => new Candidate('a', clock, options)).toThrow(message);
  candidates = [];
});
