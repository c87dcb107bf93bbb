import { expect, test } from "vitest";
import { partitionNodes } from "../../src/datacenter/partition.ts";

function partition(counts: number[], rates: number[], mix: number[]): number[] {
  const out = new Float64Array(rates.length);
  partitionNodes(counts, Float64Array.from(rates), mix, out);
  return [...out];
}

test("one type: nodes in proportion to share over rate", () => {
  // 80 % at 4 a second and 20 % at 1: equal needs.
  expect(partition([100], [4, 1], [0.8, 0.2])).toEqual([50, 50]);
  expect(partition([100], [4, 4], [0.75, 0.25])).toEqual([75, 25]);
});

test("a type that only one model can use goes to it, and the other type makes up for it", () => {
  // 60 nodes for both, 40 for the first only; rates 1: half of 100 each.
  expect(partition([60, 40], [1, 1, 1, 0], [0.5, 0.5])).toEqual([10, 40, 50, 0]);
  // More than half can only be used by the first.
  expect(partition([20, 80], [1, 1, 1, 0], [0.5, 0.5])).toEqual([0, 80, 20, 0]);
});

test("rounding loses no node, and leaves no model without one", () => {
  expect(partition([7], [1, 1, 1], [1 / 3, 1 / 3, 1 / 3]).reduce((a, b) => a + b)).toBe(7);
  expect(partition([3], [1, 1], [0.999, 0.001])).toEqual([2, 1]);
  expect(partition([1], [1, 1], [0.999, 0.001])).toEqual([1, 0]);
});
