import { UsageError } from '../errors';
import { poisson, type Random } from './random';

/** Reads a trace: when sessions began. */

export interface TraceOptions {
  /** Name of the file, for messages. */
  name: string;
  random: Random;
  /** Sessions a minute to thin or thicken the trace to; absent: as it is. */
  perMinute?: number;
}

/** One row: so many sessions from this time on. */
interface Row {
  /** Seconds since the epoch. */
  at: number;
  count: number;
}

/** Most sessions held in memory: 400 MB of times. */
const MOST_SESSIONS = 50_000_000;
const COUNT_NAMES = new Set(['count', 'value']);
/** RFC 3339, or the same with a space and without a zone, which is UTC then. Fractions may have any length. */
const TIMESTAMP = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(\.\d+)?\s*([Zz]|[+-]\d{2}:\d{2})?$/;

/**
 * The beginnings of sessions in seconds since the epoch, in order. Rows are `timestamp` (a session each) or
 * `timestamp,count` (so many until the next row, spread at random); further columns are ignored. With a header the second
 * column counts only when it is called count or value.
 *
 * @throws UsageError that names the line
 */
export function parseTrace(text: string, options: TraceOptions): Float64Array {
  const lines = text.split(/\r?\n/);
  const rows: Row[] = [];
  let isCounted: boolean | undefined;
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const cells = line.split(',').map((cell) => cell.trim().replace(/^"(.*)"$/, '$1'));
    if (isCounted === undefined && isHeader(cells)) {
      isCounted = COUNT_NAMES.has((cells[1] ?? '').toLowerCase());
      continue;
    }
    isCounted ??= cells[1] !== undefined && cells[1] !== '';
    rows.push(rowOf(cells, isCounted, `${options.name}:${index + 1}`));
  }
  if (rows.length === 0)
    throw new UsageError(`${options.name} has no rows: write one timestamp a line, with a count or not`);
  rows.sort((a, b) => a.at - b.at);
  return isCounted ? spread(rows, options) : thinned(rows, options);
}

/** Not a time, and nothing that was meant as one. */
function isHeader([first = '']: string[]): boolean {
  return !/^\d/.test(first);
}

function rowOf([time = '', count = '']: string[], isCounted: boolean, place: string): Row {
  const at = secondsOf(time);
  if (at === undefined) {
    throw new UsageError(
      `${place}: "${time}" is not a timestamp: write 2026-05-01T08:00:00Z or 2026-05-01 08:00:00 (UTC)`,
    );
  }
  if (!isCounted) return { at, count: 1 };
  const number = Number(count);
  if (count === '' || !Number.isFinite(number) || number < 0) {
    throw new UsageError(`${place}: "${count}" is not a count of sessions: write a number of 0 or more`);
  }
  return { at, count: number };
}

function secondsOf(text: string): number | undefined {
  const [, date, time, fraction = '', zone = 'Z'] = TIMESTAMP.exec(text) ?? [];
  if (date === undefined) return undefined;
  const whole = Date.parse(`${date}T${time}${zone.toUpperCase()}`);
  // Date takes a 31st of February for the 3rd of March.
  const isDay = new Date(`${date}T00:00:00Z`).getUTCDate() === Number(date.slice(8));
  return Number.isNaN(whole) || !isDay ? undefined : whole / 1000 + Number(`0${fraction}`);
}

/** A row's sessions lie anywhere between it and the next one; the last row's interval is as long as the one before. */
function spread(rows: readonly Row[], { random, perMinute, name }: TraceOptions): Float64Array {
  const seconds = rows.map((row, index) => intervalOf(rows, index, row));
  const total = rows.reduce((sum, { count }) => sum + count, 0);
  const length = seconds.reduce((sum, interval) => sum + interval, 0);
  const factor = perMinute === undefined ? 1 : (perMinute * length) / 60 / Math.max(total, Number.MIN_VALUE);
  checkSize(total * factor, name);
  const times: number[] = [];
  for (const [index, { at, count }] of rows.entries()) {
    const sessions = perMinute === undefined ? rounded(count, random) : poisson(count * factor, random);
    for (let n = 0; n < sessions; n += 1) times.push(at + random() * (seconds[index] ?? 0));
  }
  return sorted(times, name);
}

function intervalOf(rows: readonly Row[], index: number, { at }: Row): number {
  const next = rows[index + 1];
  if (next !== undefined) return next.at - at;
  const before = rows[index - 1];
  return before === undefined ? 60 : at - before.at;
}

/** 2.3 sessions are three in 3 of 10 cases. */
function rounded(count: number, random: Random): number {
  return Math.floor(count) + Number(random() < count % 1);
}

/** Every session stays with the same chance, or comes so many times, a moment after one another. */
function thinned(rows: readonly Row[], { random, perMinute, name }: TraceOptions): Float64Array {
  const length = (rows[rows.length - 1]?.at ?? 0) - (rows[0]?.at ?? 0);
  const factor = perMinute === undefined ? 1 : (perMinute * Math.max(length, 1)) / 60 / rows.length;
  checkSize(rows.length * factor, name);
  const times = rows.flatMap(({ at }) =>
    Array.from({ length: rounded(factor, random) }, (_, n) => at + (n > 0 ? random() : 0)),
  );
  return sorted(times, name);
}

function sorted(times: readonly number[], name: string): Float64Array {
  if (times.length === 0)
    throw new UsageError(`${name} has no session in it: raise --per-minute, or take a longer trace`);
  return Float64Array.from(times).sort();
}

function checkSize(sessions: number, name: string): void {
  if (sessions <= MOST_SESSIONS) return;
  const millions = (sessions / 1e6).toFixed(0);
  throw new UsageError(`${name} makes ${millions} million sessions, at most 50 fit: thin it out with --per-minute`);
}
