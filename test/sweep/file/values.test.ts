import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rangeProblem, rangeValues, samplePoints } from "../../../src/sweep/file/values.ts";

const range = (given: object) => ({ from: 0, to: 1, scale: "linear" as const, whole: false, ...given });

describe("ranges", () => {
  test.each([
    [range({ count: 5 }), [0, 0.25, 0.5, 0.75, 1]],
    [range({ to: 0.3, step: 0.1 }), [0, 0.1, 0.2, 0.3]],
    [range({ from: 1, to: 2, step: 0.4 }), [1, 1.4, 1.8]],
    [range({ from: 0.01, to: 100, count: 5, scale: "log" }), [0.01, 0.1, 1, 10, 100]],
    [range({ from: 1, to: 64, count: 7, scale: "log", whole: true }), [1, 2, 4, 8, 16, 32, 64]],
    [range({ from: 1, to: 4, count: 10, whole: true }), [1, 2, 3, 4]],
    [range({ from: 0.6, to: 3.6, count: 2, whole: true }), [1, 3]],
    [range({ from: 0.2, to: 3.6, count: 2, scale: "log", whole: true }), [1, 3]],
  ])("%j", (given, expected) => {
    expect(rangeProblem(given)).toBeUndefined();
    expect(rangeValues(given)).toEqual(expected);
  });

  test.each([
    [range({ from: 2, count: 3 }), "goes from 2 to 1, expected to above from"],
    [range({ count: 3, scale: "log" }), "begins at 0, expected more than 0 on a log scale"],
    [range({ count: 3, step: 1 }), "has both count and step, expected one of them"],
    [range({ from: 1, to: 2, step: 1, scale: "log" }), "has a step on a log scale, expected count"],
    [range({ count: 1 }), "has one value only, expected a count of at least 2"],
    [
      range({ from: 1.2, to: 1.8, count: 2, whole: true }),
      "goes from 1.2 to 1.8, expected a whole number between them",
    ],
  ])("%j is refused", (given, problem) => {
    expect(rangeProblem(given)).toBe(problem);
  });
});

describe("samples", () => {
  const axes = {
    linear: { from: 10, to: 20, scale: "linear" as const, whole: false },
    log: { from: 0.001, to: 1000, scale: "log" as const, whole: false },
    whole: { from: 1, to: 4, scale: "linear" as const, whole: true },
    words: ["a", "b", "c", "d", "e"],
  };
  const sample = (given: object = {}) =>
    samplePoints({ method: "latin-hypercube", count: 20, seed: 1, axes, ...given });
  const column = (points: readonly unknown[][], i: number) => points.map((point) => point[i]);

  test("a Latin hypercube has one value in each of as many equal parts of every axis", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 1000 }), (count, seed) => {
        const points = sample({ count, seed });
        const partOf = (share: number) => Math.min(count - 1, Math.floor(share * count + 1e-9));
        const parts = (shares: number[]) => shares.map(partOf).sort((a, b) => a - b);
        const all = Array.from({ length: count }, (_, i) => i);
        expect(parts(column(points, 0).map((x) => ((x as number) - 10) / 10))).toEqual(all);
        expect(parts(column(points, 1).map((x) => (Math.log10(x as number) + 3) / 6))).toEqual(all);
      }),
      { numRuns: 50 },
    );
  });

  test("lists and whole numbers have each value equally often", () => {
    const points = sample();
    for (const value of axes.words) expect(column(points, 3).filter((x) => x === value)).toHaveLength(4);
    for (const value of [1, 2, 3, 4]) expect(column(points, 2).filter((x) => x === value)).toHaveLength(5);
  });

  test("the axes are not in step", () => {
    const [x, y] = [column(sample({ count: 400 }), 0), column(sample({ count: 400 }), 1)].map((values) =>
      values.map((value) => values.filter((other) => (other as number) < (value as number)).length),
    );
    const correlation =
      x.reduce((sum, rank, i) => sum + (rank - 199.5) * (y[i] - 199.5), 0) /
      x.reduce((sum, rank) => sum + (rank - 199.5) ** 2, 0);
    // Independent ranks: standard deviation 1 / sqrt(399) = 0.05.
    expect(Math.abs(correlation)).toBeLessThan(0.2);
  });

  test("random draws fill the range evenly, and not in equal parts", () => {
    const values = column(sample({ method: "random", count: 2000 }), 0) as number[];
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    // Standard deviation 10 / sqrt(12 x 2000) = 0.065.
    expect(Math.abs(mean - 15)).toBeLessThan(0.3);
    expect(new Set(values.map((value) => Math.floor((value - 10) * 200))).size).toBeLessThan(1500);
  });

  test("the seed decides; another axis changes nothing", () => {
    expect(sample()).toEqual(sample());
    expect(column(sample({ seed: 2 }), 0)).not.toEqual(column(sample(), 0));
    const { linear } = axes;
    expect(column(sample({ axes: { linear } }), 0)).toEqual(column(sample(), 0));
  });
});
