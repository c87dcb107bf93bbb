import { describe, expect, test } from "vitest";
import {
  auroc,
  calibrationTable,
  expectedCalibrationError,
  meanAbsoluteError,
  meanAbsolutePercentageError,
} from "../../../src/learning/cost-predictor/quality.ts";
import { Stream } from "../../../src/numeric/random.ts";
import { winsOver } from "../../../src/numeric/rank.ts";

test("10 for 8 and 15 for 20: off by 3.5 on average, by 25 % both", () => {
  expect(meanAbsoluteError([10, 15], [8, 20])).toBe(3.5);
  expect(meanAbsolutePercentageError([10, 15], [8, 20])).toBe(0.25);
});

describe("AUROC", () => {
  test("three of four pairs in the right order, an equal pair counted half", () => {
    expect(auroc(Float64Array.of(0.1, 0.4, 0.35, 0.8), Float64Array.of(0, 0, 1, 1))).toBe(0.75);
    expect(auroc(Float64Array.of(0.5, 0.5), Float64Array.of(0, 1))).toBe(0.5);
    expect(auroc(Float64Array.of(1, 2, 3), Float64Array.of(0, 0, 1))).toBe(1);
    expect(auroc(Float64Array.of(1, 2), Float64Array.of(1, 1))).toBeNaN();
  });

  test("is the share of pairs that Mann and Whitney's U counts", () => {
    const stream = new Stream(1, "test/auroc");
    const scores = Float64Array.from({ length: 500 }, () => stream.below(40));
    const labels = Float64Array.from(scores, (score) => (stream.uniform() < score / 40 ? 1 : 0));
    const ones = scores.filter((_, i) => labels[i] === 1);
    const zeros = scores.filter((_, i) => labels[i] === 0);
    expect(auroc(scores, labels)).toBeCloseTo(winsOver(ones, zeros) / (ones.length * zeros.length), 12);
  });
});

test("calibration: 0.05 and 0.15 twice against 0 of 1 and 1 of 2 gives an error of (0.05 + 2 x 0.35) / 3", () => {
  const bins = calibrationTable(Float64Array.of(0.05, 0.15, 0.15), Float64Array.of(0, 1, 0));
  expect(bins).toHaveLength(10);
  expect(bins[0]).toEqual({ from: 0, to: 0.1, rows: 1, predicted: 0.05, observed: 0 });
  expect(bins[1]).toEqual({ from: 0.1, to: 0.2, rows: 2, predicted: 0.15, observed: 0.5 });
  expect(bins[2]).toMatchObject({ rows: 0, predicted: null, observed: null });
  expect(expectedCalibrationError(bins)).toBeCloseTo(0.25, 12);
  expect(calibrationTable(Float64Array.of(1), Float64Array.of(1))[9].rows).toBe(1);
});
