/** What the terminal shows, as lines. Numbers and texts in, lines out. */
import type { Row } from './model';
import type { Line, Span, Style } from './screen';

/** A Pod in the details. */
export interface PodRow {
  name: string;
  node: string;
  state: Row['pool'][number];
  isAttached: boolean;
  template: string;
  ageMs: number;
}

/** The child Deployment and the Pods of the selected hsd. */
export interface Details {
  child: string;
  replicas: number;
  isPaused: boolean;
  pods: readonly PodRow[];
}

export interface LogLine {
  /** Local time, `HH:MM:SS`. */
  time: string;
  hsd: string;
  text: string;
  isWarning: boolean;
}

export interface View {
  /** Which cluster this is. */
  where: string;
  rows: readonly Row[];
  /** Name of the selected hsd. */
  selected: string;
  /** Undefined: the log is shown instead. */
  details?: Details;
  log: readonly LogLine[];
  kubeconfig: string;
}

interface Column<T> {
  head: string;
  width: number;
  align: 'left' | 'right';
  cell: (row: T) => Span;
}

const GLYPHS: Readonly<Record<Row['pool'][number], { glyph: string; style: Style }>> = {
  busy: { glyph: '●', style: 'red' },
  idle: { glyph: '○', style: 'green' },
  starting: { glyph: '·', style: 'yellow' },
  draining: { glyph: '-', style: 'yellow' },
  going: { glyph: '×', style: 'dim' },
};

const number = (head: string, value: (row: Row) => number): Column<Row> => ({
  head,
  width: Math.max(head.length, 4),
  align: 'right',
  cell: (row) => ({ text: String(value(row)) }),
});

const HSD_COLUMNS: readonly Column<Row>[] = [
  { head: 'HSD', width: 18, align: 'left', cell: (row) => ({ text: nameOf(row), style: 'bold' }) },
  number('TARGET', (row) => row.target),
  {
    ...number('AVAILABLE', (row) => row.available),
    cell: ({ available, target }) => ({ text: String(available), style: available < target ? 'yellow' : 'green' }),
  },
  number('BUSY', (row) => row.busy),
  number('STARTING', (row) => row.starting),
  number('DESIRED', (row) => row.desired),
  { head: 'REACTION', width: 9, align: 'right', cell: (row) => ({ text: duration(row.reactionMs), style: 'cyan' }) },
];

/** Names are never cut while there is room: people give them to kubectl. What is left is for the node. */
function podColumns(pods: readonly PodRow[], columns: number): readonly Column<PodRow>[] {
  const longest = (values: string[]): number => Math.max(8, ...values.map(({ length }) => length));
  const name = longest(pods.map((pod) => pod.name));
  const node = longest(pods.map((pod) => pod.node));
  // 37: the margin, the other columns, and two spaces between all of them.
  const room = Math.max(6, columns - 37 - name);
  return [
    { head: 'POD', width: name, align: 'left', cell: (pod) => ({ text: pod.name }) },
    { head: 'NODE', width: Math.min(node, room), align: 'left', cell: (pod) => ({ text: pod.node }) },
    { head: 'STATE', width: 8, align: 'left', cell: (pod) => ({ text: pod.state, style: GLYPHS[pod.state].style }) },
    { head: 'CHILD', width: 8, align: 'left', cell: (pod) => ({ text: pod.isAttached ? 'attached' : 'detached' }) },
    { head: 'TMPL', width: 4, align: 'right', cell: (pod) => ({ text: pod.template }) },
    { head: 'AGE', width: 4, align: 'right', cell: (pod) => ({ text: age(pod.ageMs) }) },
  ];
}

const KEYS: readonly (readonly [key: string, what: string])[] = [
  ['s', 'start'],
  ['e', 'end'],
  ['b', 'burst of 5'],
  ['+ -', 'target'],
  ['t', 'template'],
  ['d', 'Pods'],
  ['tab', 'next'],
  ['q', 'quit'],
];

/** The whole screen: exactly `size.rows` lines, the keys at the bottom. */
export function layout(view: View, size: { columns: number; rows: number }): Line[] {
  const footer = footerOf(view, size.columns);
  const top = topOf(view);
  const space = Math.max(0, size.rows - top.length - footer.length);
  const middle = view.details
    ? detailLines(view.details, space, size.columns)
    : logLines(view.log, space, size.columns);
  const filler: Line[] = Array.from({ length: space - middle.length }, () => []);
  // A terminal too low for everything keeps the table and loses the footer.
  return [...top, ...middle, ...filler, ...footer].slice(0, size.rows);
}

