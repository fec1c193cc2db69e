import fc from 'fast-check';
import {
  advance,
  type Forecast,
  NO_FORECAST,
  type Step,
  spareOf,
  stepSeconds,
} from '../../../operator/decide/auto-idle';

const SETTINGS = { warmUpSeconds: 60, hitTarget: 0.99, windowSeconds: 3600 };
const quiet: Step = { found: 0, missed: 0, isEmpty: false, demand: 0, lowestDemand: 0 };

function repeated(steps: number, step: Step, from: Forecast = NO_FORECAST, settings = SETTINGS): Forecast {
  let forecast = from;
  for (let n = 0; n < steps; n += 1) forecast = advance(forecast, step, settings);
  return forecast;
}

/** Deterministic Poisson-like counts: 0, 0, 1, 0, ... of this mean a step, with the busy Pods they add up to. */
function steady(perStep: number, steps: number, from: Forecast = NO_FORECAST, settings = SETTINGS): Forecast {
  let forecast = from;
  let owed = 0;
  for (let n = 0; n < steps; n += 1) {
    // Uneven on purpose, with the same mean: 0.2, 1.8, 0.2, ... times as many.
    owed += perStep * (n % 2 === 0 ? 0.2 : 1.8);
    const found = Math.floor(owed);
    owed -= found;
    forecast = advance(forecast, { ...quiet, found, demand: 10 + found * 4, lowestDemand: 10 }, settings);
  }
  return forecast;
}

describe('what autoIdle learns', () => {
  it('asks for one spare where nothing ever happens', () => {
    expect(spareOf(repeated(100, quiet))).toBe(1);
  });

  it('follows a steady load and settles', () => {
    const day = steady(1, 5_760);
    expect(spareOf(day)).toBeGreaterThanOrEqual(4);
    expect(spareOf(day)).toBeLessThanOrEqual(14);
    const more = steady(1, 400, day);
    expect(Math.abs(spareOf(more) - spareOf(day))).toBeLessThanOrEqual(1);
  });

  it('goes up at once and down slowly', () => {
    const settled = steady(0.25, 2_000);
    const rush = advance(settled, { ...quiet, found: 40, demand: 60, lowestDemand: 10 }, SETTINGS);
    expect(spareOf(rush)).toBeGreaterThan(spareOf(settled));
    const calm = advance(rush, quiet, SETTINGS);
    expect(calm.spare).toBeGreaterThanOrEqual(rush.spare * 0.98 - 1e-9);
  });

  it('keeps its estimates while nothing is available: nobody can begin a session then', () => {
    const settled = steady(1, 2_000);
    const empty = repeated(50, { ...quiet, isEmpty: true }, settled);
    expect(empty.slow).toBeGreaterThanOrEqual(settled.slow);
    expect(empty.quick).toBeGreaterThanOrEqual(settled.quick);
  });

  it('holds its correction when as many sessions miss as may, lowers it when fewer do, raises it when more do', () => {
    const allowed = repeated(300, { ...quiet, found: 99, missed: 1, demand: 200 });
    expect(allowed.correction).toBeCloseTo(1, 6);
    expect(repeated(300, { ...quiet, found: 100, demand: 200 }).correction).toBe(0.5);
    expect(repeated(300, { ...quiet, found: 90, missed: 10, demand: 200 }).correction).toBe(8);
  });

  it('never asks for more than half as much again as the highest need it has seen, and one', () => {
    const unlucky = repeated(2_000, { ...quiet, found: 5, missed: 5, demand: 10, lowestDemand: 0 });
    expect(spareOf(unlucky)).toBeLessThanOrEqual(16);
  });

  it('does not divide a quick warm-up into steps without end', () => {
    expect(stepSeconds(0.2)).toBe(2.5);
    expect(stepSeconds(60)).toBe(15);
  });

  const step = fc.record({
    found: fc.nat(1_000),
    missed: fc.nat(1_000),
    isEmpty: fc.boolean(),
    demand: fc.nat(5_000),
    lowestDemand: fc.nat(5_000),
  });
  const settings = fc.record({
    warmUpSeconds: fc.double({ min: 0, max: 3_600, noNaN: true }),
    hitTarget: fc.double({ min: 0.5, max: 0.99, noNaN: true }),
    windowSeconds: fc.integer({ min: 60, max: 86_400 }),
  });

  it('stays finite and bounded whatever it sees', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), settings, (steps, how) => {
        const forecast = steps.reduce((before, next) => advance(before, next, how), NO_FORECAST);
        for (const value of Object.values(forecast).flat()) expect(Number.isFinite(value)).toBe(true);
        expect(forecast.correction).toBeGreaterThanOrEqual(0.5);
        expect(forecast.correction).toBeLessThanOrEqual(8);
        expect(spareOf(forecast)).toBeLessThanOrEqual(1 + 1.5 * 5_000 + 1);
      }),
    );
  });

  it('asks for no fewer spares when a larger share of sessions shall find one', () => {
    const steps = fc.array(step, { minLength: 1, maxLength: 40 });
    const shares = fc.tuple(fc.integer({ min: 50, max: 99 }), fc.integer({ min: 50, max: 99 }));
    fc.assert(
      fc.property(steps, shares, (seen, [one, other]) => {
        const at = (percent: number): Forecast =>
          seen.reduce((before, next) => advance(before, next, { ...SETTINGS, hitTarget: percent / 100 }), NO_FORECAST);
        expect(at(Math.max(one, other)).spare).toBeGreaterThanOrEqual(at(Math.min(one, other)).spare - 1e-6);
      }),
    );
  });

  it('survives being written down and read again', () => {
    const forecast = steady(1, 200);
    expect(advance(JSON.parse(JSON.stringify(forecast)), quiet, SETTINGS)).toEqual(advance(forecast, quiet, SETTINGS));
  });
});
