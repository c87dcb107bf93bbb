import { mean, sampleVariance } from "./descriptive.ts";
import { ranks, winsOver } from "./rank.ts";
import { normalCdf, studentQuantile, studentTwoSided } from "./special.ts";

/** `paired`: a[i] belongs to b[i]; `pooled`: one variance for both samples; `welch`: each its own. */
export type StudentDesign = "paired" | "pooled" | "welch";

export interface StudentTest {
  /** mean(a) - mean(b) and the interval at `level` that Student's t gives it. */
  readonly difference: number;
  readonly low: number;
  readonly high: number;
  readonly level: number;
  readonly t: number;
  readonly degreesOfFreedom: number;
  /** Two-sided. */
  readonly p: number;
}

/**
 * Student's t test of equal means.
 *
 * Without any spread the answer is exact: t = 0 and p = 1 for equal means, t = +-Infinity and p = 0 otherwise. With
 * too few values for a spread, t, p and the interval are NaN.
 *
 * @throws RangeError if the design is `paired` and the samples differ in length
 */
export function studentTest(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  design: StudentDesign = "welch",
  level = 0.95,
): StudentTest {
  const difference = mean(a) - mean(b);
  const { standardError, degreesOfFreedom } = errorOfDifference(a, b, design);
  let t = difference / standardError;
  if (standardError === 0 && difference === 0) t = 0;
  let margin = 0;
  if (standardError > 0) margin = studentQuantile((1 + level) / 2, degreesOfFreedom) * standardError;
  else if (Number.isNaN(standardError)) margin = Number.NaN;
  return {
    difference,
    low: difference - margin,
    high: difference + margin,
    level,
    t,
    degreesOfFreedom,
    p: standardError === 0 ? Number(difference === 0) : studentTwoSided(t, degreesOfFreedom),
  };
}

function errorOfDifference(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  design: StudentDesign,
): { standardError: number; degreesOfFreedom: number } {
  const n = a.length;
  const m = b.length;
  if (design === "paired") {
    if (n !== m) throw new RangeError(`studentTest: ${n} values against ${m}, expected pairs`);
    const differences = Float64Array.from(a, (x, i) => x - b[i]);
    return { standardError: Math.sqrt(sampleVariance(differences) / n), degreesOfFreedom: n - 1 };
  }
  const va = sampleVariance(a);
  const vb = sampleVariance(b);
  if (design === "pooled") {
    const pooled = ((n - 1) * va + (m - 1) * vb) / (n + m - 2);
    return { standardError: Math.sqrt(pooled * (1 / n + 1 / m)), degreesOfFreedom: n + m - 2 };
  }
  const squares = va / n + vb / m;
  const degreesOfFreedom = squares ** 2 / ((va / n) ** 2 / (n - 1) + (vb / m) ** 2 / (m - 1));
  return { standardError: Math.sqrt(squares), degreesOfFreedom };
}

/** Interval of a mean by Student's t: mean -+ t s / sqrt(n); NaN ends for fewer than two values. */
export function studentInterval(values: ArrayLike<number>, level = 0.95): { low: number; high: number } {
  const centre = mean(values);
  const n = values.length;
  const margin =
    n < 2 ? Number.NaN : studentQuantile((1 + level) / 2, n - 1) * Math.sqrt(sampleVariance(values) / n);
  return { low: centre - margin, high: centre + margin };
}

export interface MannWhitneyTest {
  /** Pairs in which the value of `a` is greater, equal pairs counted half. */
  readonly u: number;
  /** Two-sided. */
  readonly p: number;
  readonly method: "exact" | "normal";
}

/** Products of sample sizes up to which the exact distribution of U is added up. */
const EXACT_PAIRS = 2_500;

/**
 * Mann-Whitney U test that two samples come from one distribution: exact without ties and up to 2,500 pairs, else by
 * the normal approximation with corrections for ties and continuity. p is NaN when a sample is empty.
 */
export function mannWhitney(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  method: "auto" | "exact" | "normal" = "auto",
): MannWhitneyTest {
  const n = a.length;
  const m = b.length;
  const u = winsOver(a, b);
  if (n === 0 || m === 0) return { u, p: Number.NaN, method: "normal" };
  const greater = Math.max(u, n * m - u);
  const tieTerm = tieCorrection(a, b);
  if (method === "exact" || (method === "auto" && tieTerm === 0 && n * m <= EXACT_PAIRS)) {
    return { u, p: Math.min(1, 2 * upperTailOfU(n, m, greater)), method: "exact" };
  }
  const total = n + m;
  const variance = ((n * m) / 12) * (total + 1 - tieTerm / (total * (total - 1)));
  const z = (greater - (n * m) / 2 - 0.5) / Math.sqrt(variance);
  const p = variance === 0 ? 1 : Math.min(1, 2 * normalCdf(-z));
  return { u, p, method: "normal" };
}

/** Sum of t^3 - t over the sizes t of the sets of equal values; 0 without ties. */
function tieCorrection(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const both = new Float64Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  const sizes = new Map<number, number>();
  for (const rank of ranks(both)) sizes.set(rank, (sizes.get(rank) ?? 0) + 1);
  let sum = 0;
  for (const size of sizes.values()) sum += size ** 3 - size;
  return sum;
}

/**
 * Probability that U is at least `u` when all orders of n and m distinct values are equally likely. The greatest of i
 * and j values is one of the i with probability i / (i + j), and then wins j pairs: sums of positive terms only.
 */
function upperTailOfU(n: number, m: number, u: number): number {
  // chances[i][k]: probability of U = k for i values against the j of the outer loop.
  const chances = Array.from({ length: n + 1 }, () => new Float64Array(n * m + 1));
  for (const row of chances) row[0] = 1;
  for (let j = 1; j <= m; j++) {
    for (let i = 1; i <= n; i++) {
      const fewer = chances[i - 1];
      const row = chances[i];
      for (let k = i * j; k >= 0; k--) {
        row[k] = ((k >= j ? i * fewer[k - j] : 0) + j * row[k]) / (i + j);
      }
    }
  }
  let tail = 0;
  for (let k = n * m; k >= Math.ceil(u); k--) tail += chances[n][k];
  return tail;
}

/**
 * Holm's correction for several tests (Holm 1979): adjusted p values in the order given. Rejecting those at most
 * alpha keeps the chance of any false rejection at most alpha. A NaN stays NaN and counts as no test.
 */
export function holm(pValues: ArrayLike<number>): Float64Array {
  const adjusted = Float64Array.from(pValues);
  const order = Array.from(adjusted.keys())
    .filter((i) => !Number.isNaN(adjusted[i]))
    .sort((i, j) => adjusted[i] - adjusted[j]);
  let least = 0;
  for (const [k, i] of order.entries()) {
    least = Math.max(least, Math.min(1, (order.length - k) * adjusted[i]));
    adjusted[i] = least;
  }
  return adjusted;
}
