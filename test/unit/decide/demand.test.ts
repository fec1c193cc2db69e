import fc from 'fast-check';
import { demandQuantile } from '../../../operator/decide/demand';

describe('the number of sessions that begin during a warm-up', () => {
  /** From tables: smallest n with P(N <= n) >= share is what rounding up gives. */
  const known: [string, number, number, number, number][] = [
    ['Poisson of mean 1', 1, 1, 0.99, 4],
    ['Poisson of mean 3', 3, 1, 0.99, 8],
    ['Poisson of mean 10', 10, 1, 0.95, 15],
    ['Poisson of mean 100', 100, 1, 0.99, 124],
    ['negative binomial of mean 3 and variance 9', 3, 3, 0.99, 13],
    ['negative binomial of mean 10 and variance 20', 10, 2, 0.95, 18],
  ];
  it.each(known)('%s', (_, mean, dispersion, share, want) => {
    expect(Math.ceil(demandQuantile(mean, dispersion, share))).toBe(want);
  });

  it('is 0 where none is expected', () => {
    expect(demandQuantile(0, 1, 0.99)).toBe(0);
  });

  const mean = fc.double({ min: 0.001, max: 5_000, noNaN: true });
  const dispersion = fc.double({ min: 1, max: 40, noNaN: true });
  const share = fc.double({ min: 0.5, max: 0.999, noNaN: true });

  it('is a number, whatever the load', () => {
    fc.assert(
      fc.property(mean, dispersion, share, (m, z, p) => {
        const quantile = demandQuantile(m, z, p);
        expect(quantile).toBeGreaterThanOrEqual(0);
        // Chebyshev's (Cantelli's) bound holds for every distribution of this mean and variance.
        expect(quantile).toBeLessThanOrEqual(m + Math.sqrt(m * z) * Math.sqrt(p / (1 - p)) + 1);
      }),
    );
  });

  it('grows with the share that is asked for', () => {
    fc.assert(
      fc.property(mean, dispersion, share, fc.double({ min: 0, max: 1, noNaN: true }), (m, z, p, more) => {
        expect(demandQuantile(m, z, p + (0.9995 - p) * more)).toBeGreaterThanOrEqual(demandQuantile(m, z, p) - 1e-6);
      }),
    );
  });

  it('says nearly the same by the sum and by the expansion where one gives way to the other', () => {
    for (const z of [1, 2, 5]) {
      const below = demandQuantile(299.9, z, 0.99);
      const above = demandQuantile(300.1, z, 0.99);
      expect(Math.abs(above - below)).toBeLessThan(2);
    }
  });
});
