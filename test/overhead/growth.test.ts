import { describe, expect, test } from "vitest";
import { fitPowerLaw } from "../../src/overhead/growth.ts";
import { planLaws } from "../../src/overhead/measure-plans.ts";
import type { PlanRow } from "../../src/overhead/result.ts";

describe("time as a power of the number of endpoints", () => {
  test.each([0, 0.5, 1, 2])(
    "a law of exponent %d is found as it is, without an interval to speak of",
    (b) => {
      const sizes = [12, 100, 1000, 10_000];
      const law = fitPowerLaw(
        sizes,
        sizes.map((n) => 0.3 * n ** b),
      );
      expect(law?.exponent).toBeCloseTo(b, 12);
      expect(law?.interval[0]).toBeCloseTo(b, 6);
      expect(law?.interval[1]).toBeCloseTo(b, 6);
    },
  );

  test("the interval is Student's over the residuals of the logarithms", () => {
    // Logarithms x = 0, 1, 2 and y = 0, 1.3, 2: slope 1, residuals -0.1, 0.2, -0.1, so that the slope's error is
    // sqrt(0.06 / 1 / 2); t(0.975, 1) is 12.7062.
    const law = fitPowerLaw([1, Math.E, Math.E ** 2], [1, Math.exp(1.3), Math.exp(2)]);
    expect(law?.exponent).toBeCloseTo(1, 12);
    expect(law?.interval[1]).toBeCloseTo(1 + 12.7062 * Math.sqrt(0.03), 4);
    expect(law?.interval[0]).toBeCloseTo(1 - 12.7062 * Math.sqrt(0.03), 4);
  });

  test("none of two sizes, of one size again and again, or of a time that is not above 0", () => {
    expect(fitPowerLaw([12, 100], [1, 2])).toBeUndefined();
    expect(fitPowerLaw([12, 12, 12], [1, 2, 3])).toBeUndefined();
    expect(fitPowerLaw([12, 100, 1000], [1, 0, 2])).toBeUndefined();
  });
});

describe("how planning grows", () => {
  const row = (
    axis: PlanRow["axis"],
    value: number,
    calls: number,
    milliseconds: number | null,
  ): PlanRow => ({
    ...{ router: "some", axis, value, sites: 8, step: "plan", calls, reason: null },
    ...{ p50Milliseconds: milliseconds, p99Milliseconds: milliseconds, samples: 12 },
  });

  test("by each of the axes apart, with the calls that were made in the place of those allowed", () => {
    const rows = [
      ...[4, 8, 32].map((sites) => row("sites", sites, 205, 3 * sites ** 2)),
      // Time goes by calls; the last limit is more than the planner asks for.
      ...[100, 200, 400, 800].map((calls) => row("calls", calls, Math.min(calls, 400), Math.min(calls, 400))),
      row("hidden", 64, 205, null),
      ...[128, 256].map((width) => row("hidden", width, 205, width)),
    ];
    const laws = planLaws(rows);
    expect(laws.map(({ axis, sizes }) => [axis, sizes])).toEqual([
      ["sites", 3],
      ["calls", 3],
    ]);
    expect(laws[0].exponent).toBeCloseTo(2, 9);
    expect(laws[1].exponent).toBeCloseTo(1, 9);
  });
});
