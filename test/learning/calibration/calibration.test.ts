import { describe, expect, test } from "vitest";
import { fitIsotonic, isotonicValue } from "../../../src/learning/calibration/isotonic.ts";
import { fitLogistic, logOdds } from "../../../src/learning/calibration/logistic-regression.ts";
import { fitPlatt } from "../../../src/learning/calibration/platt.ts";
import { smoothedAccuracy } from "../../../src/learning/calibration/smoothed-accuracy.ts";
import { logistic } from "../../../src/numeric/logistic.ts";
import { Stream } from "../../../src/numeric/random.ts";

/** Rows of `weights.length` normal features whose labels follow the model. */
function drawn(n: number, weights: number[], intercept: number, seed = 1) {
  const random = new Stream(seed, "rows");
  const width = weights.length;
  const features = Float64Array.from({ length: n * width }, () => random.normal());
  const labels = new Uint8Array(n);
  for (let r = 0; r < n; r++) {
    let z = intercept;
    for (let i = 0; i < width; i++) z += weights[i] * features[r * width + i];
    labels[r] = random.uniform() < logistic(z) ? 1 : 0;
  }
  return { width, features, labels };
}

describe("logistic regression", () => {
  test("one group: the log odds of its share", () => {
    const rows = {
      width: 1,
      features: new Float64Array(10),
      labels: Uint8Array.of(1, 1, 1, 1, 1, 1, 1, 0, 0, 0),
    };
    const model = fitLogistic(rows, 1);
    expect(model.intercept).toBeCloseTo(Math.log(0.7 / 0.3), 5);
    expect(model.weights[0]).toBe(0);
  });

  test("two groups: the condition of the minimum, solved by hand", () => {
    // One of two right on either side: nothing to learn.
    const even = { width: 1, features: Float64Array.of(-1, -1, 1, 1), labels: Uint8Array.of(0, 1, 0, 1) };
    expect(fitLogistic(even, 1).weights[0]).toBeCloseTo(0, 9);
    // Labels as the sign of x: w solves w = 4 (1 - sigma(w)), i.e. w = 1.27846...
    const sign = { width: 1, features: Float64Array.of(-1, -1, 1, 1), labels: Uint8Array.of(0, 0, 1, 1) };
    const { weights, intercept } = fitLogistic(sign, 1);
    expect(intercept).toBeCloseTo(0, 9);
    expect(weights[0]).toBeCloseTo(4 * (1 - logistic(weights[0])), 9);
    expect(weights[0]).toBeGreaterThan(1);
  });

  test("at the minimum the gradient is zero", () => {
    const rows = drawn(500, [1, -2, 0.3], 0.4);
    const l2 = 1;
    const model = fitLogistic(rows, l2);
    const gradient = Array.from(model.weights, (w) => l2 * w);
    let bias = 1e-6 * model.intercept;
    for (let r = 0; r < 500; r++) {
      const error = logistic(logOdds(model, rows.features, 3 * r)) - rows.labels[r];
      for (let i = 0; i < 3; i++) gradient[i] += error * rows.features[3 * r + i];
      bias += error;
    }
    for (const g of [...gradient, bias]) expect(Math.abs(g)).toBeLessThan(1e-7);
  });

  test("many rows give back the weights they were drawn from", () => {
    const model = fitLogistic(drawn(40_000, [1, -2], 0.5), 1);
    expect(model.weights[0]).toBeCloseTo(1, 1);
    expect(model.weights[1]).toBeCloseTo(-2, 1);
    expect(model.intercept).toBeCloseTo(0.5, 1);
  });

  test("labels that all agree, and separable rows, stay finite", () => {
    const sure = fitLogistic({ width: 1, features: Float64Array.of(1, 2), labels: Uint8Array.of(1, 1) }, 1);
    expect(Number.isFinite(sure.intercept)).toBe(true);
    expect(logistic(logOdds(sure, [1]))).toBeGreaterThan(0.99);
  });
});

