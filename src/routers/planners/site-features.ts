import type { EpochState } from "../../datacenter/epoch-state.ts";

/** Numbers for a site: carbon, price, water and COP of the epoch, and latency. */
export const SITE_FEATURES = 5;

/**
 * What an agent sees of each site: its values over the mean of all sites, less 1 (0 where the mean is).
 *
 * @param latencySeconds by site
 * @param out [sites, stride], of which the first numbers of each row are written
 */
export function siteFeatures(
  state: EpochState,
  latencySeconds: ArrayLike<number>,
  out: Float32Array,
  stride = SITE_FEATURES,
): void {
  const columns = [state.carbonKgPerKwh, state.usdPerKwh, state.waterLPerKwh, state.cop, latencySeconds];
  for (const [j, column] of columns.entries()) {
    let mean = 0;
    for (let d = 0; d < state.sites; d++) mean += column[d] / state.sites;
    for (let d = 0; d < state.sites; d++) out[d * stride + j] = mean > 0 ? column[d] / mean - 1 : 0;
  }
}
