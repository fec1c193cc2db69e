import fc from 'fast-check';
import { decide } from '../../../operator/decide/decide';
import { MOST_STEPS } from '../../../operator/decide/growth';
import type { Growth, HsdView, Plan } from '../../../operator/decide/model';
import type { HotStandbySpec } from '../../../src/api/types';
import {
  aChild,
  anHsd,
  anObservation,
  aPod,
  HTTP,
  NOW,
  type ObservationOptions,
  type PodBuilder,
  pods,
} from './builders';

const born = (count: number): ReturnType<typeof pods> => pods('born', count, (pod) => pod.busy().marked('busy'));
const hsd = anHsd({ spec: { idleTarget: 2 } });
const TEMPLATE = aChild().templateHash ?? '';

const planOf = (options: ObservationOptions): Plan => decide(anObservation({ hsd, growth: null, ...options }));

/** What the plan brings the child to. */
function wantedOf({ writes }: Plan, now: number): number {
  const scale = writes.find((write) => write.kind === 'scaleChild');
  return scale?.kind === 'scaleChild' ? scale.replicas : now;
}

function conditionOf({ status }: Plan, type: string): { status: string; reason: string; message: string } | undefined {
  return status.conditions?.find((condition) => condition.type === type);
}

/** A pool whose every new Pod is as `make` says: the replicas it ends at, and after how many looks. */
function grow(
  spec: Partial<HotStandbySpec>,
  make: (pod: PodBuilder) => PodBuilder,
  waits: readonly number[],
): { replicas: number; plan: Plan } {
  const pool = anHsd({ spec });
  let replicas = Math.max(pool.spec.idleTarget, pool.spec.minReplicas ?? 0);
  let growth: Growth | undefined;
  let now = NOW;
  let plan = planOf({});
  for (const wait of waits) {
    now += wait;
    const options = { hsd: pool, child: aChild({ replicas }, pool), pods: pods('born', replicas, make), now };
    plan = planOf({ ...options, growth: growth ?? null });
    growth = plan.growth ?? growth;
    replicas = wantedOf(plan, replicas);
  }
  return { replicas, plan };
}

const HOURS = Array.from({ length: 60 }, () => 3_600_000);
const INSTANT = Array.from({ length: 60 }, () => 0);

describe('Pods that are busy from birth', () => {
  const kinds: [string, Partial<HotStandbySpec>, (pod: PodBuilder) => PodBuilder][] = [
    ['marked in the template', {}, (pod) => pod.busy()],
    [
      'marked by a key of their own',
      { busyProbe: { mode: 'annotation', annotationKey: 'example.com/own' } },
      (pod) => pod.with({ busyKey: 'example.com/own' }).busy('example.com/own'),
    ],
    ['busy before they are Ready', {}, (pod) => pod.busy().notReady()],
  ];
  test.each(kinds)('%s: call for a refill at once, later for a few more, then for none', (_kind, spec, make) => {
    expect(grow({ idleTarget: 2, ...spec }, make, INSTANT).replicas).toBe(4);
    expect(grow({ idleTarget: 2, ...spec }, make, HOURS).replicas).toBe(2 + 2 * MOST_STEPS);
  });

  test('an app that answers 302 to its probe does not make a pool grow without end either', () => {
    const pool = anHsd({ spec: { ...HTTP, idleTarget: 1 } });
    const some = pods('born', 40, (pod) => pod.with({ busyKey: undefined }).marked('busy'));
    const probes = Object.fromEntries(some.map(({ uid }) => [uid, { state: 'busy', checkedAt: NOW } as const]));
    const plan = planOf({ hsd: pool, child: aChild({ replicas: 40 }, pool), pods: some, probes });
    expect(wantedOf(plan, 40)).toBe(40);
  });

  test('steps come 30 s, 90 s, 210 s ... after the first, and the plan asks to be woken for them', () => {
    const at = (ms: number, count: number): [number, number | undefined] => {
      const growth = { held: { template: TEMPLATE, since: NOW } };
      const plan = planOf({ child: aChild({ replicas: count }), pods: born(count), now: NOW + ms, growth });
      return [wantedOf(plan, count), plan.requeueAfterMs];
    };
    expect([at(0, 4), at(29_999, 4), at(30_000, 4)]).toEqual([
      [4, 30_000],
      [4, 1],
      [6, undefined],
    ]);
    expect([at(30_000, 6), at(90_000, 6), at(90_000, 8)]).toEqual([
      [6, 60_000],
      [8, undefined],
      [8, 120_000],
    ]);
    expect([at(449_999, 10), at(450_000, 10), at(450_000, 12)]).toEqual([
      [10, 1],
      [12, undefined],
      [12, 480_000],
    ]);
    expect([at(930_000, 12), at(930_000, 14), at(1e9, 14)]).toEqual([
      [14, undefined],
      [14, undefined],
      [14, undefined],
    ]);
  });

  test('the status says so and names what to look for, whatever the limits are', () => {
    const plan = planOf({ pods: born(4) });
    expect(conditionOf(plan, 'ScalingLimited')).toMatchObject({ status: 'True', reason: 'NeverAvailable' });
    expect(conditionOf(plan, 'IdleTargetMet')).toMatchObject({ status: 'False', reason: 'NeverAvailable' });
    expect(conditionOf(plan, 'Ready')).toMatchObject({ status: 'False' });
    expect(conditionOf(plan, 'ScalingLimited')?.message).toContain(
      '4 Pods of this template are busy and none was ever available, so growth is held back at 4',
    );
    expect(plan.status).toMatchObject({ busyCount: 4, desiredReplicas: 6 });
  });

  test('they are protected as busy all the same', () => {
    const plan = planOf({ pods: pods('born', 4, (pod) => pod.busy().marked('starting')) });
    expect(plan.writes.filter((write) => write.kind === 'markPod' && write.state === 'busy')).toHaveLength(4);
  });

  test('what is there already is not lowered by the bound', () => {
    expect(planOf({ pods: born(50) }).writes).toEqual([]);
  });

  test('a child somebody lowered gets its busy Pods back, whether they were ever available or not', () => {
    expect(wantedOf(planOf({ pods: born(50), child: aChild({ replicas: 0 }) }), 0)).toBe(50);
  });
});

