/** How many sessions may begin while a Pod warms up: quantiles of a count that scatters more than a Poisson one. */

/** From here on the exact sum takes longer than it tells more: the expansion below is within half a Pod of it. */
const LARGE_MEAN = 300;
/** A dispersion below this is Poisson's own; the negative binomial has no parameters there. */
const POISSON = 1.0001;

/**
 * The number that N stays at or below with probability `share`, N being negative binomial of this mean and of variance
 * `mean * dispersion` (Poisson where dispersion <= 1). Between two whole numbers it is interpolated, so that it moves
 * steadily with each of its arguments: a spare that is rounded only in the end does not jump back and forth.
 *
 * Source: sessions that begin during one lead time of an (S-1, S) base-stock policy (Palm); real arrivals scatter more
 * than Poisson's, by a factor (He, Liu, Whitt 2016, "peakedness").
 *
 * @param mean 0 or more; 0 gives 0
 * @param share above 0 and below 1
 */
export function demandQuantile(mean: number, dispersion: number, share: number): number {
  if (mean <= 0) return 0;
  return mean > LARGE_MEAN ? expanded(mean, dispersion, share) : summed(mean, dispersion, share);
}

/** Adds up probabilities until they reach `share`. */
function summed(mean: number, dispersion: number, share: number): number {
  const isPoisson = dispersion < POISSON;
  const size = isPoisson ? 0 : mean / (dispersion - 1);
  const repeat = isPoisson ? 0 : 1 - 1 / dispersion;
  let probability = isPoisson ? Math.exp(-mean) : dispersion ** -size;
  let sum = probability;
  let count = 0;
  // What is left of the sum beyond that is rounding: probabilities that no longer add anything end it, too.
  while (sum < share && (count < mean || probability > Number.EPSILON * sum)) {
    probability *= isPoisson ? mean / (count + 1) : ((count + size) / (count + 1)) * repeat;
    count += 1;
    sum += probability;
  }
  return Math.max(0, count - Math.max(0, sum - share) / probability);
}

/** Cornish and Fisher's first two terms: the normal quantile, and what the skewness moves it by. */
function expanded(mean: number, dispersion: number, share: number): number {
  const spread = Math.sqrt(mean * Math.max(1, dispersion));
  const skewness = dispersion < POISSON ? 1 / spread : (2 * dispersion - 1) / spread;
  const w = normalQuantile(share);
  return Math.max(0, mean + spread * (w + ((w * w - 1) * skewness) / 6));
}

/** Of the standard normal distribution; Abramowitz and Stegun 26.2.23, off by less than 0.00045. */
function normalQuantile(share: number): number {
  const tail = Math.min(share, 1 - share);
  const t = Math.sqrt(-2 * Math.log(tail));
  const above = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
  return share < 0.5 ? -above : above;
}
