import { z } from "zod";
import { retrySecondsParameter } from "../baselines/parameters.ts";

const samples = z.number().int().positive();
const probability = z.number().min(0).max(1);

/** What a calibration file of other data sets and models is read by; of no use where training was on this workload. */
export const mappingParameters = {
  datasets: z
    .record(z.string(), z.string())
    .default({})
    .describe(
      "Data set of the calibration for each task type of the workload; not named: the one of its name",
    ),
  defaultDataset: z
    .string()
    .nullable()
    .default(null)
    .describe("Data set for task types that the calibration does not have and datasets does not name"),
  models: z
    .record(z.string(), z.string())
    .default({})
    .describe("Model of the calibration for each model of the fleet; not named: the one of its name"),
};

/** How correctness is estimated from the calibration's examples. */
export const calibrationParameters = {
  ...mappingParameters,
  estimator: z
    .enum(["logistic", "table"])
    .default("logistic")
    .describe("Logistic regression on the request's features, or a smoothed accuracy for each data set"),
  calibrator: z
    .enum(["platt", "isotonic", "none"])
    .default("platt")
    .describe("What makes the regression's scores probabilities on the held-out examples"),
  l2: z.number().positive().default(1).describe("Penalty of the logistic regression"),
  fitSamples: samples.default(200).describe("Examples of each data set that the regression is fitted on"),
  calibrationSamples: samples.default(200).describe("Held-out examples of the calibration split"),
  calibrationSplit: z
    .enum(["per-dataset", "total"])
    .default("per-dataset")
    .describe("Whether calibrationSamples is of each data set or of all together"),
};

/** Grams of CO2 from a request's tokens. */
export const energyParameters = {
  referenceBatch: z
    .number()
    .int()
    .positive()
    .default(32)
    .describe("Batch at which an output token's share of the replica's energy is taken from the profile"),
  energy: z
    .record(
      z.string(),
      z.strictObject({
        fixedWh: z.number().nonnegative().default(0),
        promptTokenWh: z.number().nonnegative(),
        outputTokenWh: z.number().nonnegative(),
      }),
    )
    .default({})
    .describe(
      "Energy of a request by model in Wh: fixedWh, promptTokenWh, outputTokenWh; not named: the profile's",
    ),
  pue: z
    .union([z.number().min(1), z.record(z.string(), z.number().min(1))])
    .default(1)
    .describe("Power usage effectiveness in the carbon estimate: one, or one by region"),
};

/** The tail latency of an endpoint. */
export const latencyParameters = {
  latencyQuantile: z.number().gt(0).lt(1).default(0.95).describe("Quantile that is the latency estimate"),
  latencySamples: samples.default(512).describe("Latest completions that a quantile is taken of"),
  latencyMinSamples: samples.default(30).describe("Completions below which a coarser estimate stands in"),
  latencyAgeSeconds: z
    .number()
    .positive()
    .default(300)
    .describe("Seconds after the latest completion at which a quantile is out of date"),
};

/** The objective that the latency estimate is held to. */
export const objectiveParameters = {
  sloFactor: z.number().positive().default(1).describe("Factor of the tier's objective"),
  sloSeconds: z
    .record(z.string(), z.number().positive())
    .default({})
    .describe("Objective by data set in seconds, in place of the tier's"),
};

export const sizeParameters = {
  modelsBySize: z
    .array(z.string())
    .default([])
    .describe("Models from smallest to largest; none: by the profile's energy, else time, of a prompt token"),
};

const floor = (value: number, meaning: string) => probability.default(value).describe(meaning);

/** Parameters of every router that estimates correctness, latency and carbon. */
const estimating = {
  ...calibrationParameters,
  ...energyParameters,
  ...latencyParameters,
  ...objectiveParameters,
  retrySeconds: retrySecondsParameter,
};

export const garFixedParameters = z.strictObject({
  floor: floor(0.7, "Accuracy floor of every data set"),
  floors: z
    .record(z.string(), probability)
    .default({})
    .describe("Accuracy floor by data set, in place of floor"),
  ...estimating,
});

const epsilon = (value: number) =>
  probability.default(value).describe("Floor: best calibration accuracy on the data set less this");

