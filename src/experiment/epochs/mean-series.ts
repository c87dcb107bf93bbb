import type { EpochSeries, RunResult } from "../run-spec.ts";

/** What each epoch came to, mean over the runs; nothing where no run kept it. */
export function meanSeries(runs: readonly RunResult[]): { readonly epochs?: EpochSeries } {
  const kept = runs.flatMap(({ epochs }) => epochs?.series ?? []);
  if (kept.length === 0) return {};
  const mean = (of: (series: EpochSeries) => readonly number[]) =>
    of(kept[0]).map((_, e) => rounded(kept.reduce((sum, series) => sum + of(series)[e], 0) / kept.length));
  return {
    epochs: {
      epochSeconds: kept[0].epochSeconds,
      objective: mean(({ objective }) => objective),
      ttft: mean(({ ttft }) => ttft),
      carbon: mean(({ carbon }) => carbon),
      water: mean(({ water }) => water),
      cost: mean(({ cost }) => cost),
      // Of the first run: other seeds draw other counts around the same days.
      ...(kept[0].arrivals === undefined ? {} : { arrivals: kept[0].arrivals }),
    },
  };
}

function rounded(value: number): number {
  return Number(value.toPrecision(6));
}
