import { beforeAll, describe, expect, test } from "vitest";
import {
  createPlanner,
  findPlanner,
  listPlanners,
  parsePlannerParameters,
} from "../../src/routers/planner-registry.ts";
import { plannerRun } from "./planners/planner-runs.ts";

let setting: Awaited<ReturnType<typeof plannerRun>>;
beforeAll(async () => {
  setting = await plannerRun(1);
});

describe("the registry", () => {
  test("has each id once, and every ablation's planner", () => {
    const ids = listPlanners().map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const definition of listPlanners()) {
      expect(findPlanner(definition.id)).toBe(definition);
      if (definition.ablationOf !== undefined) expect(ids).toContain(definition.ablationOf);
    }
  });

  test.each(listPlanners().map(({ id }) => id))("%s is made from its defaults, under its own name", (id) => {
    const definition = findPlanner(id);
    const planner = createPlanner(definition, undefined, { world: setting.world, seed: 1 }, "test");
    expect(planner.name).toBe(id);
    // What was read once reads the same again: plans are kept with every value filled in.
    const parameters = parsePlannerParameters(definition, undefined, "test");
    expect(parsePlannerParameters(definition, parameters, "test")).toEqual(parameters);
  });

  test("a variant's defaults are its own", () => {
    const read = (id: string, raw: unknown) => parsePlannerParameters(findPlanner(id), raw, "x.yaml:3");
    expect(read("marlin-min-water", {})).toMatchObject({ dominant: "water", weights: [0, 0, 1, 0] });
    expect(read("marlin-no-veto", {})).toMatchObject({ veto: false, her: true });
    expect(read("marlin-no-veto", { veto: true })).toMatchObject({ veto: true });
  });

  test("what is wrong is named with what is right", () => {
    const refusal = (id: string, raw: unknown) => () =>
      parsePlannerParameters(findPlanner(id, "x.yaml:3"), raw, "x.yaml:3");
    expect(refusal("marlin-balancd", {})).toThrow(/x\.yaml:3: planner .*did you mean "marlin-balanced"/);
    expect(refusal("marlin-balanced", { step: 3 })).toThrow(
      'x.yaml:3: planner marlin-balanced: parameter "step" is not known (did you mean "steps"?)',
    );
    expect(refusal("marlin-balanced", { steps: 5000 })).toThrow(
      "parameter currentCapacity is 20000: expected at least 25000 for the transitions of 5000 steps",
    );
    expect(refusal("uniform", { steps: 1 })).toThrow('parameter "steps" is not known, there are none');
  });
});
