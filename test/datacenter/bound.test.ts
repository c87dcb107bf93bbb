import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { boundByFilling } from "../../src/datacenter/bound.ts";
import { boundByHighs } from "../../src/datacenter/bound-by-highs.ts";
import { EpochModel } from "../../src/datacenter/epoch-model.ts";
import type { EpochState } from "../../src/datacenter/epoch-state.ts";
import { POWER_STATES, type WorldOptions } from "../../src/datacenter/world.ts";
import { paperWorld, roundWorld, someState } from "./worlds.ts";

const REQUESTS = [0.9e8, 2.2e7];
const SINGLE = [
  [1, 0, 0, 0],
  [0, 1, 0, 0],
  [0, 0, 1, 0],
  [0, 0, 0, 1],
];

/** Weights that make the metrics of the uniform plan alike. */
function equalWeights(model: EpochModel, state: EpochState): number[] {
  const out = new Float64Array(4);
  model.evaluate(state, new Float64Array(model.planLength).fill(1 / state.sites), out);
  return Array.from(out, (value) => 0.25 / value);
}

function weighted(weights: readonly number[], metrics: Float64Array): number {
  return weights.reduce((sum, weight, j) => sum + weight * metrics[j], 0);
}

test("two sites by hand: the cheaper one is filled, the rest goes to the other", () => {
  const site = { latitude: 0, longitude: 0, nodes: [10] };
  // Half a node's load at 0.6 of its power: a node partly used is never cheaper than that part of a full one.
  const power = { ...POWER_STATES, midUpTo: 0.48 };
  const world = roundWorld({ sites: ["a", "b"].map((name) => ({ ...site, name })), power });
  const model = new EpochModel(world);
  const state = someState(world, [5400]);
  state.usdPerKwh.set([0.2, 0.1]);
  state.cop.fill(3);
  const bound = boundByFilling(model, state, [0, 0, 0, 1]);
  // Ten nodes of 0.25 kWh at 0.1 $ and five at 0.2 $, times the PUE of 2.13.
  expect(bound.value).toBeCloseTo(2.13 * (2.5 * 0.1 + 1.25 * 0.2), 12);
  expect(bound.plan[0]).toBeCloseTo(1 / 3, 12);
  expect(bound.plan[1]).toBeCloseTo(2 / 3, 12);
  expect(bound.relaxations).toEqual(["whole-nodes"]);
  const out = new Float64Array(4);
  model.evaluate(state, bound.plan, out);
  expect(out[3]).toBeCloseTo(bound.value, 9);
  expect(boundByFilling(model, someState(world, [7201]), [0, 0, 0, 1]).value).toBe(Number.POSITIVE_INFINITY);
  // All at the cheaper site, half of it after the epoch; and the wait keeps that from being the fastest.
  const beyond = boundByFilling(model, state, [0, 0, 0, 1], { beyondCapacity: true });
  expect(beyond.value).toBeCloseTo(2.13 * 3.75 * 0.1, 12);
  expect(beyond.relaxations).toContain("fluid");
  expect(boundByFilling(model, state, [1, 0, 0, 0], { beyondCapacity: true }).relaxations).toEqual([
    "whole-nodes",
  ]);
});

const WORLDS: readonly [string, Partial<WorldOptions>][] = [
  ["as in the paper", {}],
  ["with the simulated time to first token", { ttft: "simulated" }],
  ["spread over all nodes", { consolidation: false }],
];

