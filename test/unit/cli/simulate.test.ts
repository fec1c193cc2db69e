import fc from 'fast-check';
import { bestFixed } from '../../../cli/simulate/best-fixed';
import { type Scenario, simulate } from '../../../cli/simulate/engine';
import { generate, PATTERNS } from '../../../cli/simulate/generate';
import { plot } from '../../../cli/simulate/plot';
import { poolOf } from '../../../cli/simulate/pool';
import { seeded } from '../../../cli/simulate/random';
import { parseTrace } from '../../../cli/simulate/trace';

const parse = (text: string, perMinute?: number): number[] => [
  ...parseTrace(text, { name: 'trace.csv', random: seeded(1), perMinute }),
];
const scenario = (overrides: Partial<Scenario> = {}): Scenario => ({
  spec: { idleTarget: 1 },
  arrivals: Float64Array.of(0, 100, 200),
  warmUpSeconds: 60,
  sessionSeconds: 600,
  ...overrides,
});

describe('a trace', () => {
  it('has a session a row, in any order and in either way of writing a time', () => {
    const text = '2026-05-01 08:00:01.25\n2026-05-01T08:00:00Z\n\n2026-05-01T10:00:02+02:00\n';
    const first = Date.parse('2026-05-01T08:00:00Z') / 1000;
    expect(parse(text)).toEqual([first, first + 1.25, first + 2]);
  });

  it('spreads counts over the time until the next row, and the last as long as the one before', () => {
    const times = parse('timestamp,value\n2026-05-01 08:00:00,3\n2026-05-01 09:00:00,2\n');
    const first = Date.parse('2026-05-01T08:00:00Z') / 1000;
    expect(times).toHaveLength(5);
    expect(times.filter((time) => time < first + 3600)).toHaveLength(3);
    expect(Math.max(...times)).toBeLessThan(first + 7200);
  });

  it.each([
    [
      'a header that does not call it so',
      'TIMESTAMP,ContextTokens\n2026-05-01 08:00:00,4808\n2026-05-01 08:00:01,10\n',
      2,
    ],
    ['a header that calls it count', 'at,count\n2026-05-01 08:00:00,4\n2026-05-01 08:01:00,1\n', 5],
    ['no header', '2026-05-01 08:00:00,4,x\n2026-05-01 08:01:00,1,y\n', 5],
    ['no second column', '2026-05-01 08:00:00\n2026-05-01 08:01:00\n', 2],
  ])('reads the second column by its name: %s', (_, text, sessions) => {
    expect(parse(text)).toHaveLength(sessions);
  });

  it('is thinned or thickened to a rate', () => {
    const rows = Array.from({ length: 600 }, (_, n) => new Date(1_767_571_200_000 + n * 1000).toISOString()).join('\n');
    expect(parse(rows, 6).length).toBeGreaterThan(40);
    expect(parse(rows, 6).length).toBeLessThan(80);
    expect(parse(rows, 120)).toHaveLength(1198);
  });

  it.each([
    [
      '2026-05-01 08:00:00\nnever\n',
      'trace.csv:2: "never" is not a timestamp: write 2026-05-01T08:00:00Z or 2026-05-01 08:00:00 (UTC)',
    ],
    ['at,count\n2026-05-01 08:00:00,-1\n', 'trace.csv:2: "-1" is not a count of sessions: write a number of 0 or more'],
    [
      '2026-02-31 08:00:00\n',
      'trace.csv:1: "2026-02-31 08:00:00" is not a timestamp: write 2026-05-01T08:00:00Z or 2026-05-01 08:00:00 (UTC)',
    ],
    ['\n', 'trace.csv has no rows: write one timestamp a line, with a count or not'],
    ['at,count\n2026-05-01 08:00:00,0\n', 'trace.csv has no session in it: raise --per-minute, or take a longer trace'],
    [
      'at,count\n2026-05-01 08:00:00,99999999999\n',
      'trace.csv makes 100000 million sessions, at most 50 fit: thin it out with --per-minute',
    ],
  ])('that cannot be read names the line: %j', (text, message) => {
    expect(() => parse(text)).toThrow(message);
  });
});

describe('a made-up day', () => {
  it.each(PATTERNS)(
    'of pattern %s has the sessions asked for, in order, and the same again with the same seed',
    (pattern) => {
      const times = generate(pattern, 500, 2, seeded(7));
      expect(times).toHaveLength(500);
      expect(times).toEqual(times.slice().sort());
      expect(generate(pattern, 500, 2, seeded(7))).toEqual(times);
    },
  );
});

