import { beforeAll, expect, test } from "vitest";
import { emptyState } from "../../../src/datacenter/epoch-state.ts";
import { referencePlanner } from "../../../src/datacenter/reference-planners.ts";
import { QTable } from "../../../src/learning/q-table/q-table.ts";
import { moveOf, qActions, qState, qStates, rankTercile } from "../../../src/routers/planners/q-states.ts";
import { qlearningPlanner } from "../../../src/routers/planners/qlearning.ts";
import { scalarCost } from "../../../src/routers/planners/scalar-cost.ts";
import { expectSound, plannerRun, relativeCost } from "./planner-runs.ts";

let setting: Awaited<ReturnType<typeof plannerRun>>;
beforeAll(async () => {
  setting = await plannerRun(4);
});

test("Q 2, reward 1, next 3, alpha .1, gamma .9: 2.17 (MARLIN baselines, facts)", () => {
  const table = new QTable(2, 2, 0.1, 0.9);
  table.arrays.values.set([2, 0, 1, 3]);
  table.update(0, 0, 1, 1);
  expect(table.value(0, 0)).toBeCloseTo(2.17, 12);
});

test("moves are all ordered pairs of different datacentres", () => {
  const moves = Array.from({ length: qActions(4) - 1 }, (_, i) => moveOf(i + 1, 4));
  expect(new Set(moves.map(({ from, to }) => `${from} ${to}`)).size).toBe(12);
  for (const { from, to } of moves) {
    expect(from).not.toBe(to);
    expect(Math.max(from, to)).toBeLessThan(4);
  }
});

test("states: all are within the table, and each part tells", () => {
  const state = emptyState(setting.world);
  state.carbonKgPerKwh.set([0.4, 0.1, 0.2, 0.3]);
  state.usdPerKwh.set([0.1, 0.2, 0.3, 0.4]);
  const plan = Float64Array.of(0.7, 0.1, 0.1, 0.1, 0.1, 0.7, 0.1, 0.1);
  // Site 0 is dirtiest (tercile 2) and cheapest (0); a load of 0.5 is in the middle third (1).
  expect(qState(state, 0.5, plan, 0)).toBe(9 * 1 + 3 * 2 + 0);
  expect(qState(state, 0.2, plan, 0)).toBe(3 * 2);
  expect(qState(state, 1.7, plan, 0)).toBe(9 * 2 + 3 * 2);
  // Site 1 is cleanest (0) and second in price (0 of 0, 0, 1, 2).
  expect(qState(state, 0.5, plan, 4)).toBe(27 + 9);
  expect(qState(state, 5, Float64Array.of(0, 0, 0, 1), 0)).toBeLessThan(qStates(4));
  expect([0, 1, 2, 3, 4, 5].map((i) => rankTercile([1, 1, 2, 2, 3, 3], i))).toEqual([0, 0, 1, 1, 2, 2]);
});

test("the scalar cost of even shares is 1, and metrics without a reference are left out", () => {
  expect(scalarCost([2, 4, 6, 8], [2, 4, 6, 8])).toBe(1);
  expect(scalarCost([1, 4, 6, 16], [2, 4, 6, 8])).toBe((0.5 + 1 + 1 + 2) / 4);
  expect(scalarCost([1, 5, 6, 16], [2, 0, 6, 8], [0.5, 0.5, 0, 0])).toBe(0.25);
});

test("plans are sound, 205 calls, and what is kept is not worse than where it began", () => {
  const result = expectSound(setting, () => qlearningPlanner(setting.world, 1));
  expect(result.epochs.map(({ calls }) => calls)).toEqual([205, 205, 205, 205]);
  const uniform = setting.run(referencePlanner("uniform", setting.world), { forecast: "clairvoyant" });
  const planner = qlearningPlanner(setting.world, 1);
  const best = setting.run(planner, { forecast: "clairvoyant" });
  expect(relativeCost(best, uniform)).toBeLessThan(1 + 1e-9);
  // The agents that mind one metric find plans that are better in it.
  const water = planner.archive!().map(({ metrics }) => metrics[2]);
  expect(Math.min(...water)).toBeLessThan(uniform.epochs[3].metrics[2]);
  expect(planner.figures!()).toEqual({ epsilon: 1 - (0.95 * 160) / 2000, moves: 160 });
  expect(planner.archive!().length).toBeGreaterThan(1);
});

test("own budgets: 51 calls for each preference", () => {
  expect(setting.run(qlearningPlanner(setting.world, 1, { calls: "own" })).epochs[0].calls).toBe(255);
  const alone = qlearningPlanner(setting.world, 1, { calls: "own", front: false });
  expect(setting.run(alone).epochs[0].calls).toBe(51);
});

test("the last plan may be kept instead of the best; without calls shares stay even", () => {
  const last = setting.run(qlearningPlanner(setting.world, 1, { choose: "last" })).epochs[0];
  expect([...last.plan]).not.toEqual(new Array(8).fill(0.25));
  const none = setting.run(qlearningPlanner(setting.world, 1), { callLimit: 4 }).epochs[3];
  expect([...none.plan]).toEqual(new Array(8).fill(0.25));
  expect(none.calls).toBe(0);
});
