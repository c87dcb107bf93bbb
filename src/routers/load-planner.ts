import { z } from "zod";
import type { EpochPlanner } from "../datacenter/simulate-epochs.ts";
import { UserError } from "../errors.ts";
import { loadDefinition } from "./load-definition.ts";
import type { PlannerDefinition } from "./planner-contract.ts";
import { listPlanners } from "./planner-registry.ts";

/**
 * Loads a planner from a user's file: its default export, or its export named `planner`, has to be a definition
 * (`definePlanner`). Of a definition only `id` and `create` are needed; the rest is filled in.
 *
 * @param path file, absolute or relative to `folder`
 * @param folder that the path is relative to, e.g. that of the experiment file
 * @throws UserError `CANOPY_ROUTER_FILE` (missing, cannot be run), `CANOPY_ROUTER_EXPORT` (no definition in it) or
 *   `CANOPY_ROUTER_CLASH` (its id is a registered one); its `create` throws `CANOPY_ROUTER_EXPORT` where
 *   what it makes is no planner
 */
export async function loadPlanner(path: string, folder = process.cwd()): Promise<PlannerDefinition> {
  const given = await loadDefinition<PlannerDefinition>("planner", path, folder);
  if (listPlanners().some(({ id }) => id === given.id)) {
    throw new UserError(
      "CANOPY_ROUTER_CLASH",
      `planner file ${path}: the id "${given.id}" is taken by a planner of Canopy, expected another, e.g. "my-${given.id}"`,
    );
  }
  const { id, create } = given;
  return {
    family: "user",
    group: "user",
    status: "ours",
    source: path,
    summary: `From ${path}`,
    parameters: z.strictObject({}),
    ...given,
    id,
    create: (parameters, context) => plannerOf(() => create.call(given, parameters, context), path),
  };
}

/** What a user's `create` makes, which nothing has checked yet. */
function plannerOf(make: () => unknown, path: string): EpochPlanner {
  const wrong = (what: string, cause?: unknown) =>
    new UserError(
      "CANOPY_ROUTER_EXPORT",
      `planner file ${path}: ${what}, expected { name, plan(state, budget, plan) }`,
      { cause },
    );
  let made: Partial<EpochPlanner> | null | undefined;
  try {
    made = make() as typeof made;
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    const message = cause instanceof Error ? cause.message : String(cause);
    throw wrong(`create throws "${message.split("\n")[0]}"`, cause);
  }
  if (typeof made?.plan !== "function") throw wrong("what create makes has no function plan");
  return made as EpochPlanner;
}
