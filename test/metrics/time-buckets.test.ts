import fc from "fast-check";
import { expect, test } from "vitest";
import { TimeBuckets } from "../../src/metrics/time-buckets.ts";

test("counts by group in buckets of 0.1 s while the run is short", () => {
  const buckets = new TimeBuckets(2);
  buckets.count(0, 0);
  buckets.count(0.05, 1);
  buckets.count(0.31, 1);
  expect(buckets.series()).toEqual({
    widthSeconds: 0.1,
    counts: [
      [1, 0, 0, 0],
      [1, 0, 0, 1],
    ],
  });
});

test("the width doubles so that 256 buckets hold any run, and no count is lost", () => {
  const times = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(times, (unsorted) => {
      const sorted = [...unsorted].sort((a, b) => a - b);
      const buckets = new TimeBuckets(1);
      for (const time of sorted) buckets.count(time, 0);
      const { widthSeconds, counts } = buckets.series();
      expect(counts[0].length).toBeLessThanOrEqual(256);
      expect(counts[0].reduce((sum, n) => sum + n, 0)).toBe(sorted.length);
      expect(Math.log2(widthSeconds / 0.1) % 1).toBe(0);
      const expected = new Array(counts[0].length).fill(0);
      for (const time of sorted) expected[Math.floor(time / widthSeconds)]++;
      expect(counts[0]).toEqual(expected);
    }),
  );
});
