/** Curves and time series of rows, thinned to what a screen can show. */
import type { ResultRow } from "../../experiment/result.ts";
import type { PowerSeries } from "../../metrics/power-timeline.ts";
import type { ReportCurves, ReportPower, ReportTimeline } from "./report-data.ts";

const DIGITS = 4;
/** Buckets of a time series at most. */
const BUCKETS = 360;
/** Steps of a signal at most. */
const STEPS = 400;

/** Latency by quantile of the rows at `places`. */
export function curvesOf(rows: readonly ResultRow[], places: readonly number[]): ReportCurves {
  const own = places.map((place) => rows[place].percentiles);
  const short = (values: readonly (number | null)[]) =>
    values.map((value) => (value === null ? null : Number(value.toPrecision(DIGITS))));
  return {
    row: places,
    quantiles: own.map(({ quantiles }) => quantiles),
    ttft: own.map(({ ttft }) => short(ttft)),
    e2e: own.map(({ e2e }) => short(e2e)),
  };
}

/** A row's time series; neighbouring buckets are added up until there are few enough. */
export function timelineOf({ timeline, metrics }: ResultRow, row: number): ReportTimeline {
  if (timeline === null) throw new Error("a row without a timeline");
  const { groups, counts, carbon } = timeline;
  const step = Math.max(1, Math.ceil((counts[0]?.length ?? 0) / BUCKETS));
  const end = metrics["end_s"]?.mean ?? Number.POSITIVE_INFINITY;
  return {
    row,
    widthSeconds: timeline.widthSeconds * step,
    groups,
    counts: counts.map((own) => {
      const sums: number[] = [];
      for (let i = 0; i < own.length; i += step) {
        sums.push(own.slice(i, i + step).reduce((sum, count) => sum + count, 0));
      }
      return sums;
    }),
    carbon: Object.entries(carbon).map(([region, { times, values }]) => {
      const inside = times.flatMap((time, i) => (time <= end ? [i] : []));
      const kept = thinned(inside, STEPS);
      return {
        region,
        times: kept.map((i) => Math.max(0, Math.round(times[i]))),
        values: kept.map((i) => Number(values[i].toPrecision(DIGITS))),
      };
    }),
    power: timeline.power === undefined ? null : powerOf(timeline.power),
  };
}

/** As it is: a run keeps no more buckets than a screen shows. */
function powerOf({ widthSeconds, endSeconds, gpuWatts, serverWatts }: PowerSeries): ReportPower {
  const short = (watts: readonly number[] | null) =>
    watts?.map((value) => Number(value.toPrecision(DIGITS))) ?? null;
  return { widthSeconds, endSeconds, gpu: gpuWatts.map(short), server: serverWatts.map(short) };
}

/** Evenly chosen members, the first among them. */
function thinned<T>(list: readonly T[], most: number): readonly T[] {
  if (list.length <= most) return list;
  return Array.from({ length: most }, (_, i) => list[Math.floor((i * list.length) / most)]);
}
