import type { Sample } from './engine';

/** A picture of a run as SVG: what the Pods did over time, and where sessions had to wait. */

const WIDTH = 960;
const HEIGHT = 420;
const PLOT = { left: 56, top: 64, right: 32, bottom: 44 };
const COLUMNS = 600;
const COLOURS = { busy: '#3566a8', available: '#7cc48f', starting: '#e9c46a', waiting: '#c8442f' };
const LABELS: Readonly<Record<keyof typeof COLOURS, string>> = {
  busy: 'in a session',
  available: 'idle, ready',
  starting: 'starting',
  waiting: 'callers waiting',
};

/** One column of the picture: averages of what it covers, but the most who waited. */
interface Column {
  at: number;
  busy: number;
  available: number;
  starting: number;
  waiting: number;
}

export function plot(samples: readonly Sample[], title: string): string {
  const columns = columnsOf(samples);
  const most = Math.max(1, ...columns.map((c) => c.busy + c.available + c.starting + c.waiting));
  const scale = niceScale(most);
  const first = columns[0]?.at ?? 0;
  const last = columns[columns.length - 1]?.at ?? 1;
  const x = (at: number): number =>
    PLOT.left + ((at - first) / Math.max(1, last - first)) * (WIDTH - PLOT.left - PLOT.right);
  const y = (pods: number): number => HEIGHT - PLOT.bottom - (pods / scale.top) * (HEIGHT - PLOT.top - PLOT.bottom);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<text x="${PLOT.left}" y="22" font-size="15" font-weight="600" fill="#222">${escaped(title)}</text>`,
    legend(),
    ...scale.ticks.map((pods) => horizontal(pods, y(pods))),
    areas(columns, x, y),
    ...timeTicks(first, last).map(({ at, label }) => vertical(x(at), label)),
    '</svg>',
    '',
  ].join('\n');
}

function columnsOf(samples: readonly Sample[]): Column[] {
  const size = Math.max(1, Math.ceil(samples.length / COLUMNS));
  const columns: Column[] = [];
  for (let start = 0; start < samples.length; start += size) {
    const part = samples.slice(start, start + size);
    const mean = (pick: (sample: Sample) => number): number => part.reduce((sum, s) => sum + pick(s), 0) / part.length;
    columns.push({
      at: part[0]?.at ?? 0,
      busy: mean((s) => s.busy),
      available: mean((s) => s.available),
      starting: mean((s) => s.starting),
      waiting: Math.max(...part.map((s) => s.waiting)),
    });
  }
  return columns;
}

/** Stacked, busy at the bottom. */
function areas(columns: readonly Column[], x: (at: number) => number, y: (pods: number) => number): string {
  const floor = columns.map(() => 0);
  const layers = (Object.keys(COLOURS) as (keyof typeof COLOURS)[]).map((name) => {
    const lower = columns.map((column, i) => `${x(column.at).toFixed(1)},${y(floor[i] ?? 0).toFixed(1)}`);
    const upper = columns.map((column, i) => {
      floor[i] = (floor[i] ?? 0) + column[name];
      return `${x(column.at).toFixed(1)},${y(floor[i] ?? 0).toFixed(1)}`;
    });
    return `<polygon fill="${COLOURS[name]}" points="${[...upper, ...lower.reverse()].join(' ')}"/>`;
  });
  return layers.join('\n');
}

function legend(): string {
  const names = Object.keys(COLOURS) as (keyof typeof COLOURS)[];
  return names
    .map((name, index) => {
      const left = PLOT.left + index * 130;
      return `<rect x="${left}" y="36" width="12" height="12" fill="${COLOURS[name]}"/><text x="${left + 18}" y="46" fill="#444">${LABELS[name]}</text>`;
    })
    .join('\n');
}

function horizontal(pods: number, at: number): string {
  return `<line x1="${PLOT.left}" x2="${WIDTH - PLOT.right}" y1="${at.toFixed(1)}" y2="${at.toFixed(1)}" stroke="#ddd"/><text x="${PLOT.left - 8}" y="${(at + 4).toFixed(1)}" text-anchor="end" fill="#666">${pods}</text>`;
}

function vertical(at: number, label: string): string {
  const base = HEIGHT - PLOT.bottom;
  return `<line x1="${at.toFixed(1)}" x2="${at.toFixed(1)}" y1="${base}" y2="${base + 5}" stroke="#999"/><text x="${at.toFixed(1)}" y="${base + 20}" text-anchor="middle" fill="#666">${label}</text>`;
}

/** Four or five round numbers up to at least `most`. */
function niceScale(most: number): { top: number; ticks: number[] } {
  const rough = most / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? rough);
  const count = Math.ceil(most / step);
  return { top: step * count, ticks: Array.from({ length: count + 1 }, (_, index) => index * step) };
}

const HOUR = 3600;
const TICK_STEPS = [1, 2, 4, 6, 12, 24, 48, 7 * 24, 30 * 24, 365 * 24].map((hours) => hours * HOUR);

/** At round hours while the run is short, at midnights where it is long; UTC. */
function timeTicks(first: number, last: number): { at: number; label: string }[] {
  const step = TICK_STEPS.find((seconds) => (last - first) / seconds <= 8) ?? (last - first) / 8;
  const ticks: { at: number; label: string }[] = [];
  for (let at = Math.ceil(first / step) * step; at <= last; at += step) {
    const text = new Date(at * 1000).toISOString();
    ticks.push({ at, label: step < 24 * HOUR ? text.slice(11, 16) : text.slice(0, 10) });
  }
  return ticks;
}

function escaped(text: string): string {
  return text.replace(/[<>&]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
