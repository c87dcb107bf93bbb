import { describe, expect, test } from "vitest";
import { logistic } from "../../../src/numeric/logistic.ts";
import { Stream } from "../../../src/numeric/random.ts";
import type { RouterDefinition } from "../../../src/routers/contract.ts";
import { type CalibrationExample, encodeCalibration } from "../../../src/routers/gar/calibration-file.ts";
import type { CalibrationView } from "../../../src/routers/gar/calibration-view.ts";
import { CorrectnessEstimate } from "../../../src/routers/gar/correctness.ts";
import { EnergyEstimate } from "../../../src/routers/gar/energy.ts";
import { epsilonFloors, fixedFloors, targetFloors } from "../../../src/routers/gar/floors.ts";
import { LatencyQuantiles } from "../../../src/routers/gar/latency-quantiles.ts";
import { sizeRanks } from "../../../src/routers/gar/model-sizes.ts";
import { quotasOf, splitExamples } from "../../../src/routers/gar/split.ts";
import { createRouter, findRouter } from "../../../src/routers/registry.ts";
import { FakeHost, type FakeWorldOptions } from "../fake-host.ts";

const logisticWithPlatt = { estimator: "logistic", calibrator: "platt", l2: 1 } as const;

function example(fields: Partial<CalibrationExample>): CalibrationExample {
  return { taskType: 0, tier: 0, promptTokens: 100, turns: 1, outputTokens: 10, correct: [1, 1], ...fields };
}

/** Two data sets; a small model right on half of the first and a tenth of the second, a large one on 9 of 10. */
function pool(perDataset: number): CalibrationExample[] {
  return [0, 1].flatMap((taskType) =>
    Array.from({ length: perDataset }, (_, i) =>
      example({
        taskType,
        promptTokens: taskType === 0 ? 100 : 1000,
        outputTokens: taskType === 0 ? 10 : 100,
        correct: [i % 10 < (taskType === 0 ? 5 : 1) ? 1 : 0, i % 10 < 9 ? 1 : 0],
      }),
    ),
  );
}

const file = (examples = pool(400)) =>
  encodeCalibration(["easy", "hard"], ["small", "large"], { r0: 400 }, examples);

const fleet: FakeWorldOptions = {
  endpoints: [
    { model: 0, large: false, watts: { prefill: 100, decode: 100 } },
    { model: 1, watts: { prefill: 1000, decode: 1000 }, prefillSecondsPerToken: 0.0004, stepSeconds: 0.03 },
  ],
  models: ["small", "large"],
  taskTypes: ["easy", "hard"],
  tiers: [{ name: "only", sloSeconds: 5, deferrable: false }],
  latency: "e2e",
  artefacts: new Map([["calibration", file()]]),
};

describe("correctness", () => {
  test("logistic with Platt: near the shares of each data set and model", () => {
    const examples = pool(400);
    const { fit, held } = splitExamples(examples, { fit: 200, held: [200, 200] });
    const estimate = new CorrectnessEstimate(2, 2, fit, held, logisticWithPlatt);
    for (const [taskType, shares] of [
      [0.5, 0.9],
      [0.1, 0.9],
    ].entries()) {
      estimate.estimate(taskType, taskType === 0 ? 100 : 1000, 1);
      for (const m of [0, 1]) expect(Math.abs(estimate.byModel[m] - shares[m])).toBeLessThan(0.03);
    }
  });

  test("follows what the answers follow: prompt tokens and turns", () => {
    const random = new Stream(1, "examples");
    const right = (tokens: number, turns: number) =>
      logistic(8 - 1.5 * Math.log(1 + tokens) + Math.log(turns));
    const examples = Array.from({ length: 8000 }, () => {
      const promptTokens = Math.ceil(random.logNormal(5, 1));
      const turns = 1 + random.below(4);
      return example({
        promptTokens,
        turns,
        correct: [random.uniform() < right(promptTokens, turns) ? 1 : 0],
      });
    });
    for (const calibrator of ["platt", "isotonic", "none"] as const) {
      const estimate = new CorrectnessEstimate(1, 1, examples.slice(0, 6000), examples.slice(6000), {
        ...logisticWithPlatt,
        calibrator,
      });
      for (const tokens of [40, 150, 600]) {
        for (const turns of [1, 4]) {
          estimate.estimate(0, tokens, turns);
          expect(Math.abs(estimate.byModel[0] - right(tokens, turns))).toBeLessThan(
            calibrator === "isotonic" ? 0.15 : 0.05,
          );
        }
      }
    }
  });

  test("table: 7 of 10 held-out ones are 8 of 12, whatever the request", () => {
    const held = Array.from({ length: 10 }, (_, i) => example({ correct: [i < 7 ? 1 : 0] }));
    const estimate = new CorrectnessEstimate(1, 1, [], held, { ...logisticWithPlatt, estimator: "table" });
    for (const tokens of [1, 5000]) {
      estimate.estimate(0, tokens, 1);
      expect(estimate.byModel[0]).toBeCloseTo(8 / 12, 12);
    }
  });
});

