import { percentileInterval } from "../numeric/bootstrap.ts";
import { Stream } from "../numeric/random.ts";

const RESAMPLES = 2000;
const LEVEL = 0.95;

/** Values of one metric over the runs of a row, null where a run does not know it. */
export type Sample = readonly (number | null)[];

export interface Interval {
  readonly n: number;
  readonly mean: number | null;
  readonly ci95: readonly [number, number] | null;
}

/**
 * Mean and 95 % bootstrap interval (percentile method, 2,000 resamples) of several samples over the same runs. One
 * drawing of runs serves all samples, and the same drawing serves every row with as many runs, so that the intervals
 * of two routers rest on the same resamples. Runs that do not know a metric are left out of its resamples.
 */
export function meanIntervals(samples: readonly Sample[]): Interval[] {
  const runs = samples.length === 0 ? 0 : samples[0].length;
  const replicates = samples.map(() => new Float64Array(RESAMPLES));
  const known = samples.map((sample) => sample.filter((value) => value !== null));
  if (runs > 1) {
    resample(runs, (indices, r) => {
      for (const [s, sample] of samples.entries()) replicates[s][r] = meanAt(sample, indices);
    });
  }
  return known.map((values, s) => {
    const n = values.length;
    if (n === 0) return { n, mean: null, ci95: null };
    const mean = values.reduce((sum, value) => sum + value, 0) / n;
    return { n, mean, ci95: n < 2 ? null : endsOf(mean, replicates[s]) };
  });
}

export interface PairedInterval {
  readonly difference: number;
  readonly differenceCi95: readonly [number, number] | null;
  readonly ratio: number | null;
  readonly ratioCi95: readonly [number, number] | null;
}

/**
 * Difference and ratio of means of pairs that share seed and start; pairs of which one side is unknown are left out.
 * Undefined without a complete pair.
 */
export function pairedIntervals(
  pairs: readonly (readonly [Sample, Sample])[],
): (PairedInterval | undefined)[] {
  const complete = pairs.map(([a, b]) => {
    const kept = [...a.keys()].filter((i) => a[i] !== null && b[i] !== null);
    return { a: kept.map((i) => a[i] as number), b: kept.map((i) => b[i] as number) };
  });
  const results: (PairedInterval | undefined)[] = complete.map(() => undefined);
  for (const size of new Set(complete.map(({ a }) => a.length))) {
    if (size === 0) continue;
    const members = [...complete.keys()].filter((i) => complete[i].a.length === size);
    const first = members.map(() => new Float64Array(RESAMPLES));
    const second = members.map(() => new Float64Array(RESAMPLES));
    if (size > 1) {
      resample(size, (indices, r) => {
        for (const [m, i] of members.entries()) {
          first[m][r] = meanAt(complete[i].a, indices) ?? Number.NaN;
          second[m][r] = meanAt(complete[i].b, indices) ?? Number.NaN;
        }
      });
    }
    for (const [m, i] of members.entries()) {
      const meanA = complete[i].a.reduce((sum, value) => sum + value, 0) / size;
      const meanB = complete[i].b.reduce((sum, value) => sum + value, 0) / size;
      const ratio = meanB > 0 ? meanA / meanB : null;
      const differences = first[m].map((value, r) => value - second[m][r]);
      const ratios = first[m].map((value, r) => value / second[m][r]);
      results[i] = {
        difference: meanA - meanB,
        differenceCi95: size < 2 ? null : endsOf(meanA - meanB, differences),
        ratio,
        ratioCi95: size < 2 || ratio === null ? null : endsOf(ratio, ratios),
      };
    }
  }
  return results;
}

function resample(size: number, each: (indices: Int32Array, r: number) => void): void {
  const stream = new Stream("canopy", `bootstrap over ${size} runs`);
  const indices = new Int32Array(size);
  for (let r = 0; r < RESAMPLES; r++) {
    for (let i = 0; i < size; i++) indices[i] = stream.below(size);
    each(indices, r);
  }
}

/** Mean of the known values at the indices; NaN when none is known. */
function meanAt(sample: Sample, indices: Int32Array): number {
  let sum = 0;
  let n = 0;
  for (let i = 0; i < indices.length; i++) {
    const value = sample[indices[i]];
    if (value === null) continue;
    sum += value;
    n++;
  }
  return n === 0 ? Number.NaN : sum / n;
}

/** Ends of the interval; resamples without a value (of metrics that few runs know) are left out. */
function endsOf(estimate: number, replicates: Float64Array): readonly [number, number] | null {
  const known = replicates.filter((value) => Number.isFinite(value));
  if (known.length === 0) return null;
  const { low, high } = percentileInterval(estimate, known, LEVEL);
  return [low, high];
}