describe("Platt scaling", () => {
  test("alike scores: the smoothed share", () => {
    // 7 right of 10: targets 8/9 and 1/5, mean (7 * 8/9 + 3 / 5) / 10.
    const { slope, offset } = fitPlatt(new Float64Array(10), Uint8Array.of(1, 1, 1, 1, 1, 1, 1, 0, 0, 0));
    expect(logistic(offset)).toBeCloseTo((7 * (8 / 9) + 3 / 5) / 10, 9);
    expect(slope).toBe(0);
    const shifted = fitPlatt(new Float64Array(10).fill(3), Uint8Array.of(1, 1, 1, 1, 1, 1, 1, 0, 0, 0));
    expect(logistic(3 * shifted.slope + shifted.offset)).toBeCloseTo((7 * (8 / 9) + 3 / 5) / 10, 9);
  });

  test("scores that are log odds already are left alone, halved ones are doubled", () => {
    const { features, labels } = drawn(40_000, [1.5], 0);
    const right = fitPlatt(
      features.map((z) => 1.5 * z),
      labels,
    );
    expect(right.slope).toBeCloseTo(1, 1);
    expect(right.offset).toBeCloseTo(0, 1);
    const timid = fitPlatt(
      features.map((z) => 0.75 * z),
      labels,
    );
    expect(timid.slope).toBeCloseTo(2 * right.slope, 4);
  });

  test("the mean prediction is the mean target", () => {
    const { features, labels } = drawn(300, [1], 0.7, 4);
    const { slope, offset } = fitPlatt(features, labels);
    const positives = labels.reduce((a, b) => a + b, 0);
    const target =
      (positives * ((positives + 1) / (positives + 2)) + (300 - positives) / (302 - positives)) / 300;
    let mean = 0;
    for (const score of features) mean += logistic(slope * score + offset) / 300;
    expect(mean).toBeCloseTo(target, 9);
  });
});

describe("isotonic regression", () => {
  test("adjacent violators are pooled", () => {
    const map = fitIsotonic(Float64Array.of(1, 2, 3, 4), Uint8Array.of(0, 1, 0, 1));
    expect([...map.scores]).toEqual([1, 2, 3, 4]);
    expect([...map.values]).toEqual([0, 0.5, 0.5, 1]);
    expect(isotonicValue(map, 2.7)).toBe(0.5);
    expect(isotonicValue(map, 1.5)).toBe(0.25);
    expect([isotonicValue(map, -9), isotonicValue(map, 9)]).toEqual([0, 1]);
  });

  test("falling labels become one constant, equal scores one point", () => {
    expect([...fitIsotonic(Float64Array.of(3, 1, 2), Uint8Array.of(0, 1, 1)).values]).toEqual([2 / 3, 2 / 3]);
    const equal = fitIsotonic(Float64Array.of(5, 5, 5, 5), Uint8Array.of(1, 0, 0, 0));
    expect([...equal.scores]).toEqual([5]);
    expect(isotonicValue(equal, 5)).toBe(0.25);
  });

  test("never falls, and keeps the mean", () => {
    const { features, labels } = drawn(400, [1], 0, 9);
    const map = fitIsotonic(features, labels);
    for (let i = 1; i < map.values.length; i++)
      expect(map.values[i]).toBeGreaterThanOrEqual(map.values[i - 1]);
    let mean = 0;
    for (const score of features) mean += isotonicValue(map, score) / 400;
    expect(mean).toBeCloseTo(labels.reduce((a, b) => a + b, 0) / 400, 9);
  });
});

test("Beta smoothing: 7 of 10 are 8 of 12; nothing seen is a half", () => {
  expect(smoothedAccuracy(7, 10)).toBeCloseTo(0.6667, 4);
  expect(smoothedAccuracy(0, 0)).toBe(0.5);
});
