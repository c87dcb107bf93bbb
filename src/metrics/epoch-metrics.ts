/** Every metric of a planner's run over epochs; see `metric-catalogue.ts`. */
import type { MetricInfo } from "./metric-catalogue.ts";

const lower = "lower" as const;
const neither = "neither" as const;

const BOUNDED = [
  ["ttft", "s", "s", "ttft_plan_s"],
  ["carbon", "kg", "kg", "carbon_kg"],
  ["water", "l", "L", "water_l"],
  ["cost", "usd", "USD", "cost_usd"],
  ["objective", "", "", "objective"],
] as const;

/** In the order in which tables without a choice of their own show them. */
export const EPOCH_METRICS: readonly MetricInfo[] = [
  {
    name: "ttft_plan_s",
    label: "TTFT",
    unit: "s",
    better: lower,
    description:
      "mean time to first token that plans are judged by: MARLIN's equation 3, or wait, prefill and network where setting.ttft is simulated",
  },
  {
    name: "ttft_paper_s",
    label: "TTFT, equation 3",
    unit: "s",
    better: lower,
    description: "mean of MARLIN's equation 3, which is nearer to the time per token",
  },
  {
    name: "ttft_simulated_s",
    label: "TTFT, simulated",
    unit: "s",
    better: lower,
    description: "mean of wait, prefill and twice the network",
  },
  {
    name: "carbon_kg",
    label: "carbon",
    unit: "kg",
    better: lower,
    description: "carbon of the horizon (equation 10)",
  },
  {
    name: "water_l",
    label: "water",
    unit: "L",
    better: lower,
    description: "water of the horizon (equation 8)",
  },
  {
    name: "cost_usd",
    label: "cost",
    unit: "USD",
    better: lower,
    description: "energy times the price of the epoch, over the horizon (equation 7)",
  },
  {
    name: "objective",
    unit: "",
    better: lower,
    description:
      "mean over epochs of the weighted sum of the four metrics, each over that of even shares in the same epoch",
  },
  ...BOUNDED.map(([name, , , of]) => ({
    name: `${name}_above_bound_fraction`,
    label: `${name === "ttft" ? "TTFT" : name} above bound`,
    unit: "",
    better: lower,
    description: `${of} over its clairvoyant bound, less 1`,
  })),
  ...BOUNDED.map(([name, word, unit, of]) => ({
    name: word === "" ? `${name}_bound` : `${name}_bound_${word}`,
    label: `bound of ${name === "ttft" ? "TTFT" : name}`,
    unit,
    better: neither,
    description: `clairvoyant bound of ${of}: least sum over epochs that no plan is below`,
  })),
  {
    name: "hypervolume",
    unit: "",
    better: "higher",
    description:
      "mean over epochs of the volume dominated by all plans that were found, up to the worst of all planners and seeds",
  },
  {
    name: "hypervolume_of_10",
    unit: "",
    better: "higher",
    description: "the same of ten of the plans: fronts of equal size",
  },
  {
    name: "hypervolume_of_plan",
    unit: "",
    better: "higher",
    description: "the same of the plan that was chosen",
  },
  { name: "off_fraction", unit: "", better: neither, description: "share of nodes that are off" },
  {
    name: "excess_fraction",
    unit: "",
    better: lower,
    description: "share of requests beyond the rated capacity of where they were sent",
  },
  {
    name: "plan_change",
    unit: "",
    better: lower,
    description: "mean L1 distance of a plan's rows from those of the plan before",
  },
  {
    name: "calls_per_epoch",
    unit: "",
    better: neither,
    description: "calls of the model of the epoch, by the planner",
  },
  {
    name: "planning_s_per_epoch",
    label: "planning per epoch",
    unit: "s",
    better: lower,
    description: "time to plan on this machine: not the same from run to run",
  },
  {
    name: "forecast_error_fraction",
    unit: "",
    better: lower,
    description: "mean over epochs of the forecast's absolute error over the requests (MAPE)",
  },
  { name: "forecast_accuracy_fraction", unit: "", better: "higher", description: "1 - MAPE" },
  {
    name: "forecast_weighted_error_fraction",
    unit: "",
    better: lower,
    description: "sum of the forecast's absolute errors over the sum of the requests (WAPE)",
  },
  {
    name: "energy_kwh",
    label: "energy",
    unit: "kWh",
    better: lower,
    description: "energy of the sites over the horizon",
  },
  {
    name: "wue_l_per_kwh",
    label: "WUE",
    unit: "L/kWh",
    better: lower,
    description: "evaporation and blowdown over IT energy",
  },
  {
    name: "arrival_factor",
    unit: "",
    better: neither,
    description: "by which counts were multiplied, so that the busiest epoch fills the fleet as asked",
  },
];

/** Figures that planners of Canopy report of themselves. */
export const PLANNER_FIGURES: readonly MetricInfo[] = [
  {
    name: "vetoes_per_epoch",
    unit: "",
    better: neither,
    description: "vetoes of MARLIN's agents, of four at most",
  },
];

const names = new Set(EPOCH_METRICS.map(({ name }) => name));

export function isEpochMetric(name: string): boolean {
  return names.has(name);
}
