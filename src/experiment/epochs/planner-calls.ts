import type { PlannerDefinition } from "../../routers/planner-contract.ts";

/**
 * A planner's parameters with the experiment's number of calls, for planners that have such a parameter and were not
 * given one of their own. The loop limits the others.
 */
export function withCalls(
  { parameters: schema }: PlannerDefinition,
  given: Readonly<Record<string, unknown>>,
  calls: number | "own",
): Readonly<Record<string, unknown>> {
  const has = "shape" in schema && Object.hasOwn(schema.shape as object, "calls");
  return has ? { calls, ...given } : given;
}

/** Calls that the loop lets a planner make in an epoch; undefined: any number. */
export function callLimit(
  parameters: Readonly<Record<string, unknown>>,
  calls: number | "own",
): number | undefined {
  const own = parameters["calls"] ?? calls;
  return typeof own === "number" ? own : undefined;
}
