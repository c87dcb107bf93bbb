import { expect, test } from "vitest";
import {
  EwmaSlopePredictor,
  forecastAccuracy,
  PersistencePredictor,
  pretrainWeight,
  WEIGHT_GRID,
} from "../../src/datacenter/predictor.ts";
import { Stream } from "../../src/numeric/random.ts";

test("the level of the specification: from 100 with 120, 90, 150", () => {
  const predictor = new EwmaSlopePredictor({ weight: 0.3, window: 8 });
  predictor.observe(100);
  const levels = [120, 90, 150].map((count) => {
    predictor.observe(count);
    return predictor.level;
  });
  expect(levels[0]).toBeCloseTo(106, 9);
  expect(levels[1]).toBeCloseTo(101.2, 9);
  expect(levels[2]).toBeCloseTo(115.84, 9);
  // Least squares through 100, 120, 90, 150 at 0 to 3: (-1.5 * 100 - 0.5 * 120 + 0.5 * 90 + 1.5 * 150) / 5.
  expect(predictor.slope).toBeCloseTo(12, 9);
  expect(predictor.predict()).toBeCloseTo(127.84, 9);
});

test("the slope forgets what left the window, and no forecast is negative", () => {
  const predictor = new EwmaSlopePredictor({ weight: 1, window: 3 });
  for (const count of [1000, 3, 5, 7]) predictor.observe(count);
  expect(predictor.slope).toBeCloseTo(2, 12);
  expect(predictor.predict()).toBeCloseTo(9, 12);
  for (const count of [500, 100, 0]) predictor.observe(count);
  expect(predictor.predict()).toBe(0);
});

test("on a straight line weight 1 is exact, and persistence is behind by a step", () => {
  const counts = Array.from({ length: 50 }, (_, e) => 100 + 10 * e);
  expect(forecastAccuracy(new EwmaSlopePredictor({ weight: 1, window: 8 }), counts, 8).mape).toBeCloseTo(
    0,
    12,
  );
  const behind = forecastAccuracy(new PersistencePredictor(), counts, 8);
  expect(behind.epochs).toBe(42);
  expect(behind.wape).toBeCloseTo((42 * 10) / counts.slice(8).reduce((a, b) => a + b), 12);
  expect(behind.accuracy).toBeCloseTo(1 - behind.mape, 12);
});

test("pretraining takes a small weight for noise about a constant, a large one for a random walk", () => {
  const stream = new Stream(1, "test");
  const noise = Array.from({ length: 400 }, () => 1000 + 100 * stream.normal());
  let walk = 100_000;
  const steps = Array.from({ length: 400 }, () => (walk += 1000 * stream.normal()));
  expect(pretrainWeight(noise)).toBeLessThanOrEqual(0.2);
  expect(pretrainWeight(steps)).toBeGreaterThanOrEqual(0.8);
  expect(WEIGHT_GRID).toContain(pretrainWeight(noise));
});
