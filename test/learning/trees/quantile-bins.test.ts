import { describe, expect, test } from "vitest";
import { binOf, quantileCuts } from "../../../src/learning/trees/quantile-bins.ts";
import { Stream } from "../../../src/numeric/random.ts";

describe("cuts", () => {
  test("lie half way between values that fit the bins one by one", () => {
    expect(quantileCuts(Float64Array.of(3, 1, 1, 10, 3), 255)).toEqual(Float64Array.of(2, 6.5));
    expect(quantileCuts(Float64Array.of(4, 4), 255)).toEqual(new Float64Array(0));
  });

  test("part more values into bins of about equally many rows", () => {
    const values = Float64Array.from({ length: 10_000 }, (_, i) => i);
    const cuts = quantileCuts(values, 100);
    expect(cuts).toHaveLength(99);
    expect(rowsOf(values, cuts)).toEqual(new Array(100).fill(100));
  });

  test("give a value that fills more than its share a bin without others, and the rest the remaining bins", () => {
    const stream = new Stream(3, "test/bins");
    const values = Float64Array.from({ length: 10_000 }, () =>
      stream.below(2) === 0 ? 0.5 : stream.uniform(),
    );
    const cuts = quantileCuts(values, 51);
    const rows = rowsOf(values, cuts);
    const heavy = binOf(0.5, cuts);
    expect(cuts.length).toBeLessThanOrEqual(50);
    expect(cuts.length).toBeGreaterThan(40);
    expect(rows[heavy]).toBe(values.filter((x) => x === 0.5).length);
    for (const [bin, own] of rows.entries()) if (bin !== heavy) expect(own).toBeLessThan(250);
  });

  test("never exceed the bins allowed, and separate neighbours that no number lies between", () => {
    const stream = new Stream(4, "test/bins");
    for (const maxBins of [2, 3, 7, 255]) {
      const values = Float64Array.from({ length: 3000 }, () => Math.floor(stream.exponential() ** 3 * 50));
      values[7] = Number.NaN;
      const cuts = quantileCuts(values, maxBins);
      expect(cuts.length).toBeLessThan(maxBins);
      expect([...cuts].sort((a, b) => a - b)).toEqual([...cuts]);
    }
    const next = 1 + Number.EPSILON;
    const [cut] = quantileCuts(Float64Array.of(1, next), 255);
    expect(1 > cut).toBe(false);
    expect(next > cut).toBe(true);
  });

  test("missing values have the first bin for themselves", () => {
    const cuts = quantileCuts(Float64Array.of(Number.NaN, 5, Number.NEGATIVE_INFINITY), 255);
    expect(cuts).toEqual(Float64Array.of(Number.NEGATIVE_INFINITY));
    expect([Number.NaN, Number.NEGATIVE_INFINITY, -1e308].map((x) => binOf(x, cuts))).toEqual([0, 0, 1]);
    expect(quantileCuts(Float64Array.of(Number.NaN), 255)).toHaveLength(0);
  });
});

function rowsOf(values: Float64Array, cuts: Float64Array): number[] {
  const rows = new Array<number>(cuts.length + 1).fill(0);
  for (const value of values) rows[binOf(value, cuts)]++;
  return rows;
}
