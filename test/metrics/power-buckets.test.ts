import fc from "fast-check";
import { expect, test } from "vitest";
import { PowerBuckets } from "../../src/metrics/power-buckets.ts";

test("buckets of power hold the energy that is put in, however often they grow", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.double({ min: 0.001, max: 9, noNaN: true }), fc.integer({ min: 0, max: 500 })), {
        minLength: 1,
        maxLength: 40,
      }),
      fc.integer({ min: 2, max: 16 }),
      (stretches, count) => {
        const buckets = new PowerBuckets(10, 0.25, count);
        let at = 8;
        let joules = 0;
        for (const [seconds, watts] of stretches) {
          buckets.add(1, at, at + seconds, watts);
          joules += watts * Math.max(0, Math.min(seconds, at + seconds - 10));
          at += seconds;
        }
        const series = buckets.series(1, at);
        const held = series.reduce((sum, { atSeconds, watts }, i) => {
          const to = series[i + 1]?.atSeconds ?? at;
          return sum + watts * (to - atSeconds);
        }, 0);
        expect(held).toBeCloseTo(joules, 6);
        expect(buckets.series(0, at).every(({ watts }) => watts === 0)).toBe(true);
      },
    ),
  );
});
