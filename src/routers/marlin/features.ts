import type { EpochState } from "../../datacenter/epoch-state.ts";

/** Of the whole fleet, then of each site. */
const BY_SITE = 5;

/** Numbers that {@link StateFeatures} gives: load of the fleet, load by model, five by site. */
export function featureCount(models: number, sites: number): number {
  return 1 + models + BY_SITE * sites;
}

/**
 * An epoch's state as the networks see it: forecast requests over the fleet's rated capacity, over all models and by
 * model; by site availability, carbon, grid water, price and COP, each over its mean over the sites of the first epoch.
 */
export class StateFeatures {
  #scales: readonly number[] | null = null;

  /** @param capacity rated, index model * sites + site */
  write(state: EpochState, capacity: Float64Array, out: Float32Array): void {
    const { sites, models } = state;
    const columns = [state.carbonKgPerKwh, state.waterLPerKwh, state.usdPerKwh, state.cop];
    this.#scales ??= columns.map((column) => mean(column) || 1);
    let at = 1;
    let total = 0;
    for (let v = 0; v < models; v++) {
      let room = 0;
      for (let d = 0; d < sites; d++) room += capacity[v * sites + d];
      const load = room > 0 ? state.expectedRequests[v] / room : 0;
      out[at++] = load;
      total += load;
    }
    out[0] = total / models;
    for (let d = 0; d < sites; d++) {
      out[at++] = state.availability[d];
      for (const [k, column] of columns.entries()) out[at++] = column[d] / this.#scales[k];
    }
  }
}

function mean(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}
