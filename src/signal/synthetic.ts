/**
 * Synthetic series: seeded stand-ins with the statistics of real grids, for runs without real data.
 *
 * Every calendar year (UTC) of a series is one path that begins on 1 January and depends on seed, zone, purpose and
 * step alone, so two windows of the same year agree wherever they overlap.
 */
import { UserError } from "../errors.ts";
import { Stream } from "../numeric/random.ts";
import type { SignalHeader, StepSeries } from "./series.ts";

/** One harmonic of the daily shape: relative amplitude and the UTC hour at which it peaks. */
export type Harmonic = readonly [amplitude: number, peakHourUtc: number];

/** A daily and yearly shape plus autocorrelated noise: average intensity, or price. */
export interface ShapedModel {
  readonly kind: "shaped";
  /** Time mean over `reference`, in the header's unit. */
  readonly mean: number;
  /** The noise bends towards these and does not pass them. */
  readonly min: number;
  readonly max: number;
  /** What `mean` and the noise's deviation are taken over: a whole year, or its first 90 days. */
  readonly reference: "year" | "first-quarter";
  /** First, second and third harmonic of the day, relative to the mean. */
  readonly daily: readonly Harmonic[];
  /** Relative amplitude over the year and the day of the year at which it peaks. */
  readonly seasonal: readonly [amplitude: number, peakDay: number];
  /** Mean of Saturday and Sunday over the mean of the other days. */
  readonly weekend: number;
  /** AR(1) noise: standard deviation over the mean, and correlation time. Log-normal noise multiplies. */
  readonly noise: {
    readonly law: "normal" | "log-normal";
    readonly deviation: number;
    readonly correlationHours: number;
  };
}

/**
 * A marginal signal of two states, as WattTime's MOER of June 2023 shows: a gas unit sets the margin, or renewables
 * are curtailed and it is nearly clean. The state is a Markov process whose entry rate follows the hour.
 */
export interface TwoStateModel {
  readonly kind: "two-state";
  readonly gas: { readonly mean: number; readonly deviation: number; readonly correlationHours: number };
  /** `floor` plus a log-normal of the given median and sigma (of the logarithm). */
  readonly curtailed: {
    readonly floor: number;
    readonly median: number;
    readonly sigma: number;
    readonly correlationHours: number;
  };
  readonly max: number;
  /** Share of all time in the curtailed state. */
  readonly curtailedShare: number;
  /** Mean length of a stay in it, unless its hours end before. */
  readonly stayHours: number;
  /** Centre of the hours with curtailment and how far they reach on either side; null: any hour alike (wind). */
  readonly hours: { readonly centreUtc: number; readonly reach: number } | null;
}

export interface SyntheticModel {
  readonly header: Omit<SignalHeader, "source" | "provenance">;
  readonly shape: ShapedModel | TwoStateModel;
}

export interface SyntheticOptions {
  readonly seed: number | string;
  readonly startSeconds: number;
  readonly endSeconds: number;
  /** Default 300. */
  readonly stepSeconds?: number | undefined;
}

/**
 * Draws a series of the model.
 *
 * @param name names the stream of random numbers beside seed and zone, and stands in the header's source
 * @throws UserError CANOPY_SIGNAL_STEP unless the step divides a day and the window lies on its grid
 */
export function synthesise(model: SyntheticModel, name: string, options: SyntheticOptions): StepSeries {
  const { seed, startSeconds, endSeconds, stepSeconds = 300 } = options;
  if (86400 % stepSeconds !== 0 || startSeconds % stepSeconds !== 0 || endSeconds <= startSeconds) {
    throw new UserError(
      "CANOPY_SIGNAL_STEP",
      `synthetic signal ${name}: from ${startSeconds} to ${endSeconds} by ${stepSeconds} s; ` +
        "expected a step that divides a day, a start on its grid and a later end",
    );
  }
  const count = Math.ceil((endSeconds - startSeconds) / stepSeconds);
  const times = Float64Array.from({ length: count }, (_, i) => startSeconds + i * stepSeconds);
  const values = new Float64Array(count);
  const { shape, header } = model;
  for (let at = 0; at < count; ) {
    const year = new Date(times[at] * 1000).getUTCFullYear();
    const yearStart = Date.UTC(year, 0, 1) / 1000;
    const yearEnd = Date.UTC(year + 1, 0, 1) / 1000;
    const from = (times[at] - yearStart) / stepSeconds;
    const steps = Math.min(count - at, (yearEnd - times[at]) / stepSeconds);
    const purpose = `signal|${header.zone}|${name}|${year}`;
    const stream = (part: string) => new Stream(seed, `${purpose}|${part}`);
    const path =
      shape.kind === "shaped"
        ? shapedPath(shape, stream("noise"), yearStart, yearEnd, stepSeconds, from + steps)
        : twoStatePath(shape, stream, stepSeconds, from + steps);
    values.set(path.subarray(from, from + steps), at);
    at += steps;
  }
  return {
    header: { ...header, source: `synthetic ${name}, seed ${seed}`, provenance: "synthetic" },
    times,
    values,
    endSeconds: startSeconds + count * stepSeconds,
  };
}

