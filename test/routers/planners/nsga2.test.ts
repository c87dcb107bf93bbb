import { beforeAll, describe, expect, test } from "vitest";
import { referencePlanner } from "../../../src/datacenter/reference-planners.ts";
import { hypervolume } from "../../../src/numeric/hypervolume.ts";
import { dominates } from "../../../src/numeric/pareto.ts";
import type { Candidate } from "../../../src/routers/planners/calls.ts";
import {
  constrainedDominates,
  constrainedFronts,
  paretoSet,
} from "../../../src/routers/planners/choose-plan.ts";
import { nsga2Planner, survivors } from "../../../src/routers/planners/nsga2.ts";
import { planOfGenome } from "../../../src/routers/planners/plan-rows.ts";
import { expectSound, plannerRun } from "./planner-runs.ts";

let setting: Awaited<ReturnType<typeof plannerRun>>;
beforeAll(async () => {
  setting = await plannerRun(3);
});

const point = (metrics: number[], excess = 0): Candidate => ({
  plan: new Float64Array(1),
  metrics: Float64Array.from(metrics),
  excess,
});

test("rows of a genome are divided by their sums; a row of zeros is even", () => {
  expect([...planOfGenome(Float64Array.of(1, 3, 0, 0, 0.5, 0), 2)]).toEqual([0.25, 0.75, 0.5, 0.5, 1, 0]);
});

describe("survival", () => {
  test("fronts of five points (MARLIN baselines, facts), then those beyond capacity by excess", () => {
    const points = [
      [1, 5],
      [2, 3],
      [4, 1],
      [3, 4],
      [5, 5],
    ].map((metrics) => point(metrics));
    expect(constrainedFronts(points)).toEqual([[0, 1, 2], [3], [4]]);
    const more = [...points, point([0, 0], 0.2), point([9, 9], 0.1), point([8, 8], 0.2)];
    expect(constrainedFronts(more)).toEqual([[0, 1, 2], [3], [4], [6], [5, 7]]);
    expect(constrainedDominates(points[4], more[5])).toBe(true);
    expect(constrainedDominates(more[6], more[5])).toBe(true);
    expect(paretoSet(more)).toEqual(points.slice(0, 3));
    expect(paretoSet(more.slice(5))).toEqual([more[6]]);
  });

  test("of a front that does not fit the least crowded stay", () => {
    // Crowding infinity, 1.2, 1.4, infinity (MARLIN baselines, facts).
    const points = [
      [0, 10],
      [2, 6],
      [5, 3],
      [10, 0],
    ].map((metrics) => point(metrics));
    expect(survivors(points, 3)).toEqual([points[0], points[3], points[2]]);
    expect(survivors([...points, point([11, 11])], 4)).toEqual(points);
  });
});

test("plans are sound and within the common calls, and another seed gives others", () => {
  const result = expectSound(setting, () => nsga2Planner(1));
  expect(result.epochs.map(({ calls }) => calls)).toEqual([205, 205, 205]);
  expect(setting.run(nsga2Planner(2)).epochs[0].plan).not.toEqual(result.epochs[0].plan);
});

test("the more calls, the more of the space is dominated; its own budget is 2,040", () => {
  const volumes = [40, 205, "own" as const].map((calls) => {
    const planner = nsga2Planner(1, { calls });
    const { epochs } = setting.run(planner, { forecast: "clairvoyant" });
    expect(epochs[0].calls).toBe(calls === "own" ? 2040 : calls);
    // Thrice the last epoch's even shares: worse than any plan here.
    const uniform = setting.run(referencePlanner("uniform", setting.world), { forecast: "clairvoyant" });
    const even = uniform.epochs[2].metrics;
    return hypervolume(
      planner.archive!().map(({ metrics }) => metrics.map((value, j) => value / even[j])),
      [3, 3, 3, 3],
    );
  });
  expect(volumes[1]).toBeGreaterThan(volumes[0]);
  expect(volumes[2]).toBeGreaterThan(volumes[1]);
});

test("the archive is a front within capacity that holds the plan", () => {
  const planner = nsga2Planner(1);
  const { epochs } = setting.run(planner);
  const archive = planner.archive!();
  expect(archive.length).toBeGreaterThan(3);
  for (const one of archive)
    expect(archive.some(({ metrics }) => dominates(metrics, one.metrics))).toBe(false);
  expect(archive.map(({ plan }) => plan)).toContainEqual(epochs[2].plan);
});

test("without calls shares are even", () => {
  const { epochs } = setting.run(nsga2Planner(1), { callLimit: 0 });
  expect([...epochs[0].plan]).toEqual(new Array(8).fill(0.25));
});
