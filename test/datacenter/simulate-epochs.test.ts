import { beforeAll, describe, expect, test } from "vitest";
import { type Arrivals, drawArrivals, sliceArrivals, syntheticShape } from "../../src/datacenter/arrivals.ts";
import { boundByFilling } from "../../src/datacenter/bound.ts";
import { boundOverEpochs } from "../../src/datacenter/bound-over-epochs.ts";
import { checkPlan } from "../../src/datacenter/check-plan.ts";
import { type ConditionTable, makeConditions, setConditions } from "../../src/datacenter/conditions.ts";
import { EpochModel, METRICS } from "../../src/datacenter/epoch-model.ts";
import { emptyState } from "../../src/datacenter/epoch-state.ts";
import { REFERENCE_PLANNERS, referencePlanner } from "../../src/datacenter/reference-planners.ts";
import { scaleToPeak } from "../../src/datacenter/scaling.ts";
import {
  type EpochPlanner,
  type EpochsResult,
  simulateEpochs,
} from "../../src/datacenter/simulate-epochs.ts";
import { siteSeries } from "../../src/datacenter/site-series.ts";
import { SITES } from "../../src/datacenter/sites.ts";
import { paperWorld } from "./worlds.ts";

const START = Date.UTC(2024, 6, 1) / 1000;
const EPOCHS = 96;
const HISTORY = 8;
const world = paperWorld(4);
let arrivals: Arrivals;
let conditions: ConditionTable;

beforeAll(async () => {
  const sites = SITES.slice(0, 4);
  const series = await siteSeries(sites, { seed: 1, startSeconds: START, endSeconds: START + 86_400 });
  conditions = makeConditions(sites, series, { startSeconds: START, epochs: EPOCHS });
  const raw = sliceArrivals(drawArrivals(syntheticShape(1), world.mix, 1), 0, HISTORY + EPOCHS);
  arrivals = scaleToPeak(world, raw).arrivals;
});

function run(
  planner: EpochPlanner,
  options: Partial<Parameters<typeof simulateEpochs>[0]> = {},
): EpochsResult {
  return simulateEpochs({ world, planner, arrivals, conditions, history: HISTORY, ...options });
}

describe("reference planners over a day", () => {
  test("each is best at what it is for, and none is below the clairvoyant bound", () => {
    const results = REFERENCE_PLANNERS.map((kind) =>
      run(referencePlanner(kind, world), { forecast: "clairvoyant" }),
    );
    const metric = {
      nearest: "ttft",
      "greedy-carbon": "carbon",
      "greedy-water": "water",
      "greedy-cost": "cost",
    } as const;
    for (const [kind, key] of Object.entries(metric)) {
      const own = results.find((result) => result.planner === kind)!;
      const others = results.map((result) => result.totals[key]);
      // `nearest` minds the network alone, and not which nodes are fast.
      if (kind !== "nearest") expect(own.totals[key]).toBe(Math.min(...others));
      expect(own.totals[key]).toBeLessThan(results[0].totals[key]);
      expect(own.excessShare).toBeLessThan(1e-9);
      expect(own.calls).toBe(0);
    }
    const model = new EpochModel(world);
    const state = emptyState(world);
    for (let e = 0; e < EPOCHS; e++) {
      setConditions(conditions, e, state);
      state.expectedRequests.set(results[0].epochs[e].requests);
      for (let j = 0; j < 4; j++) {
        const weights = [0, 0, 0, 0];
        weights[j] = 1;
        const { value } = boundByFilling(model, state, weights);
        for (const result of results) {
          const { metrics } = result.epochs[e];
          if (metrics[5] < 1e-12) expect(metrics[j]).toBeGreaterThanOrEqual(value * (1 - 1e-9));
        }
      }
    }
  });

  test("rows by origin: nearest keeps requests where they come from", () => {
    const byOrigin = paperWorld(4, { planRows: "origins" });
    const result = run(referencePlanner("nearest", byOrigin), { world: byOrigin, forecast: "clairvoyant" });
    const wide = result.epochs[0].plan;
    for (let row = 0; row < 8; row++) {
      expect(wide[row * 4 + Math.floor(row / 2)]).toBeCloseTo(1, 9);
    }
    expect(result.totals.ttft).toBeLessThan(run(referencePlanner("nearest", world)).totals.ttft);
  });
});

test("the bound of a day: below every planner, near what its own plans reach", async () => {
  const bound = await boundOverEpochs({ world, arrivals, conditions, history: HISTORY });
  for (const kind of REFERENCE_PLANNERS) {
    const { totals } = run(referencePlanner(kind, world), { forecast: "clairvoyant" });
    for (const key of METRICS) expect(totals[key]).toBeGreaterThan(bound.least[key]);
  }
  for (const key of METRICS) {
    expect(bound.reached[key]).toBeGreaterThanOrEqual(bound.least[key]);
    expect(bound.reached[key] / bound.least[key]).toBeLessThan(1.03);
  }
  expect(bound.weighted).toBeLessThanOrEqual(bound.weightedReached);
  expect(bound.weightedReached).toBeLessThan(1);
});

