/** Distribution functions that the statistics need, to about 1e-13 relative. */

/** Standard normal distribution function. */
export function normalCdf(x: number): number {
  const tail = 0.5 * complementaryErrorFunction(Math.abs(x) / Math.SQRT2);
  return x < 0 ? tail : 1 - tail;
}

/** Quantile of the standard normal distribution: -Infinity at 0, Infinity at 1. */
export function normalQuantile(p: number): number {
  return symmetricQuantile(p, normalCdf, (x) => Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI));
}

/** Distribution function of Student's t; the degrees of freedom need not be whole. */
export function studentCdf(t: number, degreesOfFreedom: number): number {
  if (Number.isNaN(t) || !(degreesOfFreedom > 0)) return Number.NaN;
  const tail =
    0.5 * incompleteBeta(0.5 * degreesOfFreedom, 0.5, degreesOfFreedom / (degreesOfFreedom + t * t));
  return t < 0 ? tail : 1 - tail;
}

/** Probability that |T| is at least |t|. */
export function studentTwoSided(t: number, degreesOfFreedom: number): number {
  return 2 * studentCdf(-Math.abs(t), degreesOfFreedom);
}

/** Quantile of Student's t. */
export function studentQuantile(p: number, degreesOfFreedom: number): number {
  const half = (degreesOfFreedom + 1) / 2;
  const scale =
    Math.exp(logGamma(half) - logGamma(degreesOfFreedom / 2)) / Math.sqrt(degreesOfFreedom * Math.PI);
  return symmetricQuantile(
    p,
    (x) => studentCdf(x, degreesOfFreedom),
    (x) => scale * (1 + (x * x) / degreesOfFreedom) ** -half,
  );
}

/** Regularised incomplete beta function I_x(a, b), by Lentz's continued fraction. */
export function incompleteBeta(a: number, b: number, x: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
  // The fraction converges fast below the mean; above it the mirrored one does.
  return x < (a + 1) / (a + b + 2)
    ? (front * betaFraction(a, b, x)) / a
    : 1 - (front * betaFraction(b, a, 1 - x)) / b;
}

/** Logarithm of the gamma function for x > 0 (Lanczos, g = 7, nine terms). */
export function logGamma(x: number): number {
  const z = x - 1;
  let series = LANCZOS[0];
  for (let i = 1; i < LANCZOS.length; i++) series += LANCZOS[i] / (z + i);
  const t = z + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (z + 0.5) * Math.log(t) - t + Math.log(series);
}

const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

/** Guards Lentz's denominators against 0. */
const TINY = 1e-300;

function betaFraction(a: number, b: number, x: number): number {
  let c = 1;
  let d = 1 / notZero(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m <= 10_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / notZero(1 + even * d);
    c = notZero(1 + even / c);
    fraction *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / notZero(1 + odd * d);
    c = notZero(1 + odd / c);
    fraction *= d * c;
    if (Math.abs(d * c - 1) < 1e-16) break;
  }
  return fraction;
}

function notZero(x: number): number {
  return Math.abs(x) < TINY ? TINY : x;
}

/** erfc(x) for x >= 0: the series of erf below 2, Laplace's continued fraction above. */
function complementaryErrorFunction(x: number): number {
  const front = Math.exp(-x * x) / Math.sqrt(Math.PI);
  if (x < 2) {
    let term = 2 * x;
    let sum = term;
    for (let n = 1; term > 1e-18 * sum; n++) {
      term *= (2 * x * x) / (2 * n + 1);
      sum += term;
    }
    return 1 - front * sum;
  }
  let fraction = x;
  for (let n = 120; n >= 1; n--) fraction = x + n / 2 / fraction;
  return front / fraction;
}

/**
 * Quantile of a distribution symmetric about 0, by Newton's method from 0 towards the lower tail: the distribution
 * function is convex there, so the steps never overshoot.
 */
function symmetricQuantile(p: number, cdf: (x: number) => number, density: (x: number) => number): number {
  if (!(p >= 0 && p <= 1)) return Number.NaN;
  if (p > 0.5) return -symmetricQuantile(1 - p, cdf, density);
  if (p === 0) return Number.NEGATIVE_INFINITY;
  let x = 0;
  for (let i = 0; i < 10_000; i++) {
    const next = x - (cdf(x) - p) / density(x);
    // Rounding ends the descent.
    if (!(next < x)) break;
    x = next;
  }
  return x;
}
