import { expect, test } from "vitest";
import { withRewards } from "../../src/experiment/reward-rows.ts";
import type { RunResult } from "../../src/experiment/run-spec.ts";

const config = {
  reference: "round-robin",
  violations: 1,
  cost: 0.3,
  carbon: 0.3,
  oscillation: 0.1,
  violationWeights: [3, 2, 1],
};
const context = { tiers: ["HIGH", "MED", "LOW"], windows: ["night"], baseline: "heuristic" };

function run(violations: readonly number[], cost: number, carbon: number, oscillation: number): RunResult {
  const metrics = {
    slo_violation_HIGH: violations[0],
    slo_violation_MED: violations[1],
    slo_violation_LOW: violations[2],
    cost_usd_per_request: cost,
    carbon_g_per_request: carbon,
    oscillation_10s: oscillation,
    window_tier_violation_HIGH_night: 0,
    window_tier_violation_MED_night: 0,
    window_tier_violation_LOW_night: 0,
    window_cost_usd_per_request_night: cost,
    window_carbon_g_per_request_night: null,
    window_oscillation_10s_night: oscillation,
  };
  return { metrics, reasons: {} } as unknown as RunResult;
}

test("reward and regret of the specification's facts", () => {
  const byRouter = new Map([
    ["heuristic", [run([0.1, 0.05, 0.02], 1, 12, 0.2), undefined]],
    ["sac", [run([0, 0, 0], 2, 20, 0), run([0, 0, 0], 2, 20, 0)]],
    ["round-robin", [run([1, 1, 1], 2, 20, 0), undefined]],
  ]);
  const rewarded = withRewards(byRouter, config, context);
  const metrics = (label: string, i: number) => rewarded.get(label)?.[i]?.metrics ?? {};
  // cost .5 and carbon .6 of round robin's, oscillation .2: -0.42 - 0.15 - 0.18 - 0.02.
  expect(metrics("heuristic", 0)["cedar_reward"]).toBeCloseTo(-0.77, 12);
  expect(metrics("heuristic", 0)["cedar_regret"]).toBe(0);
  expect(metrics("sac", 0)["cedar_reward"]).toBeCloseTo(-0.6, 12);
  expect(metrics("sac", 0)["cedar_regret"]).toBeCloseTo(-0.17, 12);
  // Without the reference's run, or a part of it, there is none.
  expect(metrics("sac", 1)["cedar_reward"]).toBeNull();
  expect(metrics("sac", 0)["cedar_reward_night"]).toBeNull();
  expect(rewarded.get("sac")?.[0]?.reasons["cedar_reward_night"]).toBe("a part of the reward is not known");
  expect(rewarded.get("heuristic")?.[1]).toBeUndefined();
});
