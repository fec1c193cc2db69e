import { paint } from '../../../tools/demo/screen';
import { age, duration, layout, type View, wrap } from '../../../tools/demo/table';

const ROOMS: View['rows'][number] = {
  name: 'rooms',
  target: 3,
  available: 2,
  busy: 2,
  starting: 1,
  desired: 5,
  reactionMs: 13.6,
  pool: ['busy', 'busy', 'idle', 'idle', 'starting'],
};

const aView = (overrides: Partial<View> = {}): View => ({
  where: 'Kubernetes v1.37.0, kwok nodes',
  rows: [ROOMS, { ...ROOMS, name: 'sandboxes', reactionMs: undefined, pool: [] }],
  selected: 'rooms',
  log: [],
  kubeconfig: '/tmp/demo/kubeconfig',
  ...overrides,
});

const drawn = (view: View, columns = 80, rows = 24): string[] =>
  layout(view, { columns, rows }).map((line) => paint(line, columns, false));

describe('the table', () => {
  test('shows every number of an hsd under its heading', () => {
    const [, , heading = '', rooms = '', pool] = drawn(aView());
    expect(heading.trim().split(/\s+/)).toEqual('HSD TARGET AVAILABLE BUSY STARTING DESIRED REACTION'.split(' '));
    expect(rooms.trim().split(/\s+/)).toEqual(['>', 'rooms', '3', '2', '2', '1', '5', '14', 'ms']);
    for (const name of ['TARGET', 'BUSY', 'DESIRED']) {
      const end = heading.indexOf(name) + name.length;
      expect(rooms.slice(0, end)).toMatch(/\d$/);
    }
    expect(pool?.trim()).toBe('● ● ○ ○ ·');
  });

  test('says how often an hsd of http mode is probed', () => {
    expect(drawn(aView({ rows: [{ ...ROOMS, probeSeconds: 2 }] }))[3]).toMatch(/^ > rooms \(http 2s\) /);
  });

  test('marks the selected hsd alone', () => {
    const marked = drawn(aView({ selected: 'sandboxes' })).filter((line) => line.startsWith(' > '));
    expect(marked).toEqual([expect.stringContaining('sandboxes')]);
  });

  test('says where the kubeconfig is, below the keys', () => {
    const lines = drawn(aView());
    expect(lines.at(-1)).toBe(' export KUBECONFIG=/tmp/demo/kubeconfig');
    expect(lines.at(-2)).toMatch(/s start .*q quit/);
  });

  test.each([
    [80, 24],
    [40, 12],
    [200, 60],
    [10, 3],
    [1, 1],
  ])('fills %i columns by %i rows exactly', (columns, rows) => {
    const log = Array.from({ length: 50 }, () => ({
      time: '12:00:00',
      hsd: 'rooms',
      text: 'word '.repeat(30),
      isWarning: false,
    }));
    const lines = drawn(aView({ log }), columns, rows);
    expect(lines).toHaveLength(rows);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
  });

  test('keeps the newest entries of the log, each as a whole', () => {
    const log = Array.from({ length: 30 }, (_, index) => ({
      time: '12:00:00',
      hsd: 'rooms',
      text: `first${index} ${'and more '.repeat(12)}last${index}`,
      isWarning: false,
    }));
    const all = drawn(aView({ log })).join('\n');
    const firsts = [...all.matchAll(/first(\d+)/g)].map(([, index]) => index);
    const lasts = [...all.matchAll(/last(\d+)/g)].map(([, index]) => index);
    expect(firsts).toEqual(lasts);
    expect(lasts.at(-1)).toBe('29');
    expect(firsts.length).toBeGreaterThan(2);
  });

  test('keeps all keys readable on a narrow terminal', () => {
    expect(drawn(aView(), 40, 24).join('\n')).toContain('q quit');
  });
});

describe('the details', () => {
  const pods = Array.from({ length: 30 }, (_, index) => ({
    name: `rooms-workload-5c75dc6db-${index}`,
    node: 'kwok-1',
    state: 'idle' as const,
    isAttached: index !== 0,
    template: '2',
    ageMs: 61_000,
  }));
  const details = { child: 'rooms-workload', replicas: 29, isPaused: false, pods };

  test('show the child and each Pod', () => {
    const lines = drawn(aView({ details }));
    expect(lines).toContainEqual(' Deployment rooms-workload: 29 replicas');
    const [first = '', second = ''] = lines.filter((line) => line.includes('rooms-workload-5c75dc6db-'));
    expect(first.trim().split(/\s+/)).toEqual(['rooms-workload-5c75dc6db-0', 'kwok-1', 'idle', 'detached', '2', '61s']);
    expect(second).toContain('attached');
  });

  test.each([80, 60])('never cut the name of a Pod, at %i columns', (columns) => {
    const long = { ...details, pods: [{ ...details.pods[0], name: 'sandboxes-workload-565d76df87-krxxq' }] };
    const lines = drawn(aView({ details: long as typeof details }), columns);
    expect(lines.join('\n')).toContain('sandboxes-workload-565d76df87-krxxq  kwok-1');
  });

  test('fit 80 columns with names as the examples have them', () => {
    const long = { ...details, pods: [{ ...details.pods[0], name: 'sandboxes-workload-565d76df87-krxxq' }] };
    const lines = drawn(aView({ details: long as typeof details }), 80);
    expect(lines.find((line) => line.includes('krxxq'))).toMatch(/61s$/);
  });

  test('say how many Pods did not fit', () => {
    const lines = drawn(aView({ details }));
    const shown = lines.filter((line) => line.includes('5c75dc6db-')).length;
    expect(shown).toBeGreaterThan(5);
    expect(lines).toContainEqual(`   and ${30 - shown} more`);
    expect(lines.at(-1)).toContain('KUBECONFIG');
  });
});

test.each([
  [undefined, '-'],
  [0, '<1 ms'],
  [13.6, '14 ms'],
  [999.4, '999 ms'],
  [1656.9, '1.7 s'],
])('a reaction of %p is shown as %s', (ms, expected) => {
  expect(duration(ms)).toBe(expected);
});

test.each([
  [-5, '0s'],
  [119_999, '119s'],
  [120_000, '2m'],
  [7_200_000, '2h'],
  [172_800_000, '2d'],
])('an age of %i ms is shown as %s', (ms, expected) => {
  expect(age(ms)).toBe(expected);
});

test('a text is broken between words, a longer word stands alone', () => {
  expect(wrap('one two extraordinary six', 7)).toEqual(['one two', 'extraordinary', 'six']);
});