describe("split", () => {
  test("200 in total over six data sets", () => {
    const p = { fitSamples: 200, calibrationSamples: 200 };
    expect(quotasOf(6, { ...p, calibrationSplit: "total" }).held).toEqual([34, 34, 33, 33, 33, 33]);
    expect(quotasOf(2, { ...p, calibrationSplit: "per-dataset" }).held).toEqual([200, 200]);
  });

  test("disjoint, in order, in proportion where there are fewer", () => {
    const examples = Array.from({ length: 10 }, (_, i) => example({ promptTokens: i }));
    const tokens = (list: CalibrationExample[]) => list.map((e) => e.promptTokens);
    const enough = splitExamples(examples, { fit: 4, held: [3] });
    expect([tokens(enough.fit), tokens(enough.held)]).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6],
    ]);
    const few = splitExamples(examples, { fit: 60, held: [20] });
    expect([few.fit.length, tokens(few.held)]).toEqual([7, [7, 8, 9]]);
  });
});

describe("carbon", () => {
  test("E = 1.5 Wh, PUE 1.2, 400 g/kWh: 0.72 g", () => {
    const { world } = new FakeHost({ ...fleet, endpoints: [{}], models: ["only"] });
    const energy = new EnergyEstimate(world, "test", {
      referenceBatch: 32,
      energy: { only: { fixedWh: 0.5, promptTokenWh: 0.001, outputTokenWh: 0.005 } },
      pue: 1.2,
    });
    expect(energy.joules(0, 500, 100) / 3600).toBeCloseTo(1.5, 12);
    expect(energy.joules(0, 500, 100) * energy.gramsPerJoule[0]).toBeCloseTo(0.72, 12);
  });

  test("from the profile: prefill power over its rate, and the power of a batch times its step over its size", () => {
    const { world } = new FakeHost({
      ...fleet,
      endpoints: [{ prefillSecondsPerToken: 1e-4, stepSeconds: 0.02, watts: { prefill: 500, decode: 320 } }],
    });
    const energy = new EnergyEstimate(world, "test", { referenceBatch: 32, energy: {}, pue: 1 });
    expect(energy.prompt[0]).toBeCloseTo(0.05, 12);
    expect(energy.output[0]).toBeCloseTo((320 * 0.02) / 32, 12);
    world.signals.carbon[0] = 200;
    energy.refresh();
    expect(energy.gramsPerJoule[0]).toBeCloseTo(200 / 3.6e6, 15);
  });

  test("a profile without power, and names that are not there, are refused", () => {
    const { world } = new FakeHost({ ...fleet, endpoints: [{ watts: null }] });
    const p = { referenceBatch: 32, energy: {}, pue: 1 };
    expect(() => new EnergyEstimate(world, "gar-pd", p)).toThrow(
      "router gar-pd: the profile of e0 has no power, expected one with power, or the parameter energy for small",
    );
    const wrong = { smal: { fixedWh: 0, promptTokenWh: 1, outputTokenWh: 1 } };
    expect(() => new EnergyEstimate(world, "gar-pd", { ...p, energy: wrong })).toThrow(
      'router gar-pd: parameter energy names the model "smal", which the fleet does not have (did you mean "small"?)',
    );
  });
});

test("latency quantiles are of rank ceil(q n) of the latest samples, once there are enough", () => {
  const quantiles = new LatencyQuantiles(3, 0.95, 512, 30);
  for (let i = 1; i <= 29; i++) quantiles.add(1, i, 0);
  expect(quantiles.values[1]).toBeNaN();
  quantiles.add(1, 30, 7);
  // ceil(0.95 * 30) = 29.
  expect([quantiles.values[0], quantiles.values[1], quantiles.takenAt[1]]).toEqual([Number.NaN, 29, 7]);
  const random = new Stream(2, "latencies");
  const all: number[] = [];
  for (let i = 0; i < 2048; i++) {
    all.push(random.logNormal(0, 1));
    quantiles.add(2, all[i], i);
  }
  const last = all.slice(-512).sort((a, b) => a - b);
  expect(quantiles.values[2]).toBe(last[Math.ceil(0.95 * 512) - 1]);
});

