import type { z } from "zod";
import { defineRouter, type RouterTraining } from "../contract.ts";
import {
  AccuracyMaxRouter,
  CarbonGreedyRouter,
  CostMinRouter,
  LatencyMinRouter,
  OracleRouter,
  RandomRouter,
  SizeRouter,
  ThresholdRouter,
} from "./baselines.ts";
import { CalibrationCollector } from "./calibration-collector.ts";
import { CALIBRATION } from "./calibration-file.ts";
import { epsilonFloors, fixedFloors, targetFloors } from "./floors.ts";
import { GarPdRouter } from "./gar-pd-router.ts";
import { GarRouter } from "./gar-router.ts";
import {
  accuracyMaxParameters,
  type CalibrationParameters,
  type CostMinParameters,
  carbonGreedyParameters,
  costMinParameters,
  type EstimatingParameters,
  type GarEpsParameters,
  type GarFixedParameters,
  type GarPdParameters,
  type GarTargetParameters,
  garEpsParameters,
  garFixedParameters,
  garGreenParameters,
  garPdParameters,
  garStrictParameters,
  garTargetParameters,
  latencyMinParameters,
  placingParameters,
  sizedParameters,
  type ThresholdParameters,
  thresholdParameters,
} from "./parameters.ts";

const PAPER = "GAR (arXiv 2605.11603), abstract; its body was not available";

/** One calibration serves all of them: what is made of its examples follows from each router's parameters. */
function calibrating(id: string): RouterTraining<CalibrationParameters> {
  return {
    artefacts: [CALIBRATION],
    name: "gar-calibration",
    basis: ({ fitSamples, calibrationSamples, calibrationSplit }) => ({
      fitSamples,
      calibrationSamples,
      calibrationSplit,
    }),
    create: (values) => new CalibrationCollector(id, values),
  };
}

export const garFixed = defineRouter({
  id: "gar-fixed",
  family: "gar",
  group: "system",
  status: "reconstructed",
  source: `${PAPER}; the floor rule is inferred from the name`,
  summary: "Least carbon among the endpoints that meet one accuracy floor and the objective",
  parameters: garFixedParameters,
  training: calibrating("gar-fixed"),
  create: (values: GarFixedParameters) =>
    new GarRouter("gar-fixed", values, (taskTypes) => fixedFloors("gar-fixed", taskTypes, values)),
});

function epsRouter(id: string, values: GarEpsParameters): GarRouter {
  return new GarRouter(id, values, (_, view) => epsilonFloors(view, values.epsilon));
}

export const garEps = defineRouter({
  id: "gar-eps",
  // The preset of that name is this router's defaults.
  aliases: ["gar-balanced"],
  family: "gar",
  group: "system",
  status: "reconstructed",
  source: `${PAPER}; the floor rule is inferred from the name`,
  summary: "Least carbon within epsilon of the best accuracy of each data set",
  parameters: garEpsParameters,
  training: calibrating("gar-eps"),
  create: (values: GarEpsParameters) => epsRouter("gar-eps", values),
});

/** gar-eps with other defaults, under a name of its own. */
function preset(id: string, summary: string, parameters: typeof garEpsParameters) {
  return defineRouter({
    id,
    family: "gar",
    group: "system",
    status: "reconstructed",
    source:
      "A preset of ours after the modes of a second source (Strict, Balanced, Green), which the paper's abstract lacks",
    summary,
    parameters,
    training: calibrating(id),
    create: (values: GarEpsParameters) => epsRouter(id, values),
  });
}

export const garStrict = preset("gar-strict", "gar-eps with epsilon 0", garStrictParameters);

export const garGreen = preset(
  "gar-green",
  "gar-eps with epsilon 0.05 and objectives a quarter longer",
  garGreenParameters,
);

export const garTarget = defineRouter({
  id: "gar-target",
  family: "gar",
  group: "system",
  status: "reconstructed",
  source: `${PAPER}; the floor rule is inferred from the name`,
  summary: "Least carbon above floors that reach an accuracy on the calibration split, coverage capped",
  parameters: garTargetParameters,
  training: calibrating("gar-target"),
  create: (values: GarTargetParameters) =>
    new GarRouter("gar-target", values, (_, view) => targetFloors(view, values)),
});

