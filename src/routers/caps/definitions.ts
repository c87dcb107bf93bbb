import type { z } from "zod";
import { UserError } from "../../errors.ts";
import { decodePredictor } from "../../learning/cost-predictor/predictor-file.ts";
import { defineRouter, type RouterHost, type World } from "../contract.ts";
import { CapsRouter, type CapsVariant } from "./caps-router.ts";
import { LearnedCosts } from "./learned-costs.ts";
import { type CapsParameters, capsParameters } from "./parameters.ts";
import { CapsTrainingRouter, PREDICTOR, type PredictorBasis, predictorBasis } from "./training-router.ts";

/** The predictor that training left, read for the workload at hand. */
function predictedCosts(world: World, host: RouterHost, { lengthQuantile }: CapsParameters): LearnedCosts {
  const bytes = world.artefacts.get(PREDICTOR);
  if (bytes === undefined) {
    throw new UserError(
      "CANOPY_TRAINING_MISSING",
      "the router has no predictor, expected a training section in the experiment or artefacts: {predictor: FILE} beside the router",
    );
  }
  const { predictor } = decodePredictor(bytes, PREDICTOR, world.taskTypes);
  return new LearnedCosts(world, host, predictor, lengthQuantile);
}

const full: CapsVariant = { carbon: true, tenants: true, costs: predictedCosts };
const training = {
  artefacts: [PREDICTOR],
  name: "caps-predictor",
  basis: predictorBasis,
  create: (values: PredictorBasis) => new CapsTrainingRouter(values),
};

export const caps = defineRouter({
  id: "caps",
  family: "caps",
  group: "system",
  status: "reconstructed",
  source: "CAPS, sections 3 and 4; Algorithm 1 is an image, its loop is rebuilt from the text",
  summary: "Three pools by a score of goodput, carbon and risk from a prediction of each prompt's cost",
  parameters: capsParameters,
  create: (values: CapsParameters) => new CapsRouter(values, full),
  training,
});

const noPredictorParameters = capsParameters.omit({ lengthQuantile: true, trainingRows: true });

export const capsNoPredictor = defineRouter({
  id: "caps-no-predictor",
  family: "caps",
  group: "ablation",
  status: "reconstructed",
  source: "CAPS, section 5, Ablation: no predictor",
  summary: "caps with the tenant's mean output and a rule of load in place of the predictor",
  ablationOf: "caps",
  parameters: noPredictorParameters,
  create: (values: z.output<typeof noPredictorParameters>) =>
    new CapsRouter({ ...values, lengthQuantile: "mean", trainingRows: 0 }, { carbon: true, tenants: true }),
});

const noCarbonParameters = capsParameters.omit({ beta: true });
type NoCarbonParameters = z.output<typeof noCarbonParameters>;

export const capsNoCarbon = defineRouter({
  id: "caps-no-carbon",
  family: "caps",
  group: "ablation",
  status: "reconstructed",
  source: "CAPS, section 5, Ablation: no carbon",
  summary: "caps with beta 0, the carbon gate open and no wait in the delay-tolerant pool",
  ablationOf: "caps",
  parameters: noCarbonParameters,
  create: (values: NoCarbonParameters) => new CapsRouter({ ...values, beta: 0 }, { ...full, carbon: false }),
  training,
});

export const capsNoTenant = defineRouter({
  id: "caps-no-tenant",
  family: "caps",
  group: "ablation",
  status: "reconstructed",
  source: "CAPS, section 5, Ablation: no tenant",
  summary: "caps that takes every request for silver and lets it go to every pool",
  ablationOf: "caps",
  parameters: capsParameters,
  create: (values: CapsParameters) => new CapsRouter(values, { ...full, tenants: false }),
  training,
});
