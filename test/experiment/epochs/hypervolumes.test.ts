import { expect, test } from "vitest";
import {
  readArchives,
  withHypervolumes,
  writeArchives,
} from "../../../src/experiment/epochs/hypervolumes.ts";
import type { RunPlan } from "../../../src/experiment/run-plan.ts";
import type { RunResult } from "../../../src/experiment/run-spec.ts";

test("archives come back as float32", () => {
  const epochs = [
    [[1, 2, 3, 4]],
    [],
    [
      [0.1, 0.2, 0.3, 0.4],
      [5, 6, 7, 8],
    ],
  ];
  expect(readArchives(writeArchives(epochs))).toEqual(
    epochs.map((plans) => plans.map((metrics) => Float32Array.from(metrics))),
  );
});

test("volumes up to the worst of all planners, worked by hand", () => {
  // Bounds 1 to 3 in every metric: normalised, the first planner has (0, 0, 0, 0) and (0, 0, 0, 1), which adds nothing;
  // it chose the latter in its second epoch. The other one has the worst, and half way in all.
  const result = (key: string, epochs: number[][][]) =>
    [key, { key, metrics: {}, epochs: { archives: writeArchives(epochs), series: null } }] as const;
  const results = new Map([
    result("a", [
      [
        [1, 1, 1, 1],
        [1, 1, 1, 3],
      ],
      [
        [1, 1, 1, 3],
        [1, 1, 1, 1],
      ],
    ]),
    result("b", [[[3, 3, 3, 3]], [[2, 2, 2, 2]]]),
  ]) as unknown as ReadonlyMap<string, RunResult>;
  const plan = {
    points: [{}],
    runs: [
      { key: "a", planned: 0 },
      { key: "b", planned: 0 },
    ],
  } as unknown as RunPlan;
  const found = withHypervolumes(plan, results);
  expect(found.get("a")?.metrics).toEqual({
    hypervolume: 1,
    hypervolume_of_10: 1,
    hypervolume_of_plan: 0.5,
  });
  expect(found.get("b")?.metrics).toEqual({
    hypervolume: 0.5 ** 4 / 2,
    hypervolume_of_10: 0.5 ** 4 / 2,
    hypervolume_of_plan: 0.5 ** 4 / 2,
  });
});
