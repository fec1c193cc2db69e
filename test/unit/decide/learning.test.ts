import { decide } from '../../../operator/decide/decide';
import { type Learning, learnedOf, warmUpSeconds } from '../../../operator/decide/learning';
import { newMemory, recall, remember } from '../../../operator/decide/memory';
import type { HsdView, Observation, Plan, PodView } from '../../../operator/decide/model';
import type { HotStandbyStatus } from '../../../src/api/types';
import { aChild, anHsd, anObservation, aPod, aReplicaSet, NOW } from './builders';

/** A pool seen pass by pass: what one leaves is what the next begins with. */
class Pool {
  hsd: HsdView;
  now = NOW;
  plan: Plan | undefined;
  private memory: ReturnType<typeof newMemory> | undefined;

  constructor(autoIdle: HsdView['spec']['autoIdle'], status: HotStandbyStatus = {}) {
    this.hsd = anHsd({ spec: { idleTarget: 2, autoIdle }, status });
  }

  look(pods: readonly PodView[], afterMs = 0, seen: Partial<Observation> = {}): Learning | undefined {
    this.now += afterMs;
    const { hsd, now } = this;
    const child = aChild({ replicas: pods.length }, hsd);
    const before = this.memory ?? newMemory({ hsd, child, pods, now });
    const observation = {
      ...anObservation({ hsd, child, replicaSets: [aReplicaSet({}, hsd)], pods: [...pods] }),
      ...recall(before, hsd, pods, now),
      now,
      serverNow: now,
      ...seen,
    };
    this.plan = decide(observation);
    this.memory = remember(before, observation, this.plan);
    return this.memory.learning;
  }
}

const AUTO = { mode: 'Apply' as const, max: 20 };
const starting = (uid: string): PodView => ({
  ...aPod(uid).build(),
  ready: false,
  readySince: 0,
  state: 'starting',
  createdAt: NOW,
});
const ready = (uid: string, seconds: number): PodView => ({
  ...aPod(uid).build(),
  createdAt: NOW,
  ready: true,
  readySince: NOW + seconds * 1000,
});
const busy = (uid: string): PodView => aPod(uid).busy().build();

