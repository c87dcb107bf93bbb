import { suggestion, UserError } from "../../errors.ts";
import type { World } from "../contract.ts";

/**
 * Rank of each endpoint's model by size, 0 for the smallest: by the list given, else by the energy of a prompt token
 * on the profile (its seconds where power is unknown), which grows with the weights; the endpoint of a model on which
 * it takes least counts.
 *
 * @throws UserError `CANOPY_ROUTER_PARAMETER`: the list lacks a model of the fleet or names another
 */
export function sizeRanks(world: World, router: string, modelsBySize: readonly string[]): Int32Array {
  const { endpoints, models } = world;
  const served = models.map((_, m) => m).filter((m) => endpoints.model.includes(m));
  let order: number[];
  if (modelsBySize.length > 0) {
    for (const name of modelsBySize) {
      if (!models.includes(name))
        fail(router, `names the model "${name}", which the fleet does not have`, name, models);
    }
    for (const m of served) {
      if (!modelsBySize.includes(models[m]))
        fail(router, `lacks the fleet's ${models[m]}`, models[m], modelsBySize);
    }
    order = modelsBySize.map((name) => models.indexOf(name));
  } else {
    const weighs = endpoints.law.every((law) => law.hasPower);
    const size = new Float64Array(models.length).fill(Number.POSITIVE_INFINITY);
    for (let e = 0; e < endpoints.count; e++) {
      const law = endpoints.law[e];
      const perToken = (weighs ? law.prefillWatts : 1) / law.prefillTokensPerSecond;
      size[endpoints.model[e]] = Math.min(size[endpoints.model[e]], perToken);
    }
    order = served.sort((a, b) => size[a] - size[b]);
  }
  return endpoints.model.map((m) => order.indexOf(m));
}

function fail(router: string, what: string, name: string, choices: readonly string[]): never {
  throw new UserError(
    "CANOPY_ROUTER_PARAMETER",
    `router ${router}: parameter modelsBySize ${what}${suggestion(name, choices)}`,
  );
}
