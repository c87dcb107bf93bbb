import { deferralSecondsOf } from "../../workload/requests.ts";
import type { World } from "../contract.ts";
import type { CapsParameters, TierClass } from "./parameters.ts";
import { BP, CP, LP, POOLS } from "./pools.ts";

const SILVER = 1;

/** What CAPS makes of the tiers of a workload: columns by tier, or by 3 * tier + pool. */
export class TierRules {
  /** Tier that a request of a tier counts as. */
  readonly countsAs: Uint8Array;
  readonly isGold: Uint8Array;
  readonly sloSeconds: Float64Array;
  /** 1 where a tier may go to a pool. */
  readonly may: Uint8Array;
  /**
   * Longest time after its arrival that a pool may hold a request on purpose. Where a tier's deferral goes beyond its
   * objective, the objective counts from the end of the wait; else the wait has to leave room for the service.
   */
  readonly holdSeconds: Float64Array;

  /**
   * @param tenants false: every request counts as silver, with its objective, and may go to every pool
   * @param serviceSeconds estimate of a pool's time from the start until the objective is met
   */
  constructor(
    world: World,
    p: Pick<CapsParameters, "tierClasses" | "candidates" | "gateSeconds">,
    tenants: boolean,
    serviceSeconds: (pool: number) => number,
  ) {
    const { tiers } = world;
    const count = Math.max(1, tiers.length);
    const classOf = (tier: number): TierClass => p.tierClasses[Math.min(tier, p.tierClasses.length - 1)];
    const silver = Math.min(SILVER, count - 1);
    this.countsAs = Uint8Array.from({ length: count }, (_, tier) => (tenants ? tier : silver));
    this.isGold = Uint8Array.from({ length: count }, (_, tier) =>
      tenants && classOf(tier) === "gold" ? 1 : 0,
    );
    this.sloSeconds = Float64Array.from({ length: count }, (_, tier) => tiers[tier].sloSeconds);
    this.may = Uint8Array.from({ length: 3 * count }, (_, at) => {
      const pools: readonly string[] = p.candidates[classOf(Math.floor(at / 3))];
      return !tenants || pools.includes(POOLS[at % 3]) ? 1 : 0;
    });
    this.holdSeconds = new Float64Array(3 * count);
    for (let tier = 0; tier < count; tier++) {
      for (const pool of [LP, CP, BP]) {
        const { deferrable, sloSeconds } = tiers[tier];
        const deferral = deferrable ? deferralSecondsOf(tiers[tier]) : 0;
        const service = serviceSeconds(pool);
        const left =
          deferral > sloSeconds ? deferral + Math.min(0, sloSeconds - service) : deferral - service;
        const bound = pool === LP ? 0 : pool === CP ? p.gateSeconds : Number.POSITIVE_INFINITY;
        this.holdSeconds[3 * tier + pool] = Math.min(bound, Math.max(0, left));
      }
    }
  }
}
