import { goalRows, type Row } from '../../../tools/bench/goals';
import { type Run, report } from '../../../tools/bench/report';
import { noResults, type Results } from '../../../tools/bench/results';
import { FULL } from '../../../tools/bench/sizes';
import type { Summary } from '../../../tools/bench/stats';

const times = (p50: number, p99: number): Summary => ({ count: 300, mean: p50, p50, p90: p99, p99, max: p99 });

/** A run in which every goal is just met. */
function goodResults(): Results {
  const session = { flips: 1_000, flipsPerSecond: 45, reaction: times(10, 20), skipped: 0 };
  const burst = { total: 2, lag: 1, idle: 3 };
  return {
    ...noResults(),
    reactions: new Map([
      ['6 Pods', { operator: times(12, 40), bare: times(10, 20) }],
      ['10,000 Pods over 1,000 hsds', { operator: times(15, 50), bare: times(10, 20) }],
    ]),
    rest: { seconds: 30, pods: 10_000, writes: new Map() },
    steady: {
      operator: session,
      bare: session,
      usage: { cpuPercent: 20, loopP99Ms: 5, rssMb: 100 },
      writes: new Map([['patch deployments/scale', 2_200]]),
    },
    bursts: new Map([['10,000 Pods over 1,000 hsds', { operator: burst, bare: burst, writesPerFlip: 2 }]]),
    memory: {
      points: [
        { pods: 0, rssMb: 90, heapMb: 20 },
        { pods: 10_000, rssMb: 105, heapMb: 30 },
      ],
    },
    coldStart: { pods: 10_000, operator: 2, bareList: 1, operatorWithoutStart: 1, bareListWithoutStart: 0.5 },
    raw: { perSecond: 200, latency: times(50, 90), connections: 16 },
    probes: {
      probes: 40_000,
      perSecond: 1_000,
      unknown: 0,
      latenessP50Ms: 1,
      latenessP99Ms: 100,
      answerP99Ms: 5,
      cpuPercent: 50,
      loopP99Ms: 5,
      rssMb: 100,
    },
  };
}

function runOf(results: Results): Run {
  const machine = {
    cpu: 'Some CPU',
    cores: 2,
    memoryGb: 24,
    kernel: 'Linux 6.1',
    node: 'v24.0.0',
    kubernetes: 'v1.37.2',
    date: '2026-01-02',
  };
  return { machine, load: { before: 0.1, most: 2 }, minutes: 30, sizes: FULL, scale: 1, results };
}

const rowAbout = (rows: Row[], word: string): Row | undefined => rows.find(({ what }) => what.includes(word));

describe('goals', () => {
  it('are met by figures exactly at their limits, and only claims are not judged', () => {
    const verdicts = goalRows(goodResults()).map(({ what, met }) => [what, met]);
    expect(verdicts.filter(([, met]) => met !== true)).toEqual([['claims per second', undefined]]);
  });

  it.each([
    {
      name: 'a p50 of 1.3 x at 6 Pods',
      about: '6 Pods',
      change: { reactions: new Map([['6 Pods', { operator: times(13, 20), bare: times(10, 20) }]]) },
    },
    {
      name: 'a p99 of 2.1 x at 6 Pods',
      about: '6 Pods',
      change: { reactions: new Map([['6 Pods', { operator: times(10, 42), bare: times(10, 20) }]]) },
    },
    {
      name: 'a p50 of 1.6 x at 10,000 Pods',
      about: '10,000 Pods over',
      change: {
        reactions: new Map([['10,000 Pods over 1,000 hsds', { operator: times(16, 20), bare: times(10, 20) }]]),
      },
    },
    {
      name: 'one write at rest',
      about: 'at rest',
      change: { rest: { seconds: 30, pods: 1, writes: new Map([['patch pods', 1]]) } },
    },
    {
      name: 'a megabyte too many without Pods',
      about: 'without Pods',
      change: {
        memory: {
          points: [
            { pods: 0, rssMb: 91, heapMb: 1 },
            { pods: 10_000, rssMb: 92, heapMb: 1 },
          ],
        },
      },
    },
    {
      name: '1.6 KB for each Pod',
      about: 'each further Pod',
      change: {
        memory: {
          points: [
            { pods: 0, rssMb: 80, heapMb: 1 },
            { pods: 10_000, rssMb: 96, heapMb: 1 },
          ],
        },
      },
    },
  ])('are missed by $name, and the row says why', ({ about, change }) => {
    const row = rowAbout(goalRows({ ...goodResults(), ...change }), about);
    expect(row).toMatchObject({ met: false, why: expect.stringMatching(/.+/) });
  });

  it('of a run that measured nothing are all there and none is judged', () => {
    const rows = goalRows(noResults());
    expect(rows.map(({ met }) => met)).toEqual(rows.map(() => undefined));
    expect(rows.length).toBeGreaterThanOrEqual(8);
  });
});

describe('the document', () => {
  it('says what machine it was, every goal with its ratio, and that a quiet machine was its own', () => {
    const text = report(runOf(goodResults()));
    expect(text).toContain('2 cores (Some CPU), 24 GB, Linux 6.1, Node v24.0.0, Kubernetes v1.37.2');
    expect(text).toContain('| p50 1.20 x, p99 2.00 x | met |');
    expect(text).not.toContain('shared the machine');
    expect(text).not.toContain('What is not met');
    expect(text).not.toMatch(/NaN|undefined/);
  });

  it('warns of a crowded machine and explains what was missed', () => {
    const results = { ...goodResults(), rest: { seconds: 30, pods: 1, writes: new Map([['patch pods', 1]]) } };
    const text = report({ ...runOf(results), load: { before: 3, most: 20 } });
    expect(text).toContain('shared the machine');
    expect(text).toContain('### What is not met, and what next\n\n- API writes at rest: A write at rest is a defect.');
  });

  it('says once why several goals are not met for one cause', () => {
    const slow = { operator: times(30, 60), bare: times(10, 20) };
    const reactions = new Map([...goodResults().reactions.keys()].map((where) => [where, slow] as const));
    const text = report(runOf({ ...goodResults(), reactions }));
    expect(text.match(/The scale write leaves/g)).toHaveLength(1);
    expect(text.match(/\*\*not met\*\*/g)).toHaveLength(reactions.size);
  });

  it('says when the sizes were not the full ones', () => {
    expect(report({ ...runOf(goodResults()), scale: 0.2 })).toContain('**At 0.2 of the full sizes**');
  });

  it('of a run that broke early is still whole', () => {
    expect(report(runOf(noResults()))).not.toMatch(/NaN|undefined/);
  });
});

it('says how much of the control plane a steady load takes up, which no ratio to the bare loop tells', () => {
  const text = report(runOf({ ...goodResults(), fill: { pods: 10_000, seconds: 100 } }));
  // 45 of 100 Pods a second, and 45 flips with 2.2 writes each of 200 patches.
  expect(text).toMatch(/take 117 % of it/);
});