export const garPd = defineRouter({
  id: "gar-pd",
  family: "gar",
  group: "system",
  status: "reconstructed",
  source: `${PAPER}; online primal-dual for rolling carbon budgets, both forms ours`,
  summary: "Accuracy against carbon priced by the dual of a rolling budget, above the floors of gar-eps",
  parameters: garPdParameters,
  training: calibrating("gar-pd"),
  create: (values: GarPdParameters) => new GarPdRouter("gar-pd", values),
});

export const largestModel = defineRouter({
  id: "largest-model",
  family: "gar",
  group: "baseline",
  status: "reconstructed",
  source: "GAR, the baseline of its table as a reading note gives it",
  summary: "The largest model, its least loaded endpoint",
  parameters: sizedParameters,
  create: (values: z.output<typeof sizedParameters>) => new SizeRouter("largest-model", values, "largest"),
});

export const smallestModel = defineRouter({
  id: "smallest-model",
  family: "gar",
  group: "baseline",
  status: "ours",
  source: "Companion of largest-model",
  summary: "The smallest model, its least loaded endpoint",
  parameters: sizedParameters,
  create: (values: z.output<typeof sizedParameters>) => new SizeRouter("smallest-model", values, "smallest"),
});

export const random = defineRouter({
  id: "random",
  family: "gar",
  group: "baseline",
  status: "ours",
  source: "Seeded uniform choice",
  summary: "Any endpoint that may serve the request, each with the same probability",
  parameters: placingParameters,
  create: ({ retrySeconds }: z.output<typeof placingParameters>) => new RandomRouter(retrySeconds),
});

export const accuracyMax = defineRouter({
  id: "accuracy-max",
  family: "gar",
  group: "baseline",
  status: "ours",
  source: "GAR's estimators with accuracy alone as the objective",
  summary: "The highest predicted accuracy among the endpoints that meet the objective",
  parameters: accuracyMaxParameters,
  training: calibrating("accuracy-max"),
  create: (values: EstimatingParameters) => new AccuracyMaxRouter("accuracy-max", values),
});

export const latencyMin = defineRouter({
  id: "latency-min",
  family: "gar",
  group: "baseline",
  status: "ours",
  source: "GAR's latency estimator alone",
  summary: "The endpoint with the least estimated tail latency",
  parameters: latencyMinParameters,
  create: (values: z.output<typeof latencyMinParameters>) => new LatencyMinRouter(values),
});

export const costMin = defineRouter({
  id: "cost-min",
  family: "gar",
  group: "baseline",
  status: "ours",
  source: "GAR's floors with cost as the objective",
  summary: "The least cost among the endpoints that meet the floor of gar-eps",
  parameters: costMinParameters,
  training: calibrating("cost-min"),
  create: (values: CostMinParameters) => new CostMinRouter("cost-min", values),
});

export const carbonGreedy = defineRouter({
  id: "carbon-greedy",
  family: "gar",
  group: "baseline",
  status: "ours",
  source: "GAR's carbon estimate alone",
  summary: "The least estimated carbon, whatever accuracy and latency",
  parameters: carbonGreedyParameters,
  create: (values: z.output<typeof carbonGreedyParameters>) =>
    new CarbonGreedyRouter("carbon-greedy", values),
});

export const threshold = defineRouter({
  id: "threshold",
  family: "gar",
  group: "baseline",
  status: "ours",
  source: "Two-model routing by predicted difficulty, as Hybrid LLM and RouteLLM do it",
  summary: "The largest model where the smallest is likely wrong, else the smallest",
  parameters: thresholdParameters,
  training: calibrating("threshold"),
  create: (values: ThresholdParameters) => new ThresholdRouter("threshold", values),
});

export const oracle = defineRouter({
  id: "oracle",
  family: "gar",
  group: "reference",
  status: "ours",
  source: "Bound on what knowing correctness is worth",
  summary: "The least carbon among the models that are right, else the least carbon",
  clairvoyant: true,
  parameters: carbonGreedyParameters,
  create: (values: z.output<typeof carbonGreedyParameters>) => new OracleRouter("oracle", values),
});
