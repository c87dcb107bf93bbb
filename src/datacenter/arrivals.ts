/** Requests per epoch and model: BurstGPT's shape from its aggregates, a stand-in of the same statistics, or a trace. */
import { join } from "node:path";
import { readCsvTable } from "../csv-table.ts";
import { UserError } from "../errors.ts";
import { Stream } from "../numeric/random.ts";
import type { Trace } from "../workload/trace.ts";
import { expectValue } from "./world.ts";

/** Counts by epoch: index epoch * models + model. */
export interface Arrivals {
  readonly epochs: number;
  readonly models: number;
  readonly epochSeconds: number;
  readonly counts: Float64Array;
  /** File and days, or the stand-in and its seed; and what was done since. */
  readonly source: string;
}

/** A fortnight's shape: requests of each day and the share of each hour of a day. */
export interface ArrivalShape {
  readonly days: readonly number[];
  /** 24 weights; their scale does not matter. */
  readonly hours: readonly number[];
  readonly source: string;
}

/**
 * BurstGPT's prompt and answer tokens together are 734 a request (measured over 61 days); that 200 of them are the
 * answer is ours.
 */
export const BURSTGPT_TOKENS = { prompt: 534, output: 200 } as const;

export interface BurstGptShapeOptions {
  /** First of the days, from 0. Default 43: the calmest two weeks; which two weeks the paper took is not said. */
  readonly firstDay?: number;
  readonly days?: number;
}

/**
 * The shape of BurstGPT from the aggregates in the folder of reference data.
 *
 * @throws UserError CANOPY_FILE_MISSING, CANOPY_ARRIVALS_FILE
 */
export async function readBurstGptShape(
  dataRoot: string,
  { firstDay = 43, days = 14 }: BurstGptShapeOptions = {},
): Promise<ArrivalShape> {
  const folder = join(dataRoot, "workload-burstgpt-aggregate");
  const daily = await column(join(folder, "daily_requests_tokens_61d.csv"), "requests");
  const hours = await column(join(folder, "hour_of_day_mean_requests.csv"), "mean_requests_per_hour");
  expectValue(
    firstDay >= 0 && firstDay + days <= daily.length,
    "firstDay and days",
    `days within 0 to ${daily.length - 1}`,
    `${firstDay} to ${firstDay + days - 1}`,
  );
  return {
    days: daily.slice(firstDay, firstDay + days),
    hours,
    source: `BurstGPT aggregates, days ${firstDay} to ${firstDay + days - 1}`,
  };
}

/** Measured over 61 days of BurstGPT; what the stand-in is drawn from. */
const BURSTGPT_DAY = { mean: 23_438, cv: 1.14 };
const BURSTGPT_HOUR = { peak: 14, valley: 7, ratio: 11.72 };

/**
 * A stand-in with BurstGPT's statistics: log-normal days of the same mean and coefficient of variation, and a day with
 * the same busiest and quietest hour and the same ratio of the two.
 */
export function syntheticShape(seed: number | string, days = 14): ArrivalShape {
  const stream = new Stream(seed, "datacenter/arrival-days");
  const sigma = Math.sqrt(Math.log1p(BURSTGPT_DAY.cv ** 2));
  const mu = Math.log(BURSTGPT_DAY.mean) - sigma ** 2 / 2;
  const { peak, valley, ratio } = BURSTGPT_HOUR;
  const rise = peak - valley;
  const hours = Array.from({ length: 24 }, (_, hour) => {
    const sinceValley = (hour - valley + 24) % 24;
    const phase = sinceValley <= rise ? sinceValley / rise : 1 + (sinceValley - rise) / (24 - rise);
    return ratio ** (0.5 * (1 - Math.cos(Math.PI * phase)));
  });
  return {
    days: Array.from({ length: days }, () => Math.round(stream.logNormal(mu, sigma))),
    hours,
    source: `synthetic BurstGPT shape, seed ${seed}`,
  };
}

/**
 * Draws the counts of a shape: Poisson(day * hour share / epochs an hour * model share) in every epoch.
 *
 * @param mix shares of requests by model, sum 1
 * @throws UserError CANOPY_DATACENTER_VALUE unless epochs divide an hour
 */
