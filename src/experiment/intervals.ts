import { quantileOf } from "../numeric/quantile.ts";
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
  const drawing = drawingOf(crossing);
  return samples.map((sample) => {
    const values = sample.filter((value) => value !== null);
    const n = values.length;
    if (n === 0) return { n, mean: null, ci95: null };
    const mean = values.reduce((sum, value) => sum + value, 0) / n;
    return { n, mean, ci95: n < 2 ? null : endsOf(means(sample, drawing)) };
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
  const drawing = drawingOf(crossing);
  return complete.map(({ a, b, n }) => {
    if (n === 0) return undefined;
    const [meanA, meanB] = [a, b].map((sample) => sample.reduce<number>((sum, x) => sum + (x ?? 0), 0) / n);
    const ratio = meanB > 0 ? meanA / meanB : null;
    const difference = meanA - meanB;
    if (n < 2) return { difference, differenceCi95: null, ratio, ratioCi95: null };
    const [of, to] = [means(a, drawing), means(b, drawing)];
    const differences = new Float64Array(RESAMPLES);
    const ratios = new Float64Array(RESAMPLES);
    for (let r = 0; r < RESAMPLES; r++) {
      differences[r] = of[r] - to[r];
      ratios[r] = of[r] / to[r];
    }
    const ratioCi95 = ratio === null ? null : endsOf(ratios);
    return { difference, differenceCi95: endsOf(differences), ratio, ratioCi95 };
  });
}

/** How often every run counts in each resample: by resample, then run. */
interface Drawing {
  readonly runs: number;
  readonly weights: Float64Array;
}

/** One drawing serves every row of a crossing; a sweep has thousands of rows of one crossing. */
const drawings = new Map<string, Drawing>();
const MOST_DRAWINGS = 8;

function drawingOf({ seeds, starts }: Crossing): Drawing {
  const runs = seeds.length;
  const seedOf = levelsOf(seeds);
  const startOf = levelsOf(starts);
  const name = `${seedOf.join()} x ${startOf.join()}`;
  const known = drawings.get(name);
  if (known !== undefined) return known;
  const weights = new Float64Array(runs < 2 ? 0 : RESAMPLES * runs);
  const drawing = { runs, weights };
  if (runs < 2) return drawing;
  const seedCounts = new Int32Array(1 + Math.max(-1, ...seedOf));
  const startCounts = new Int32Array(1 + Math.max(-1, ...startOf));
  const stream = new Stream(
    "canopy",
    `bootstrap over ${seedCounts.length} seeds x ${startCounts.length} starts`,
  );
  for (let r = 0; r < RESAMPLES; r++) {
    draw(seedCounts, stream);
    draw(startCounts, stream);
    for (let i = 0; i < runs; i++) weights[r * runs + i] = seedCounts[seedOf[i]] * startCounts[startOf[i]];
  }
  if (drawings.size >= MOST_DRAWINGS) drawings.clear();
  drawings.set(name, drawing);
  return drawing;
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

/** Means of the known values in each resample; NaN where none of them counts. */
function means(sample: Sample, { runs, weights }: Drawing): Float64Array {
  const result = new Float64Array(RESAMPLES);
  const values = Float64Array.from(sample, (value) => value ?? Number.NaN);
  for (let r = 0; r < RESAMPLES; r++) {
    const from = r * runs;
    let sum = 0;
    let total = 0;
    for (let i = 0; i < runs; i++) {
      const value = values[i];
      if (Number.isNaN(value)) continue;
      sum += weights[from + i] * value;
      total += weights[from + i];
    }
    result[r] = sum / total;
  }
  return result;
}

/** Ends of the interval; resamples without a value (of metrics that few runs know) are left out. */
function endsOf(replicates: Float64Array): readonly [number, number] | null {
  let isKnown = true;
  for (let r = 0; r < replicates.length; r++) if (!Number.isFinite(replicates[r])) isKnown = false;
  const known = isKnown ? replicates : replicates.filter(Number.isFinite);
  if (known.length === 0) return null;
  return [quantileOf(known, (1 - LEVEL) / 2), quantileOf(known, (1 + LEVEL) / 2)];
}