describe("floors", () => {
  const view = {
    taskTypes: 1,
    bestEstimate: () => 0.81,
    bestAccuracy: () => 0.8,
    // Two models: the green one is right on 0.6 and feasible up to 0.65, the best one on 0.8 and up to 0.85.
    realisedAccuracy: (_: number, floor: number) => (floor <= 0.65 ? 0.6 : 0.8),
    coverage: (_: number, floor: number) => (floor <= 0.85 ? 1 : 0),
  } as unknown as CalibrationView;
  const p = { delta: 0.03, kappa: 0.95, bisectionSteps: 20 };

  test("GAR-eps: best .81 and eps .02 make .79; never below 0", () => {
    expect(epsilonFloors(view, 0.02).values[0]).toBeCloseTo(0.79, 12);
    expect(epsilonFloors(view, 0.9).values[0]).toBe(0);
  });

  test("GAR-Target: the smallest floor that is right often enough, at the edge of the green model", () => {
    const { values, capped } = targetFloors(view, p);
    expect(values[0]).toBeGreaterThan(0.65);
    expect(values[0]).toBeLessThan(0.65 + 2 ** -19);
    expect(capped[0]).toBe(0);
    expect(targetFloors(view, { ...p, delta: 0.2 }).values[0]).toBe(0);
  });

  test("GAR-Target: the cap of coverage wins, and says so", () => {
    const thin = {
      ...view,
      coverage: (_: number, floor: number) => (floor <= 0.4 ? 1 : 0.5),
    } as CalibrationView;
    const { values, capped } = targetFloors(thin, p);
    expect(values[0]).toBeLessThanOrEqual(0.4);
    expect(values[0]).toBeGreaterThan(0.4 - 2 ** -19);
    expect(capped[0]).toBe(1);
    // Half the examples would do.
    expect(targetFloors(thin, { ...p, kappa: 0.5 }).capped[0]).toBe(0);
  });

  test("GAR-Fixed: one for all, but for those named", () => {
    const values = fixedFloors("gar-fixed", ["a", "b"], { floor: 0.7, floors: { b: 0.5 } }).values;
    expect([...values]).toEqual([0.7, 0.5]);
    expect(() => fixedFloors("gar-fixed", ["arc"], { floor: 0.7, floors: { acr: 0.5 } })).toThrow(
      'router gar-fixed: parameter floors names the data set "acr", which the workload does not have (did you mean "arc"?)',
    );
  });
});

test("models by size: the energy of a prompt token, or the list", () => {
  const { world } = new FakeHost(fleet);
  expect([...sizeRanks(world, "test", [])]).toEqual([0, 1]);
  expect([...sizeRanks(world, "test", ["large", "small"])]).toEqual([1, 0]);
  expect(() => sizeRanks(world, "gar-pd", ["small"])).toThrow(
    "router gar-pd: parameter modelsBySize lacks the fleet's large",
  );
});

/** Starts a registered router on the fleet and sends it one request of each data set. */
function placements(id: string, parameters: unknown = {}, options: Partial<FakeWorldOptions> = {}) {
  const host = new FakeHost({ ...fleet, ...options });
  const definition: RouterDefinition = findRouter(id);
  const router = host.start(createRouter(definition, parameters, "test").router as never);
  for (const [taskType, promptTokens] of [100, 1000].entries()) host.arrive({ taskType, promptTokens });
  return { host, router, endpoints: host.placements.map((p) => p.endpoint) };
}