function topOf({ where, rows, selected }: View): Line[] {
  return [
    [
      { text: ' HotStandby demo', style: 'bold' },
      { text: `  ${where}`, style: 'dim' },
    ],
    [],
    heading(HSD_COLUMNS),
    ...rows.flatMap((row) => [tableLine(HSD_COLUMNS, row, row.name === selected), poolLine(row)]),
    [{ text: '   ' }, ...legend()],
    [],
  ];
}

function heading<T>(columns: readonly Column<T>[]): Line {
  const text = columns.map((column) => align(column.head, column)).join('  ');
  return [{ text: `   ${text}`, style: 'dim' }];
}

function tableLine<T>(columns: readonly Column<T>[], row: T, isSelected: boolean): Line {
  const cells = columns.flatMap((column, index): Span[] => {
    const { text, style } = column.cell(row);
    return [...(index > 0 ? [{ text: '  ' }] : []), { text: align(text, column), style }];
  });
  return [{ text: isSelected ? ' > ' : '   ', style: 'bold' }, ...cells];
}

function align(text: string, { width, align: side }: Pick<Column<never>, 'width' | 'align'>): string {
  const fitting = text.length > width ? `${text.slice(0, width - 1)}…` : text;
  return side === 'left' ? fitting.padEnd(width) : fitting.padStart(width);
}

function poolLine({ pool }: Row): Line {
  const spans = pool.map((state): Span => ({ text: `${GLYPHS[state].glyph} `, style: GLYPHS[state].style }));
  return [{ text: '   ' }, ...spans];
}

function legend(): Span[] {
  return Object.entries(GLYPHS).flatMap(([state, { glyph, style }]) => [
    { text: glyph, style },
    { text: ` ${state}  `, style: 'dim' as const },
  ]);
}

function detailLines({ child, replicas, isPaused, pods }: Details, space: number, width: number): Line[] {
  const columns = podColumns(pods, width);
  const summary = `Deployment ${child}: ${replicas} replicas${isPaused ? ', paused for a rollout' : ''}`;
  const head: Line[] = [[{ text: ` ${summary}`, style: 'bold' }], heading(columns)];
  const room = Math.max(0, space - head.length - 1);
  const isTooMany = pods.length > room;
  const shown = isTooMany ? pods.slice(0, Math.max(0, room - 1)) : pods;
  const rest: Line[] = isTooMany ? [[{ text: `   and ${pods.length - shown.length} more`, style: 'dim' }]] : [];
  return [...head, ...shown.map((pod) => tableLine(columns, pod, false)), ...rest].slice(0, space);
}

const INDENT = 10;

/** The newest entries that fit as a whole, the last one at the bottom. */
function logLines(log: readonly LogLine[], space: number, columns: number): Line[] {
  const shown: Line[] = [];
  for (const entry of log.toReversed()) {
    const lines = entryLines(entry, Math.max(20, columns - INDENT - 1));
    // One line for the heading, one of distance to the keys.
    if (shown.length + lines.length > space - 2) break;
    shown.unshift(...lines);
  }
  return space < 2 ? [] : [[{ text: ' Events', style: 'bold' }], ...shown];
}

function entryLines({ time, hsd, text, isWarning }: LogLine, width: number): Line[] {
  const style = isWarning ? 'yellow' : undefined;
  return wrap(`${hsd}: ${text}`, width).map((part, index): Line => {
    const margin = index === 0 ? ` ${time} ` : ' '.repeat(INDENT);
    return [
      { text: margin, style: 'dim' },
      { text: part, style },
    ];
  });
}

/** Breaks a text between words into pieces of at most `width`; a longer word stands alone. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** The keys on as many lines as they need, and how to look with other tools. */
function footerOf({ kubeconfig }: View, columns: number): Line[] {
  const lines: Span[][] = [[]];
  let width = 0;
  for (const [key, what] of KEYS) {
    const spans: Span[] = [
      { text: ` ${key}`, style: 'bold' },
      { text: ` ${what} `, style: 'dim' },
    ];
    const length = key.length + what.length + 3;
    if (width + length > columns && width > 0) {
      lines.push([]);
      width = 0;
    }
    width += length;
    lines.at(-1)?.push(...spans);
  }
  return [...lines, [{ text: ` export KUBECONFIG=${kubeconfig}`, style: 'cyan' }]];
}

/** With the period of its probe, because that is most of its reaction. */
function nameOf({ name, probeSeconds }: Row): string {
  return probeSeconds === undefined ? name : `${name} (http ${probeSeconds}s)`;
}

/** Milliseconds for a person: `14 ms`, `1.8 s`; `-` when there are none. */
export function duration(ms: number | undefined): string {
  if (ms === undefined) return '-';
  if (ms < 1) return '<1 ms';
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** As kubectl shows it: `42s`, `3m`, `2h`, `5d`. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`;
}
