import { leastSquares, median, percentile, summarize } from '../../../tools/bench/stats';

describe('percentile', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);

  it.each([
    { name: 'p50 of 1 to 100 is 50', values: hundred, share: 0.5, want: 50 },
    { name: 'p99 of 1 to 100 is 99', values: hundred, share: 0.99, want: 99 },
    { name: 'p100 is the greatest', values: hundred, share: 1, want: 100 },
    {
      name: 'p99 of few values is the greatest: it is never better than what was seen',
      values: [3, 1, 2],
      share: 0.99,
      want: 3,
    },
    {
      name: 'p50 of an even number is the lower middle one: a value that was measured',
      values: [1, 2, 3, 10],
      share: 0.5,
      want: 2,
    },
    { name: 'of one value, that', values: [7], share: 0.01, want: 7 },
    { name: 'sorts by size, not by text', values: [10, 9, 100], share: 0.5, want: 10 },
  ])('$name', ({ values, share, want }) => {
    expect(percentile(values, share)).toBe(want);
  });

  it('is not a number for nothing', () => {
    expect(percentile([], 0.5)).toBeNaN();
  });

  it('leaves its input as it was', () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });
});

it('summarizes values', () => {
  expect(summarize([4, 1, 3, 2])).toEqual({ count: 4, mean: 2.5, p50: 2, p90: 4, p99: 4, max: 4 });
});

describe('least squares', () => {
  it.each([
    {
      name: 'finds the line that points are on',
      points: [
        [0, 5],
        [1, 7],
        [2, 9],
      ],
      slope: 2,
      intercept: 5,
    },
    {
      name: 'does not depend on the order',
      points: [
        [2, 9],
        [0, 5],
        [1, 7],
      ],
      slope: 2,
      intercept: 5,
    },
    {
      name: 'is flat for noise around one value',
      points: [
        [0, 1],
        [1, -1],
        [2, -1],
        [3, 1],
      ],
      slope: 0,
      intercept: 0,
    },
    {
      name: 'finds a falling line',
      points: [
        [10, 100],
        [20, 50],
      ],
      slope: -5,
      intercept: 150,
    },
    {
      name: 'weighs a far point by its square',
      points: [
        [0, 0],
        [1, 0],
        [2, 3],
      ],
      slope: 1.5,
      intercept: -0.5,
    },
  ])('$name', ({ points, slope, intercept }) => {
    const line = leastSquares(points.map(([x = 0, y = 0]) => ({ x, y })));
    expect(line.slope).toBeCloseTo(slope, 10);
    expect(line.intercept).toBeCloseTo(intercept, 10);
  });

  it('has no slope with a single x', () => {
    expect(leastSquares([{ x: 1, y: 1 }]).slope).toBeNaN();
  });
});
