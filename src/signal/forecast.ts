/**
 * Forecasts of a signal, made from its true series: what a router may know of the future.
 *
 * A forecast is issued on a grid of time; all that is asked of one issue comes from the same drawing. The clock is
 * that of the series it is made from: Unix seconds for a StepSeries, run seconds for a Track.
 */
import { suggestion, UserError } from "../errors.ts";
import { hashWords } from "../numeric/random.ts";
import { indexAt, type Steps, valueAt } from "./series.ts";

export interface Forecast {
  readonly name: "perfect" | "persistence" | "noisy";
  readonly issuedEverySeconds: number;
  /**
   * The value expected at `targetSeconds` by the last issue not after `nowSeconds`. What has begun by `nowSeconds`
   * is known: the value under way and all before are the true ones. Allocates nothing.
   */
  predict(nowSeconds: number, targetSeconds: number): number;
}

export interface ForecastOptions {
  readonly kind: Forecast["name"];
  /** Default 3600. */
  readonly issuedEverySeconds?: number | undefined;
  /** `noisy`: names the drawing, beside the zone. */
  readonly seed?: number | string | undefined;
  readonly zone?: string | undefined;
  /** `noisy`: relative standard deviation at a lead of 1 h and at the horizon, linear between. */
  readonly deviation?: readonly [atOneHour: number, atHorizon: number] | undefined;
  /** `noisy`: lead up to which the error grows; beyond it the last error is kept. */
  readonly horizonHours?: number | undefined;
  /** `noisy`: correlation of the errors of neighbouring lead hours. */
  readonly correlation?: number | undefined;
}

const DAY = 86400;
const HOUR = 3600;

/**
 * A forecast over the true series.
 *
 * `perfect` tells the truth. `persistence` repeats the last day known at issue. `noisy` is CAPS's CarbonCast replaced
 * as in metrics.md section 5: truth * (1 + eps), eps AR(1) over lead hours with a deviation that grows from 3 % at
 * 1 h to 12 % at 96 h (mean absolute error 2.4 to 9.6 %). Errors of different issues are independent.
 *
 * @throws UserError CANOPY_FORECAST for an unknown kind or an impossible parameter
 */
export function createForecast(truth: Steps, options: ForecastOptions): Forecast {
  const issuedEverySeconds = options.issuedEverySeconds ?? HOUR;
  if (!(issuedEverySeconds > 0)) {
    throw new UserError(
      "CANOPY_FORECAST",
      `issuedEverySeconds is ${issuedEverySeconds}; expected a positive number`,
    );
  }
  switch (options.kind) {
    case "perfect":
      return { name: "perfect", issuedEverySeconds, predict: (_now, target) => valueAt(truth, target) };
    case "persistence":
      return persistence(truth, issuedEverySeconds);
    case "noisy":
      return noisy(truth, issuedEverySeconds, options);
    default: {
      const kinds = ["perfect", "persistence", "noisy"];
      throw new UserError(
        "CANOPY_FORECAST",
        `unknown forecast "${options.kind}"${suggestion(String(options.kind), kinds)}`,
      );
    }
  }
}

/** Yesterday, same hour; without a yesterday in the series, the value at issue. */
function persistence(truth: Steps, issuedEverySeconds: number): Forecast {
  const start = truth.times[0];
  return {
    name: "persistence",
    issuedEverySeconds,
    predict: (now, target) => {
      if (isKnown(truth, now, target)) return valueAt(truth, target);
      const issue = lastIssue(now, issuedEverySeconds);
      const seen = target - DAY * Math.ceil((target - issue) / DAY);
      return valueAt(truth, seen < start ? issue : seen);
    },
  };
}

