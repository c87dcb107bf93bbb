import { expect, test } from "vitest";
import { binRows } from "../../../src/learning/trees/binned-rows.ts";
import { findSplit, noSplit } from "../../../src/learning/trees/find-split.ts";
import { fillHistogram, subtractHistogram } from "../../../src/learning/trees/histogram.ts";

const FOUR = Float64Array.of(1, 2, 3, 4);
/** g = F - y with F = 0 and y = -1, -1, 1, 1. */
const GRADIENT = Float64Array.of(1, 1, -1, -1);
const NONE = new Float64Array(0);
const LIMITS = { l2: 0, minRows: 1, minHessian: 1e-3 };

test("y = (-1, -1, 1, 1): the gain of the middle is 4 (CAPS specification, section 11)", () => {
  const rows = binRows([FOUR], 4, 255);
  const histogram = new Float64Array(10);
  fillHistogram(histogram, 2, rows, Int32Array.of(0, 1, 2, 3), 0, 4, GRADIENT, NONE);
  // The last bin fills up rows to four features.
  expect([...histogram].slice(0, 8)).toEqual([1, 1, 1, 1, -1, 1, -1, 1]);
  const split = noSplit();
  findSplit(split, histogram, 2, rows, { gradient: 0, hessian: 4, rows: 4 }, LIMITS);
  expect(split).toEqual({ gain: 4, feature: 0, bin: 1, left: { gradient: 2, hessian: 2, rows: 2 } });
  // With l2 = 2: 4/(2+2) twice.
  findSplit(split, histogram, 2, rows, { gradient: 0, hessian: 4, rows: 4 }, { ...LIMITS, l2: 2 });
  expect(split.gain).toBe(2);
  findSplit(split, histogram, 2, rows, { gradient: 0, hessian: 4, rows: 4 }, { ...LIMITS, minRows: 3 });
  expect(split).toMatchObject({ gain: 0, feature: -1 });
});

test("features of one value, and those that bin the rows as another does, are left out", () => {
  const twice = FOUR.map((x) => x * x);
  expect([...binRows([new Float64Array(4), FOUR, twice, twice.slice().reverse()], 4, 255).used]).toEqual([
    1, 3,
  ]);
});

test("of two features of equal gain the first is taken", () => {
  const rows = binRows([FOUR, FOUR.slice().reverse()], 4, 255);
  const histogram = new Float64Array(18);
  fillHistogram(histogram, 2, rows, Int32Array.of(0, 1, 2, 3), 0, 4, GRADIENT, NONE);
  const split = noSplit();
  findSplit(split, histogram, 2, rows, { gradient: 0, hessian: 4, rows: 4 }, LIMITS);
  expect(split).toMatchObject({ gain: 4, feature: 0, bin: 1 });
});

test("the histogram of a node without one child is that of the other, with second derivatives too", () => {
  const rows = binRows([Float64Array.of(1, 2, 1, 2, 3)], 5, 255);
  const gradient = Float64Array.of(0.5, -0.25, 1, 2, -4);
  const hessian = Float64Array.of(0.25, 0.125, 0.25, 0.25, 0.5);
  const order = Int32Array.of(0, 1, 2, 3, 4);
  const [whole, left, right] = Array.from({ length: 3 }, () => new Float64Array(12));
  fillHistogram(whole, 3, rows, order, 0, 5, gradient, hessian);
  fillHistogram(left, 3, rows, order, 0, 2, gradient, hessian);
  fillHistogram(right, 3, rows, order, 2, 5, gradient, hessian);
  expect([...whole].slice(0, 9)).toEqual([1.5, 2, 0.5, 1.75, 2, 0.375, -4, 1, 0.5]);
  subtractHistogram(whole, left);
  expect(whole).toEqual(right);
});
