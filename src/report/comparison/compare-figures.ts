/** One metric of two rows: how far apart, and whether that is more than noise. */
import { pairedIntervals } from "../../experiment/intervals.ts";
import type { MetricSummary } from "../../experiment/result.ts";
import type { RunIdentity, RunValues } from "../../experiment/run-samples.ts";
import { metricInfo } from "../../metrics/metric-catalogue.ts";
import { mean, sampleStd, sampleVariance } from "../../numeric/statistics.ts";

/** What B is, seen from A; `differs` where less is neither better nor worse. */
export type ComparisonWord =
  | "identical"
  | "same within noise"
  | "better"
  | "worse"
  | "differs"
  | "no interval"
  | "unknown";

/** A metric of one row with the runs that it is the mean of. */
export interface Figure {
  readonly summary: MetricSummary | undefined;
  /** Undefined where the result does not hold them. */
  readonly values: RunValues | undefined;
  readonly runs: readonly RunIdentity[];
}

export interface FigureComparison {
  readonly metric: string;
  readonly unit: string;
  readonly a: number | null;
  readonly aCi95: readonly [number, number] | null;
  readonly b: number | null;
  readonly bCi95: readonly [number, number] | null;
  /** B - A. */
  readonly difference: number | null;
  readonly differenceCi95: readonly [number, number] | null;
  /** Difference over A; null where A is not above 0. */
  readonly change: number | null;
  /**
   * Difference over a standard deviation: of the differences of the pairs (Cohen's d_z) where the runs are paired, else
   * the pooled one of the runs (Cohen's d). Null without the runs, with fewer than two, or without any spread.
   */
  readonly effect: number | null;
  readonly paired: boolean;
  readonly word: ComparisonWord;
}

/** An interval of B - A by pairs that a result holds though it does not hold the runs. */
export interface KnownDifference {
  readonly differenceCi95: readonly [number, number] | null;
}

/**
 * Compares B with A. Runs of the same seeds and starts are paired, and seeds and starts are resampled together
 * (`intervals.ts`); otherwise the interval of the difference comes from those of the two means, as of independent
 * samples (Zou and Donner 2008, "MOVER").
 */
export function compareFigures(
  metric: string,
  a: Figure,
  b: Figure,
  known?: KnownDifference,
): FigureComparison {
  const [meanA, meanB] = [a.summary?.mean ?? null, b.summary?.mean ?? null];
  const base = {
    metric,
    unit: metricInfo(metric)?.unit ?? a.summary?.unit ?? b.summary?.unit ?? "",
    a: meanA,
    aCi95: a.summary?.ci95 ?? null,
    b: meanB,
    bCi95: b.summary?.ci95 ?? null,
  };
  if (meanA === null || meanB === null) {
    const none = { difference: null, differenceCi95: null, change: null, effect: null };
    return { ...base, ...none, paired: false, word: "unknown" };
  }
  const difference = meanB - meanA;
  const paired = known !== undefined || isPaired(a, b);
  const differenceCi95 = intervalOf(a, b, paired, difference, known);
  return {
    ...base,
    difference,
    differenceCi95,
    change: meanA > 0 ? difference / meanA : null,
    effect: effectOf(a, b, paired && known === undefined),
    paired,
    word: wordOf(metric, difference, differenceCi95, isEverywhereEqual(a, b, difference)),
  };
}

/** Whether the runs are those of the same seeds and starts, all of them known on both sides. */
function isPaired(a: Figure, b: Figure): boolean {
  if (a.values === undefined || b.values === undefined) return false;
  const { values: left } = a;
  const { values: right } = b;
  return (
    left.length === right.length &&
    left.length === a.runs.length &&
    a.runs.length === b.runs.length &&
    a.runs.every(({ seed, start }, i) => seed === b.runs[i].seed && start === b.runs[i].start) &&
    left.every((value, i) => Number.isNaN(value) === Number.isNaN(right[i]))
  );
}

function isEverywhereEqual({ values: a }: Figure, { values: b }: Figure, difference: number): boolean {
  if (a === undefined || b === undefined) return difference === 0;
  return a.length === b.length && a.every((value, i) => Object.is(value, b[i]));
}

function intervalOf(
  a: Figure,
  b: Figure,
  paired: boolean,
  difference: number,
  known: KnownDifference | undefined,
): readonly [number, number] | null {
  if (known !== undefined) return known.differenceCi95;
  if (paired) {
    const sample = ({ values }: Figure) =>
      Array.from(values as RunValues, (value) => (Number.isNaN(value) ? null : value));
    const crossing = { seeds: a.runs.map(({ seed }) => seed), starts: a.runs.map(({ start }) => start) };
    const [interval] = pairedIntervals([[sample(b), sample(a)]], crossing);
    return interval?.differenceCi95 ?? null;
  }
  const [ciA, ciB] = [a.summary?.ci95 ?? null, b.summary?.ci95 ?? null];
  const [meanA, meanB] = [a.summary?.mean ?? null, b.summary?.mean ?? null];
  if (ciA === null || ciB === null || meanA === null || meanB === null) return null;
  return [
    difference - Math.hypot(meanB - ciB[0], ciA[1] - meanA),
    difference + Math.hypot(ciB[1] - meanB, meanA - ciA[0]),
  ];
}

function effectOf({ values: a }: Figure, { values: b }: Figure, paired: boolean): number | null {
  if (a === undefined || b === undefined) return null;
  if (paired) {
    const differences = b.map((value, i) => value - a[i]).filter((value) => !Number.isNaN(value));
    return over(mean(differences), sampleStd(differences));
  }
  const known = (values: RunValues) => values.filter((value) => !Number.isNaN(value));
  const [left, right] = [known(a), known(b)];
  const [n, m] = [left.length, right.length];
  const pooled = ((n - 1) * sampleVariance(left) + (m - 1) * sampleVariance(right)) / (n + m - 2);
  return over(mean(right) - mean(left), Math.sqrt(pooled));
}

function over(difference: number, deviation: number): number | null {
  return deviation > 0 ? difference / deviation : null;
}

function wordOf(
  metric: string,
  difference: number,
  interval: readonly [number, number] | null,
  equal: boolean,
): ComparisonWord {
  if (equal) return "identical";
  if (interval === null) return "no interval";
  if (interval[0] <= 0 && interval[1] >= 0) return "same within noise";
  const better = metricInfo(metric)?.better ?? "neither";
  if (better === "neither") return "differs";
  return difference < 0 === (better === "lower") ? "better" : "worse";
}