test("totals are those of the epochs, and the same run gives the same numbers", () => {
  const result = run(referencePlanner("greedy-carbon", world), { details: true });
  const again = run(referencePlanner("greedy-carbon", world));
  expect(again.totals).toEqual(result.totals);
  let requests = 0;
  let seconds = 0;
  let carbon = 0;
  for (const { metrics, requests: counts, detail } of result.epochs) {
    const all = counts[0] + counts[1];
    requests += all;
    seconds += all * metrics[0];
    carbon += detail!.gridCarbonKg + detail!.waterCarbonKg;
  }
  expect(result.requests).toBeCloseTo(requests, 3);
  expect(result.totals.ttft).toBeCloseTo(seconds / requests, 9);
  expect(result.totals.carbon / carbon).toBeCloseTo(1, 9);
  expect(result.epochs).toHaveLength(EPOCHS);
});

test("the forecast is made before the epoch, from what was seen", () => {
  const seen: number[][] = [];
  const planner: EpochPlanner = {
    name: "watching",
    plan: (state, _budget, plan) => {
      seen.push([...state.expectedRequests]);
      plan.fill(1 / state.sites);
    },
  };
  run(planner, { forecast: "persistence" });
  for (let e = 0; e < EPOCHS; e++) {
    expect(seen[e]).toEqual([...arrivals.counts.slice((HISTORY + e - 1) * 2, (HISTORY + e) * 2)]);
  }
});

test("calls are counted, limited, and judged under the forecast", () => {
  const out = new Float64Array(4);
  let refused = 0;
  let judged = 0;
  const planner: EpochPlanner = {
    name: "asking",
    plan: (state, budget, plan) => {
      plan.fill(1 / state.sites);
      while (budget.evaluate(plan, out)) judged++;
      refused++;
      expect(budget.left).toBe(0);
      expect([...out]).toEqual([...budget.uniform]);
    },
  };
  const result = run(planner, { callLimit: 5 });
  expect([judged, refused, result.calls]).toEqual([5 * EPOCHS, EPOCHS, 5 * EPOCHS]);
  expect(result.epochs.every(({ calls }) => calls === 5)).toBe(true);
});

test("what a planner is shown afterwards is the truth, and its calls then change nothing", () => {
  const model = new EpochModel(world);
  let shown = 0;
  const planner: EpochPlanner = {
    name: "curious",
    plan: (state, _budget, plan) => void plan.fill(1 / state.sites),
    observe: (state, plan, metrics) => {
      const out = new Float64Array(6);
      model.evaluate(state, plan, out);
      expect([...metrics]).toEqual([...out]);
      shown++;
    },
  };
  const result = run(planner);
  expect(shown).toBe(EPOCHS);
  expect(result.totals).toEqual(run(referencePlanner("uniform", world)).totals);
});

test("seconds of planning are the planner's alone", () => {
  let now = 0;
  const planner: EpochPlanner = {
    name: "slow",
    plan: (state, _budget, plan) => {
      now += 250;
      plan.fill(1 / state.sites);
    },
    observe: () => void (now += 1000),
  };
  const result = run(planner, { clock: () => now });
  expect(result.planningSeconds).toBeCloseTo(0.25 * EPOCHS, 9);
});

describe("a plan of a user's planner", () => {
  const giving = (values: number[]): EpochPlanner => ({
    name: "mine",
    plan: (_state, _budget, plan) => void plan.set(values),
  });
  const even = [0.25, 0.25, 0.25, 0.25];

  test.each([
    [
      [...even, 0.25, 0.25, 0.25, 0.3],
      "CANOPY_PLAN_ROW",
      "planner mine, epoch 0: row llama-70b sums to 1.05; expected 1 (within 0.000001)",
    ],
    [
      [-0.1, 0.6, 0.25, 0.25, ...even],
      "CANOPY_PLAN_ROW",
      "planner mine, epoch 0: row llama-7b has -0.1 for site ashburn; expected a share of at least 0",
    ],
    [
      [...even, Number.NaN, 0.5, 0.25, 0.25],
      "CANOPY_PLAN_ROW",
      "planner mine, epoch 0: row llama-70b has NaN for site ashburn; expected a share of at least 0",
    ],
  ])("%j is refused", (values, code, message) => {
    expect(() => run(giving(values))).toThrow(expect.objectContaining({ code, message, exitCode: 2 }));
  });

  test("rounding is not", () => {
    expect(run(giving([0.25, 0.25, 0.25, 0.2500005, ...even])).epochs).toHaveLength(EPOCHS);
  });

  test("another length, by whoever calls the check", () => {
    expect(() => checkPlan(world, "mine", 3, new Float64Array(4))).toThrow(
      "planner mine, epoch 3: a plan of 4 numbers; expected 8: 2 rows of 4 sites",
    );
  });
});

test("horizons that do not fit are refused", () => {
  expect(() => run(referencePlanner("uniform", world), { history: HISTORY + EPOCHS })).toThrow(/arrivals/);
  expect(() => run(referencePlanner("uniform", world), { history: 0 })).toThrow(
    /conditions: expected 104 epochs/,
  );
});

test("prewarming: fewer nodes load weights with requests waiting", () => {
  const cold = (prewarm: boolean) => {
    const one = paperWorld(4, { prewarm });
    const result = run(referencePlanner("uniform", one), { world: one, details: true });
    return result.epochs.reduce((sum, { detail }) => sum + detail!.coldNodes, 0);
  };
  expect(cold(true)).toBeLessThan(cold(false));
});
