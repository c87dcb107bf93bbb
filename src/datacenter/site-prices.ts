import type { EpochState } from "./epoch-state.ts";
import { type ItKwhPrices, type PhysicsParameters, pricesOfItKwh } from "./physics.ts";

/** Carbon, water and cost of a kWh of IT energy at a site, as the epoch's conditions have it: into `out`. */
export function pricesAtSite(
  state: EpochState,
  site: number,
  physics: PhysicsParameters,
  out: ItKwhPrices,
): void {
  pricesOfItKwh(
    state.cop[site],
    state.carbonKgPerKwh[site],
    state.waterLPerKwh[site],
    state.usdPerKwh[site],
    state.evaporation[site],
    physics,
    out,
  );
}
