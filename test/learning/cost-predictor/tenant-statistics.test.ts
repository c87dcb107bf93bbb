import { expect, test } from "vitest";
import { TenantStatistics } from "../../../src/learning/cost-predictor/tenant-statistics.ts";
import { sampleStd } from "../../../src/numeric/descriptive.ts";
import { Stream } from "../../../src/numeric/random.ts";

test("2, 4 and 9 tokens, one of two judged requests missed: mean 5, std sqrt(13), miss rate 1/2", () => {
  const statistics = new TenantStatistics();
  statistics.add(3, 2, 1);
  statistics.add(3, 4, 0);
  statistics.add(3, 9, Number.NaN);
  expect(statistics.requests(3)).toBe(3);
  expect(statistics.mean(3)).toBe(5);
  expect(statistics.std(3)).toBeCloseTo(Math.sqrt(13), 14);
  expect(statistics.missRate(3)).toBe(0.5);
});

test("nothing is known before the first request, of other tenants, and of none", () => {
  const statistics = new TenantStatistics(2);
  statistics.add(1, 100, 1);
  statistics.add(-1, 50, 1);
  const facts = { tenantMean: 0, tenantStd: 0, tenantMissRate: 0 } as Parameters<TenantStatistics["fill"]>[0];
  for (const tenant of [-1, 0, 900]) {
    statistics.fill(facts, tenant);
    expect(facts).toEqual({ tenantMean: Number.NaN, tenantStd: Number.NaN, tenantMissRate: Number.NaN });
  }
  statistics.fill(facts, 1);
  expect(facts).toEqual({ tenantMean: 100, tenantStd: Number.NaN, tenantMissRate: 1 });
});

test("a hundred thousand large lengths keep their digits, tenants beyond the first memory too", () => {
  const stream = new Stream(1, "test/tenants");
  const statistics = new TenantStatistics(1);
  const lengths = Float64Array.from({ length: 100_000 }, () => 1e6 + stream.below(100));
  for (const tokens of lengths) statistics.add(77, tokens, 0);
  expect(statistics.std(77) / sampleStd(lengths)).toBeCloseTo(1, 9);
  expect(statistics.missRate(77)).toBe(0);
});
