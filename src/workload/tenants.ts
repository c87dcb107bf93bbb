import type { Stream } from "../numeric/random.ts";
import { normalQuantile } from "../numeric/special.ts";
import { expectCount, expectNotNegative, expectParameter } from "./check.ts";
import type { TierShare } from "./classes.ts";

/** Who sends the requests: tenant i (from 0) sends a share proportional to (i + 1)^-zipf of them. */
export interface TenantParameters {
  readonly count: number;
  /** Exponent; 0 makes all tenants equal. */
  readonly zipf: number;
  /**
   * What a tier belongs to: `tenant` (default) gives every tenant one tier for good, such that the shares of the tiers
   * are met as nearly as whole tenants allow ({@link tenantTiers}); `request` draws it for every request.
   */
  readonly tierPer?: "tenant" | "request";
}

/** Largest number of tenants: their numbers and their effects are columns of 32 bits and a table. */
const MOST_TENANTS = 1_000_000;

/** Throws `CANOPY_WORKLOAD_PARAMETER`. */
export function checkTenants(p: TenantParameters): void {
  expectCount(p.count, "tenants.count");
  expectParameter(p.count <= MOST_TENANTS, "tenants.count", `at most ${MOST_TENANTS}`, p.count);
  expectNotNegative(p.zipf, "tenants.zipf");
  const per = p.tierPer ?? "tenant";
  expectParameter(per === "tenant" || per === "request", "tenants.tierPer", "tenant or request", per);
}

/** Share of the requests of each tenant, in decreasing order, summing to 1. */
export function tenantShares({ count, zipf }: TenantParameters): Float64Array {
  const shares = Float64Array.from({ length: count }, (_, i) => (i + 1) ** -zipf);
  // From the smallest, so that the sum is exact to rounding.
  let total = 0;
  for (let i = count - 1; i >= 0; i--) total += shares[i];
  return shares.map((share) => share / total);
}

/**
 * The tier of every tenant: from the largest tenant down, each goes to the tier whose share is farthest from met
 * (ties: the first). With many tenants the error of a tier's share is at most that of the smallest tenants.
 */
export function tenantTiers(shares: Float64Array, tiers: readonly TierShare[]): Uint8Array {
  const missing = Float64Array.from(tiers, (tier) => tier.share);
  return Uint8Array.from(shares, (share) => {
    let tier = 0;
    for (let t = 1; t < missing.length; t++) if (missing[t] > missing[tier]) tier = t;
    missing[tier] -= share;
    return tier;
  });
}

/**
 * How much longer than average a tenant's outputs are, in units of a standard normal distribution: the quantiles of
 * the base-2 van der Corput sequence (1/2, 1/4, 3/4, 1/8, …), so that a tenant is the same customer under every seed.
 */
export function tenantEffect(tenant: number): number {
  let place = 0;
  let digit = 0.5;
  for (let left = tenant + 1; left > 0; left = Math.floor(left / 2), digit /= 2) {
    if (left % 2 === 1) place += digit;
  }
  return normalQuantile(place);
}

/** Draws tenants by their shares. */
export class TenantSampler {
  readonly #stream: Stream;
  readonly #ends: Float64Array;

  constructor(shares: Float64Array, stream: Stream) {
    this.#stream = stream;
    let total = 0;
    this.#ends = shares.map((share) => (total += share));
  }

  fill(out: Int32Array, count: number): void {
    const ends = this.#ends;
    const last = ends.length - 1;
    for (let i = 0; i < count; i++) {
      const target = this.#stream.uniform() * ends[last];
      let low = 0;
      let high = last;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (ends[middle] > target) high = middle;
        else low = middle + 1;
      }
      out[i] = low;
    }
  }
}
