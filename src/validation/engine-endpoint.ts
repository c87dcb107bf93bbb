import type { Endpoint, Region } from "../fleet/fleet.ts";
import type { Law } from "../profile/law.ts";
import type { EngineLimits } from "./records.ts";

/** Without carbon, water or a price of energy: none is validated. */
export const NOWHERE: Region = {
  name: "nowhere",
  carbon: { times: Float64Array.of(0), values: Float64Array.of(0), endSeconds: Number.POSITIVE_INFINITY },
  energyPrice: null,
  pue: 1,
  water: null,
};

/** One replica that batches as the engine of the native addon and vLLM v1 do. */
export function engineEndpoint(law: Law, limits: EngineLimits): Endpoint {
  return {
    name: "engine",
    region: 0,
    model: 0,
    group: 0,
    role: "mixed",
    replicas: 1,
    minReplicas: 1,
    maxReplicas: 1,
    startupSeconds: 0,
    law,
    profileId: "validated",
    provenance: "measured",
    batching: {
      policy: "vllm-v1",
      maxRequests: limits.maxRequests,
      tokenBudget: limits.tokenBudget,
      kvBlocks: limits.blocks,
      blockTokens: limits.blockTokens,
      watermarkFraction: 0,
      paddedTokenLimit: limits.tokenBudget,
      order: "fifo",
      victim: "youngest",
      prefixReuse: false,
    },
    maxModelTokens: limits.maxModelTokens,
    overlong: "reject",
    kvBytesPerToken: 1,
    gpusPerReplica: 1,
    usdPerReplicaHour: 0,
    hostWattsPerReplica: 0,
    roundTripSeconds: 0,
    localBalancer: "outstanding-tokens",
    maxOutstanding: Number.POSITIVE_INFINITY,
    powerStates: [{ name: "full", timeFactor: 1, powerFactor: 1 }],
  };
}