function noisy(truth: Steps, issuedEverySeconds: number, options: ForecastOptions): Forecast {
  const [first, last] = options.deviation ?? [0.03, 0.12];
  const horizonHours = options.horizonHours ?? 96;
  const rho = options.correlation ?? 0.95;
  if (!(first >= 0 && last >= 0 && horizonHours > 1 && rho >= 0 && rho < 1)) {
    throw new UserError(
      "CANOPY_FORECAST",
      `noisy forecast: deviation ${first} to ${last}, horizon ${horizonHours} h, correlation ${rho}; ` +
        "expected deviations from 0, a horizon above 1 h and a correlation in [0, 1)",
    );
  }
  const words = hashWords(`${options.seed ?? 0}\u0000forecast|${options.zone ?? ""}`);
  const errors = new Float64Array(Math.ceil(horizonHours) + 1);
  const innovation = Math.sqrt(1 - rho * rho);
  let drawn = Number.NaN;
  /** Draws the errors of one issue anew from a counter-based generator, so that any issue can be had at any time. */
  const draw = (issueNumber: number): void => {
    let z = 0;
    for (let hour = 0; hour < errors.length; hour++) {
      const normal = counterNormal(words, issueNumber, hour);
      z = hour === 0 ? normal : rho * z + innovation * normal;
      const lead = Math.min(Math.max(hour, 1), horizonHours);
      errors[hour] = z * (first + ((last - first) * (lead - 1)) / (horizonHours - 1));
    }
    drawn = issueNumber;
  };
  return {
    name: "noisy",
    issuedEverySeconds,
    predict: (now, target) => {
      const real = valueAt(truth, target);
      if (isKnown(truth, now, target)) return real;
      const issueNumber = Math.floor(now / issuedEverySeconds);
      if (issueNumber !== drawn) draw(issueNumber);
      const hour = Math.round((target - issueNumber * issuedEverySeconds) / HOUR);
      return real * (1 + errors[Math.min(hour, errors.length - 1)]);
    },
  };
}

/** Whether the interval that holds `target` has begun by `now`. */
function isKnown(truth: Steps, now: number, target: number): boolean {
  return target <= now || truth.times[indexAt(truth, target)] <= now;
}

function lastIssue(now: number, issuedEverySeconds: number): number {
  return Math.floor(now / issuedEverySeconds) * issuedEverySeconds;
}

/** Standard normal variate of a pair of counters (Box and Muller on two mixed words). */
function counterNormal(words: Uint32Array, a: number, b: number): number {
  const low = a | 0;
  const high = Math.floor(a / 4294967296) | 0;
  let h = mix(words[0] ^ Math.imul(low, 0x9e3779b1));
  h = mix(h ^ words[1] ^ Math.imul(high, 0x85ebca6b));
  h = mix(h ^ words[2] ^ Math.imul(b, 0xc2b2ae35));
  const u = ((mix(h ^ words[3]) >>> 0) + 0.5) / 4294967296;
  const v = (mix(h + 0x6a09e667) >>> 0) / 4294967296;
  return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v);
}

/** The finaliser of MurmurHash3. */
function mix(word: number): number {
  let h = word ^ (word >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}

export interface ForecastError {
  readonly leadSeconds: number;
  /** Mean absolute error, in the series' unit. */
  readonly mae: number;
  /** Mean absolute error over the truth, as a share; NaN where the truth is 0. */
  readonly mape: number;
  /** Root mean square of the relative error. */
  readonly relativeDeviation: number;
  readonly samples: number;
}

/**
 * How wrong a forecast is at given leads, one sample for each issue whose target the series covers.
 *
 * @param leadsSeconds leads after the issue
 */
export function forecastErrors(
  forecast: Forecast,
  truth: Steps,
  leadsSeconds: readonly number[],
): ForecastError[] {
  const every = forecast.issuedEverySeconds;
  const firstIssue = Math.ceil(truth.times[0] / every) * every;
  return leadsSeconds.map((leadSeconds) => {
    let absolute = 0;
    let relative = 0;
    let squares = 0;
    let samples = 0;
    for (let issue = firstIssue; issue + leadSeconds < truth.endSeconds; issue += every) {
      const value = valueAt(truth, issue + leadSeconds);
      const error = forecast.predict(issue, issue + leadSeconds) - value;
      absolute += Math.abs(error);
      relative += Math.abs(error / value);
      squares += (error / value) ** 2;
      samples++;
    }
    return {
      leadSeconds,
      mae: absolute / samples,
      mape: relative / samples,
      relativeDeviation: Math.sqrt(squares / samples),
      samples,
    };
  });
}
