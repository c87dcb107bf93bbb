/**
 * Signals as step functions of time: what they are, reading them, and changing their grid or scale.
 */
import { UserError } from "../errors.ts";

/** What a series is; travels with it into every table, so that unlike series are never compared unseen. */
export interface SignalHeader {
  readonly quantity: "carbon-intensity" | "price";
  readonly unit: "g/kWh" | "usd/kWh";
  readonly signal: "average" | "marginal" | "none";
  readonly accounting: "lifecycle" | "direct" | "none";
  readonly zone: string;
  /** File, provider or preset, and every change made since. */
  readonly source: string;
  readonly provenance: "measured" | "published" | "derived" | "extrapolated" | "modelled" | "synthetic";
}

/** `values[i]` holds from `times[i]` (seconds, strictly increasing) to `times[i + 1]`, the last to `endSeconds`. */
export interface Steps {
  readonly times: Float64Array;
  readonly values: Float64Array;
  /** End of the last interval: the last time plus its step. */
  readonly endSeconds: number;
}

/** A step function of Unix time, in the header's unit. */
export interface StepSeries extends Steps {
  readonly header: SignalHeader;
}

/** A step function of run time: seconds from the start of the run; the first time is at most 0. */
export type Track = Steps;

/** Index of the interval that holds `t`: the last with `times[i] <= t`, or 0 before the first. */
export function indexAt(steps: Steps, t: number): number {
  const times = steps.times;
  let low = 0;
  let high = times.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (times[middle] <= t) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The value at `t`. Outside the covered range the first or last value holds: guard with {@link window}. */
export function valueAt(steps: Steps, t: number): number {
  return steps.values[indexAt(steps, t)];
}

/** Integral from `t0` to `t1` in value seconds, exact over the steps; negative when `t1 < t0`. */
export function integral(steps: Steps, t0: number, t1: number): number {
  if (t1 < t0) return -integral(steps, t1, t0);
  const { times, values } = steps;
  const last = times.length - 1;
  let sum = 0;
  let from = t0;
  for (let i = indexAt(steps, t0); from < t1; i++) {
    const to = i < last && times[i + 1] < t1 ? times[i + 1] : t1;
    sum += values[i] * (to - from);
    from = to;
  }
  return sum;
}

/** Time mean from `t0` to `t1`; the value at `t0` when the two are equal. */
export function meanOver(steps: Steps, t0: number, t1: number): number {
  return t0 === t1 ? valueAt(steps, t0) : integral(steps, t0, t1) / (t1 - t0);
}

export interface SeriesStatistics {
  readonly min: number;
  readonly mean: number;
  readonly max: number;
}

/** Smallest, time mean and largest value of the whole series; an endless one has its last value for mean. */
export function statistics(steps: Steps): SeriesStatistics {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const value of steps.values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const endless = steps.endSeconds === Number.POSITIVE_INFINITY;
  const mean = endless
    ? steps.values[steps.values.length - 1]
    : meanOver(steps, steps.times[0], steps.endSeconds);
  return { min, mean, max };
}

/**
 * The part of a series that a run needs, in run time.
 *
 * @param startSeconds start of the run, Unix seconds; becomes 0
 * @param endSeconds end of the run and of all that it looks ahead, Unix seconds
 * @param historySeconds earlier values to keep at negative times, as far as there are any (persistence forecasts)
 * @throws UserError CANOPY_SIGNAL_RANGE when the window leaves the series
 */
export function window(
  series: StepSeries,
  startSeconds: number,
  endSeconds: number,
  historySeconds = 0,
): Track {
  const { times, values } = series;
  if (startSeconds < times[0] || endSeconds > series.endSeconds || endSeconds < startSeconds) {
    throw new UserError(
      "CANOPY_SIGNAL_RANGE",
      `signal ${series.header.zone} (${series.header.source}) covers ${range(times[0], series.endSeconds)}, ` +
        `but ${range(startSeconds, endSeconds)} is asked for: move the start, shorten the run, or give a longer series`,
    );
  }
  const first = indexAt(series, startSeconds - historySeconds);
  let end = indexAt(series, endSeconds) + 1;
  if (end > first + 1 && times[end - 1] === endSeconds) end--;
  const trackEnd = end < times.length ? times[end] : series.endSeconds;
  return {
    times: times.slice(first, end).map((t) => t - startSeconds),
    values: values.slice(first, end),
    endSeconds: trackEnd - startSeconds,
  };
}

/** The series as time means over cells of `stepSeconds` from its first time on; its integral is kept. */
export function resample(series: StepSeries, stepSeconds: number): StepSeries {
  checkStep(stepSeconds);
  const start = series.times[0];
  const count = Math.ceil((series.endSeconds - start) / stepSeconds);
  const times = Float64Array.from({ length: count }, (_, i) => start + i * stepSeconds);
  const values = times.map((t) => meanOver(series, t, Math.min(t + stepSeconds, series.endSeconds)));
  return {
    header: changed(series.header, `mean over ${stepSeconds} s`),
    times,
    values,
    endSeconds: series.endSeconds,
  };
}

/**
 * The series on a finer grid of `stepSeconds`.
 *
 * @param mode `hold` keeps the same step function; `linear` joins the values at the old times, the last one held
 * @throws UserError CANOPY_SIGNAL_STEP when an old time is not on the new grid
 */
export function refineTo(series: StepSeries, stepSeconds: number, mode: "hold" | "linear"): StepSeries {
  checkStep(stepSeconds);
  const old = series.times;
  const start = old[0];
  const stray = old.find((t) => (t - start) % stepSeconds !== 0);
  if (stray !== undefined) {
    throw new UserError(
      "CANOPY_SIGNAL_STEP",
      `signal ${series.header.zone} (${series.header.source}) has a value at ${isoTime(stray)}, which no step of ` +
        `${stepSeconds} s from ${isoTime(start)} meets: choose a step that divides the series' own, or resample`,
    );
  }
  const count = Math.ceil((series.endSeconds - start) / stepSeconds);
  const times = Float64Array.from({ length: count }, (_, i) => start + i * stepSeconds);
  const values = times.map((t) => {
    const i = indexAt(series, t);
    if (mode === "hold" || i === old.length - 1) return series.values[i];
    const share = (t - old[i]) / (old[i + 1] - old[i]);
    return series.values[i] + share * (series.values[i + 1] - series.values[i]);
  });
  const header = mode === "hold" ? series.header : changed(series.header, `linear to ${stepSeconds} s`);
  return { header, times, values, endSeconds: series.endSeconds };
}

/**
 * The series mapped affinely so that its smallest value becomes `low` and its largest `high`: how CAPS's published
 * range of 90 to 520 g/kWh is imposed on a week that has 102 to 340.
 *
 * @throws UserError CANOPY_SIGNAL_RESCALE when the series is constant or the range is not one
 */
export function rescale(series: StepSeries, [low, high]: readonly [number, number]): StepSeries {
  const { min, max } = statistics(series);
  if (!(high > low) || min === max) {
    throw new UserError(
      "CANOPY_SIGNAL_RESCALE",
      `cannot rescale signal ${series.header.zone} (${series.header.source}), which spans ${min} to ${max}, ` +
        `to ${low} to ${high}: both must be ranges with a lower and a higher end`,
    );
  }
  const slope = (high - low) / (max - min);
  return {
    ...series,
    header: changed(series.header, `rescaled to ${low}-${high}`),
    values: series.values.map((value) => low + (value - min) * slope),
  };
}

/** The series times `factor`, e.g. 2.5 to turn a wholesale price into a retail tariff. */
export function scaleBy(series: StepSeries, factor: number): StepSeries {
  return {
    ...series,
    header: changed(series.header, `times ${factor}`),
    values: series.values.map((value) => value * factor),
  };
}

/** One value for all of [`startSeconds`, `endSeconds`). */
export function constantSeries(
  header: SignalHeader,
  value: number,
  startSeconds = 0,
  endSeconds = Number.POSITIVE_INFINITY,
): StepSeries {
  return { header, times: Float64Array.of(startSeconds), values: Float64Array.of(value), endSeconds };
}

/** The same steps with their columns on shared memory, so that workers read one copy. */
export function shareSeries<T extends Steps>(steps: T): T {
  return { ...steps, times: shared(steps.times), values: shared(steps.values) };
}

/** Unix seconds as `2025-01-01T00:00:00Z`. */
export function isoTime(seconds: number): string {
  if (!Number.isFinite(seconds)) return seconds > 0 ? "for ever" : "ever before";
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
}

function shared(column: Float64Array): Float64Array {
  const copy = new Float64Array(new SharedArrayBuffer(column.byteLength));
  copy.set(column);
  return copy;
}

function changed(header: SignalHeader, change: string): SignalHeader {
  const raw = header.provenance === "measured" || header.provenance === "published";
  return {
    ...header,
    source: `${header.source}, ${change}`,
    provenance: raw ? "derived" : header.provenance,
  };
}

function checkStep(stepSeconds: number): void {
  if (!(stepSeconds > 0) || !Number.isFinite(stepSeconds)) {
    throw new UserError(
      "CANOPY_SIGNAL_STEP",
      `a step of ${stepSeconds} s is not a positive number of seconds`,
    );
  }
}

function range(from: number, to: number): string {
  return `${isoTime(from)} to ${isoTime(to)}`;
}
