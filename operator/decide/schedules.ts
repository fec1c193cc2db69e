import { Cron } from 'croner';
import { DEFAULTS } from '../../src/api/defaults';
import type { HotStandbySpec } from '../../src/api/types';

/**
 * `schedules[]`: windows in which more idle Pods are wanted. One is open from a time its `start` names to the next its
 * `end` names, in its own time zone. Where clocks are put forward, a time that does not exist counts as the first one
 * after it; where they are put back, a time that comes twice counts once.
 */

export type Schedule = NonNullable<HotStandbySpec['schedules']>[number];

/** A schedule at one moment. */
export interface Window {
  schedule: Schedule;
  isOpen: boolean;
  /** When it opens or closes next (milliseconds since the epoch); undefined: never again. */
  nextChange?: number;
}

interface Compiled {
  start: Cron;
  end: Cron;
}

/** So many coming starts are looked at to tell whether a window is ever open. */
const LOOK_AHEAD = 100;
/** Compiled once: looking that far ahead takes 15 ms, and a pass asks for every schedule. */
const compiled = new Map<string, Compiled | string>();
const MOST_COMPILED = 1000;

/** What is wrong with a schedule, as one sentence that says what would be right; undefined: nothing. */
export function scheduleFault(schedule: Schedule, now: number): string | undefined {
  const result = compile(schedule, now);
  return typeof result === 'string' ? `schedule ${schedule.name}: ${result}` : undefined;
}

/** @returns undefined for a schedule with a fault: it takes no part */
export function windowOf(schedule: Schedule, now: number): Window | undefined {
  const crons = compile(schedule, now);
  if (typeof crons === 'string') return undefined;
  const opened = lastRun(crons.start, now);
  // Closing and opening in the same second: the end belongs to the window before.
  const isOpen = opened !== undefined && opened >= (lastRun(crons.end, now) ?? Number.NEGATIVE_INFINITY);
  const nextChange = (isOpen ? crons.end : crons.start).nextRun(new Date(now))?.getTime();
  return { schedule, isOpen, ...(nextChange !== undefined && { nextChange }) };
}

/** In the second of `now` or before it: croner looks back from the second before its reference. */
function lastRun(cron: Cron, now: number): number | undefined {
  return cron.previousRuns(1, new Date(Math.floor(now / 1000) * 1000 + 1000))[0]?.getTime();
}

/** A fault as text. It does not depend on `now`: five fields name no year. */
function compile(schedule: Schedule, now: number): Compiled | string {
  const key = JSON.stringify([schedule.timeZone, schedule.start, schedule.end]);
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const fresh = compileAnew(schedule, new Date(now));
  if (compiled.size >= MOST_COMPILED) compiled.clear();
  compiled.set(key, fresh);
  return fresh;
}

function compileAnew({ timeZone = DEFAULTS.schedules.timeZone, start, end }: Schedule, from: Date): Compiled | string {
  if (!isTimeZone(timeZone)) return `timeZone "${timeZone}" is unknown: write an IANA name, for example Europe/Berlin`;
  const crons = { start: parse(start, timeZone, from), end: parse(end, timeZone, from) };
  if (typeof crons.start === 'string') return `start "${start}" ${crons.start}`;
  if (typeof crons.end === 'string') return `end "${end}" ${crons.end}`;
  const both = { start: crons.start, end: crons.end };
  return isAlwaysEmpty(both, from)
    ? `start "${start}" and end "${end}" always come at the same time, so it is never open: move one of them`
    : both;
}

function parse(text: string, timezone: string, from: Date): Cron | string {
  try {
    const cron = new Cron(text, { timezone, mode: '5-part', paused: true });
    return cron.nextRun(from) === null ? 'never comes: name a day that exists' : cron;
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^\w+: /, '') : String(error);
    return `is no cron expression (${why}): write minute hour day month weekday, for example 0 8 * * MON-FRI`;
  }
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function isAlwaysEmpty({ start, end }: Compiled, from: Date): boolean {
  const ends = end.nextRuns(LOOK_AHEAD, from);
  return start.nextRuns(LOOK_AHEAD, from).every((run, index) => run.getTime() === ends[index]?.getTime());
}
