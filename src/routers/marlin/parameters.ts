import { z } from "zod";
import { UserError } from "../../errors.ts";
import { describeParameterIssue } from "../parameter-message.ts";

/** MARLIN's agents, in the order of the metrics and of the vetoes. */
export const AGENTS = ["ttft", "carbon", "water", "cost"] as const;
export type AgentName = (typeof AGENTS)[number];

const share = z.number().min(0).max(1);
const count = z.number().int().positive();
const width = z.array(count).min(1);

/** Every figure of MARLIN that the paper gives or leaves open, with the specification's defaults. */
export const marlinParameters = z.strictObject({
  // Phase 1
  steps: count.default(50).describe("Simulated plans and updates of each agent in an epoch (K_opt)"),
  batch: count.default(64).describe("Transitions in an update"),
  learningStarts: count.default(64).describe("Transitions that must be held before the first update"),
  actorLearningRate: z.number().positive().default(3e-4).describe("Of the policies (paper)"),
  criticLearningRate: z.number().positive().default(1e-3).describe("Of the critics (paper)"),
  gamma: share.default(0.95).describe("Discount (paper)"),
  tau: share.default(0.005).describe("Share of the critics in their targets at each update (paper)"),
  actorHidden: width.default([128, 128]).describe("Hidden layers of a policy"),
  criticHidden: width.default([256, 256]).describe("Hidden layers of a critic"),
  initialAlpha: z
    .number()
    .positive()
    .default(0.1)
    .describe("Temperature to start from (ours: at 1 entropy rules the few hundred steps of a day)"),
  kappa: z.number().positive().default(3).describe("Shares are softmax(kappa action)"),
  goalShare: share
    .default(0.75)
    .describe("Of an agent's goal, what is its own metric; the rest are the weights"),
  weights: z
    .array(z.number().nonnegative())
    .length(AGENTS.length)
    .refine((values) => values.some((value) => value > 0), "expected one above 0")
    .default([0.25, 0.25, 0.25, 0.25])
    .describe("Weights of the metrics (w), scaled to a sum of 1: ttft, carbon, water, cost"),
  trendWeight: z.number().nonnegative().default(0.1).describe("Reward for being below the running mean"),
  trendDecay: share.default(0.9).describe("Of the running mean of the weighted metrics"),
  ecoWeight: z.number().nonnegative().default(0.05).describe("Reward for the share of nodes that are off"),
  slaWeight: z.number().nonnegative().default(1).describe("Penalty for TTFT beyond the SLA, relative"),
  slaFactor: z.number().positive().default(3).describe("The SLA in TTFT of the uniform plan"),
  relativeCap: z
    .number()
    .positive()
    .default(10)
    .describe("Metrics over those of the uniform plan count as this at most in rewards"),
  currentCapacity: count.default(20_000).describe("Transitions kept of the epoch that runs (paper)"),
  previousCapacity: count.default(5_000).describe("Transitions kept of the epochs before (paper)"),
  currentShare: share.default(0.7).describe("Share of a batch from the epoch that runs"),
  flipMix: z.boolean().default(false).describe("Swaps the two shares of a batch"),
  oneStep: z.boolean().default(false).describe("Targets are the rewards: every transition is terminal"),
  nextState: z
    .enum(["next-epoch", "same"])
    .default("next-epoch")
    .describe("Next state of a transition once its epoch is over: that of the epoch after, or its own"),
  conditioning: z
    .enum(["film", "concat", "none"])
    .default("film")
    .describe("How a policy sees its goal: in its first hidden layer, beside the state, not at all"),
  filmOnAction: z.boolean().default(false).describe("FiLM on the action's means, as the algorithm prints it"),
  her: z.boolean().default(true).describe("Transitions are kept under other goals too"),
  herCopies: count.max(5).default(4).describe("Other goals for each transition"),
  // Phase 2
  blending: z
    .enum(["optimised", "start", "none"])
    .default("optimised")
    .describe("Blend by ascent, by the weights it starts from, or the plan of the agent with most capital"),
  blendStart: z
    .enum(["capital", "utility"])
    .default("capital")
    .describe("Weights that the ascent starts from: capitals, or the agents' values of their own plans"),
  blendSteps: z.number().int().nonnegative().default(5).describe("Steps of the ascent (paper)"),
  blendRate: z.number().positive().default(0.05).describe("Rate of the ascent (paper's text)"),
  veto: z.boolean().default(true).describe("Agents may pull the blend towards their plans"),
  vetoOrder: z
    .enum(["fixed", "capitalAscending"])
    .default("fixed")
    .describe("ttft, carbon, water, cost; or the greatest capital last, which pulls hardest"),
  vetoThreshold: z.number().default(150).describe("Least capital for a veto (C_thresh, paper)"),
  vetoMax: share.default(0.5).describe("Greatest pull of a veto (paper)"),
  lossThreshold: z.number().nonnegative().default(0.05).describe("Least relative loss for a veto"),
  capital: z.boolean().default(true).describe("Capitals follow the outcome; else equal, and all may veto"),
  initialCapital: z.number().positive().default(100).describe("C_0"),
  capitalDecay: share.default(0.9).describe("eta"),
  bonusWeight: z.number().nonnegative().default(0.5).describe("beta"),
  capitalScale: z.number().positive().default(100).describe("Of what is earned; 1 is the paper's formula"),
  performanceFloor: z
    .number()
    .positive()
    .default(0.01)
    .describe("Least distance from the best in Perf, relative to the best"),
  performanceCap: z.number().positive().default(3).describe("Greatest Perf"),
  bonusFloor: z.number().default(-1).describe("Least bonus"),
  dominant: z
    .enum(AGENTS)
    .nullable()
    .default(null)
    .describe("Agent whose weight in the blend is fixed above the others', and who alone may veto"),
  dominance: z.number().min(1).default(10).describe("Its initial capital over the others'"),
  archiveSize: count.default(40).describe("Plans of an epoch that the archive gives at most"),
});
export type MarlinParameters = z.infer<typeof marlinParameters>;

