import fc from 'fast-check';
import { advance, NO_FORECAST } from '../../../operator/decide/auto-idle';
import { type SpareInput, spareBeside, spareFloor } from '../../../operator/decide/spare';

const NOON = Date.parse('2026-01-14T12:00:00Z');
const day = { name: 'day', start: '0 8 * * *', end: '0 18 * * *', idleTarget: 8 };
const busyHour = Array.from({ length: 240 }).reduce<typeof NO_FORECAST>(
  (before) =>
    advance(
      before,
      { found: 2, missed: 0, isEmpty: false, demand: 30, lowestDemand: 20 },
      { warmUpSeconds: 60, hitTarget: 0.99, windowSeconds: 3600 },
    ),
  NO_FORECAST,
);

interface Row {
  name: string;
  spec: SpareInput['spec'];
  busy?: number;
  forecast?: SpareInput['forecast'];
  want: { source: string; idleTarget: number; why?: string; minReplicas?: number };
}

const rows: Row[] = [
  {
    name: 'idleTarget alone',
    spec: { idleTarget: 3 },
    want: { source: 'IdleTarget', idleTarget: 3, why: 'idleTarget' },
  },
  {
    name: 'an open window that wants more',
    spec: { idleTarget: 3, schedules: [day] },
    want: { source: 'Schedule', idleTarget: 8, why: 'schedule day' },
  },
  {
    name: 'an open window that wants less changes nothing',
    spec: { idleTarget: 9, schedules: [day] },
    want: { source: 'IdleTarget', idleTarget: 9 },
  },
  {
    name: 'a window that is shut changes nothing',
    spec: { idleTarget: 3, schedules: [{ ...day, start: '0 20 * * *', end: '0 22 * * *' }] },
    want: { source: 'IdleTarget', idleTarget: 3 },
  },
  {
    name: 'the highest of windows that overlap',
    spec: {
      idleTarget: 3,
      schedules: [
        day,
        { ...day, name: 'lunch', start: '0 11 * * *', end: '0 14 * * *', idleTarget: 20, minReplicas: 30 },
      ],
    },
    want: { source: 'Schedule', idleTarget: 20, why: 'schedule lunch', minReplicas: 30 },
  },
  {
    name: 'a window with a fault takes no part',
    spec: { idleTarget: 3, schedules: [{ ...day, timeZone: 'Mars/Base' }] },
    want: { source: 'IdleTarget', idleTarget: 3 },
  },
  {
    name: 'a share of the busy Pods, rounded up',
    spec: { idleTarget: 3, idlePercent: 10 },
    busy: 41,
    want: { source: 'IdlePercent', idleTarget: 5, why: 'idlePercent, 10 % of the busy Pods' },
  },
  {
    name: 'a share that is less than idleTarget',
    spec: { idleTarget: 3, idlePercent: 10 },
    busy: 30,
    want: { source: 'IdleTarget', idleTarget: 3 },
  },
  {
    name: 'autoIdle that has seen nothing',
    spec: { idleTarget: 3, autoIdle: { mode: 'Apply', max: 50 } },
    want: { source: 'IdleTarget', idleTarget: 3 },
  },
  {
    name: 'autoIdle that only recommends',
    spec: { idleTarget: 3, autoIdle: { max: 50 } },
    forecast: busyHour,
    want: { source: 'IdleTarget', idleTarget: 3 },
  },
  {
    name: 'autoIdle that is applied',
    spec: { idleTarget: 3, autoIdle: { mode: 'Apply', max: 50 } },
    forecast: busyHour,
    want: {
      source: 'AutoIdle',
      idleTarget: 13,
      why: 'auto, 8 sessions a minute x 1 min to warm up, 99 % of them shall find one',
    },
  },
  {
    name: 'autoIdle up to its max',
    spec: { idleTarget: 3, autoIdle: { mode: 'Apply', max: 6 } },
    forecast: busyHour,
    want: { source: 'AutoIdle', idleTarget: 6 },
  },
  {
    name: 'autoIdle no less than its min',
    spec: { idleTarget: 3, autoIdle: { mode: 'Apply', min: 40, max: 50 } },
    forecast: busyHour,
    want: { source: 'AutoIdle', idleTarget: 40 },
  },
];

test.each(rows)('$name', ({ spec, busy = 0, forecast, want }) => {
  const floor = spareFloor({ spec, now: NOON, forecast, warmUpSeconds: 60 });
  expect(spareBeside(floor, spec, busy)).toMatchObject(want);
});

it('says when a window opens or closes next', () => {
  const schedules = [day, { ...day, name: 'late', start: '0 16 * * *', end: '0 20 * * *' }];
  const { nextChange } = spareFloor({ spec: { idleTarget: 1, schedules }, now: NOON, warmUpSeconds: 60 });
  expect(new Date(nextChange ?? 0).toISOString()).toBe('2026-01-14T16:00:00.000Z');
});

it('recommends the same number as it would apply', () => {
  const of = (mode: 'Recommend' | 'Apply'): number | undefined =>
    spareFloor({
      spec: { idleTarget: 1, autoIdle: { mode, max: 50 } },
      now: NOON,
      forecast: busyHour,
      warmUpSeconds: 60,
    }).recommendedIdle;
  expect(of('Recommend')).toBe(of('Apply'));
});

it('never goes below idleTarget, whatever else is asked for', () => {
  const schedule = fc.record({
    name: fc.constant('w'),
    start: fc.constant('0 * * * *'),
    end: fc.constant('30 * * * *'),
    idleTarget: fc.nat(50),
  });
  const spec = fc.record({
    idleTarget: fc.nat(50),
    idlePercent: fc.option(fc.nat(300), { nil: undefined }),
    schedules: fc.option(fc.array(schedule, { maxLength: 2 }), { nil: undefined }),
    autoIdle: fc.constant({ mode: 'Apply' as const, max: 20 }),
  });
  fc.assert(
    fc.property(spec, fc.nat(500), (of, busy) => {
      const { idleTarget } = spareBeside(
        spareFloor({ spec: of, now: NOON, forecast: busyHour, warmUpSeconds: 60 }),
        of,
        busy,
      );
      expect(idleTarget).toBeGreaterThanOrEqual(of.idleTarget);
      expect(idleTarget).toBeGreaterThanOrEqual(Math.ceil((busy * (of.idlePercent ?? 0)) / 100));
    }),
  );
});
