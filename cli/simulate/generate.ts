import { normal, type Random } from './random';

/** Made-up days, for those who have no trace yet. */

export const PATTERNS = ['day', 'bursty', 'steady'] as const;
export type Pattern = (typeof PATTERNS)[number];

const SLOT_SECONDS = 60;
const SLOTS = 1440;
/** 2026-01-05, a Monday, 00:00 UTC. */
const START = 1_767_571_200;

/**
 * So many sessions over whole days, in seconds since the epoch, in order.
 * - `steady`: the same rate all day
 * - `day`: quiet at night, most at 20:00, and every day another one
 * - `bursty`: a quiet rate, with rushes that come at once and ebb away within half an hour
 */
export function generate(pattern: Pattern, sessions: number, days: number, random: Random): Float64Array {
  const weights = Array.from({ length: days }, () => SHAPES[pattern](random)).flat();
  let total = 0;
  const sums = Float64Array.from(weights, (weight) => {
    total += weight;
    return total;
  });
  const times = Float64Array.from({ length: sessions }, () => {
    return START + (slotOf(sums, random() * total) + random()) * SLOT_SECONDS;
  });
  return times.sort();
}

/** Index of the first sum above `value`. */
function slotOf(sums: Float64Array, value: number): number {
  let low = 0;
  let high = sums.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sums[middle] ?? 0) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

const SHAPES: Readonly<Record<Pattern, (random: Random) => number[]>> = {
  steady: () => Array.from({ length: SLOTS }, () => 1),
  day: (random) => {
    const level = Math.exp(0.15 * normal(random));
    return Array.from(
      { length: SLOTS },
      (_, slot) => level * (1 + 0.9 * Math.cos((2 * Math.PI * (slot - 1200)) / SLOTS)),
    );
  },
  bursty: (random) => {
    let rush = 0;
    return Array.from({ length: SLOTS }, () => {
      if (random() < 6 / SLOTS) rush += 5 + 30 * random() ** 2;
      rush *= 0.9;
      return 1 + rush;
    });
  },
};
