import { describe, expect, test } from "vitest";
import { fitPowerLaw } from "../../src/overhead/growth.ts";

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
