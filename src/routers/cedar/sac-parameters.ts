import { z } from "zod";
import { cedarParameters } from "./parameters.ts";

const whole = z.number().int().positive();
const intervals = z.number().int().nonnegative();
const weight = z.number().nonnegative();

/** What CEDAR's learned policy adds to the heuristic's parameters (CEDAR section 3.7; specification sections 3 and 5). */
const learned = {
  rewardViolations: weight.default(1).describe("alpha: weight of the violations in the reward"),
  rewardCost: weight.default(0.3).describe("beta: weight of the cost, relative to round robin"),
  rewardCarbon: weight.default(0.3).describe("gamma: weight of the carbon, relative to round robin"),
  rewardOscillation: weight.default(0.1).describe("eta: weight of the oscillation over control intervals"),
  violationWeights: z
    .array(weight)
    .min(1)
    .default([3, 2, 1])
    .describe("Weight of a tier's violations, strictest first; the last value holds for all further tiers"),
  referenceSmoothing: z
    .number()
    .positive()
    .max(1)
    .default(0.05)
    .describe("Share of the newest interval in the running cost and carbon of round robin"),
  rewardReplicas: weight
    .default(0.3)
    .describe(
      "With scaling: weight of the price of the replicas ordered, relative to those at the start; what requests cost has no idle replica in it",
    ),
  transition: z
    .enum(["interval", "request"])
    .default("interval")
    .describe(
      "What is learned from: control intervals, or requests from dispatch to completion (Algorithm 1 as printed)",
    ),
  requestShare: z
    .number()
    .positive()
    .max(1)
    .default(0.05)
    .describe("transition: request: share of the requests whose transitions are kept, drawn at random"),
  constraint: z
    .enum(["penalty", "lagrangian"])
    .default("penalty")
    .describe("lagrangian: the learner's reward also pays a dual for each tier beyond epsilon"),
  dualLearningRate: weight.default(1e-3).describe("Step of those duals in a control interval"),
  observeWeights: z
    .boolean()
    .default(true)
    .describe(
      "Whether the state holds the weights in force, and with scaling the replicas ordered: bounded steps make them part of it",
    ),
  waitWindowSeconds: z
    .number()
    .positive()
    .default(30)
    .describe("Seconds over which the 95th percentile of the wait is taken, in whole control intervals"),
  backlogScale: z
    .number()
    .positive()
    .default(50)
    .describe("Requests of a tier in the router's queue at which its backlog counts as one half"),
  kappa: z.number().positive().default(3).describe("Weights are softmax(kappa a) of an action a in (-1, 1)"),
  discount: z.number().min(0).max(1).default(0.99).describe("Discount per transition"),
  tau: z
    .number()
    .positive()
    .max(1)
    .default(0.005)
    .describe("Share of the critics in their targets at each update"),
  actorLearningRate: z.number().positive().default(3e-4).describe("Learning rate of the policy"),
  criticLearningRate: z
    .number()
    .positive()
    .default(1e-3)
    .describe("Learning rate of the critics and of the temperature"),
  targetEntropy: z
    .number()
    .nullable()
    .default(null)
    .describe("Entropy that the temperature aims at, in nats; null: minus the action's dimensions"),
  batch: whole.default(256).describe("Transitions of an update"),
  hidden: z
    .array(whole)
    .min(1)
    .default([128, 128])
    .describe("Units of the hidden layers of policy and critics"),
  buffer: whole.default(100_000).describe("Transitions kept"),
  minBuffer: whole
    .default(5000)
    .describe("Transitions, and in training control intervals of the heuristic, before the first update"),
  updateEvery: whole.default(1).describe("Training: control intervals between two updates"),
  onlineUpdateEvery: whole.default(1).describe("Run: control intervals between two updates"),
  referenceIntervals: intervals
    .default(100)
    .describe("Training: control intervals served round robin, against which cost and carbon are measured"),
  rampIntervals: intervals
    .default(20_000)
    .describe("Training: control intervals over which the share steered by SAC rises from 0 to 1"),
  blockIntervals: whole
    .default(15)
    .describe("Training: control intervals that one policy steers before the next is drawn"),
  settleIntervals: intervals
    .default(5)
    .describe("Training: first control intervals of a block that no policy's reward counts"),
  keepTransitions: whole
    .default(5000)
    .describe("Transitions that the artefact holds, to go on learning from"),
  online: z.boolean().default(true).describe("Whether the policy goes on learning in the run"),
  explore: z
    .boolean()
    .default(false)
    .describe("Whether actions in the run are drawn from the policy, not its mean"),
  seed: intervals.default(1).describe("Seed of the policy's first weights, noise and batches"),
  dense: z
    .enum(["auto", "native", "typescript"])
    .default("auto")
    .describe("Backend of the networks; auto: the addon's kernels where it loads"),
};

const handOver = {
  qualifyIntervals: whole
    .default(50)
    .describe("Evaluation intervals of each policy whose mean rewards the hand-over compares"),
  qualifyErrors: weight
    .default(1)
    .describe("Standard errors by which SAC's mean reward has to exceed the heuristic's"),
  lossFactor: z
    .number()
    .positive()
    .default(3)
    .describe("Largest critic loss for a hand-over, as a multiple of its median"),
  lossWindow: whole.default(500).describe("Updates over which that median is taken"),
  leastTemperature: weight.default(1e-4).describe("Least temperature alpha for a hand-over"),
  largestTemperature: z.number().positive().default(1).describe("Largest temperature alpha for a hand-over"),
  revertIntervals: whole
    .default(3)
    .describe("Control intervals in a row with a tier beyond epsilon before SAC gives back"),
  probe: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe(
      "Chance of a block on trial under SAC after one of the heuristic's, while that is in charge of a run",
    ),
};

/** `cedar-sac`: SAC steers from the first request on. */
export const cedarSacParameters = cedarParameters.extend(learned);
/** `cedar`: the heuristic, until SAC has shown that it does better. */
export const cedarHandOverParameters = cedarParameters.extend(learned).extend(handOver);

export type CedarSacParameters = z.output<typeof cedarSacParameters>;
export type HandOverParameters = z.output<typeof cedarHandOverParameters>;

/** The rule of the hand-over at its defaults, for `cedar-sac`, whose training is judged by it too. */
export const HAND_OVER_DEFAULTS = cedarHandOverParameters.parse({});
