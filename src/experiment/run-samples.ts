/** The value of every metric in every run of a row, in few bytes: what pairs of runs are compared by. */
import type { PointProvenance, ResultRow } from "./result.ts";
import type { RunResult } from "./run-spec.ts";

/** Values of one metric by run; NaN where a run does not know it. */
export type RunValues = Float64Array;

/** A run among those of its point. */
export interface RunIdentity {
  readonly seed: number;
  /** Null where no signal has a calendar. */
  readonly start: string | null;
}

/**
 * Base64 of little-endian float64: metric after metric in the order of `names`, each with a value for every run.
 *
 * @param runs of one router at one point, by seed, then start; undefined where one is missing
 */
export function packSamples(names: readonly string[], runs: readonly (RunResult | undefined)[]): string {
  const bytes = Buffer.alloc(8 * names.length * runs.length);
  let at = 0;
  for (const name of names) {
    for (const run of runs) at = bytes.writeDoubleLE(run?.metrics[name] ?? Number.NaN, at);
  }
  return bytes.toString("base64");
}

/** By metric; undefined of a row that was written before runs were kept, or by a sweep that keeps them in a table. */
export function unpackSamples(
  row: Pick<ResultRow, "metrics" | "samples">,
): Map<string, RunValues> | undefined {
  if (row.samples === undefined) return undefined;
  const names = Object.keys(row.metrics);
  const bytes = Buffer.from(row.samples, "base64");
  const runs = bytes.length / 8 / names.length;
  if (!Number.isInteger(runs)) return undefined;
  return new Map(
    names.map((name, metric) => [
      name,
      Float64Array.from({ length: runs }, (_, run) => bytes.readDoubleLE(8 * (metric * runs + run))),
    ]),
  );
}

/** The runs of a point in the order of its samples: by seed, then start. */
export function identitiesOf({ seeds, starts }: Pick<PointProvenance, "seeds" | "starts">): RunIdentity[] {
  const all = starts.length === 0 ? [null] : starts;
  return seeds.flatMap((seed) => all.map((start) => ({ seed, start })));
}