export const garEpsParameters = z.strictObject({ epsilon: epsilon(0.02), ...estimating });
export const garStrictParameters = z.strictObject({ epsilon: epsilon(0), ...estimating });
export const garGreenParameters = z.strictObject({
  epsilon: epsilon(0.05),
  ...estimating,
  sloFactor: z.number().positive().default(1.25).describe("Factor of the tier's objective"),
});

export const garTargetParameters = z.strictObject({
  delta: floor(0.03, "Accuracy below the best model's that the calibration split may show"),
  kappa: floor(0.95, "Share of the calibration split for which some model has to be feasible"),
  bisectionSteps: samples.default(20).describe("Steps of the search for a floor"),
  ...estimating,
});

export const garPdParameters = z.strictObject({
  form: z
    .enum(["priced", "lagrangian"])
    .default("priced")
    .describe("priced: accuracy less priced carbon among the feasible; lagrangian: three duals, no gate"),
  epsilon: epsilon(0.02),
  budget: z
    .number()
    .positive()
    .default(0.3)
    .describe("Carbon of a request, as a share of the largest model's mean on the calibration split"),
  budgetGrams: z
    .number()
    .positive()
    .nullable()
    .default(null)
    .describe("Carbon of a request in g, in place of budget"),
  budgetMode: z
    .enum(["window", "count", "clock"])
    .default("window")
    .describe("Budget over the latest requests, over blocks of requests, or over the latest seconds"),
  window: samples.default(200).describe("Requests of the window or block, and of the rolling accuracies"),
  windowSeconds: z
    .number()
    .positive()
    .default(3600)
    .describe("Seconds of the budget when budgetMode is clock"),
  emissions: z
    .enum(["estimated", "realised"])
    .default("estimated")
    .describe("Emissions that the budget counts: estimated when placed, or realised when completed"),
  eta: z.number().nonnegative().default(0.05).describe("Step of the carbon dual"),
  etaRule: z
    .enum(["constant", "root"])
    .default("constant")
    .describe("constant, or eta over the root of the count"),
  etaAccuracy: z.number().nonnegative().default(0.05).describe("Step of the accuracy duals (lagrangian)"),
  etaLatency: z.number().nonnegative().default(0.05).describe("Step of the latency duals (lagrangian)"),
  lambda: z.number().nonnegative().default(0).describe("First value of the carbon dual"),
  lambdaMax: z.number().positive().default(50).describe("Largest value of every dual"),
  ...sizeParameters,
  ...estimating,
});

export const accuracyMaxParameters = z.strictObject(estimating);
export const costMinParameters = z.strictObject({ epsilon: epsilon(0.02), ...estimating });
export const thresholdParameters = z.strictObject({
  tau: floor(
    0.3,
    "Predicted difficulty, 1 less the small model's accuracy, above which the large model serves",
  ),
  ...calibrationParameters,
  ...sizeParameters,
  retrySeconds: retrySecondsParameter,
});
export const carbonGreedyParameters = z.strictObject({
  ...energyParameters,
  retrySeconds: retrySecondsParameter,
});
export const latencyMinParameters = z.strictObject({
  ...latencyParameters,
  retrySeconds: retrySecondsParameter,
});
export const sizedParameters = z.strictObject({ ...sizeParameters, retrySeconds: retrySecondsParameter });
export const placingParameters = z.strictObject({ retrySeconds: retrySecondsParameter });

export type CalibrationParameters = z.output<z.ZodObject<typeof calibrationParameters>>;
export type MappingParameters = z.output<z.ZodObject<typeof mappingParameters>>;
export type EnergyParameters = z.output<z.ZodObject<typeof energyParameters>>;
export type LatencyParameters = z.output<z.ZodObject<typeof latencyParameters>>;
export type ObjectiveParameters = z.output<z.ZodObject<typeof objectiveParameters>>;
export type EstimatingParameters = z.output<typeof accuracyMaxParameters>;
export type GarFixedParameters = z.output<typeof garFixedParameters>;
export type GarEpsParameters = z.output<typeof garEpsParameters>;
export type GarTargetParameters = z.output<typeof garTargetParameters>;
export type GarPdParameters = z.output<typeof garPdParameters>;
export type CostMinParameters = z.output<typeof costMinParameters>;
export type ThresholdParameters = z.output<typeof thresholdParameters>;
