/** The few numbers a benchmark is told by. */

export interface Summary {
  count: number;
  mean: number;
  p50: number;
  p90: number;
  p99: number;
  max: number;
}

/**
 * The smallest value that at least `share` of all values do not exceed (nearest rank, so it was really measured). NaN of
 * nothing.
 * @param share above 0, at most 1: 0.99 for p99
 */
export function percentile(values: readonly number[], share: number): number {
  return rank(ascending(values), share);
}

/** All of them from one sort; NaN of nothing. */
export function summarize(values: readonly number[]): Summary {
  const sorted = ascending(values);
  return {
    count: sorted.length,
    mean: sorted.reduce((sum, value) => sum + value, 0) / sorted.length,
    p50: rank(sorted, 0.5),
    p90: rank(sorted, 0.9),
    p99: rank(sorted, 0.99),
    max: rank(sorted, 1),
  };
}

/** The p50. */
export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

export interface Line {
  /** Growth of y for each 1 of x. */
  slope: number;
  /** y at x = 0. */
  intercept: number;
}

/** The straight line with the least squared distance in y. Slope NaN with fewer than two different x. */
export function leastSquares(points: readonly { x: number; y: number }[]): Line {
  const mean = (of: (point: { x: number; y: number }) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const x0 = mean(({ x }) => x);
  const y0 = mean(({ y }) => y);
  const covariance = mean(({ x, y }) => (x - x0) * (y - y0));
  const slope = covariance / mean(({ x }) => (x - x0) ** 2);
  return { slope, intercept: y0 - slope * x0 };
}

function ascending(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b);
}

function rank(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
