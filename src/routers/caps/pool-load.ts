import type { PoolLoad } from "../../learning/cost-predictor/features.ts";
import type { World } from "../contract.ts";

/**
 * Load of a pool as the predictor has it: of its endpoints that are up, by the last telemetry, and of the requests that
 * the router itself keeps for the pool, which wait no less than those at an endpoint.
 */
export class PoolLoads implements PoolLoad {
  utilisation = 0.5;
  waiting = 0.5;
  queuedPromptTokens = 0.5;
  /** Outstanding requests with those that the router keeps, places in the batches of the replicas that serve, and these. */
  outstanding = 0.5;
  places = 0.5;
  replicas = 0.5;
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /**
   * Reads the load of a pool. Allocates nothing.
   *
   * @param kept requests that the router keeps for the pool
   * @param keptTokens[at] prompt tokens of those
   */
  read(pool: Int32Array, kept: number, keptTokens: Float64Array, at: number): void {
    const { running, waiting, queuedPrefillTokens, replicas, up } = this.#world.telemetry;
    const { maxRequests } = this.#world.endpoints;
    let places = 0;
    let serving = 0;
    let endpoints = 0;
    let busy = 0;
    let queued = kept;
    let tokens = keptTokens[at];
    for (let i = 0; i < pool.length; i++) {
      const e = pool[i];
      if (up[e] === 0) continue;
      endpoints++;
      places += maxRequests[e] * replicas[e];
      serving += replicas[e];
      busy += running[e];
      queued += waiting[e];
      tokens += queuedPrefillTokens[e];
    }
    this.places = places;
    this.replicas = serving;
    this.outstanding = busy + queued;
    this.utilisation = places > 0 ? busy / places : 1;
    this.waiting = queued / Math.max(1, endpoints);
    this.queuedPromptTokens = tokens / Math.max(1, endpoints);
  }
}
