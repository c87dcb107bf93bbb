import { z } from "zod";
import { defineRouter } from "../contract.ts";
import { pollSecondsParameter, poolsParameter, tierClassesParameter } from "./parameters.ts";
import { assignPools, BP, CP, LP } from "./pools.ts";
import { PullRouter } from "./pull-router.ts";

const parameters = z.strictObject({
  pools: poolsParameter,
  tierClasses: tierClassesParameter,
  pollSeconds: pollSecondsParameter,
});

export type SloAwareParameters = z.output<typeof parameters>;

const POOL_OF_CLASS = { gold: LP, silver: CP, bronze: BP };

/**
 * Pool by tier alone, gold, silver and bronze to the low-latency, low-carbon and delay-tolerant pool, none of which
 * waits for carbon; inside a pool the earliest deadline first (CAPS, section 5, Baselines). A request that its pool
 * cannot serve, because it needs the large model, goes to the first pool that can.
 */
export class SloAwareRouter extends PullRouter {
  readonly #parameters: SloAwareParameters;
  /** Pool of each tier, for requests that any endpoint may serve and for those that need the large model. */
  #poolOf!: Uint8Array;

  constructor(values: SloAwareParameters) {
    super({ order: "edf", pollSeconds: values.pollSeconds });
    this.#parameters = values;
  }

  protected override feeds(): readonly Int32Array[] {
    const { tiers, endpoints } = this.world;
    const { tierClasses } = this.#parameters;
    const pools = assignPools(this.world, this.#parameters.pools);
    this.#poolOf = new Uint8Array(2 * Math.max(1, tiers.length));
    for (let tier = 0; tier < Math.max(1, tiers.length); tier++) {
      const own = POOL_OF_CLASS[tierClasses[Math.min(tier, tierClasses.length - 1)]];
      const hasLarge = (pool: number) => pools[pool].some((e) => endpoints.large[e] === 1);
      const withLarge = [own, LP, CP, BP].find(hasLarge) ?? own;
      this.#poolOf.set([own, withLarge], 2 * tier);
    }
    return pools;
  }

  protected override queueOf(request: number): number {
    const { tier, needsLarge } = this.world.requests;
    return this.#poolOf[2 * tier[request] + needsLarge[request]];
  }
}

export const sloAware = defineRouter({
  id: "slo-aware",
  family: "caps",
  group: "baseline",
  status: "as specified",
  source: "CAPS, section 5, Baselines",
  summary: "Pool by tier, the earliest deadline first inside it, never waiting for carbon",
  parameters,
  create: (values: SloAwareParameters) => new SloAwareRouter(values),
});
