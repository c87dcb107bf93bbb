/** The baselines that MARLIN is compared with, by name. */
import type { z } from "zod";
import type { EpochPlanner } from "../../datacenter/simulate-epochs.ts";
import type { DatacenterWorld } from "../../datacenter/world.ts";
import { suggestion, UserError } from "../../errors.ts";
import { describeParameterIssue } from "../parameter-message.ts";
import { ACTOR_CRITIC, actorCriticPlanner } from "./actor-critic.ts";
import { DDQN, ddqnPlanner } from "./ddqn.ts";
import { HELIX, helixPlanner } from "./helix.ts";
import { NSGA2, nsga2Planner } from "./nsga2.ts";
import { PERLLM, perllmPlanner } from "./perllm.ts";
import { plannerSchema } from "./planner-options.ts";
import { QLEARNING, qlearningPlanner } from "./qlearning.ts";
import { SLIT, SLIT_VARIANTS, slitPlanner } from "./slit.ts";
import { SPLITWISE, splitwisePlanner } from "./splitwise.ts";

export const BASELINE_PLANNERS = [
  "helix",
  "splitwise",
  "nsga2",
  "perllm",
  "slit",
  "qlearning",
  "ddqn",
  "actorcritic",
] as const;
export type BaselinePlanner = (typeof BASELINE_PLANNERS)[number];

/** Default of every option; `mutationProbability` of nsga2 has none but 1 / numbers. */
export const BASELINE_DEFAULTS: Readonly<Record<BaselinePlanner, object>> = {
  helix: HELIX,
  splitwise: SPLITWISE,
  nsga2: NSGA2,
  perllm: PERLLM,
  slit: SLIT,
  qlearning: QLEARNING,
  ddqn: DDQN,
  actorcritic: ACTOR_CRITIC,
};

export interface BaselinePlannerOptions {
  readonly seed: number;
  /** Of the planner, by name; see {@link BASELINE_DEFAULTS}. */
  readonly parameters?: Readonly<Record<string, unknown>>;
}

/**
 * @throws UserError CANOPY_ROUTER_UNKNOWN for a name that is no baseline's, CANOPY_ROUTER_PARAMETER for a parameter
 *   that it does not have or a value that it cannot have
 */
export function baselinePlanner(
  name: string,
  world: DatacenterWorld,
  { seed, parameters = {} }: BaselinePlannerOptions,
): EpochPlanner {
  const found = BASELINE_PLANNERS.find((known) => known === name);
  if (found === undefined) {
    throw new UserError(
      "CANOPY_ROUTER_UNKNOWN",
      `planner "${name}" is not known${suggestion(name, BASELINE_PLANNERS)}`,
    );
  }
  const schema = baselineSchema(found);
  const read = schema.safeParse(parameters, { reportInput: true });
  if (!read.success) {
    throw new UserError(
      "CANOPY_ROUTER_PARAMETER",
      `planner ${found}: ${describeParameterIssue(read.error.issues[0], Object.keys(schema.shape))}`,
    );
  }
  return MAKERS[found](world, seed, read.data);
}

/** The options of a baseline with their defaults. */
export function baselineSchema(name: BaselinePlanner): z.ZodObject<Record<string, z.ZodType>> {
  return plannerSchema(BASELINE_DEFAULTS[name], {
    words: { variant: SLIT_VARIANTS, choose: CHOICES[name] ?? [] },
    optional: name === "nsga2" ? ["mutationProbability"] : [],
  });
}

const CHOICES: Partial<Record<BaselinePlanner, readonly string[]>> = {
  qlearning: ["best", "last"],
  ddqn: ["best", "greedy"],
  actorcritic: ["best", "policy"],
};

const MAKERS: Record<BaselinePlanner, (world: DatacenterWorld, seed: number, given: object) => EpochPlanner> =
  {
    helix: (world, _seed, given) => helixPlanner(world, given),
    splitwise: (world, _seed, given) => splitwisePlanner(world, given),
    nsga2: (_world, seed, given) => nsga2Planner(seed, given),
    perllm: (world, _seed, given) => perllmPlanner(world, given),
    slit: (_world, seed, given) => slitPlanner(seed, given),
    qlearning: (world, seed, given) => qlearningPlanner(world, seed, given),
    ddqn: (world, seed, given) => ddqnPlanner(world, seed, given),
    actorcritic: (world, seed, given) => actorCriticPlanner(world, seed, given),
  };
