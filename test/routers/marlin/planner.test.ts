import { beforeAll, describe, expect, test } from "vitest";
import { METRICS } from "../../../src/datacenter/epoch-model.ts";
import { referencePlanner } from "../../../src/datacenter/reference-planners.ts";
import { makeSetting, type Setting } from "../../../src/datacenter/setting.ts";
import { type EpochsResult, simulateEpochs } from "../../../src/datacenter/simulate-epochs.ts";
import { loadCheckpoint, saveCheckpoint } from "../../../src/learning/checkpoint/checkpoint.ts";
import { DivergenceError } from "../../../src/learning/checkpoint/divergence-guard.ts";
import { typescriptDense } from "../../../src/learning/dense/typescript-dense.ts";
import { dominates } from "../../../src/numeric/pareto.ts";
import { callsPerEpoch, type MarlinPlanner, marlinPlanner } from "../../../src/routers/marlin/planner.ts";
import { MARLIN_VARIANTS, marlinVariant } from "../../../src/routers/marlin/variants.ts";

const SMALL = { steps: 8, batch: 16, learningStarts: 16, actorHidden: [8], criticHidden: [8] };
let setting: Setting;

beforeAll(async () => {
  setting = await makeSetting({ sites: 3, seed: 1, epochs: 12, history: 8, nodesPerSite: 60 });
});

function planner(name: string, parameters: Record<string, unknown> = {}, seed = 1): MarlinPlanner {
  return marlinPlanner(name, setting.world, {
    seed,
    dense: typescriptDense(),
    parameters: { ...SMALL, ...parameters },
  });
}

function run(one: MarlinPlanner, callLimit?: number): EpochsResult {
  return simulateEpochs({ ...setting, planner: one, ...(callLimit === undefined ? {} : { callLimit }) });
}

const plansOf = (result: EpochsResult) => result.epochs.map(({ plan }) => [...plan]);

describe("calls of the model", () => {
  test("four agents with K steps and a plan each, and the consensus: 4 (K + 1) + 1", () => {
    expect(callsPerEpoch(50)).toBe(205);
    const result = run(planner("marlin-balanced"));
    for (const { calls } of result.epochs) expect(calls).toBe(37);
  });

  test("a limit leaves each agent as many steps, and room for what is agreed", () => {
    for (const { calls } of run(planner("marlin-balanced"), 20).epochs) expect(calls).toBe(17);
    expect(run(planner("marlin-balanced"), 2).epochs).toHaveLength(12);
  });
});

test("the same seed gives the same plans, another seed others", () => {
  const [first, again, other] = [1, 1, 2].map((seed) => run(planner("marlin-balanced", {}, seed)));
  expect(plansOf(again)).toEqual(plansOf(first));
  expect(again.totals).toEqual(first.totals);
  expect(plansOf(other)).not.toEqual(plansOf(first));
});

test.each([
  { flipMix: true },
  { oneStep: true },
  { nextState: "same" },
  { filmOnAction: true },
  { conditioning: "none" },
  { her: false },
  { blending: "none" },
  { blending: "start" },
  { blendStart: "utility" },
  { veto: false, blendSteps: 50 },
  { capitalScale: 1, vetoThreshold: 0 },
  { capital: false },
])("%j changes what is planned", (parameters) => {
  const base = "vetoThreshold" in parameters ? { vetoThreshold: 0 } : {};
  expect(plansOf(run(planner("marlin-balanced", parameters)))).not.toEqual(
    plansOf(run(planner("marlin-balanced", base))),
  );
});

test("every variant and ablation runs its horizon", () => {
  for (const { name } of MARLIN_VARIANTS) {
    const result = run(planner(name));
    expect(result.planner).toBe(name);
    for (const key of METRICS) expect(result.totals[key]).toBeGreaterThan(0);
  }
});

test("without requests no metric and no capital is lost to a division by zero", () => {
  const counts = setting.arrivals.counts.map(() => 0);
  const one = planner("marlin-balanced");
  const result = simulateEpochs({
    ...setting,
    arrivals: { ...setting.arrivals, counts },
    planner: one,
  });
  for (const { metrics } of result.epochs) for (const value of metrics) expect(value).not.toBeNaN();
  for (const capital of one.capitals) expect(Number.isFinite(capital)).toBe(true);
});