describe('what autoIdle learns from passes', () => {
  it('is nothing while it is off', () => {
    expect(new Pool(undefined).look([aPod().build()])).toBeUndefined();
  });

  it('asks for idleTarget until a warm-up was seen', () => {
    const pool = new Pool(AUTO);
    expect(pool.look([starting('a')])?.warmUps).toEqual([]);
    expect(pool.look([starting('a')], 600_000)?.forecast).toBeUndefined();
    expect(pool.plan?.status.capacity).toEqual({ source: 'IdleTarget', idleTarget: 2, message: '2: idleTarget' });
  });

  it('measures a warm-up from creation to readiness, of Pods that it saw start', () => {
    const pool = new Pool(AUTO);
    pool.look([starting('a'), starting('b')]);
    const learning = pool.look([ready('a', 30), ready('b', 90), ready('c', 3_000)], 90_000);
    expect(learning?.warmUps).toEqual([30, 90]);
    expect(warmUpSeconds(learning ?? { warmUps: [] })).toBe(90);
  });

  it('takes half a second for a Pod that is Ready in the second of its creation', () => {
    const pool = new Pool(AUTO);
    pool.look([starting('a')]);
    expect(pool.look([ready('a', 0)], 1_000)?.warmUps).toEqual([0.5]);
  });

  it('takes the quickest Pod there is for a warm-up when it begins: others may have flapped', () => {
    expect(new Pool(AUTO).look([ready('a', 4_000), ready('b', 25)])?.warmUps).toEqual([25]);
  });

  it('counts a session when a Pod that was free is busy, and no Pod that was busy before it was seen', () => {
    const pool = new Pool(AUTO);
    pool.look([ready('a', 60), ready('b', 60)]);
    expect(pool.look([busy('a'), ready('b', 60), busy('new')], 1_000)?.step).toMatchObject({
      found: 1,
      missed: 0,
      demand: 2,
    });
    expect(pool.look([busy('a'), ready('b', 60), busy('new')], 1_000)?.step.found).toBe(1);
  });

  it('counts callers that wait as sessions that found none, once', () => {
    const pool = new Pool(AUTO);
    pool.look([ready('a', 60)]);
    const waiting = { claims: { reserved: new Set<string>(), waiting: 3 } };
    expect(pool.look([ready('a', 60)], 1_000, waiting)?.step).toMatchObject({ found: 0, missed: 3, demand: 3 });
    expect(pool.look([busy('a')], 1_000, { claims: { reserved: new Set(), waiting: 2 } })?.step).toMatchObject({
      found: 0,
      missed: 3,
    });
  });

  it('takes a step every quarter of a warm-up, and looks again by itself', () => {
    const pool = new Pool(AUTO);
    pool.look([ready('a', 60)]);
    expect(pool.plan?.requeueAfterMs).toBe(15_000);
    expect(pool.look([ready('a', 60)], 14_999)?.forecast).toBeUndefined();
    expect(pool.look([ready('a', 60)], 1)?.forecast).toMatchObject({ seconds: 15 });
    expect(pool.look([ready('a', 60)], 60_000)?.forecast).toMatchObject({ seconds: 75 });
  });

  it('does not make up for a night of sleep step by step', () => {
    const pool = new Pool(AUTO);
    pool.look([ready('a', 60)]);
    expect(pool.look([ready('a', 60)], 365 * 86_400_000)?.forecast?.seconds).toBeLessThanOrEqual(5_000 * 15);
  });

  it('says the number, why, and does not write the rates of the moment while the number stays', () => {
    const pool = new Pool({ ...AUTO, min: 5 });
    pool.look([ready('a', 60), ready('b', 60)]);
    pool.look([busy('a'), ready('b', 60)], 15_000);
    const first = pool.plan?.status ?? {};
    expect(first.capacity).toMatchObject({
      source: 'AutoIdle',
      idleTarget: 5,
      message: '5: auto, 4 sessions a minute x 1 min to warm up, 99 % of them shall find one',
      recommendedIdle: 5,
    });
    pool.hsd = { ...pool.hsd, status: first };
    pool.look([busy('a'), ready('b', 60)], 15_000);
    expect(pool.plan?.status).toEqual(first);
  });

  it('goes on from what the last operator wrote', () => {
    const pool = new Pool(AUTO);
    pool.look([ready('a', 60), ready('b', 60)]);
    for (let n = 0; n < 8; n += 1) pool.look([n % 2 ? busy('a') : ready('a', 60), ready('b', 60)], 15_000);
    const written = pool.plan?.status ?? {};
    const next = new Pool(AUTO, written).look([busy('a'), ready('b', 60)]);
    expect(next && learnedOf(next)).toEqual(written.capacity?.learned);
  });

  it.each([
    ['nothing', {}],
    ['text', 'a forecast'],
    ['no warm-up', { forecast: {} }],
    ['a number of another kind', { warmUpSeconds: 60, forecast: { slow: 'fast' } }],
    ['numbers without end', { warmUpSeconds: 1e300, forecast: {} }],
  ])('begins anew where the status holds %s instead', (_, learned) => {
    const pool = new Pool(AUTO, { capacity: { learned: learned as Record<string, unknown> } });
    expect(pool.look([ready('a', 60)])?.forecast).toBeUndefined();
  });
});

describe('the source that decides', () => {
  it('is told by an Event when it changes, once', () => {
    const pool = new Pool(undefined);
    pool.hsd = anHsd({ spec: { idleTarget: 1, idlePercent: 100 } });
    pool.look([aPod('a').build()]);
    expect(pool.plan?.events).toEqual([]);
    pool.look([busy('a'), busy('b')], 1_000);
    expect(pool.plan?.events.filter(({ reason }) => reason === 'IdleTargetSource')).toEqual([
      {
        type: 'Normal',
        reason: 'IdleTargetSource',
        action: 'Scale',
        note: '2 idle Pods are wanted: idlePercent, 100 % of the busy Pods',
      },
    ]);
    pool.look([busy('a'), busy('b')], 1_000);
    expect(pool.plan?.events.filter(({ reason }) => reason === 'IdleTargetSource')).toEqual([]);
  });
});