describe('once a Pod of the template has been available', () => {
  const burst = { pods: born(4) };

  test.each<[string, ObservationOptions]>([
    ['as is remembered', { growth: { proven: TEMPLATE } }],
    [
      'as its fingerprint in the status says',
      { hsd: anHsd({ spec: { idleTarget: 2 }, status: { availableTemplate: TEMPLATE } }) },
    ],
    ['as is seen', { pods: [...born(4), aPod('idle')], child: aChild({ replicas: 5 }) }],
    [
      'as the status of an operator before says',
      {
        hsd: anHsd({
          spec: { idleTarget: 2 },
          status: {
            conditions: [
              {
                type: 'Ready',
                status: 'True',
                observedGeneration: 1,
                reason: 'Ready',
                message: '',
                lastTransitionTime: '2026-01-01T00:00:00Z',
              },
            ],
          },
        }),
      },
    ],
  ])('%s, sessions alone count', (_how, options) => {
    const plan = planOf({ ...burst, ...options });
    expect(wantedOf(plan, 0)).toBe(6);
    expect(plan.growth).toEqual({ proven: TEMPLATE });
    expect(conditionOf(plan, 'ScalingLimited')).toMatchObject({ status: 'False' });
  });

  test('the status keeps it, for an operator that starts anew while every Pod is busy', () => {
    const { status } = planOf({ pods: [aPod('idle')], child: aChild({ replicas: 1 }) });
    expect(status.availableTemplate).toBe(TEMPLATE);
    const later = anHsd({ generation: 2, spec: { idleTarget: 2 }, status });
    expect(wantedOf(planOf({ ...burst, hsd: later }), 0)).toBe(6);
    expect(planOf({ ...burst, hsd: later, child: null }).status.availableTemplate).toBe(TEMPLATE);
    expect(planOf(burst).status).not.toHaveProperty('availableTemplate');
  });

  test('another template has to show for itself', () => {
    const plan = planOf({ ...burst, growth: { proven: 'another' } });
    expect(wantedOf(plan, 4)).toBe(4);
    expect(plan.growth).toEqual({ proven: 'another', held: { template: TEMPLATE, since: NOW } });
  });

  test('the template stays proven while its child is away, and while another one is tried', () => {
    expect(planOf({ child: null, growth: { proven: TEMPLATE } }).growth).toEqual({ proven: TEMPLATE });
    const tried = planOf({
      ...burst,
      child: aChild({ replicas: 4, templateHash: 'tried' }),
      growth: { proven: TEMPLATE },
    });
    expect(wantedOf(planOf({ ...burst, growth: tried.growth ?? null }), 4)).toBe(6);
  });

  test('a pool that was held back gets to its target with the next look', () => {
    const held = { held: { template: TEMPLATE, since: NOW } };
    const seen = [...born(3), aPod('mended')];
    expect(wantedOf(planOf({ pods: seen, growth: held }), 4)).toBe(5);
  });
});

test('sessions on Pods of an earlier template do not count against the new one', () => {
  const old = pods('old', 5, (pod) => pod.detached().busy().marked('busy'));
  const seen = { pods: [...old, ...born(1)], child: aChild({ replicas: 2 }) };
  expect(wantedOf(planOf(seen), 2)).toBe(3);
});

const spec = fc.record({
  idleTarget: fc.nat({ max: 50 }),
  minReplicas: fc.nat({ max: 50 }),
  maxReplicas: fc.option(fc.integer({ min: 1, max: 300 }), { nil: undefined }),
});

test('whatever is asked for, and however long it goes on: no more than the first wish and six refills', () => {
  const waits = fc.array(fc.integer({ min: 0, max: 86_400_000 }), { minLength: 20, maxLength: 40 });
  fc.assert(
    fc.property(spec, waits, (counts, pauses) => {
      const { replicas } = grow(counts, (pod) => pod.busy().marked('busy'), pauses);
      const first = Math.max(counts.idleTarget, counts.minReplicas);
      expect(replicas).toBeLessThanOrEqual(first + MOST_STEPS * Math.max(1, counts.idleTarget));
    }),
    { numRuns: 100 },
  );
});

test('an operator that starts anew, as often as it likes, gives one refill at once each time and never more', () => {
  const restarted = (pool: HsdView, replicas: number): Plan =>
    planOf({ hsd: pool, child: aChild({ replicas }, pool), pods: born(replicas) });
  fc.assert(
    fc.property(spec, fc.integer({ min: 1, max: 400 }), (counts, replicas) => {
      const pool = anHsd({ spec: counts });
      const first = Math.max(counts.idleTarget, counts.minReplicas);
      const wanted = wantedOf(restarted(pool, replicas), replicas);
      expect(wanted).toBeLessThanOrEqual(Math.max(replicas, first + Math.max(1, counts.idleTarget)));
    }),
    { numRuns: 100 },
  );
});
