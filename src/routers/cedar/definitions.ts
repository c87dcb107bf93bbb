import { z } from "zod";
import { defineRouter } from "../contract.ts";
import { CedarRouter } from "./cedar-router.ts";
import { type CedarParameters, cedarParameters } from "./parameters.ts";

const full = { queue: true, meanModel: false, uniformWithinRegion: false };

export const cedarHeuristic = defineRouter({
  id: "cedar-heuristic",
  family: "cedar",
  group: "system",
  status: "adapted",
  source: "CEDAR, sections 3.6 and 3.7, Algorithm 1; the paper does not give its heuristic",
  summary: "Tier queues, a score of latency, cost, carbon and steadiness, and target weights every 10 s",
  withoutCarbon: "cedar-no-carbon",
  parameters: cedarParameters,
  create: (values: CedarParameters) => new CedarRouter(values, full),
});

const noCarbonParameters = cedarParameters.omit({ carbonWeights: true });

export const cedarNoCarbon = defineRouter({
  id: "cedar-no-carbon",
  family: "cedar",
  group: "ablation",
  status: "adapted",
  source: "CEDAR, section 4, Component analysis: no carbon signal",
  summary: "cedar-heuristic with carbon weight 0",
  ablationOf: "cedar-heuristic",
  parameters: noCarbonParameters,
  create: (values: z.output<typeof noCarbonParameters>) =>
    new CedarRouter({ ...values, carbonWeights: [0] }, full),
});

const noQueueParameters = cedarParameters.omit({ marginFraction: true, queueFullSeconds: true });

export const cedarNoQueue = defineRouter({
  id: "cedar-no-queue",
  family: "cedar",
  group: "ablation",
  status: "adapted",
  source: "CEDAR, section 4, Component analysis: no queue-level control",
  summary: "cedar-heuristic blind to backlog and slack: estimates from the utilisation, FIFO, no deferral",
  ablationOf: "cedar-heuristic",
  parameters: noQueueParameters,
  create: (values: z.output<typeof noQueueParameters>) =>
    new CedarRouter({ ...values, marginFraction: 0, queueFullSeconds: 0 }, { ...full, queue: false }),
});

const noModelParameters = cedarParameters.extend({
  uniformWithinRegion: z
    .boolean()
    .default(false)
    .describe("Draw the model uniformly among the admissible ones of the region that the score picks"),
});

export const cedarNoModel = defineRouter({
  id: "cedar-no-model",
  family: "cedar",
  group: "ablation",
  status: "adapted",
  source: "CEDAR, section 4, Component analysis: no model-aware routing",
  summary: "cedar-heuristic with the fleet's mean latency, cost and energy per token for every model",
  ablationOf: "cedar-heuristic",
  parameters: noModelParameters,
  create: ({ uniformWithinRegion, ...values }: z.output<typeof noModelParameters>) =>
    new CedarRouter(values, { queue: true, meanModel: true, uniformWithinRegion }),
});
