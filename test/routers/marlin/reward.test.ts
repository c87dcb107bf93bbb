import { describe, expect, test } from "vitest";
import { emptyState } from "../../../src/datacenter/epoch-state.ts";
import { featureCount, StateFeatures } from "../../../src/routers/marlin/features.ts";
import { goalOf, Reward, relativeMetrics } from "../../../src/routers/marlin/reward.ts";
import { paperWorld } from "../../datacenter/worlds.ts";
import { DEFAULTS } from "./facts.ts";

const EVEN = Float64Array.of(0.25, 0.25, 0.25, 0.25);

describe("reward (specification section 6)", () => {
  test("an agent's goal: three quarters its own metric, the rest the weights", () => {
    expect([...goalOf(1, EVEN, 0.75)]).toEqual([0.0625, 0.8125, 0.0625, 0.0625]);
    expect([...goalOf(1, Float64Array.of(0, 1, 0, 0), 0.75)]).toEqual([0, 1, 0, 0]);
  });

  test("metrics over those of the uniform plan, cut", () => {
    const out = new Float64Array(4);
    relativeMetrics(Float64Array.of(3, 1, 900, 0), Float64Array.of(2, 4, 3, 0), 10, out);
    expect([...out]).toEqual([1.5, 0.25, 10, 1]);
  });

  test("-g.m, then a tenth of the way below the mean, 0.05 of the nodes off, and lateness", () => {
    const reward = new Reward(DEFAULTS);
    const goal = Float64Array.of(0, 1, 0, 0);
    const evaluation = (off: number) => Float64Array.of(0, 0, 0, 0, off, 0);
    // The mean starts at the first value, 2.
    expect(reward.of(Float64Array.of(1, 2, 1, 1), goal, evaluation(0.4))).toBeCloseTo(-2 + 0.05 * 0.4, 12);
    // 1 below the mean.
    expect(reward.of(Float64Array.of(1, 1, 1, 1), goal, evaluation(0))).toBeCloseTo(-1 + 0.1, 12);
    // The mean is 1.9 by now; 4.5 times the uniform plan's TTFT is 1.5 times the SLA.
    expect(reward.of(Float64Array.of(4.5, 1, 1, 1), goal, evaluation(0))).toBeCloseTo(-1 + 0.09 - 0.5, 12);
  });
});

test("features: load of the fleet and by model, then five for each site over the first epoch's means", () => {
  const world = paperWorld(2);
  const state = emptyState(world);
  state.expectedRequests.set([30, 10]);
  state.carbonKgPerKwh.set([0.1, 0.3]);
  state.waterLPerKwh.set([4, 4]);
  state.usdPerKwh.set([0, 0]);
  state.cop.set([3, 5]);
  state.availability.set([1, 0.5]);
  const features = new StateFeatures();
  const out = new Float32Array(featureCount(2, 2));
  features.write(state, Float64Array.of(60, 40, 20, 0), out);
  const expected = [0.4, 0.3, 0.5, 1, 0.5, 1, 0, 0.75, 0.5, 1.5, 1, 0, 1.25];
  expect([...out]).toEqual(expected.map((value) => Math.fround(value)));
  // The scale stays: twice the carbon is twice the feature.
  state.carbonKgPerKwh.set([0.2, 0.6]);
  features.write(state, Float64Array.of(60, 40, 0, 0), out);
  expect([out[2], out[4], out[9]]).toEqual([0, 1, 3]);
});

test("the specification's sizes: 43 features for 8 sites and 2 models", () => {
  expect(featureCount(2, 8)).toBe(43);
});
