import { beforeAll, describe, expect, test } from "vitest";
import { EpochModel } from "../../../src/datacenter/epoch-model.ts";
import { referencePlanner } from "../../../src/datacenter/reference-planners.ts";
import { DivergenceError } from "../../../src/learning/checkpoint/divergence-guard.ts";
import { doubleQValue } from "../../../src/learning/ddqn/ddqn.ts";
import { chooseDense } from "../../../src/learning/dense/choose-dense.ts";
import { DDQN, ddqnPlanner } from "../../../src/routers/planners/ddqn.ts";
import { NodeAgents } from "../../../src/routers/planners/node-agents.ts";
import { scalarCost } from "../../../src/routers/planners/scalar-cost.ts";
import { someState } from "../../datacenter/worlds.ts";
import { expectSound, plannerRun } from "./planner-runs.ts";

let setting: Awaited<ReturnType<typeof plannerRun>>;
beforeAll(async () => {
  setting = await plannerRun(3);
});
const SMALL = { hidden: [16], batch: 16 };

test("double Q: reward 1, gamma .95, the network takes action 2, the target values it .7: 1.665 (facts)", () => {
  expect(1 + 0.95 * doubleQValue([0.1, 0.2, 0.9], [2, 3, 0.7], 0, 3)).toBeCloseTo(1.665, 12);
});

describe("agents of the datacentres", () => {
  const options = { ...DDQN, hidden: [8], batch: 8, federateEvery: 2 };

  test("all begin alike, learn for themselves, and are alike again after an average", () => {
    const { world } = setting;
    const agents = new NodeAgents(world, chooseDense(), options, 1);
    const cells = new EpochModel(world).cells(someState(world, [1e6, 1e5]));
    const differ = () =>
      agents.parameters.some((one) => one.some((value, i) => value !== agents.parameters[0][i]));
    expect(differ()).toBe(false);
    agents.begin(cells);
    for (let g = 0; g < 20; g++) for (let d = 0; d < 4; d++) agents.book(d, g % 2, 1000, 1, true);
    expect(differ()).toBe(true);
    agents.endEpoch();
    expect(differ()).toBe(true);
    agents.endEpoch();
    expect(differ()).toBe(false);
  });

  test("they learn to take the nodes of least energy for a request", () => {
    const { world } = setting;
    const agents = new NodeAgents(world, chooseDense(), { ...options, hidden: [32], gamma: 0 }, 1);
    const cells = new EpochModel(world).cells(someState(world, [1e6, 1e5]));
    for (let epoch = 0; epoch < 20; epoch++) {
      agents.begin(cells);
      for (let g = 0; g < 100; g++) agents.book(0, 0, 1, 1, true);
    }
    agents.begin(cells);
    const best = agents.book(0, 0, 1, 0, false);
    const energies = Array.from({ length: 200 }, () => agents.book(0, 0, 1, 1, false));
    expect(best).toBeCloseTo(Math.min(...energies), 12);
    expect(Math.max(...energies)).toBe(1);
    expect(best).toBeLessThan(0.9);
  });
});

test("plans are sound: 200 groups and the plan without random choices are 201 calls", () => {
  const result = expectSound(setting, () => ddqnPlanner(setting.world, 1, SMALL));
  expect(result.epochs.map(({ calls }) => calls)).toEqual([201, 201, 201]);
  // Shares are hundredths: half the groups are each row's.
  for (const { plan } of result.epochs) {
    for (const share of plan) expect(Math.abs(100 * share - Math.round(100 * share))).toBeLessThan(1e-9);
  }
  const planner = ddqnPlanner(setting.world, 1, SMALL);
  setting.run(planner);
  expect(planner.figures!()).toEqual({ groups: 600, updates: 600 - 15 });
});

test("most of its own plans are better than even shares, random choices left out", async () => {
  const day = await plannerRun(20);
  const options = { ...SMALL, hidden: [64], epsilonGroups: 1500, choose: "greedy" } as const;
  const learned = day.run(ddqnPlanner(day.world, 1, options), { forecast: "clairvoyant" });
  const uniform = day.run(referencePlanner("uniform", day.world), { forecast: "clairvoyant" });
  const costs = learned.epochs.map(({ metrics }, e) =>
    scalarCost(metrics.slice(0, 4), uniform.epochs[e].metrics.slice(0, 4)),
  );
  // Now and then one fills a datacentre beyond its capacity, so not all are.
  expect(costs.filter((cost) => cost < 1).length).toBeGreaterThan(10);
});

test("with few calls groups are larger; with too few shares stay even", () => {
  const few = setting.run(ddqnPlanner(setting.world, 1, SMALL), { callLimit: 11 }).epochs[0];
  expect(few.calls).toBe(11);
  for (const share of few.plan) expect(Math.abs(5 * share - Math.round(5 * share))).toBeLessThan(1e-9);
  const none = setting.run(ddqnPlanner(setting.world, 1, SMALL), { callLimit: 2 }).epochs[0];
  expect([...none.plan]).toEqual(new Array(8).fill(0.25));
});

test("a network that loses its numbers ends planning with the network's name", () => {
  const spoilt = () => setting.run(ddqnPlanner(setting.world, 1, { ...SMALL, learningRate: 1e30 }));
  expect(spoilt).toThrow(DivergenceError);
  expect(spoilt).toThrow(/^planner ddqn('s agent at site \w+)? diverged at update \d+: its loss is /);
});
