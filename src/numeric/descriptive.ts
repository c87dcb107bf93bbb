import { sumOf } from "./compensated-sum.ts";

/** Arithmetic mean; NaN for no values. */
export function mean(values: ArrayLike<number>): number {
  return sumOf(values) / values.length;
}

/** Variance with divisor n - 1, in two passes; NaN for fewer than two values. */
export function sampleVariance(values: ArrayLike<number>): number {
  const n = values.length;
  if (n < 2) return Number.NaN;
  const centre = mean(values);
  let squares = 0;
  let rest = 0;
  for (let i = 0; i < n; i++) {
    squares += (values[i] - centre) ** 2;
    rest += values[i] - centre;
  }
  // `rest` would be 0 without the rounding of the mean (Chan, Golub and LeVeque 1983, equation 1.7).
  return (squares - (rest * rest) / n) / (n - 1);
}

/** Standard deviation with divisor n - 1; NaN for fewer than two values. */
export function sampleStd(values: ArrayLike<number>): number {
  return Math.sqrt(sampleVariance(values));
}
