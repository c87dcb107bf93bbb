import { beforeAll, describe, expect, test } from "vitest";
import { ConstrainedUcb, ucbIndex } from "../../../src/routers/planners/cs-ucb.ts";
import { csUcbReward, perllmPlanner } from "../../../src/routers/planners/perllm.ts";
import { promptBinMeans } from "../../../src/routers/planners/prompt-bins.ts";
import { expectSound, plannerRun } from "./planner-runs.ts";

let setting: Awaited<ReturnType<typeof plannerRun>>;
beforeAll(async () => {
  setting = await plannerRun(3);
});

describe("CS-UCB", () => {
  test("delta 1, t 20: mean -.4 of 5 beats mean -.3 of 12 (MARLIN baselines, facts)", () => {
    expect(ucbIndex(-0.4, 1, 20, 5)).toBeCloseTo(0.374046, 6);
    expect(ucbIndex(-0.3, 1, 20, 12)).toBeCloseTo(0.199644, 6);
    const ucb = new ConstrainedUcb(1, 3, 1);
    for (let i = 0; i < 5; i++) ucb.learn(0, 0, -0.4);
    for (let i = 0; i < 12; i++) ucb.learn(0, 1, -0.3);
    for (let i = 0; i < 3; i++) ucb.learn(0, 2, -0.5);
    expect(ucb.choose(0, [1, 1, 0])).toBe(0);
    expect(ucb.choose(0, [0, 1, 0])).toBe(1);
    expect(ucb.choose(0, [0, 0, 0])).toBe(-1);
    expect(ucb.choose(0, [1, 1, 0], [0.2, 0, 0])).toBe(1);
  });

  test("feasible arms are all taken once before one is taken twice; groups learn for themselves", () => {
    const ucb = new ConstrainedUcb(2, 3, 0.5);
    const taken = [];
    for (let i = 0; i < 2; i++) {
      const arm = ucb.choose(1, [1, 0, 1]);
      taken.push(arm);
      ucb.learn(1, arm, 5);
    }
    expect(taken).toEqual([0, 2]);
    expect(ucb.choose(1, [1, 1, 1])).toBe(1);
    expect(ucb.choose(0, [1, 1, 1])).toBe(0);
  });

  test("of two arms with fixed rewards the better is taken ever more, the other now and then", () => {
    const ucb = new ConstrainedUcb(1, 2, 0.5);
    const counts = [0, 0];
    for (let t = 0; t < 2000; t++) {
      const arm = ucb.choose(0, [1, 1]);
      counts[arm]++;
      ucb.learn(0, arm, [-0.5, -0.3][arm]);
    }
    // The bounds meet where (0.2 / 0.5)^2 = ln t / n, less what the better arm's own bound adds.
    expect(counts[0]).toBeGreaterThan(20);
    expect(counts[0]).toBeLessThan(1.05 * (Math.log(2000) / 0.4 ** 2));
  });

  test("the reward: energy in units of the worst, and the slack", () => {
    expect(csUcbReward(3, 4, 0.5, 1)).toBe(-0.25);
    expect(csUcbReward(3, 4, 0.5, 0.5)).toBe(-0.5);
  });
});

test("prompt ranges are equally likely, so their means have mean 1; without spread all are alike", () => {
  const bins = promptBinMeans(3, Math.expm1(0.99 ** 2));
  expect(bins[0] + bins[1] + bins[2]).toBeCloseTo(3, 9);
  expect(bins[0]).toBeLessThan(bins[1]);
  expect(bins[1]).toBeLessThan(bins[2]);
  // The middle third of a log-normal: its median over its mean is exp(-sigma^2 / 2).
  expect(Math.abs(bins[1] - Math.exp(-0.5 * 0.99 ** 2))).toBeLessThan(0.02);
  for (const mean of promptBinMeans(3, 0)) expect(mean).toBeCloseTo(1, 9);
});

test("plans are sound, keep to capacity, and prefer datacentres that cool well", () => {
  const result = expectSound(setting, () => perllmPlanner(setting.world));
  expect(result.calls).toBe(0);
  expect(result.excessShare).toBeLessThan(1e-3);
  const { plan } = setting.run({
    name: "other weather",
    plan: (state, budget, plan) => {
      const cop = Float64Array.of(3, 6, 3, 3);
      perllmPlanner(setting.world, { transmissionWeight: 0 }).plan({ ...state, cop }, budget, plan);
    },
  }).epochs[0];
  for (const v of [0, 1]) {
    const shares = [...plan.subarray(4 * v, 4 * v + 4)];
    expect(shares[1]).toBe(Math.max(...shares));
    expect(shares[1]).toBeGreaterThan(0.26);
  }
});

test("where nothing is feasible the least violated is taken, and counted", () => {
  const planner = perllmPlanner(setting.world, { deadlineSeconds: 1e-3 });
  expectSound(setting, () => perllmPlanner(setting.world, { deadlineSeconds: 1e-3 }));
  setting.run(planner);
  expect(planner.figures!().infeasibleChoices).toBe(200 * 2 * 3);
  const fined = perllmPlanner(setting.world, { deadlineSeconds: 1e-3, penalty: 1, decay: 0.99 });
  setting.run(fined);
  expect(fined.figures!().infeasibleChoices).toBe(200 * 2 * 3);
});
