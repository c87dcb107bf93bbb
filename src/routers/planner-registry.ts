/** Every planner of epochs that Canopy brings: MARLIN, its ablations and baselines, and reference rows. */

import { z } from "zod";
import {
  REFERENCE_PLANNERS,
  type ReferencePlanner,
  referencePlanner,
} from "../datacenter/reference-planners.ts";
import type { EpochPlanner } from "../datacenter/simulate-epochs.ts";
import { clipped, nearHint, UserError } from "../errors.ts";
import { loadCheckpoint } from "../learning/checkpoint/checkpoint.ts";
import { marlinSchema } from "./marlin/parameters.ts";
import { marlinPlanner } from "./marlin/planner.ts";
import { MARLIN_VARIANTS, type MarlinVariant } from "./marlin/variants.ts";
import { describeParameterIssue } from "./parameter-message.ts";
import type { PlannerContext, PlannerDefinition } from "./planner-contract.ts";
import { BASELINE_PLANNERS, baselinePlanner, baselineSchema } from "./planners/baseline-planners.ts";

const MARLIN_SOURCE = "MARLIN, arXiv 2605.13496";

function marlin({ name, parameters, loop }: MarlinVariant): PlannerDefinition {
  const ablation = name.startsWith("marlin-no-");
  const what = name.slice("marlin-".length).replaceAll("-", " ");
  return {
    id: name,
    family: "marlin",
    group: ablation ? "ablation" : "system",
    status: "as specified",
    source: `${MARLIN_SOURCE}${ablation ? ", figure 6" : ""}`,
    summary: ablation
      ? `marlin-balanced: ${what}`
      : `Four agents that learn a plan each and agree on one: ${what}`,
    ...(ablation ? { ablationOf: "marlin-balanced" } : {}),
    ...(loop === undefined ? {} : { loop }),
    learned: true,
    parameters: marlinSchema(parameters),
    artefacts: ["checkpoint"],
    create: (given, { world, seed, artefacts }) => {
      const planner = marlinPlanner(name, world, {
        seed,
        parameters: given as Readonly<Record<string, unknown>>,
      });
      const bytes = artefacts?.get("checkpoint");
      if (bytes !== undefined) loadCheckpoint(planner.learner, bytes, "artefact checkpoint");
      return planner;
    },
  };
}

type About = Pick<PlannerDefinition, "status" | "source" | "summary" | "learned">;

const BASELINES: Readonly<Record<(typeof BASELINE_PLANNERS)[number], About>> = {
  helix: {
    status: "adapted",
    source: "Helix, ASPLOS '25, and its code",
    summary: "Largest flow of tokens to the datacentres, then interleaved weighted round robin",
  },
  splitwise: {
    status: "adapted",
    source: "Splitwise, ISCA '24, and its simulator",
    summary: "Pools for prompts and tokens; groups of requests go where most joint room is",
  },
  nsga2: {
    status: "adapted",
    source: "Deb et al. 2002; constants of pymoo",
    summary: "Genetic search of the Pareto front of plans; the knee is the plan",
  },
  perllm: {
    status: "reconstructed",
    source: "PerLLM, arXiv 2405.14636 (abstract)",
    summary: "Constrained bandit over classes of requests and datacentres",
  },
  slit: {
    status: "reconstructed",
    source: "SLIT, arXiv 2505.23554 (abstract)",
    summary: "Decomposition with a surrogate of boosted trees that chooses among neighbours",
  },
  qlearning: {
    status: "reconstructed",
    source: "Guo, Li and Zukerman, IEEE TII 2025 (abstract)",
    summary: "Tabular Q-learning of moves of load between datacentres",
  },
  ddqn: {
    status: "reconstructed",
    source: "Alsalem and Djemame, UCC '25 (abstract)",
    summary: "A global double Q-network over datacentres, and federated ones over kinds of nodes",
    learned: true,
  },
  actorcritic: {
    status: "reconstructed",
    source: "Hidayat et al., IEEE Access 2025 (abstract)",
    summary: "Advantage actor-critic on the graph of datacentres",
    learned: true,
  },
};

const REFERENCES: Readonly<Record<ReferencePlanner, string>> = {
  uniform: "The same share for every datacentre",
  nearest: "Fills datacentres in order of latency, up to their capacity",
  "greedy-carbon": "Fills datacentres in order of carbon, up to their capacity",
  "greedy-water": "Fills datacentres in order of water, up to their capacity",
  "greedy-cost": "Fills datacentres in order of cost, up to their capacity",
};

const definitions: readonly PlannerDefinition[] = [
  ...MARLIN_VARIANTS.map(marlin),
  ...BASELINE_PLANNERS.map(
    (id): PlannerDefinition => ({
      id,
      family: "marlin",
      group: "baseline",
      ...BASELINES[id],
      parameters: baselineSchema(id),
      create: (given, { world, seed }) =>
        baselinePlanner(id, world, { seed, parameters: given as Readonly<Record<string, unknown>> }),
    }),
  ),
  ...REFERENCE_PLANNERS.map(
    (id): PlannerDefinition => ({
      id,
      family: "marlin",
      group: "reference",
      status: "ours",
      source: "Canopy",
      summary: REFERENCES[id],
      parameters: z.strictObject({}),
      create: (_given, { world }) => referencePlanner(id, world),
    }),
  ),
];

/** All registered planners, in a stable order. */
export function listPlanners(): readonly PlannerDefinition[] {
  return definitions;
}

/**
 * @param where place of the name for the message, e.g. `experiment.yaml:12`
 * @throws UserError `CANOPY_ROUTER_UNKNOWN` with the nearest id
 */
export function findPlanner(id: string, where?: string): PlannerDefinition {
  const found = definitions.find((definition) => definition.id === id);
  if (found !== undefined) return found;
  const place = where === undefined ? "" : `${where}: `;
  throw new UserError(
    "CANOPY_ROUTER_UNKNOWN",
    `${place}planner "${clipped(id)}" is not known, expected an id listed by canopy routers or a file${nearHint(
      id,
      definitions.map((definition) => definition.id),
    )}`,
  );
}

/**
 * Reads a planner's parameters.
 *
 * @param raw parameters as the user wrote them; undefined for none
 * @throws UserError `CANOPY_ROUTER_PARAMETER`: planner, parameter, what was expected, nearest name
 */
export function parsePlannerParameters<Parameters>(
  definition: PlannerDefinition<Parameters>,
  raw: unknown,
  where: string,
): Parameters {
  const { parameters: schema } = definition;
  const result = schema.safeParse(raw ?? {}, { reportInput: true });
  if (result.success) return result.data;
  const names = "shape" in schema ? Object.keys(schema.shape as object) : [];
  throw new UserError(
    "CANOPY_ROUTER_PARAMETER",
    `${where}: planner ${definition.id}: ${describeParameterIssue(result.error.issues[0], names)}`,
  );
}

/** Reads the parameters and makes the planner; see {@link parsePlannerParameters}. */
export function createPlanner<Parameters>(
  definition: PlannerDefinition<Parameters>,
  raw: unknown,
  context: PlannerContext,
  where: string,
): EpochPlanner {
  return definition.create(parsePlannerParameters(definition, raw, where), context);
}
