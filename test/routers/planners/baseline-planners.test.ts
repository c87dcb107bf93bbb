import { readFileSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { checkPlan } from "../../../src/datacenter/check-plan.ts";
import type { EpochState } from "../../../src/datacenter/epoch-state.ts";
import {
  BASELINE_DEFAULTS,
  BASELINE_PLANNERS,
  baselinePlanner,
} from "../../../src/routers/planners/baseline-planners.ts";
import { expectSound, plannerRun } from "./planner-runs.ts";

/** Small networks: what they learn is for their own tests. */
const PARAMETERS: Partial<Record<string, Record<string, unknown>>> = {
  ddqn: { hidden: [16], batch: 16 },
  actorcritic: { hidden: 16 },
};
const options = (name: string) => ({ seed: 1, parameters: PARAMETERS[name] ?? {} });

let models: Awaited<ReturnType<typeof plannerRun>>;
let origins: Awaited<ReturnType<typeof plannerRun>>;
beforeAll(async () => {
  models = await plannerRun(2);
  origins = await plannerRun(1, { planRows: "origins" });
});

test.each(BASELINE_PLANNERS)("%s: rows by model and by origin, within the common calls", (name) => {
  for (const setting of [models, origins]) {
    const result = expectSound(setting, () => baselinePlanner(name, setting.world, options(name)));
    expect(result.planner).toBe(name);
    for (const { calls } of result.epochs) expect(calls).toBeLessThanOrEqual(205);
  }
});

test.each(BASELINE_PLANNERS)("%s heeds the loop's limit on calls", (name) => {
  const { epochs } = models.run(baselinePlanner(name, models.world, options(name)), { callLimit: 60 });
  for (const { calls } of epochs) expect(calls).toBeLessThanOrEqual(60);
});

test.each(BASELINE_PLANNERS)("%s bears an epoch without requests, and one without capacity", (name) => {
  const changes: Partial<EpochState>[] = [
    { expectedRequests: new Float64Array(2) },
    { availability: new Float64Array(4) },
  ];
  for (const change of changes) {
    const planner = baselinePlanner(name, models.world, options(name));
    let planned = 0;
    models.run({
      name,
      plan: (state, budget, plan) => {
        const capacity = "availability" in change ? new Float64Array(8) : budget.capacity;
        const judged = {
          left: 205,
          calls: 0,
          capacity,
          uniform: budget.uniform,
          evaluate: (one: Float64Array, out: Float64Array) => budget.evaluate(one, out),
        };
        planner.plan({ ...state, ...change }, judged, plan);
        checkPlan(models.world, name, state.epoch, plan);
        planned++;
      },
    });
    expect(planned).toBe(2);
  }
});

test("what is not known is refused with what is", () => {
  const make =
    (name: string, parameters: Record<string, unknown> = {}) =>
    () =>
      baselinePlanner(name, models.world, { seed: 1, parameters });
  expect(make("helx")).toThrow('planner "helx" is not known (did you mean "helix"?)');
  expect(make("nsga2", { populaton: 3 })).toThrow(
    'planner nsga2: parameter "populaton" is not known (did you mean "population"?)',
  );
  expect(make("nsga2", { population: 2.5 })).toThrow("parameter population is 2.5, expected a whole number");
  expect(make("nsga2", { mutationProbability: 2 })).toThrow(
    "parameter mutationProbability is 2, expected at most 1",
  );
  expect(make("slit", { variant: "green" })).toThrow('parameter variant is "green", expected one of ttft');
  expect(make("slit", { calls: "all" })).toThrow('parameter calls is "all", expected a number or "own"');
  expect(make("qlearning", { front: 1 })).toThrow("parameter front is 1, expected true or false");
  expect(make("qlearning", { choose: "greedy" })).toThrow("expected one of best, last");
  expect(make("ddqn", { hidden: [0] })).toThrow("parameter hidden.0 is 0, expected at least 1");
  expect(make("perllm", { lambda: -1 })).toThrow("parameter lambda is -1, expected at least 0");
  expect(make("splitwise", { promptNodes: 5 })).toThrow("parameter promptNodes is 5, expected a text");
  expect(make("helix", { groups: 0 })).not.toThrow();
});

const page = readFileSync(new URL("../../../docs/baseline-planners.md", import.meta.url), "utf8");

test.each(BASELINE_PLANNERS)("docs/baseline-planners.md has every default of %s", (name) => {
  const row = page.split("\n").find((line) => line.startsWith(`| \`${name}\` |`));
  for (const [option, value] of Object.entries(BASELINE_DEFAULTS[name])) {
    if (option === "calls") continue;
    const shown = Array.isArray(value) ? value.join("-") : String(value);
    expect(row).toContain(`${option} ${shown}`);
  }
});