export function drawArrivals(
  shape: ArrivalShape,
  mix: readonly number[],
  seed: number | string,
  epochSeconds = 900,
): Arrivals {
  const perHour = 3600 / epochSeconds;
  expectValue(Number.isInteger(perHour), "epochSeconds", "a divisor of 3600", epochSeconds);
  const stream = new Stream(seed, "datacenter/arrivals");
  const epochs = shape.days.length * 24 * perHour;
  const models = mix.length;
  const total = shape.hours.reduce((sum, weight) => sum + weight, 0);
  const counts = new Float64Array(epochs * models);
  for (let e = 0; e < epochs; e++) {
    const hour = Math.floor(e / perHour);
    const mean = (shape.days[Math.floor(hour / 24)] * shape.hours[hour % 24]) / total / perHour;
    for (let v = 0; v < models; v++) counts[e * models + v] = stream.poisson(mean * mix[v]);
  }
  return { epochs, models, epochSeconds, counts, source: shape.source };
}

/** Counts and mean lengths of a trace, e.g. BurstGPT's own file: requests that need the large model go to the last. */
export interface TraceArrivals extends Arrivals {
  /** Means by model; NaN for a model without requests. */
  readonly promptTokens: readonly number[];
  readonly outputTokens: readonly number[];
  /** Shares of requests by model. */
  readonly mix: readonly number[];
}

/**
 * Counts a trace's requests by epoch and model: two models, where `needsLarge` tells (for BurstGPT, `largeModels` of
 * the reader names GPT-4).
 *
 * @throws UserError CANOPY_ARRIVALS_FILE for a trace with steps that have no time of their own
 */
export function arrivalsOfTrace(trace: Trace, epochSeconds = 900): TraceArrivals {
  const { arrivalSeconds, promptTokens, outputTokens, needsLarge } = trace.columns;
  const models = 2;
  const rows = trace.requests;
  const dependent = arrivalSeconds.findIndex(Number.isNaN);
  if (dependent >= 0) {
    throw new UserError(
      "CANOPY_ARRIVALS_FILE",
      `trace ${trace.name}, request ${dependent + 1}: it waits for another and has no time; expected a trace of arrivals`,
    );
  }
  const epochs = Math.floor(arrivalSeconds[rows - 1] / epochSeconds) + 1;
  const counts = new Float64Array(epochs * models);
  const sums = { requests: [0, 0], prompt: [0, 0], output: [0, 0] };
  for (let i = 0; i < rows; i++) {
    const v = needsLarge[i];
    counts[Math.floor(arrivalSeconds[i] / epochSeconds) * models + v]++;
    sums.requests[v]++;
    sums.prompt[v] += promptTokens[i];
    sums.output[v] += outputTokens[i];
  }
  return {
    epochs,
    models,
    epochSeconds,
    counts,
    source: trace.name,
    promptTokens: sums.prompt.map((sum, v) => sum / sums.requests[v]),
    outputTokens: sums.output.map((sum, v) => sum / sums.requests[v]),
    mix: sums.requests.map((count) => count / rows),
  };
}

/** Epochs `from` up to, not including, `to`. */
export function sliceArrivals(arrivals: Arrivals, from: number, to: number): Arrivals {
  const { models, counts } = arrivals;
  return { ...arrivals, epochs: to - from, counts: counts.slice(from * models, to * models) };
}

async function column(path: string, name: string): Promise<number[]> {
  const table = await readCsvTable(path, "arrivals file", "CANOPY_ARRIVALS_FILE");
  const at = table.columns.indexOf(name);
  if (at < 0) {
    throw new UserError(
      "CANOPY_ARRIVALS_FILE",
      `${path}: no column "${name}" (columns: ${table.columns.join(", ")})`,
    );
  }
  return table.rows.map(({ line, cells }) => {
    const value = Number(cells[at]);
    if (cells[at] !== "" && Number.isFinite(value) && value >= 0) return value;
    throw new UserError(
      "CANOPY_ARRIVALS_FILE",
      `${path}, line ${line}, column "${name}": "${cells[at]}" is no count`,
    );
  });
}
