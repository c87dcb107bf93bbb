import { beforeAll, expect, test } from "vitest";
import { referencePlanner } from "../../../src/datacenter/reference-planners.ts";
import { nStepReturns } from "../../../src/learning/a2c/n-step-returns.ts";
import { DivergenceError } from "../../../src/learning/checkpoint/divergence-guard.ts";
import { dominates } from "../../../src/numeric/pareto.ts";
import { actorCriticPlanner } from "../../../src/routers/planners/actor-critic.ts";
import { expectSound, plannerRun, relativeCost } from "./planner-runs.ts";

let setting: Awaited<ReturnType<typeof plannerRun>>;
beforeAll(async () => {
  setting = await plannerRun(3);
});

test("rewards 1, 1, then a value of 2, gamma .9: return 3.52, advantage .52 over 3 (facts)", () => {
  // 1 + .9 + .81 * 2 = 3.52.
  const returns = new Float64Array(2);
  nStepReturns([1, 1], [0, 0], [2], 0.9, returns);
  expect(returns[0]).toBeCloseTo(3.52, 12);
  expect(returns[0] - 3).toBeCloseTo(0.52, 12);
});

test("plans are sound: five updates of 40 calls and the policy's own plan", () => {
  const result = expectSound(setting, () => actorCriticPlanner(setting.world, 1));
  expect(result.epochs.map(({ calls }) => calls)).toEqual([201, 201, 201]);
  const planner = actorCriticPlanner(setting.world, 1, { updates: 2, calls: "own" });
  const { epochs } = setting.run(planner);
  expect(epochs.map(({ calls }) => calls)).toEqual([81, 81, 81]);
  expect(planner.figures!().updates).toBe(6);
  const archive = planner.archive!();
  for (const one of archive)
    expect(archive.some(({ metrics }) => dominates(metrics, one.metrics))).toBe(false);
});

test("the best of what it drew is better than even shares", () => {
  const planned = setting.run(actorCriticPlanner(setting.world, 1), { forecast: "clairvoyant" });
  const uniform = setting.run(referencePlanner("uniform", setting.world), { forecast: "clairvoyant" });
  expect(relativeCost(planned, uniform)).toBeLessThan(1);
});

test("the policy moves away from what costs: its own plan gets better over epochs of the same conditions", () => {
  const planner = actorCriticPlanner(setting.world, 1, {
    choose: "policy",
    learningRate: 0.01,
    migrationCost: 0,
  });
  const costs: number[] = [];
  setting.run({
    name: "again and again",
    plan: (state, budget, plan) => {
      if (costs.length > 0) return void plan.fill(1 / state.sites);
      const out = new Float64Array(4);
      for (let n = 0; n < 40; n++) {
        planner.plan(state, budget, plan);
        budget.evaluate(plan, out);
        costs.push(out.reduce((sum, value, j) => sum + value / budget.uniform[j], 0) / 4);
      }
    },
  });
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  expect(mean(costs.slice(-5))).toBeLessThan(mean(costs.slice(0, 5)));
});

test("without a call the policy's plan is taken as it is", () => {
  const { epochs } = setting.run(actorCriticPlanner(setting.world, 1), { callLimit: 0 });
  expect(epochs[0].calls).toBe(0);
  for (let row = 0; row < 2; row++) {
    const sum = epochs[0].plan.subarray(4 * row, 4 * row + 4).reduce((one, other) => one + other, 0);
    expect(sum).toBeCloseTo(1, 9);
  }
});

test("a policy that loses its numbers ends planning, and gives no plan without them", () => {
  for (const updates of [1, 5]) {
    const planner = actorCriticPlanner(setting.world, 1, { learningRate: 1e39, updates });
    expect(() => setting.run(planner)).toThrow(DivergenceError);
  }
});
