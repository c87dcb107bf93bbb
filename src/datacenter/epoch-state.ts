import type { DatacenterWorld } from "./world.ts";

/**
 * What a planner knows before an epoch. Columns by site unless said otherwise; the arrays are the owner's, who
 * writes them again for the next epoch: keep copies.
 */
export interface EpochState {
  /** Number of the epoch, from 0. */
  epoch: number;
  /** Length of the epoch. */
  seconds: number;
  readonly sites: number;
  readonly models: number;
  readonly origins: number;
  /** By model: the forecast before the epoch, the truth when the epoch is judged. */
  readonly expectedRequests: Float64Array;
  /** Means by model. */
  readonly promptTokens: Float64Array;
  readonly outputTokens: Float64Array;
  readonly carbonKgPerKwh: Float64Array;
  readonly usdPerKwh: Float64Array;
  readonly waterLPerKwh: Float64Array;
  readonly cop: Float64Array;
  /** Share of the heat that leaves by evaporation: 1 in the paper. */
  readonly evaporation: Float64Array;
  /** Share of the nodes that can be used. */
  readonly availability: Float64Array;
  /** Nodes that are on as the epoch begins, index (site * models + model) * types + type; null: not looked at. */
  nodesOn: Float64Array | null;
  /** Nodes with the model's weights loaded, same index; null before the epoch, when no plan is made yet. */
  nodesWarm: Float64Array | null;
}

/** A state of zeros for `world`, COP, evaporation and availability 1 and the world's mean lengths. */
export function emptyState(world: DatacenterWorld, seconds = 900): EpochState {
  const sites = world.sites.length;
  const models = world.models.length;
  return {
    epoch: 0,
    seconds,
    sites,
    models,
    origins: world.origins.length,
    expectedRequests: new Float64Array(models),
    promptTokens: Float64Array.from(world.promptTokens),
    outputTokens: Float64Array.from(world.outputTokens),
    carbonKgPerKwh: new Float64Array(sites),
    usdPerKwh: new Float64Array(sites),
    waterLPerKwh: new Float64Array(sites),
    cop: new Float64Array(sites).fill(1),
    evaporation: new Float64Array(sites).fill(1),
    availability: new Float64Array(sites).fill(1),
    nodesOn: null,
    nodesWarm: null,
  };
}