/**
 * The schema of a variant: MARLIN's with other defaults.
 *
 * @param defaults what the variant changes
 */
export function marlinSchema(defaults: Readonly<Record<string, unknown>>): z.ZodType<MarlinParameters> {
  const shape: Record<string, z.ZodType> = { ...marlinParameters.shape };
  for (const [name, value] of Object.entries(defaults)) {
    const own = marlinParameters.shape[name as keyof typeof marlinParameters.shape];
    shape[name] = (own.unwrap() as z.ZodType).default(value).describe(own.description ?? "");
  }
  const schema = z.strictObject(shape).superRefine((given, context) => {
    const { her, steps, herCopies, currentCapacity } = given as MarlinParameters;
    const needed = steps * (1 + (her ? herCopies : 0));
    if (needed <= currentCapacity) return;
    context.addIssue({
      code: "custom",
      path: ["currentCapacity"],
      input: currentCapacity,
      message: `expected at least ${needed} for the transitions of ${steps} steps`,
    });
  });
  return schema as unknown as z.ZodType<MarlinParameters>;
}

/**
 * Reads parameters as a user gave them, over those of a variant.
 *
 * @throws UserError CANOPY_ROUTER_PARAMETER: planner, parameter, what was expected, nearest name
 */
export function parseMarlinParameters(
  planner: string,
  raw: Readonly<Record<string, unknown>>,
): MarlinParameters {
  const result = marlinSchema({}).safeParse(raw, { reportInput: true });
  if (result.success) return result.data;
  const names = Object.keys(marlinParameters.shape);
  throw new UserError(
    "CANOPY_ROUTER_PARAMETER",
    `planner ${planner}: ${describeParameterIssue(result.error.issues[0], names)}`,
  );
}