describe.each(WORLDS)("eight datacentres %s", (_, options) => {
  const world = paperWorld(8, options);
  const model = new EpochModel(world);
  const state = someState(world, REQUESTS);
  const objectives = [...SINGLE, equalWeights(model, state)];

  test("no plan within capacity is below the bound", () => {
    const bounds = objectives.map((weights) => boundByFilling(model, state, weights).value);
    const beyond = objectives.map(
      (weights) => boundByFilling(model, state, weights, { beyondCapacity: true }).value,
    );
    const rows = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 16, maxLength: 16 });
    let within = 0;
    fc.assert(
      fc.property(rows, fc.double({ min: 1, max: 8, noNaN: true }), (values, sharpness) => {
        const plan = Float64Array.from(values, (value) => (value + 0.01) ** sharpness);
        for (const row of [0, 8]) {
          const sum = plan.subarray(row, row + 8).reduce((a, b) => a + b);
          for (let d = 0; d < 8; d++) plan[row + d] /= sum;
        }
        const out = new Float64Array(6);
        model.evaluate(state, plan, out);
        for (const [i, weights] of objectives.entries()) {
          const value = weighted(weights, out);
          expect(value).toBeGreaterThanOrEqual(beyond[i] * (1 - 1e-12));
          if (out[5] === 0) expect(value).toBeGreaterThanOrEqual(bounds[i] * (1 - 1e-12));
        }
        if (out[5] === 0) within++;
      }),
      { numRuns: 300 },
    );
    expect(within).toBeGreaterThan(20);
  });

  test("HiGHS finds the same", async () => {
    for (const weights of objectives) {
      for (const beyondCapacity of [false, true]) {
        const filling = boundByFilling(model, state, weights, { beyondCapacity });
        const linear = await boundByHighs(model, state, weights, { beyondCapacity });
        expect(linear.value / filling.value).toBeCloseTo(1, 6);
      }
    }
  });
});

test("the plan of the bound reaches it in energy to one node of each site and model", () => {
  const model = new EpochModel(paperWorld());
  const state = someState(model.world, REQUESTS);
  for (const weights of SINGLE.slice(1)) {
    const bound = boundByFilling(model, state, weights);
    const out = new Float64Array(6);
    model.evaluate(state, bound.plan, out);
    const gap = weighted(weights, out) / bound.value - 1;
    expect(out[5]).toBeLessThan(1e-9);
    expect(gap).toBeGreaterThanOrEqual(0);
    expect(gap).toBeLessThan(2e-3);
    expect(bound.relaxations).toEqual(["whole-nodes"]);
  }
});

test("rows by origin: nearer origins are served by nearer sites, and the bound is no higher", async () => {
  const byModel = new EpochModel(paperWorld(4));
  const byOrigin = new EpochModel(paperWorld(4, { planRows: "origins" }));
  const state = someState(byModel.world, [0.45e8, 1.1e7]);
  const one = boundByFilling(byModel, state, [1, 0, 0, 0]);
  const two = await boundByHighs(byOrigin, state, [1, 0, 0, 0]);
  expect(two.value).toBeLessThan(one.value);
  const out = new Float64Array(6);
  byOrigin.evaluate(state, two.plan, out);
  expect(out[0]).toBeGreaterThanOrEqual(two.value * (1 - 1e-6));
  expect(out[0] / two.value).toBeLessThan(1.05);
  expect(() => boundByFilling(byOrigin, state, [1, 0, 0, 0])).toThrow(RangeError);
});

test("a limit on one metric raises the least of another, or leaves no plan", async () => {
  const model = new EpochModel(paperWorld());
  const state = someState(model.world, REQUESTS);
  const carbon = [0, 1, 0, 0];
  const free = await boundByHighs(model, state, carbon);
  const out = new Float64Array(4);
  model.evaluate(state, free.plan, out);
  const least = boundByFilling(model, state, [0, 0, 1, 0]).value;
  const water = (least + out[2]) / 2;
  const limited = await boundByHighs(model, state, carbon, { limits: { water } });
  expect(limited.value).toBeGreaterThan(free.value * 1.001);
  model.evaluate(state, limited.plan, out);
  expect(out[2]).toBeLessThan(water * 1.002);
  const none = await boundByHighs(model, state, carbon, { limits: { water: 0.99 * least } });
  expect(none.value).toBe(Number.POSITIVE_INFINITY);
});

test("weights are four numbers of at least 0", () => {
  const model = new EpochModel(roundWorld());
  expect(() => boundByFilling(model, someState(model.world, [1]), [1, 0, 0])).toThrow(RangeError);
  expect(() => boundByFilling(model, someState(model.world, [1]), [1, 0, 0, -1])).toThrow(RangeError);
});
