import type { EpochState } from "../../datacenter/epoch-state.ts";
import type { DatacenterWorld } from "../../datacenter/world.ts";

/** Requests of a plan's row in the epoch. */
export function rowRequests(world: DatacenterWorld, state: EpochState, row: number): number {
  const requests = state.expectedRequests[row % state.models];
  return world.planRows === "origins"
    ? requests * world.origins[Math.floor(row / state.models)].share
    : requests;
}

/** Requests over rated capacity, index model * sites + site; 0 where neither is, Infinity where there is no capacity. */
export function siteLoads(
  world: DatacenterWorld,
  state: EpochState,
  capacity: Float64Array,
  plan: Float64Array,
  out: Float64Array,
): void {
  const { sites, models } = state;
  out.fill(0);
  for (let row = 0; row < plan.length / sites; row++) {
    const requests = rowRequests(world, state, row);
    for (let d = 0; d < sites; d++) out[(row % models) * sites + d] += requests * plan[row * sites + d];
  }
  for (let i = 0; i < out.length; i++) if (out[i] > 0) out[i] /= capacity[i];
}

/** Requests over rated capacity of the whole fleet: of the model for which this is the most. */
export function fleetLoad(state: EpochState, capacity: Float64Array): number {
  let most = 0;
  for (let v = 0; v < state.models; v++) {
    let total = 0;
    for (let d = 0; d < state.sites; d++) total += capacity[v * state.sites + d];
    if (state.expectedRequests[v] > 0) most = Math.max(most, state.expectedRequests[v] / total);
  }
  return most;
}
