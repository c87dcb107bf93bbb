import { beforeAll, describe, expect, test } from "vitest";
import { dominates } from "../../../src/numeric/pareto.ts";
import { Stream } from "../../../src/numeric/random.ts";
import { moveBetween } from "../../../src/routers/planners/plan-rows.ts";
import { PlanSurrogate } from "../../../src/routers/planners/plan-surrogate.ts";
import { slitPlanner } from "../../../src/routers/planners/slit.ts";
import { nearestWeights, spreadWeights, tchebycheff } from "../../../src/routers/planners/tchebycheff.ts";
import { expectSound, plannerRun } from "./planner-runs.ts";

let setting: Awaited<ReturnType<typeof plannerRun>>;
beforeAll(async () => {
  setting = await plannerRun(1);
});

describe("decomposition", () => {
  test("f (2, 3), z (1, 1), weights (.5, .25): .5 (MARLIN baselines, facts)", () => {
    expect(tchebycheff([2, 3], [0.5, 0.25], [1, 1])).toBe(0.5);
    expect(tchebycheff([2, 4], [0.5, 0.25], [1, 1])).toBe(0.75);
  });

  test("weights: as many as asked for, different, on the simplex, with its corners", () => {
    const weights = spreadWeights(50, 4);
    expect(new Set(weights.map((one) => one.join())).size).toBe(50);
    for (const one of weights) expect(one.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 12);
    for (let j = 0; j < 4; j++) expect(weights.some((one) => one[j] === 1)).toBe(true);
    expect(spreadWeights(3, 2).map((one) => [...one])).toEqual([
      [0, 1],
      [0.5, 0.5],
      [1, 0],
    ]);
  });

  test("the nearest weights of a row of five", () => {
    expect(nearestWeights(spreadWeights(5, 2), 3)).toEqual([
      [0, 1, 2],
      [1, 0, 2],
      [2, 1, 3],
      [3, 2, 4],
      [4, 3, 2],
    ]);
  });
});

test("a move takes what there is", () => {
  const plan = Float64Array.of(0.5, 0.5, 0.02, 0.98);
  moveBetween(plan, 0, 1, 0.05);
  moveBetween(plan, 2, 3, 0.05);
  expect([...plan]).toEqual([0.45, 0.55, 0, 1]);
});

test("the surrogate orders plans by a metric that it has learned", () => {
  const random = new Stream(1, "plans");
  const plans = Array.from({ length: 400 }, () => Float64Array.of(random.uniform(), random.uniform()));
  const metrics = plans.map(([a, b]) => [1 + a, 2 - b]);
  const surrogate = new PlanSurrogate(plans, metrics, { trees: 100, depth: 4, minRows: 5 });
  const out = new Float64Array(2);
  for (const [a, b] of [
    [0.2, 0.8],
    [0.5, 0.5],
    [0.9, 0.1],
  ]) {
    surrogate.predict(Float64Array.of(a, b), out);
    expect(Math.abs(out[0] - 1 - a)).toBeLessThan(0.05);
    expect(Math.abs(out[1] - 2 + b)).toBeLessThan(0.05);
  }
});

test("plans are sound and within the common calls; the archive is a front that holds the plan", () => {
  const planner = slitPlanner(1);
  const result = expectSound(setting, () => slitPlanner(1));
  const { epochs } = setting.run(planner);
  expect(epochs[0].calls).toBe(205);
  expect(epochs[0].plan).toEqual(result.epochs[0].plan);
  const archive = planner.archive!();
  for (const one of archive)
    expect(archive.some(({ metrics }) => dominates(metrics, one.metrics))).toBe(false);
  expect(archive.map(({ plan }) => plan)).toContainEqual(epochs[0].plan);
  expect(planner.figures!().trainings).toBe(1);
});

test("each variant is the best in its metric, balanced in none of them better", () => {
  const all = (["ttft", "carbon", "water", "cost", "balanced"] as const).map(
    (variant) => setting.run(slitPlanner(1, { variant }), { forecast: "clairvoyant" }).epochs[0].metrics,
  );
  for (let j = 0; j < 4; j++) expect(all[j][j]).toBe(Math.min(...all.map((metrics) => metrics[j])));
});

test("its own budget finds less carbon than the common one; few calls end in the first population", () => {
  const carbon = (calls: number | "own") =>
    setting.run(slitPlanner(1, { variant: "carbon", calls }), { forecast: "clairvoyant" }).epochs[0];
  const [few, common, own] = [carbon(30), carbon(205), carbon("own")];
  expect([few.calls, common.calls, own.calls]).toEqual([30, 205, 2050]);
  expect(common.metrics[1]).toBeLessThan(few.metrics[1]);
  expect(own.metrics[1]).toBeLessThan(common.metrics[1]);
  expect([...carbon(0).plan]).toEqual(new Array(8).fill(0.25));
});
