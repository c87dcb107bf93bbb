import { expect, test } from "vitest";
import { typescriptDense } from "../../../src/learning/dense/typescript-dense.ts";
import { NeuralPredictor } from "../../../src/learning/forecast/neural-predictor.ts";

const predictor = (seed = 1) => new NeuralPredictor({ seed, dense: typescriptDense() });

test("begins with the last count, and never forecasts less than none", () => {
  const one = predictor();
  expect(one.predict()).toBe(0);
  one.observe(5);
  expect(one.predict()).toBe(5);
  for (let i = 0; i < 40; i++) one.observe(0);
  expect(one.predict()).toBeGreaterThanOrEqual(0);
});

test("learns a wave that the last count lags behind; the same seed gives the same forecasts", () => {
  const wave = (e: number) => 100 + 60 * Math.sin((2 * Math.PI * e) / 16);
  const [a, b] = [predictor(), predictor()];
  let [error, lag] = [0, 0];
  for (let e = 0; e < 320; e++) {
    const forecast = a.predict();
    expect(b.predict()).toBe(forecast);
    if (e >= 240) {
      error += Math.abs(forecast - wave(e));
      lag += Math.abs(wave(e - 1) - wave(e));
    }
    a.observe(wave(e));
    b.observe(wave(e));
  }
  expect(error).toBeLessThan(0.3 * lag);
});