describe("routers", () => {
  test("the floor decides which model serves a data set, and the host hears what was believed", () => {
    expect(placements("gar-eps", { epsilon: 0.02 }).endpoints).toEqual([1, 1]);
    // The floor of 0.9 less 0.45 lets the small model have the easy data set, less 0.85 both.
    const { endpoints, host } = placements("gar-eps", { epsilon: 0.45 });
    expect(endpoints).toEqual([0, 1]);
    expect(host.predictions.map((p) => p.feasible)).toEqual([true, true]);
    expect(Math.abs(host.predictions[0].accuracy - 0.5)).toBeLessThan(0.04);
    expect(Math.abs(host.predictions[0].floor - 0.45)).toBeLessThan(0.03);
    expect(placements("gar-eps", { epsilon: 0.85 }).endpoints).toEqual([0, 0]);
  });

  test("a floor that nobody meets: the fallback, declared infeasible", () => {
    const { endpoints, host } = placements("gar-fixed", { floor: 1 });
    expect(endpoints).toEqual([1, 1]);
    expect(host.predictions.map((p) => p.feasible)).toEqual([false, false]);
  });

  test("baselines", () => {
    expect(placements("largest-model").endpoints).toEqual([1, 1]);
    expect(placements("smallest-model").endpoints).toEqual([0, 0]);
    expect(placements("carbon-greedy").endpoints).toEqual([0, 0]);
    expect(placements("accuracy-max").endpoints).toEqual([1, 1]);
    expect(placements("latency-min").endpoints).toEqual([0, 0]);
    // Predicted difficulties of the small model: 0.5 and 0.9.
    expect(placements("threshold", { tau: 0.7 }).endpoints).toEqual([0, 1]);
    expect(placements("cost-min", { epsilon: 0.45 }).endpoints).toEqual([0, 1]);
  });

  test("GAR-PD begins with the most accurate and is greener once its budget is spent", () => {
    const { host } = placements("gar-pd", { epsilon: 1, budget: 0.05, eta: 0.2 });
    for (let i = 0; i < 60; i++) host.arrive({ taskType: 1, promptTokens: 1000 });
    const endpoints = host.placements.map((p) => p.endpoint);
    expect(endpoints.slice(0, 2)).toEqual([1, 1]);
    expect(endpoints.at(-1)).toBe(0);
  });

  test("GAR-PD, form L, without steps of the accuracy and latency duals: the placements of carbon-greedy", () => {
    const still = { form: "lagrangian", etaAccuracy: 0, etaLatency: 0, lambda: 3 };
    expect(placements("gar-pd", still).endpoints).toEqual(placements("carbon-greedy").endpoints);
  });

  test("GAR-PD, form L: an accuracy below the floors raises its dual until the large model serves", () => {
    const { host } = placements("gar-pd", { form: "lagrangian", etaAccuracy: 1 });
    for (let i = 0; i < 40; i++) host.arrive({ taskType: 1, promptTokens: 1000 });
    const endpoints = host.placements.map((p) => p.endpoint);
    expect(endpoints[1]).toBe(0);
    expect(endpoints.slice(2)).toContain(1);
  });

  test("a calibration of other names is read by a mapping", () => {
    const options = { models: ["7B", "70B"], taskTypes: ["chat", "code"] };
    const mapping = {
      datasets: { chat: "easy" },
      defaultDataset: "hard",
      models: { "7B": "small", "70B": "large" },
    };
    expect(placements("gar-eps", { epsilon: 0.45, ...mapping }, options).endpoints).toEqual([0, 1]);
    expect(() => placements("gar-eps", { models: mapping.models }, options)).toThrow(
      'router gar-eps: the calibration has no data set "chat" for the task type "chat", expected one in parameter datasets or defaultDataset (expected one of: easy, hard)',
    );
    expect(() => placements("gar-eps", { ...mapping, models: { "7B": "smal" } }, options)).toThrow(
      'router gar-eps: the calibration has no model "smal" for the fleet\'s 7B, expected one in parameter models (did you mean "small"?)',
    );
  });

  const refuse = (bytes: Uint8Array | undefined) => () =>
    placements("gar-eps", {}, { artefacts: new Map(bytes === undefined ? [] : [["calibration", bytes]]) });
  const text = (content: unknown) => new TextEncoder().encode(JSON.stringify(content));

  test.each([
    ["CANOPY_TRAINING_MISSING", refuse(undefined), /has no calibration, expected training/],
    ["CANOPY_CALIBRATION_FILE", refuse(Uint8Array.of(1, 2)), /is not JSON/],
    [
      "CANOPY_CALIBRATION_FILE",
      refuse(text({ schema: "canopy/predictor/1" })),
      /not of schema canopy\/calibration\/1: schema/,
    ],
    ["CANOPY_CALIBRATION_SHORT", refuse(file(pool(10))), /has 10 examples of "easy", expected at least 20/],
  ])("%s is one line", (code, run, message) => {
    expect(run).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
    expect(run).toThrow(expect.objectContaining({ message: expect.not.stringContaining("\n") }));
  });

  test.each([
    ["gar-pd", { budget: 0 }, "parameter budget is 0, expected above 0"],
    ["gar-pd", { budgetGrams: 0 }, /parameter budgetGrams is 0/],
    ["gar-fixed", { floor: 1.2 }, "parameter floor is 1.2, expected at most 1"],
    ["gar-fixed", { floors: { arc: 70 } }, "parameter floors.arc is 70, expected at most 1"],
    ["gar-eps", { epsilon: -0.1 }, "parameter epsilon is -0.1, expected at least 0"],
    ["gar-pd", { budgetMode: "hour" }, /budgetMode is "hour", expected one of window, count, clock/],
  ])("%s refuses %j", (id, parameters, message) => {
    expect(() => createRouter(findRouter(id), parameters, "x.yaml:3")).toThrow(message);
  });
});
