import { studentQuantile } from "../numeric/special.ts";

/** Sizes without which an exponent has no interval. */
const LEAST_SIZES = 3;

export interface PowerLaw {
  readonly exponent: number;
  readonly interval: readonly [number, number];
}

/**
 * The exponent b of `time = a * size^b`, by least squares of the logarithms, and its 95 % interval by Student's t
 * over the sizes.
 *
 * @returns undefined for fewer than three sizes, or a time that is not above 0
 */
export function fitPowerLaw(sizes: readonly number[], times: readonly number[]): PowerLaw | undefined {
  const n = sizes.length;
  if (n < LEAST_SIZES || times.some((time) => !(time > 0))) return undefined;
  const x = sizes.map(Math.log);
  const y = times.map(Math.log);
  const meanX = x.reduce((sum, value) => sum + value, 0) / n;
  const meanY = y.reduce((sum, value) => sum + value, 0) / n;
  let [xx, xy] = [0, 0];
  for (let i = 0; i < n; i++) {
    xx += (x[i] - meanX) ** 2;
    xy += (x[i] - meanX) * (y[i] - meanY);
  }
  if (!(xx > 0)) return undefined;
  const exponent = xy / xx;
  const residual = y.reduce((sum, value, i) => sum + (value - meanY - exponent * (x[i] - meanX)) ** 2, 0);
  const half = studentQuantile(0.975, n - 2) * Math.sqrt(residual / (n - 2) / xx);
  return { exponent, interval: [exponent - half, exponent + half] };
}
