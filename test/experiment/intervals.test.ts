import { describe, expect, test } from "vitest";
import type { Crossing } from "../../src/experiment/intervals.ts";
import { meanIntervals, pairedIntervals } from "../../src/experiment/intervals.ts";
import { Stream } from "../../src/numeric/random.ts";

/** As many runs, each with a seed of its own. */
const seeds = (count: number): Crossing => ({
  seeds: Array.from({ length: count }, (_, i) => i),
  starts: Array.from({ length: count }, () => null),
});

describe("intervals of means", () => {
  test("one run has a mean and no interval, none has neither", () => {
    expect(meanIntervals([[3], [null]], seeds(1))).toEqual([
      { n: 1, mean: 3, ci95: null },
      { n: 0, mean: null, ci95: null },
    ]);
    expect(meanIntervals([], seeds(0))).toEqual([]);
  });

  test("equal values have an interval of no width", () => {
    expect(meanIntervals([[2, 2, 2]], seeds(3))).toEqual([{ n: 3, mean: 2, ci95: [2, 2] }]);
  });

  test("near the normal interval for many values", () => {
    const stream = new Stream(1, "test");
    const sample = Array.from({ length: 400 }, () => 10 + 2 * stream.normal());
    const [{ mean, ci95 }] = meanIntervals([sample], seeds(400));
    const half = (1.96 * 2) / 20;
    expect(ci95?.[0]).toBeGreaterThan((mean ?? 0) - 1.2 * half);
    expect(ci95?.[0]).toBeLessThan((mean ?? 0) - 0.8 * half);
    expect(ci95?.[1]).toBeGreaterThan((mean ?? 0) + 0.8 * half);
    expect(ci95?.[1]).toBeLessThan((mean ?? 0) + 1.2 * half);
  });

  test("runs that do not know the metric are left out", () => {
    const [{ n, mean, ci95 }] = meanIntervals([[1, null, 3, null]], seeds(4));
    expect(n).toBe(2);
    expect(mean).toBe(2);
    expect(ci95).toEqual([1, 3]);
  });

  test("the same sample has the same interval beside any others", () => {
    const sample = [1, 5, 2, 8];
    expect(meanIntervals([[9, 9, 9, 1], sample], seeds(4))[1]).toEqual(meanIntervals([sample], seeds(4))[0]);
  });
});

describe("seeds crossed with starts", () => {
  /** Runs of 4 seeds x 50 starts. */
  const crossing: Crossing = {
    seeds: Array.from({ length: 200 }, (_, i) => i % 4),
    starts: Array.from({ length: 200 }, (_, i) => Math.floor(i / 4)),
  };
  const bySeed = [10, 12, 14, 20];

  test("many starts of a metric that only the seed decides are no more evidence than the seeds", () => {
    const [crossed] = meanIntervals([crossing.seeds.map((seed) => bySeed[seed as number])], crossing);
    const [plain] = meanIntervals([bySeed], seeds(4));
    const width = ({ ci95 }: { ci95: readonly [number, number] | null }) =>
      (ci95?.[1] ?? 0) - (ci95?.[0] ?? 0);
    expect(crossed.mean).toBe(14);
    expect(width(crossed) / width(plain)).toBeGreaterThan(0.8);
    expect(width(crossed) / width(plain)).toBeLessThan(1.25);
  });

  test("with one seed the interval is over the starts", () => {
    const one: Crossing = { seeds: [1, 1, 1, 1], starts: [0, 1, 2, 3] };
    expect(meanIntervals([[1, 5, 2, 8]], one)[0].ci95?.[0]).toBeLessThan(4);
    expect(meanIntervals([[3, 3, 3, 3]], one)[0].ci95).toEqual([3, 3]);
  });
});

describe("paired intervals", () => {
  test("a constant difference has no width, however much the pairs vary", () => {
    const [interval] = pairedIntervals(
      [
        [
          [11, 21, 31, 101],
          [10, 20, 30, 100],
        ],
      ],
      seeds(4),
    );
    expect(interval).toMatchObject({ difference: 1, differenceCi95: [1, 1] });
    expect(interval?.ratio).toBeCloseTo(164 / 160, 12);
  });

  test("incomplete pairs are left out; without any there is nothing", () => {
    const [some, none] = pairedIntervals(
      [
        [
          [1, null, 3],
          [1, 2, null],
        ],
        [
          [null, 1, null],
          [1, null, null],
        ],
      ],
      seeds(3),
    );
    expect(some).toEqual({ difference: 0, differenceCi95: null, ratio: 1, ratioCi95: null });
    expect(none).toBeUndefined();
  });

  test("no ratio to a baseline of 0", () => {
    const [interval] = pairedIntervals(
      [
        [
          [1, 2],
          [0, 0],
        ],
      ],
      seeds(2),
    );
    expect(interval).toMatchObject({ difference: 1.5, ratio: null, ratioCi95: null });
  });
});
