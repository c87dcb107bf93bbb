/** What a planner's run over a horizon comes to. */
import type { BoundOverEpochs } from "../../datacenter/bound-over-epochs.ts";
import { METRICS, OFF_SHARE } from "../../datacenter/epoch-model.ts";
import type { Setting } from "../../datacenter/setting.ts";
import type { EpochRecord, EpochsResult } from "../../datacenter/simulate-epochs.ts";
import type { EpochSeries } from "../run-spec.ts";

export interface Judged {
  readonly result: EpochsResult;
  readonly setting: Setting;
  readonly bound: BoundOverEpochs;
  /** Of the four metrics in the objective, sum 1. */
  readonly weights: readonly number[];
}

/** The metrics of `src/metrics/epoch-metrics.ts`, and why some are null. */
export function epochMetrics(judged: Judged): {
  readonly metrics: Record<string, number | null>;
  readonly reasons: Record<string, string>;
} {
  const { result, setting, bound } = judged;
  const { epochs, totals, requests } = result;
  const count = epochs.length;
  const objective = mean(epochs.map((record) => objectiveOf(record, judged)));
  const byRequests = (of: (record: EpochRecord) => number) =>
    requests > 0
      ? epochs.reduce((sum, record) => sum + of(record) * totalOf(record.requests), 0) / requests
      : 0;
  const detail = (of: (detail: NonNullable<EpochRecord["detail"]>) => number) =>
    epochs.reduce((sum, record) => sum + (record.detail === undefined ? 0 : of(record.detail)), 0);
  const itKwh = detail(({ itKwh: own }) => own);
  const errors = forecastErrors(epochs);
  const metrics: Record<string, number | null> = {
    ttft_plan_s: totals.ttft,
    ttft_paper_s: byRequests(({ detail: own }) => own?.ttftPaperSeconds ?? 0),
    ttft_simulated_s: byRequests(({ detail: own }) => own?.ttftSimSeconds ?? 0),
    carbon_kg: totals.carbon,
    water_l: totals.water,
    cost_usd: totals.cost,
    objective,
    energy_kwh: detail(({ totalKwh }) => totalKwh),
    wue_l_per_kwh:
      itKwh > 0
        ? detail(({ evaporationLitres, blowdownLitres }) => evaporationLitres + blowdownLitres) / itKwh
        : null,
    off_fraction: mean(epochs.map(({ metrics: own }) => own[OFF_SHARE])),
    excess_fraction: result.excessShare,
    plan_change: planChange(epochs),
    calls_per_epoch: result.calls / count,
    planning_s_per_epoch: result.planningSeconds / count,
    forecast_error_fraction: errors.mape,
    forecast_accuracy_fraction: errors.mape === null ? null : 1 - errors.mape,
    forecast_weighted_error_fraction: errors.wape,
    arrival_factor: setting.factor,
  };
  const reasons: Record<string, string> = {};
  const bounded: readonly (readonly [name: string, value: number, least: number, unit: string])[] = [
    ["ttft", totals.ttft, bound.least.ttft, "_s"],
    ["carbon", totals.carbon, bound.least.carbon, "_kg"],
    ["water", totals.water, bound.least.water, "_l"],
    ["cost", totals.cost, bound.least.cost, "_usd"],
    ["objective", objective, bound.weighted, ""],
  ];
  for (const [name, value, least, unit] of bounded) {
    const known = Number.isFinite(least);
    const above = `${name}_above_bound_fraction`;
    metrics[`${name}_bound${unit}`] = known ? least : null;
    metrics[above] = known && least > 0 ? value / least - 1 : null;
    if (!known) {
      reasons[`${name}_bound${unit}`] = "the requests of some epoch exceed the fleet";
      reasons[above] = "the requests of some epoch exceed the fleet";
    } else if (least === 0) reasons[above] = "the bound is 0";
  }
  if (errors.mape === null) {
    for (const name of ["forecast_error_fraction", "forecast_accuracy_fraction"]) {
      reasons[name] = "there were no requests";
    }
  }
  if (errors.wape === null) reasons["forecast_weighted_error_fraction"] = "there were no requests";
  if (itKwh === 0) reasons["wue_l_per_kwh"] = "no energy was used";
  return { metrics, reasons };
}

/** What figures show of single epochs, to six digits. */
export function epochSeries(judged: Judged, withArrivals: boolean): EpochSeries {
  const { result, setting, bound } = judged;
  const { fortnight, world } = setting;
  const of = (j: number) =>
    result.epochs.map(({ epoch, metrics }) => short(metrics[j] / bound.uniform[epoch * METRICS.length + j]));
  const arrivals = Object.fromEntries(
    world.models.map(({ name }, v) => [
      name,
      Array.from({ length: fortnight.epochs }, (_, e) => short(fortnight.counts[e * fortnight.models + v])),
    ]),
  );
  return {
    epochSeconds: fortnight.epochSeconds,
    objective: result.epochs.map((record) => short(objectiveOf(record, judged))),
    ttft: of(0),
    carbon: of(1),
    water: of(2),
    cost: of(3),
    ...(withArrivals ? { arrivals } : {}),
  };
}

/** Weighted sum of the epoch's metrics over those of even shares with nothing to boot, as the bound takes them. */
function objectiveOf({ epoch, metrics }: EpochRecord, { bound, weights }: Judged): number {
  let sum = 0;
  for (const [j, weight] of weights.entries()) {
    const unit = bound.uniform[epoch * METRICS.length + j];
    if (unit > 0) sum += (weight * metrics[j]) / unit;
  }
  return sum;
}

/** Mean L1 distance of a plan's rows from those of the plan before; 0 for a single epoch. */
function planChange(epochs: readonly EpochRecord[]): number {
  let sum = 0;
  for (let e = 1; e < epochs.length; e++) {
    const [before, after] = [epochs[e - 1].plan, epochs[e].plan];
    const rows = after.reduce((total, share) => total + share, 0);
    for (let i = 0; i < after.length; i++) sum += Math.abs(after[i] - before[i]) / rows;
  }
  return epochs.length > 1 ? sum / (epochs.length - 1) : 0;
}

function forecastErrors(epochs: readonly EpochRecord[]): { mape: number | null; wape: number | null } {
  let relative = 0;
  let busy = 0;
  let absolute = 0;
  let total = 0;
  for (const { requests, forecast } of epochs) {
    const count = totalOf(requests);
    const error = Math.abs(totalOf(forecast) - count);
    absolute += error;
    total += count;
    if (count === 0) continue;
    relative += error / count;
    busy++;
  }
  return { mape: busy > 0 ? relative / busy : null, wape: total > 0 ? absolute / total : null };
}

function totalOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function short(value: number): number {
  return Number.isFinite(value) ? Number(value.toPrecision(6)) : 0;
}