function shapedPath(
  shape: ShapedModel,
  stream: Stream,
  yearStart: number,
  yearEnd: number,
  stepSeconds: number,
  wanted: number,
): Float64Array {
  const referenceSteps = (shape.reference === "year" ? yearEnd - yearStart : 90 * 86400) / stepSeconds;
  const noise = autoregressive(
    stream,
    Math.max(wanted, referenceSteps),
    stepSeconds,
    shape.noise.correlationHours,
  );
  standardise(noise, referenceSteps);
  const { law, deviation } = shape.noise;
  const sigma = law === "log-normal" ? Math.sqrt(Math.log1p(deviation ** 2)) : deviation;
  const seasonalMean = meanSeason(shape, (referenceSteps * stepSeconds) / 86400);
  const weekday = 7 / (5 + 2 * shape.weekend);
  return noise.map((z, i) => {
    const seconds = yearStart + i * stepSeconds;
    const season = seasonAt(shape, (i * stepSeconds) / 86400) - seasonalMean;
    const weekdayFactor = isWeekend(seconds) ? weekday * shape.weekend : weekday;
    const base = (1 + season + dayShape(shape.daily, (seconds % 86400) / 3600)) * weekdayFactor;
    const relative = law === "normal" ? base + sigma * z : base * Math.exp(sigma * z - sigma ** 2 / 2);
    return bend(shape.mean * relative, shape);
  });
}

function twoStatePath(
  shape: TwoStateModel,
  stream: (part: string) => Stream,
  stepSeconds: number,
  wanted: number,
): Float64Array {
  const path = new Float64Array(wanted);
  const { gas, curtailed } = shape;
  const gasNoise = autoregressive(stream("gas"), wanted, stepSeconds, gas.correlationHours);
  const lowNoise = autoregressive(stream("curtailed"), wanted, stepSeconds, curtailed.correlationHours);
  const states = stream("state");
  const stepHours = stepSeconds / 3600;
  const leave = -Math.expm1(-stepHours / shape.stayHours);
  let low = false;
  for (let i = 0; i < wanted; i++) {
    const share = curtailedShareAt(shape, ((i * stepSeconds) % 86400) / 3600);
    const enter = -Math.expm1((-stepHours / shape.stayHours) * (share / (1 - share)));
    const draw = states.uniform();
    low = share > 0 && (low ? draw >= leave : draw < enter);
    const value = low
      ? curtailed.floor + curtailed.median * Math.exp(curtailed.sigma * lowNoise[i])
      : gas.mean + gas.deviation * gasNoise[i];
    path[i] = Math.min(value, low ? gas.mean : shape.max);
  }
  return path;
}

/** Share of the curtailed state at an hour of the day: a half cosine over the hours of curtailment. */
function curtailedShareAt(shape: TwoStateModel, hour: number): number {
  if (shape.hours === null) return shape.curtailedShare;
  const { centreUtc, reach } = shape.hours;
  const away = Math.abs(((((hour - centreUtc + 12) % 24) + 24) % 24) - 12);
  if (away >= reach) return 0;
  const peak = (shape.curtailedShare * 24 * Math.PI) / (4 * reach);
  return Math.min(0.95, peak * Math.cos((Math.PI * away) / (2 * reach)));
}

/** Stationary AR(1) of unit variance and the given correlation time. */
function autoregressive(
  stream: Stream,
  count: number,
  stepSeconds: number,
  correlationHours: number,
): Float64Array {
  const rho = Math.exp(-stepSeconds / (3600 * correlationHours));
  const innovation = Math.sqrt(1 - rho * rho);
  const path = new Float64Array(count);
  let z = stream.normal();
  for (let i = 0; i < count; i++) {
    path[i] = z;
    z = rho * z + innovation * stream.normal();
  }
  return path;
}

/** Gives the first `count` values mean 0 and deviation 1: a slow AR(1) would else miss the mean by several percent. */
function standardise(path: Float64Array, count: number): void {
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < count; i++) {
    sum += path[i];
    squares += path[i] * path[i];
  }
  const mean = sum / count;
  const deviation = Math.sqrt(squares / count - mean * mean);
  for (let i = 0; i < path.length; i++) path[i] = (path[i] - mean) / deviation;
}

function dayShape(harmonics: readonly Harmonic[], hour: number): number {
  let sum = 0;
  for (const [k, [amplitude, peak]] of harmonics.entries()) {
    sum += amplitude * Math.cos((2 * Math.PI * (k + 1) * (hour - peak)) / 24);
  }
  return sum;
}

function seasonAt({ seasonal: [amplitude, peakDay] }: ShapedModel, day: number): number {
  return amplitude * Math.cos((2 * Math.PI * (day - peakDay)) / 365.25);
}

/** Mean of the seasonal term over the first `days` of a year. */
function meanSeason(shape: ShapedModel, days: number): number {
  let sum = 0;
  for (let day = 0; day < days; day++) sum += seasonAt(shape, day + 0.5);
  return sum / Math.ceil(days);
}

/** Bends a value smoothly into (min, max); near the mean it is left alone. */
function bend(value: number, { mean, min, max }: ShapedModel): number {
  const away = value - mean;
  const limit = away > 0 ? max - mean : mean - min;
  return mean + away / (1 + Math.abs(away / limit) ** 8) ** 0.125;
}

/** 1 January 1970 was a Thursday. */
function isWeekend(unixSeconds: number): boolean {
  const weekday = (Math.floor(unixSeconds / 86400) + 4) % 7;
  return weekday === 0 || weekday === 6;
}
