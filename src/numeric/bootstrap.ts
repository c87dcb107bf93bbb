import { quantileSorted } from "./quantile.ts";
import type { Stream } from "./random.ts";
import { normalCdf, normalQuantile } from "./special.ts";

/** How the ends of an interval are read off the resampled estimates. */
export type BootstrapMethod = "percentile" | "bca";

export interface BootstrapOptions {
  /** Source of the resampling; the same stream state gives the same interval. */
  readonly stream: Stream;
  /** Default `percentile`. */
  readonly method?: BootstrapMethod;
  /** Probability that the interval is meant to cover; default 0.95. */
  readonly level?: number;
  /** Default 2,000. */
  readonly resamples?: number;
}

export interface BootstrapInterval {
  /** The statistic of the sample itself. */
  readonly estimate: number;
  /** Ends of the interval; NaN when the sample has fewer than two members or a resample has no finite statistic. */
  readonly low: number;
  readonly high: number;
  readonly level: number;
  readonly resamples: number;
  /** `percentile` although `bca` was asked for, when every resample fell on one side of the estimate. */
  readonly method: BootstrapMethod;
}

/** A statistic of the members of a sample that `indices` lists, repeats included. */
export type IndexedStatistic = (indices: Int32Array) => number;

/**
 * Bootstrap interval of any statistic (Efron and Tibshirani 1993): chapter 13 for `percentile`, section 14.3 for
 * `bca`, whose acceleration comes from the jackknife.
 *
 * With few members the interval is too narrow: at a nominal 95 % that of a mean of n normal values covers 84 % for
 * n = 5, 90 % for 10 and 93 % for 20 (`percentile`; `bca` 83, 90 and 92; 3,000 samples each). `studentInterval` covers
 * 95 % there, at the price of assuming normality.
 *
 * @param size members of the sample
 */
export function bootstrap(
  size: number,
  statistic: IndexedStatistic,
  options: BootstrapOptions,
): BootstrapInterval {
  const { stream, method = "percentile", level = 0.95, resamples = 2_000 } = options;
  const all = Int32Array.from({ length: size }, (_, i) => i);
  const estimate = statistic(all);
  if (size < 2) return { estimate, low: Number.NaN, high: Number.NaN, level, resamples, method };
  const replicates = new Float64Array(resamples);
  const indices = new Int32Array(size);
  for (let r = 0; r < resamples; r++) {
    for (let i = 0; i < size; i++) indices[i] = stream.below(size);
    replicates[r] = statistic(indices);
  }
  if (method === "percentile") return percentileInterval(estimate, replicates, level);
  return bcaInterval(estimate, replicates, jackknifeOf(all, statistic), level);
}

/** Interval of the mean of a sample. */
export function bootstrapMean(values: ArrayLike<number>, options: BootstrapOptions): BootstrapInterval {
  return bootstrap(values.length, (indices) => meanAt(values, indices), options);
}

/**
 * Interval of the mean of a[i] - b[i], where a[i] and b[i] share a seed.
 *
 * @throws RangeError if the samples differ in length
 */
export function pairedDifference(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  options: BootstrapOptions,
): BootstrapInterval {
  checkPaired("pairedDifference", a, b);
  return bootstrap(a.length, (indices) => meanAt(a, indices) - meanAt(b, indices), options);
}

/**
 * Interval of mean(a) / mean(b), where a[i] and b[i] share a seed and are resampled together.
 *
 * @throws RangeError if the samples differ in length
 */
export function pairedRatio(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  options: BootstrapOptions,
): BootstrapInterval {
  checkPaired("pairedRatio", a, b);
  return bootstrap(a.length, (indices) => meanAt(a, indices) / meanAt(b, indices), options);
}

/** Percentile interval from resampled estimates, by quantiles of type 7. */
export function percentileInterval(
  estimate: number,
  replicates: Float64Array,
  level: number,
): BootstrapInterval {
  const sorted = replicates.toSorted();
  return endsAt(sorted, estimate, level, "percentile", (1 - level) / 2, (1 + level) / 2);
}

/**
 * Bias-corrected and accelerated interval from resampled estimates. Resamples equal to the estimate count half for
 * the bias, which matters for statistics with few distinct values.
 *
 * @param jackknife the statistic with each member left out once
 */
export function bcaInterval(
  estimate: number,
  replicates: Float64Array,
  jackknife: Float64Array,
  level: number,
): BootstrapInterval {
  let below = 0;
  for (const replicate of replicates) {
    if (replicate < estimate) below += 1;
    else if (replicate === estimate) below += 0.5;
  }
  const bias = normalQuantile(below / replicates.length);
  if (!Number.isFinite(bias)) return percentileInterval(estimate, replicates, level);
  const acceleration = accelerationOf(jackknife);
  const corrected = (p: number): number => {
    const z = bias + normalQuantile(p);
    return normalCdf(bias + z / (1 - acceleration * z));
  };
  const sorted = replicates.toSorted();
  return endsAt(sorted, estimate, level, "bca", corrected((1 - level) / 2), corrected((1 + level) / 2));
}

function endsAt(
  sorted: Float64Array,
  estimate: number,
  level: number,
  method: BootstrapMethod,
  lowAt: number,
  highAt: number,
): BootstrapInterval {
  // Sorting puts NaN last and -Infinity first.
  const hasEnds = Number.isFinite(sorted[0]) && Number.isFinite(sorted[sorted.length - 1]);
  const low = hasEnds ? quantileSorted(sorted, lowAt) : Number.NaN;
  const high = hasEnds ? quantileSorted(sorted, highAt) : Number.NaN;
  return { estimate, low, high, level, resamples: sorted.length, method };
}

/** Skewness of the jackknife estimates over six; 0 when they are all equal. */
function accelerationOf(jackknife: Float64Array): number {
  const centre = jackknife.reduce((sum, x) => sum + x, 0) / jackknife.length;
  let squares = 0;
  let cubes = 0;
  for (const x of jackknife) {
    squares += (centre - x) ** 2;
    cubes += (centre - x) ** 3;
  }
  return squares === 0 ? 0 : cubes / (6 * squares ** 1.5);
}

function jackknifeOf(all: Int32Array, statistic: IndexedStatistic): Float64Array {
  return Float64Array.from(all, (omitted) => statistic(all.filter((i) => i !== omitted)));
}

function meanAt(values: ArrayLike<number>, indices: Int32Array): number {
  let sum = 0;
  for (let i = 0; i < indices.length; i++) sum += values[indices[i]];
  return sum / indices.length;
}

function checkPaired(name: string, a: ArrayLike<number>, b: ArrayLike<number>): void {
  if (a.length !== b.length) {
    throw new RangeError(`${name}: ${a.length} values against ${b.length}, expected pairs`);
  }
}