describe('a simulated pool', () => {
  it('gives the spare Pod to a session and starts the next one', () => {
    expect(simulate(scenario())).toMatchObject({ sessions: 3, missed: 0, maxPods: 4 });
  });

  it('lets a session wait that comes while the next Pod starts, then runs it', () => {
    const outcome = simulate(scenario({ arrivals: Float64Array.of(0, 10, 500) }));
    expect(outcome).toMatchObject({ missed: 1, maxPods: 4 });
    expect([...outcome.waits]).toEqual([50]);
  });

  it('counts Pods without a session from the first session to the last', () => {
    // One spare all the time, starting or ready: 200 s.
    expect(simulate(scenario()).idlePodHours).toBeCloseTo(200 / 3600, 9);
  });

  it('keeps to maxReplicas: who comes then waits for a session to end', () => {
    const outcome = simulate(scenario({ spec: { idleTarget: 1, maxReplicas: 1 }, arrivals: Float64Array.of(0, 10) }));
    expect(outcome).toMatchObject({ missed: 1, maxPods: 1 });
    expect([...outcome.waits]).toEqual([590]);
  });

  it('has nobody waiting in the end, and serves in order', () => {
    const times = fc.array(fc.double({ min: 0, max: 5_000, noNaN: true }), { minLength: 1, maxLength: 200 });
    const spec = fc.record({
      idleTarget: fc.nat(5),
      idlePercent: fc.nat(50),
      maxReplicas: fc.integer({ min: 1, max: 30 }),
    });
    fc.assert(
      fc.property(times, spec, (arrivals, of) => {
        const outcome = simulate(scenario({ spec: of, arrivals: Float64Array.from(arrivals).sort() }));
        expect(outcome.waits).toHaveLength(outcome.missed);
        expect(Math.min(0, ...outcome.waits)).toBe(0);
        expect(outcome.maxPods).toBeLessThanOrEqual(of.maxReplicas);
      }),
    );
  });

  it('opens windows of schedules at their time', () => {
    const start = Date.parse('2026-01-14T07:00:00Z') / 1000;
    const schedules = [{ name: 'day', start: '0 8 * * *', end: '0 18 * * *', idleTarget: 5 }];
    const samples: number[] = [];
    simulate(
      scenario({
        spec: { idleTarget: 1, schedules },
        arrivals: Float64Array.of(start, start + 2 * 3600),
        onStep: ({ at, spare }) => void samples.push(at < start + 3600 ? -spare : spare),
      }),
    );
    expect(new Set(samples)).toEqual(new Set([-1, 5]));
  });
});

describe('the best fixed number', () => {
  it('is the smallest with which no more sessions miss', () => {
    const arrivals = generate('bursty', 800, 1, seeded(3));
    const pool = scenario({ arrivals });
    for (const most of [0, 5, 100]) {
      const { idleTarget, outcome } = bestFixed(pool, most);
      expect(outcome.missed).toBeLessThanOrEqual(most);
      const less = simulate({ ...pool, spec: { idleTarget: idleTarget - 1 } });
      expect(idleTarget === 0 || less.missed > most).toBe(true);
    }
  });
});

describe('autoIdle on days of sessions', () => {
  it.each(PATTERNS)('misses about as many as it may on pattern %s, after the first day', (pattern) => {
    const arrivals = generate(pattern, 7 * 1440, 7, seeded(11));
    const pool = scenario({ arrivals, spec: { idleTarget: 1, autoIdle: { mode: 'Apply', hitTarget: 99, max: 500 } } });
    const outcome = simulate(pool);
    expect(outcome.missed / outcome.sessions).toBeLessThanOrEqual(0.015);
    const fixed = bestFixed(pool, outcome.missed);
    expect(outcome.idlePodHours).toBeLessThanOrEqual(1.1 * fixed.outcome.idlePodHours);
  });
});

describe('the manifest of a pool', () => {
  const manifest = (spec: string): string =>
    `apiVersion: v1\nkind: Service\n---\nkind: HotStandbyDeployment\nspec: ${spec}\n`;

  it('is the first HotStandbyDeployment, with autoIdle as if it were applied', () => {
    expect(poolOf(manifest('{idleTarget: 2, autoIdle: {max: 9}}'), 'x.yaml', 0)).toEqual({
      idleTarget: 2,
      autoIdle: { max: 9, mode: 'Apply' },
    });
  });

  it.each([
    ['kind: Pod', 'x.yaml holds no HotStandbyDeployment with a spec: give the manifest of one'],
    [manifest('{}'), 'x.yaml: spec.idleTarget is undefined: write a whole number of 0 or more'],
    [
      manifest('{idleTarget: 2, maxReplicas: many}'),
      'x.yaml: spec.maxReplicas is "many": write a whole number of 0 or more',
    ],
    [
      manifest('{idleTarget: 2, autoIdle: {}}'),
      'x.yaml: spec.autoIdle needs an upper bound: set autoIdle.max or maxReplicas',
    ],
    [
      manifest('{idleTarget: 2, schedules: [{name: a, start: x, end: y, idleTarget: 1}]}'),
      'x.yaml: schedule a: start "x" is no cron',
    ],
    ['a: [', 'x.yaml is not YAML: '],
  ])('that is wrong is told by one line: %j', (text, message) => {
    expect(() => poolOf(text, 'x.yaml', 0)).toThrow(message);
  });
});

it('draws a picture with as many points as it can show, and no markup from a name', () => {
  const samples = Array.from({ length: 5_000 }, (_, n) => ({
    at: n * 15,
    busy: n % 7,
    waiting: 0,
    available: 2,
    starting: 1,
    spare: 3,
  }));
  const svg = plot(samples, 'a <day> & more');
  expect(svg).toContain('a &#60;day&#62; &#38; more');
  expect(svg.length).toBeLessThan(100_000);
});
