/** MARLIN, its baselines and reference rows as routers of requests. */
import { z } from "zod";
import { chooseDense } from "../../learning/dense/choose-dense.ts";
import type { RouterDefinition } from "../contract.ts";
import { describeParameterIssue } from "../parameter-message.ts";
import type { PlannerDefinition } from "../planner-contract.ts";
import { findPlanner, parsePlannerParameters } from "../planner-registry.ts";
import { EpochRouter } from "./epoch-router.ts";

function parametersOf(planner: PlannerDefinition) {
  const { parameters: schema } = planner;
  const names = "shape" in schema ? Object.keys(schema.shape as object) : [];
  return z.strictObject({
    epochSeconds: z.number().positive().default(900).describe("Length of an epoch (paper: fifteen minutes)"),
    ttft: z
      .enum(["simulated", "paper"])
      .default("simulated")
      .describe("Latency that is planned for: wait, prefill and network, or equation 3"),
    consolidation: z
      .boolean()
      .default(false)
      .describe("Replicas of a region are filled one after another; otherwise all serve alike"),
    planner: z
      .record(z.string(), z.unknown())
      .default({})
      .describe("Parameters of the planner: docs/marlin.md, docs/baseline-planners.md")
      .superRefine((given, context) => {
        const result = schema.safeParse(given, { reportInput: true });
        if (result.success) return;
        context.addIssue({ code: "custom", message: describeParameterIssue(result.error.issues[0], names) });
      }),
    retrySeconds: z
      .number()
      .positive()
      .default(0.1)
      .describe("Seconds between two tries at requests that no endpoint took"),
  });
}

type Parameters = z.output<ReturnType<typeof parametersOf>>;

/** Planners of epochs that are routers too. Splitwise and Helix have routers of their own, request by request. */
const PLANNERS = [
  "marlin-balanced",
  "marlin-min-latency",
  "marlin-min-carbon",
  "marlin-min-water",
  "marlin-min-cost",
  "nsga2",
  "perllm",
  "slit",
  "qlearning",
  "ddqn",
  "actorcritic",
  "uniform",
  "nearest",
  "greedy-carbon",
  "greedy-water",
  "greedy-cost",
];

export const epochRouters: readonly RouterDefinition[] = PLANNERS.map((id): RouterDefinition => {
  const planner = findPlanner(id);
  return {
    id,
    family: planner.family,
    group: planner.group,
    status: planner.status === "as specified" ? "adapted" : planner.status,
    source: planner.source,
    summary: `${planner.summary}; planned for each epoch, placed by weighted turns`,
    parameters: parametersOf(planner) as z.ZodType<unknown>,
    ...(planner.learned && { backend: kernelsOfThisMachine }),
    create(given) {
      const { planner: own, ...options } = given as Parameters;
      const parameters = parsePlannerParameters(planner, own, `router ${id}`);
      return new EpochRouter({
        ...options,
        planner: (world, seed) => planner.create(parameters, { world, seed }),
      });
    },
  };
});

/** What a planner learns are the same bytes on the same kernels only. */
function kernelsOfThisMachine() {
  const { backend, isa } = chooseDense();
  return { backend, isa };
}
