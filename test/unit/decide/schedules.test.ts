import { type Schedule, scheduleFault, windowOf } from '../../../operator/decide/schedules';

const at = (text: string): number => Date.parse(text);
const work: Schedule = {
  name: 'work',
  start: '0 8 * * MON-FRI',
  end: '0 18 * * *',
  idleTarget: 10,
  timeZone: 'Europe/Berlin',
};

interface Row {
  name: string;
  schedule?: Partial<Schedule>;
  now: string;
  open: boolean;
  next: string;
}

describe('a window of schedules', () => {
  const rows: Row[] = [
    {
      name: 'is shut a second before its start',
      now: '2026-01-12T06:59:59Z',
      open: false,
      next: '2026-01-12T07:00:00Z',
    },
    {
      name: 'is open from the second of its start',
      now: '2026-01-12T07:00:00Z',
      open: true,
      next: '2026-01-12T17:00:00Z',
    },
    {
      name: 'is open until the last millisecond',
      now: '2026-01-12T16:59:59.999Z',
      open: true,
      next: '2026-01-12T17:00:00Z',
    },
    {
      name: 'is shut from the second of its end',
      now: '2026-01-12T17:00:00Z',
      open: false,
      next: '2026-01-13T07:00:00Z',
    },
    { name: 'passes over the weekend', now: '2026-01-16T17:00:00Z', open: false, next: '2026-01-19T07:00:00Z' },
    {
      name: 'may lie over midnight',
      schedule: { start: '0 22 * * *', end: '0 4 * * *', timeZone: 'UTC' },
      now: '2026-01-12T01:00:00Z',
      open: true,
      next: '2026-01-12T04:00:00Z',
    },
    {
      name: 'opens at the first moment there is when clocks skip its start',
      schedule: { start: '30 2 * * *', end: '0 6 * * *' },
      now: '2026-03-29T01:00:00Z',
      open: true,
      next: '2026-03-29T04:00:00Z',
    },
    {
      name: 'opens once when clocks repeat its start',
      schedule: { start: '30 2 * * *', end: '45 2 * * *' },
      now: '2026-10-25T01:31:00Z',
      open: false,
      next: '2026-10-26T01:30:00Z',
    },
    {
      name: 'knows leap days',
      schedule: { start: '0 0 29 2 *', end: '0 0 1 3 *', timeZone: 'UTC' },
      now: '2028-02-29T12:00:00Z',
      open: true,
      next: '2028-03-01T00:00:00Z',
    },
    {
      name: 'opens anew in the second in which it ends',
      schedule: { start: '0 8 * * MON', end: '0 8 * * *', timeZone: 'UTC' },
      now: '2026-01-12T08:00:00Z',
      open: true,
      next: '2026-01-13T08:00:00Z',
    },
  ];
  it.each(rows)('$name', ({ schedule, now, open, next }) => {
    const window = windowOf({ ...work, ...schedule }, at(now));
    expect(window?.isOpen).toBe(open);
    expect(new Date(window?.nextChange ?? 0).toISOString()).toBe(new Date(next).toISOString());
  });

  it('is in UTC unless it says otherwise', () => {
    const { timeZone: _, ...utc } = work;
    expect(windowOf(utc, at('2026-01-12T07:30:00Z'))?.isOpen).toBe(false);
    expect(windowOf(utc, at('2026-01-12T08:00:00Z'))?.isOpen).toBe(true);
  });
});

describe('a schedule that cannot work', () => {
  const faults: [string, Partial<Schedule>, RegExp][] = [
    [
      'a time zone nobody knows',
      { timeZone: 'Mars/Base' },
      /^schedule work: timeZone "Mars\/Base" is unknown: write an IANA name/,
    ],
    [
      'a start that is no cron expression',
      { start: 'at eight' },
      /^schedule work: start "at eight" is no cron expression \(.+\): write minute hour/,
    ],
    ['an end out of range', { end: '61 * * * *' }, /^schedule work: end "61 \* \* \* \*" is no cron expression/],
    ['seconds', { start: '0 0 8 * * *' }, /^schedule work: start "0 0 8 \* \* \*" is no cron expression/],
    [
      'a start that never comes',
      { start: '0 0 30 2 *' },
      /^schedule work: start "0 0 30 2 \*" never comes: name a day that exists$/,
    ],
    [
      'start and end alike',
      { start: '0 8 * * *', end: '0 8 * * *' },
      /always come at the same time, so it is never open: move one of them$/,
    ],
    ['the same times in other words', { start: '0 8 * * MON', end: '0 8 * * 1' }, /always come at the same time/],
  ];
  it.each(faults)('is told by one sentence: %s', (_, schedule, message) => {
    const fault = scheduleFault({ ...work, ...schedule }, at('2026-01-01T00:00:00Z'));
    expect(fault).toMatch(message);
    expect(windowOf({ ...work, ...schedule }, at('2026-01-01T00:00:00Z'))).toBeUndefined();
  });

  it.each([
    ['0 8 * * *', '0 */4 * * *'],
    ['0 8 * * MON', '0 8 * * *'],
  ])('is not one whose starts %s are ends %s, too: it is open until the next end', (start, end) => {
    expect(scheduleFault({ ...work, start, end }, at('2026-01-01T00:00:00Z'))).toBeUndefined();
  });
});
