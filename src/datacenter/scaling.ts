import { UserError } from "../errors.ts";
import type { Arrivals } from "./arrivals.ts";
import { EpochModel } from "./epoch-model.ts";
import { emptyState } from "./epoch-state.ts";
import type { DatacenterWorld } from "./world.ts";

export interface ScaledArrivals {
  readonly arrivals: Arrivals;
  /** Every count was multiplied by it: to be printed beside results. */
  readonly factor: number;
  /** The busiest epoch and the model whose nodes it fills most. */
  readonly peakEpoch: number;
  readonly peakModel: string;
}

/**
 * Multiplies arrivals so that the busiest epoch takes `peak` of the fleet's rated capacity for the model that is
 * shortest of it. The paper says "95 % peak utilisation" and not by which factor: BurstGPT has hundreds of requests in
 * fifteen minutes and the fleet serves tens of millions.
 *
 * @throws UserError CANOPY_ARRIVALS_EMPTY when no epoch has a request
 */
export function scaleToPeak(world: DatacenterWorld, arrivals: Arrivals, peak = 0.95): ScaledArrivals {
  const { models, epochs, counts } = arrivals;
  const sites = world.sites.length;
  const state = emptyState(world, arrivals.epochSeconds);
  const capacity = new Float64Array(models * sites);
  new EpochModel(world).capacity(state, capacity);
  let load = 0;
  let peakEpoch = 0;
  let peakModel = 0;
  for (let v = 0; v < models; v++) {
    let all = 0;
    for (let d = 0; d < sites; d++) all += capacity[v * sites + d];
    for (let e = 0; e < epochs; e++) {
      const own = counts[e * models + v] / all;
      if (own <= load) continue;
      load = own;
      peakEpoch = e;
      peakModel = v;
    }
  }
  if (load === 0) {
    throw new UserError(
      "CANOPY_ARRIVALS_EMPTY",
      `${arrivals.source}: no request in ${epochs} epochs, so there is no peak to scale to ${100 * peak} % of the fleet`,
    );
  }
  const factor = peak / load;
  return {
    arrivals: {
      ...arrivals,
      counts: counts.map((count) => count * factor),
      source: `${arrivals.source}, times ${Number(factor.toPrecision(6))}`,
    },
    factor,
    peakEpoch,
    peakModel: world.models[peakModel].name,
  };
}