test("of agents that diverge the last good checkpoint is of all four, as the planner takes it", () => {
  const small = { steps: 80, batch: 4, actorHidden: [4], criticHidden: [4], her: false, relativeCap: 1e38 };
  const one = planner("marlin-balanced", small);
  const spoilt = () =>
    run({
      name: one.name,
      plan: (state, budget, plan) =>
        one.plan(
          state,
          {
            ...{
              left: Number.POSITIVE_INFINITY,
              calls: 0,
              capacity: budget.capacity,
              uniform: budget.uniform,
            },
            evaluate(tried, out) {
              budget.evaluate(tried, out);
              if (state.epoch === 8) out[0] *= 1e30;
              return true;
            },
          },
          plan,
        ),
    } as MarlinPlanner);
  let error: unknown;
  try {
    spoilt();
  } catch (caught) {
    error = caught;
  }
  expect(error).toBeInstanceOf(DivergenceError);
  const { message, checkpoint } = error as DivergenceError;
  expect(message).toMatch(/^MARLIN's agent "ttft" diverged at .* checkpoint is of update 500; /);
  const fresh = planner("marlin-balanced", small);
  const before = saveCheckpoint(fresh.learner);
  loadCheckpoint(fresh.learner, checkpoint?.bytes ?? new Uint8Array(0), "kept");
  expect(saveCheckpoint(fresh.learner)).toEqual(checkpoint?.bytes);
  expect(saveCheckpoint(fresh.learner)).not.toEqual(before);
});

test("the archive: plans of the last epoch that none dominates, with their metrics", () => {
  const one = planner("marlin-balanced", { archiveSize: 10 });
  run(one);
  const archive = one.archive();
  expect(archive.length).toBeGreaterThan(1);
  expect(archive.length).toBeLessThanOrEqual(10);
  for (const { plan, metrics } of archive) {
    expect(metrics).toHaveLength(4);
    expect(plan.reduce((sum, share) => sum + share, 0)).toBeCloseTo(2, 9);
    for (const other of archive) expect(dominates(other.metrics, metrics)).toBe(false);
  }
});

test("capital never moves where it is switched off", () => {
  const one = planner("marlin-no-capital");
  run(one);
  expect([...one.capitals]).toEqual([100, 100, 100, 100]);
});

test("min-carbon ends with less carbon than the uniform plan", () => {
  const one = planner("marlin-min-carbon", {
    steps: 60,
    batch: 32,
    actorHidden: [32],
    criticHidden: [32],
    initialAlpha: 0.05,
  });
  const result = run(one);
  const uniform = simulateEpochs({ ...setting, planner: referencePlanner("uniform", setting.world) });
  const late = (of: EpochsResult) => of.epochs.slice(6).reduce((sum, { metrics }) => sum + metrics[1], 0);
  expect(late(result) / late(uniform)).toBeLessThan(0.75);
  expect(one.figures().weight_carbon).toBeCloseTo(10 / 13, 12);
});

describe("mistakes", () => {
  test("a variant that there is not", () => {
    expect(() => marlinVariant("marlin-min-carbom")).toThrow(
      expect.objectContaining({
        code: "CANOPY_ROUTER_UNKNOWN",
        message: 'planner "marlin-min-carbom" is not known (did you mean "marlin-min-carbon"?)',
      }),
    );
  });

  test("a parameter that there is not, and a value out of range", () => {
    const code = "CANOPY_ROUTER_PARAMETER";
    expect(() => planner("marlin-balanced", { flipMx: true })).toThrow(
      expect.objectContaining({
        code,
        message: 'planner marlin-balanced: parameter "flipMx" is not known (did you mean "flipMix"?)',
      }),
    );
    expect(() => planner("marlin-balanced", { vetoMax: 2 })).toThrow(
      expect.objectContaining({
        code,
        message: "planner marlin-balanced: parameter vetoMax is 2, expected at most 1",
      }),
    );
    expect(() => planner("marlin-balanced", { weights: [0, 0, 0, 0] })).toThrow(/expected one above 0/);
    expect(() => planner("marlin-balanced", { steps: 5000 })).toThrow(
      "parameter currentCapacity is 20000: expected at least 25000 for the transitions of 5000 steps",
    );
  });
});
