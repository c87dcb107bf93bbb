import { UserError } from "../../errors.ts";
import { chooseDense } from "../../learning/dense/choose-dense.ts";
import { defineRouter, type LearningRouter, type RouterSeries } from "../contract.ts";
import { CedarRouter } from "./cedar-router.ts";
import type { Cockpit } from "./pilot.ts";
import { POLICY } from "./policy-learner.ts";
import { HEURISTIC, SAC } from "./reward-curve.ts";
import {
  type CedarSacParameters,
  cedarHandOverParameters,
  cedarSacParameters,
  HAND_OVER_DEFAULTS,
  type HandOverParameters,
} from "./sac-parameters.ts";
import { type PilotMode, SacPilot } from "./sac-pilot.ts";

const full = { queue: true, meanModel: false, uniformWithinRegion: false };

/** CEDAR with its learned policy, in control or waiting for it. */
class LearnedCedarRouter extends CedarRouter {
  readonly #made: { pilot?: SacPilot };
  readonly #controlHours: number;

  constructor(parameters: HandOverParameters, mode: PilotMode) {
    const made: { pilot?: SacPilot } = {};
    const pilot = (cockpit: Cockpit): SacPilot => {
      made.pilot = new SacPilot(cockpit, parameters, mode);
      if (mode !== "train") made.pilot.load(trainedPolicy(cockpit));
      return made.pilot;
    };
    super(parameters, { ...full, pilot });
    this.#made = made;
    this.#controlHours = parameters.controlSeconds / 3600;
  }

  /** Rewards of both policies over the training. */
  series(): RouterSeries {
    const { curve } = this.pilot;
    const line = (policy: number) => {
      const { x, y } = curve.line(policy);
      return { x: x.map((intervals) => intervals * this.#controlHours), y };
    };
    return { reward_in_training: { "the heuristic": line(HEURISTIC), SAC: line(SAC) } };
  }

  protected get pilot(): SacPilot {
    const { pilot } = this.#made;
    if (pilot === undefined) throw new Error("CEDAR's learned policy is asked before the router has started");
    return pilot;
  }
}

class CedarTrainingRouter extends LearnedCedarRouter implements LearningRouter {
  constructor(parameters: HandOverParameters) {
    super(parameters, "train");
  }

  learned(): ReadonlyMap<string, Uint8Array> {
    return new Map([[POLICY, this.pilot.learner.save()]]);
  }
}

function trainedPolicy({ world }: Cockpit): Uint8Array {
  const bytes = world.artefacts.get(POLICY);
  if (bytes !== undefined) return bytes;
  throw new UserError(
    "CANOPY_TRAINING_MISSING",
    "the router has no policy, expected a training section in the experiment or artefacts: {policy: FILE} beside the router",
  );
}

/** What the kernels are: training and runs give the same bytes only on the same. */
const backend = (values: { readonly dense: CedarSacParameters["dense"] }) => {
  const { backend, isa } = chooseDense(values.dense);
  return { backend, isa };
};

/** What of the parameters training depends on. */
function basis(values: HandOverParameters): unknown {
  const trained = Object.entries(values).filter(([name]) => !RUN_ONLY.has(name));
  return { ...Object.fromEntries(trained), dense: backend(values) };
}

/** Parameters that training does not look at. */
const RUN_ONLY = new Set([
  "online",
  "onlineUpdateEvery",
  "explore",
  "probe",
  "qualifyErrors",
  "lossFactor",
  "leastTemperature",
  "largestTemperature",
  "revertIntervals",
]);

const training = { artefacts: [POLICY], name: "cedar-sac" };
const withRule = (values: CedarSacParameters): HandOverParameters => ({ ...HAND_OVER_DEFAULTS, ...values });

export const cedar = defineRouter({
  id: "cedar",
  family: "cedar",
  group: "system",
  status: "adapted",
  source: "CEDAR, sections 3.6 and 3.7, Algorithm 1; the paper gives neither its heuristic nor its hand-over",
  summary:
    "cedar-heuristic, until soft actor-critic has shown a better reward; back when a tier breaks epsilon",
  parameters: cedarHandOverParameters,
  create: (values: HandOverParameters) => new LearnedCedarRouter(values, "hand-over"),
  training: { ...training, basis, create: (values: HandOverParameters) => new CedarTrainingRouter(values) },
  backend,
});

export const cedarSac = defineRouter({
  id: "cedar-sac",
  family: "cedar",
  group: "system",
  status: "adapted",
  source: "CEDAR, section 3.7; sizes, encoding and training are those of the specification",
  summary: "CEDAR's queues, with weights by soft actor-critic in place of the heuristic's score",
  parameters: cedarSacParameters,
  create: (values: CedarSacParameters) => new LearnedCedarRouter(withRule(values), "forced"),
  training: {
    ...training,
    basis: (values: CedarSacParameters) => basis(withRule(values)),
    create: (values: CedarSacParameters) => new CedarTrainingRouter(withRule(values)),
  },
  backend,
});
