/** Worlds of the tests. */

import { type EpochState, emptyState } from "../../src/datacenter/epoch-state.ts";
import type { NodeType } from "../../src/datacenter/node-types.ts";
import { SITES } from "../../src/datacenter/sites.ts";
import { type DatacenterWorld, makeWorld, type WorldOptions } from "../../src/datacenter/world.ts";

/** Sites of a thousand nodes of six types, the paper's models. */
export function paperWorld(sites = 8, options: Partial<WorldOptions> = {}): DatacenterWorld {
  return makeWorld({
    sites: SITES.slice(0, sites).map((site) => ({ ...site, nodes: [167, 167, 167, 167, 166, 166] })),
    mix: [0.8, 0.2],
    promptTokens: [534, 534],
    outputTokens: [200, 200],
    ...options,
  });
}

/** A state of `world` in which sites differ in everything, at `load` of the fleet's capacity or thereabouts. */
export function someState(world: DatacenterWorld, requests: readonly number[]): EpochState {
  const state = emptyState(world);
  for (let d = 0; d < state.sites; d++) {
    state.carbonKgPerKwh[d] = 0.1 + 0.08 * ((5 * d) % 8);
    state.usdPerKwh[d] = 0.03 + 0.02 * ((3 * d + 1) % 8);
    state.waterLPerKwh[d] = 1 + 1.5 * ((7 * d + 2) % 8);
    state.cop[d] = 3 + 0.25 * d;
  }
  state.expectedRequests.set(requests);
  return state;
}

/** 1 kW, one engine; a request takes 1 s of prefill and 10 tokens of 0.1 s with a full batch of one. */
const ROUND_TYPE: NodeType = {
  name: "round",
  gpus: 1,
  memoryBytes: 200,
  tdpWatts: 1000,
  loadBytesPerSecond: 10,
  laws: {
    m: {
      replicas: 1,
      stepBaseSeconds: 0.1,
      perSequenceSeconds: 0,
      perContextTokenSeconds: 0,
      prefillBaseSeconds: 1,
      perPromptTokenSeconds: 0,
    },
  },
};

/** One site with ten nodes of one type, each of which sustains half a request a second: 450 an epoch. */
export function roundWorld(options: Partial<WorldOptions> = {}): DatacenterWorld {
  return makeWorld({
    sites: [{ name: "here", latitude: 0, longitude: 0, nodes: [10] }],
    nodeTypes: [ROUND_TYPE],
    models: [{ name: "m", weightBytes: 100, kvBytesPerToken: 1 }],
    mix: [1],
    promptTokens: [10],
    outputTokens: [10],
    memoryUse: 1,
    fill: 0.8,
    limits: { maxBatch: 1, tokenBudget: 1000, promptScv: 0 },
    ...options,
  });
}
