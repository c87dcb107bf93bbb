import { describe, expect, test } from "vitest";
import { Stream } from "../../src/numeric/random.ts";
import { normalQuantile } from "../../src/numeric/special.ts";
import type { TierShare } from "../../src/workload/classes.ts";
import { type SyntheticParameters, SyntheticWorkload } from "../../src/workload/synthetic.ts";
import { TenantSampler, tenantEffect, tenantShares, tenantTiers } from "../../src/workload/tenants.ts";
import { TurnSampler, turnProbability } from "../../src/workload/turns.ts";
import { average, columnsOf } from "./rows.ts";

const capsTiers: readonly TierShare[] = [
  { name: "gold", sloSeconds: 0.5, deferrable: false, share: 0.3 },
  { name: "silver", sloSeconds: 1, deferrable: true, deferralSeconds: 1800, share: 0.4 },
  { name: "bronze", sloSeconds: 3, deferrable: true, deferralSeconds: 21_600, share: 0.3 },
];
const caps: SyntheticParameters = {
  seed: 1,
  requests: 100_000,
  arrival: { process: "poisson", ratePerSecond: 10 },
  prompt: { dist: "uniform", min: 1, max: 255 },
  output: { dist: "constant", value: 1 },
  tiers: capsTiers,
  tenants: { count: 60, zipf: 1.1 },
  turns: { mean: 3 },
};

describe("tenants", () => {
  test("Zipf 1 over three: 6, 3 and 2 elevenths", () => {
    expect([...tenantShares({ count: 3, zipf: 1 })]).toEqual([6 / 11, 3 / 11, 2 / 11].map(near));
    expect([...tenantShares({ count: 4, zipf: 0 })]).toEqual([0.25, 0.25, 0.25, 0.25]);
  });

  test("the largest goes to the tier that misses most, the first of equals", () => {
    // 6/11 to silver (0.4), 3/11 to gold (0.3, before bronze), 2/11 to bronze.
    expect([...tenantTiers(Float64Array.of(6 / 11, 3 / 11, 2 / 11), capsTiers)]).toEqual([1, 0, 2]);
  });

  test("CAPS's sixty tenants meet 30/40/30 to half a percent", () => {
    const shares = tenantShares({ count: 60, zipf: 1.1 });
    const tiers = tenantTiers(shares, capsTiers);
    for (const [t, tier] of capsTiers.entries()) {
      const met = shares.reduce((sum, share, i) => sum + (tiers[i] === t ? share : 0), 0);
      expect(Math.abs(met - tier.share)).toBeLessThan(0.005);
    }
  });

  test("are drawn by their shares", () => {
    const out = new Int32Array(110_000);
    new TenantSampler(tenantShares({ count: 3, zipf: 1 }), new Stream(1, "t")).fill(out, out.length);
    const counts = [0, 1, 2].map((tenant) => out.filter((drawn) => drawn === tenant).length);
    // Standard deviations of 165, 148 and 128.
    for (const [i, expected] of [60_000, 30_000, 20_000].entries())
      expect(Math.abs(counts[i] - expected)).toBeLessThan(600);
  });

  test("have effects at the quantiles 1/2, 1/4, 3/4, 1/8, 5/8", () => {
    const quantiles = [1 / 2, 1 / 4, 3 / 4, 1 / 8, 5 / 8].map(normalQuantile);
    expect([0, 1, 2, 3, 4].map(tenantEffect)).toEqual(quantiles);
  });
});

describe("turns", () => {
  test("are geometric from 1", () => {
    const out = new Int32Array(90_000);
    new TurnSampler({ mean: 3 }, new Stream(1, "t")).fill(out, out.length);
    expect(Math.min(...out)).toBe(1);
    expect(average([...out])).toBeCloseTo(3, 1);
    for (const turn of [1, 2, 5]) {
      const expected = out.length * turnProbability({ mean: 3 }, turn);
      const count = out.filter((drawn) => drawn === turn).length;
      expect(Math.abs(count - expected)).toBeLessThan(5 * Math.sqrt(expected));
    }
  });

  test("of mean 1 are 1", () => {
    const out = new Int32Array(1000);
    new TurnSampler({ mean: 1 }, new Stream(1, "t")).fill(out, out.length);
    expect(new Set(out)).toEqual(new Set([1]));
  });
});

describe("a workload with tenants", () => {
  const rows = columnsOf(new SyntheticWorkload(caps));

  test("gives a tenant one tier for good", () => {
    const tiers = new Map<number, Set<number>>();
    rows.tenant.forEach((tenant, i) => {
      tiers.set(tenant, (tiers.get(tenant) ?? new Set()).add(rows.tier[i]));
    });
    expect(tiers.size).toBe(60);
    for (const own of tiers.values()) expect(own.size).toBe(1);
  });

  test("gives another seed the same tiers by tenant", () => {
    const other = columnsOf(new SyntheticWorkload({ ...caps, seed: 9 }));
    const tierOf = new Map(rows.tenant.map((tenant, i) => [tenant, rows.tier[i]]));
    other.tenant.forEach((tenant, i) => {
      expect(other.tier[i]).toBe(tierOf.get(tenant));
    });
    expect(other.tenant).not.toEqual(rows.tenant);
  });

  test.each([
    [{ tenants: { count: 0, zipf: 1 } }, "tenants.count is 0, expected a whole number of at least 1"],
    [{ tenants: { count: 2, zipf: -1 } }, "tenants.zipf is -1, expected a number of at least 0"],
    [{ turns: { mean: 0.5 } }, "turns.mean is 0.5, expected a number from 1 to 1000"],
  ])("%j is refused", (change, expected) => {
    expect(() => new SyntheticWorkload({ ...caps, ...change })).toThrow(`workload: ${expected}`);
  });
});

function near(value: number): unknown {
  return expect.closeTo(value, 12);
}
