import { percentileInterval } from "../numeric/bootstrap.ts";
import { Stream } from "../numeric/random.ts";

const RESAMPLES = 2000;
const LEVEL = 0.95;

/** Values of one metric over the runs of a row, null where a run does not know it. */
export type Sample = readonly (number | null)[];

/** Which seed and which start each run of a row has: two crossed factors, numbers or anything that tells them apart. */
export interface Crossing {
  readonly seeds: readonly unknown[];
  readonly starts: readonly unknown[];
}

export interface Interval {
  readonly n: number;
  readonly mean: number | null;
  readonly ci95: readonly [number, number] | null;
}

/**
 * Mean and 95 % bootstrap interval (percentile method, 2,000 resamples) of several samples over the same runs.
 *
 * Runs that share a seed see the same requests, and those that share a start the same signals, so that runs are not
 * independent: seeds and starts are resampled apart and a run counts as often as both were drawn (Owen, "The pigeonhole
 * bootstrap", 2007, which errs on the wide side). One drawing serves all samples and every row of the same crossing.
 * Runs that do not know a metric are left out of its resamples.
 */
export function meanIntervals(samples: readonly Sample[], crossing: Crossing): Interval[] {
  const replicates = samples.map(() => new Float64Array(RESAMPLES));
  resample(crossing, (weights, r) => {
    for (const [s, sample] of samples.entries()) replicates[s][r] = weightedMean(sample, weights);
  });
  return samples.map((sample, s) => {
    const values = sample.filter((value) => value !== null);
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
 * Difference and ratio of means of pairs that share seed and start, resampled like means; pairs of which one side is
 * unknown are left out. Undefined without a complete pair.
 */
export function pairedIntervals(
  pairs: readonly (readonly [Sample, Sample])[],
  crossing: Crossing,
): (PairedInterval | undefined)[] {
  const complete = pairs.map(([a, b]) => {
    const known = a.map((value, i) => value !== null && b[i] !== null);
    const keep = (sample: Sample): Sample => sample.map((value, i) => (known[i] ? value : null));
    return { a: keep(a), b: keep(b), n: known.filter(Boolean).length };
  });
  const differences = pairs.map(() => new Float64Array(RESAMPLES));
  const ratios = pairs.map(() => new Float64Array(RESAMPLES));
  resample(crossing, (weights, r) => {
    for (const [p, { a, b }] of complete.entries()) {
      const [meanA, meanB] = [weightedMean(a, weights), weightedMean(b, weights)];
      differences[p][r] = meanA - meanB;
      ratios[p][r] = meanA / meanB;
    }
  });
  return complete.map(({ a, b, n }, p) => {
    if (n === 0) return undefined;
    const [meanA, meanB] = [a, b].map((sample) => sample.reduce<number>((sum, x) => sum + (x ?? 0), 0) / n);
    const ratio = meanB > 0 ? meanA / meanB : null;
    return {
      difference: meanA - meanB,
      differenceCi95: n < 2 ? null : endsOf(meanA - meanB, differences[p]),
      ratio,
      ratioCi95: n < 2 || ratio === null ? null : endsOf(ratio, ratios[p]),
    };
  });
}

/** Calls `each` with how often every run counts in a resample. */
function resample({ seeds, starts }: Crossing, each: (weights: Float64Array, r: number) => void): void {
  const runs = seeds.length;
  const seedOf = levelsOf(seeds);
  const startOf = levelsOf(starts);
  const seedCounts = new Int32Array(1 + Math.max(-1, ...seedOf));
  const startCounts = new Int32Array(1 + Math.max(-1, ...startOf));
  if (runs < 2) return;
  const stream = new Stream(
    "canopy",
    `bootstrap over ${seedCounts.length} seeds x ${startCounts.length} starts`,
  );
  const weights = new Float64Array(runs);
  for (let r = 0; r < RESAMPLES; r++) {
    draw(seedCounts, stream);
    draw(startCounts, stream);
    for (let i = 0; i < runs; i++) weights[i] = seedCounts[seedOf[i]] * startCounts[startOf[i]];
    each(weights, r);
  }
}

/** The levels of a factor by their first appearance. */
function levelsOf(values: readonly unknown[]): number[] {
  const levels = new Map<unknown, number>();
  for (const value of values) if (!levels.has(value)) levels.set(value, levels.size);
  return values.map((value) => levels.get(value) as number);
}

/** Draws as many levels as there are, with replacement. */
function draw(counts: Int32Array, stream: Stream): void {
  counts.fill(0);
  for (let i = 0; i < counts.length; i++) counts[stream.below(counts.length)]++;
}

/** Mean of the known values; NaN when none of them counts. */
function weightedMean(sample: Sample, weights: Float64Array): number {
  let sum = 0;
  let total = 0;
  for (let i = 0; i < weights.length; i++) {
    const value = sample[i];
    if (value === null) continue;
    sum += weights[i] * value;
    total += weights[i];
  }
  return sum / total;
}

/** Ends of the interval; resamples without a value (of metrics that few runs know) are left out. */
function endsOf(estimate: number, replicates: Float64Array): readonly [number, number] | null {
  const known = replicates.filter((value) => Number.isFinite(value));
  if (known.length === 0) return null;
  const { low, high } = percentileInterval(estimate, known, LEVEL);
  return [low, high];
}
