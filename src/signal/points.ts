/** From raw points (a file's rows, a provider's answer) to a checked series: order, gaps, missing values. */
import { UserError } from "../errors.ts";
import { isoTime, type SignalHeader, type StepSeries } from "./series.ts";

/** How gaps are treated: `hold` keeps the last value, `linear` joins the neighbours; without it a gap is an error. */
export type FillMode = "hold" | "linear";

export const DEFAULT_FILL_LIMIT_SECONDS = 6 * 3600;

export interface PointTable {
  readonly header: SignalHeader;
  /** Unix seconds. */
  readonly times: readonly number[];
  /** In the header's unit; NaN marks a missing value. */
  readonly values: readonly number[];
  /** Where point i stands, for messages: `prices.csv, line 12, column "DE"`. */
  readonly where: (index: number) => string;
  readonly fill?: FillMode | undefined;
  /** Longest stretch without values that `fill` accepts, seconds. */
  readonly fillLimitSeconds?: number | undefined;
  /** The grid's step; without it, the commonest difference of times. */
  readonly stepSeconds?: number | undefined;
}

/**
 * A series from points in order of time. Missing values before the first and after the last one shorten it; a gap
 * between is an error unless `fill` accepts it.
 *
 * @throws UserError CANOPY_SIGNAL_TIME_ORDER, CANOPY_SIGNAL_DUPLICATE_TIME, CANOPY_SIGNAL_GAP, CANOPY_SIGNAL_EMPTY
 */
export function seriesFromPoints(table: PointTable): StepSeries {
  const { times, values, where, header } = table;
  checkOrder(times, where);
  const kept = [...times.keys()].filter((i) => !Number.isNaN(values[i]));
  if (kept.length === 0 || (times.length < 2 && table.stepSeconds === undefined)) {
    throw new UserError(
      "CANOPY_SIGNAL_EMPTY",
      `${header.source}: ${kept.length} values for ${header.zone}, but a series needs at least two`,
    );
  }
  const step = table.stepSeconds ?? commonestStep(times);
  const outTimes: number[] = [];
  const outValues: number[] = [];
  let filled = 0;
  for (const [k, i] of kept.entries()) {
    outTimes.push(times[i]);
    outValues.push(values[i]);
    const next = kept[k + 1];
    if (next === undefined) break;
    const gap = times[next] - times[i] - step;
    if (gap < step / 2) continue;
    checkGap(table, step, i, next);
    filled += Math.round(gap / step);
    if (table.fill !== "linear") continue;
    for (let t = times[i] + step; t < times[next] - step / 2; t += step) {
      const share = (t - times[i]) / (times[next] - times[i]);
      outTimes.push(t);
      outValues.push(values[i] + share * (values[next] - values[i]));
    }
  }
  return {
    header: filled === 0 ? header : { ...header, source: `${header.source}, ${filled} points filled` },
    times: Float64Array.from(outTimes),
    values: Float64Array.from(outValues),
    endSeconds: times[kept[kept.length - 1]] + step,
  };
}

function checkOrder(times: readonly number[], where: (index: number) => string): void {
  for (let i = 1; i < times.length; i++) {
    if (times[i] > times[i - 1]) continue;
    const same = times[i] === times[i - 1];
    throw new UserError(
      same ? "CANOPY_SIGNAL_DUPLICATE_TIME" : "CANOPY_SIGNAL_TIME_ORDER",
      `${where(i)}: ${isoTime(times[i])} ${same ? "appears twice" : `comes after ${isoTime(times[i - 1])}`}; ` +
        `times must increase${same ? " (one zone and one forecast a file)" : ": sort the rows"}`,
    );
  }
}

/** Complains of the stretch without values between points `before` and `after` unless `fill` accepts it. */
function checkGap(table: PointTable, step: number, before: number, after: number): void {
  const { times, fill, where } = table;
  const limit = table.fillLimitSeconds ?? DEFAULT_FILL_LIMIT_SECONDS;
  const from = times[before] + step;
  const to = times[after];
  if (fill !== undefined && to - from <= limit) return;
  const remedy =
    fill === undefined
      ? `set fill: hold or fill: linear to accept gaps of up to ${limit / 3600} h (fillLimitSeconds)`
      : `longer than the ${limit / 3600} h that fill: ${fill} accepts; raise fillLimitSeconds or mend the data`;
  throw new UserError(
    "CANOPY_SIGNAL_GAP",
    `${where(before + 1)}: no value from ${isoTime(from)} to ${isoTime(to)}; ${remedy}`,
  );
}

function commonestStep(times: readonly number[]): number {
  const counts = new Map<number, number>();
  let best = times[1] - times[0];
  for (let i = 1; i < times.length; i++) {
    const difference = times[i] - times[i - 1];
    const count = (counts.get(difference) ?? 0) + 1;
    counts.set(difference, count);
    if (count > (counts.get(best) ?? 0)) best = difference;
  }
  return best;
}
