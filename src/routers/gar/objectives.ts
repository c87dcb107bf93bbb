import { suggestion, UserError } from "../../errors.ts";
import type { World } from "../contract.ts";
import type { ObjectiveParameters } from "./parameters.ts";

/**
 * Latency objectives in seconds, at `taskType * tiers + tier`: the data set's own, else the tier's, times the factor.
 *
 * @throws UserError `CANOPY_ROUTER_PARAMETER`: a data set that the workload does not have
 */
export function objectivesOf(
  world: World,
  router: string,
  taskTypes: readonly string[],
  { sloFactor, sloSeconds }: ObjectiveParameters,
): Float64Array {
  for (const name of Object.keys(sloSeconds)) {
    if (taskTypes.includes(name)) continue;
    throw new UserError(
      "CANOPY_ROUTER_PARAMETER",
      `router ${router}: parameter sloSeconds names the data set "${name}", which the workload does not have${suggestion(name, taskTypes)}`,
    );
  }
  const tiers = Math.max(1, world.tiers.length);
  const objectives = new Float64Array(taskTypes.length * tiers);
  for (const [j, name] of taskTypes.entries()) {
    for (let t = 0; t < tiers; t++) {
      const own = Object.hasOwn(sloSeconds, name) ? sloSeconds[name] : undefined;
      objectives[j * tiers + t] = sloFactor * (own ?? world.tiers[t]?.sloSeconds ?? Number.POSITIVE_INFINITY);
    }
  }
  return objectives;
}
