import { describe, expect, test } from "vitest";
import { ServiceEstimate } from "../../../src/routers/cedar/estimate.ts";
import { POLICY } from "../../../src/routers/cedar/policy-learner.ts";
import { cedar } from "../../../src/routers/cedar/sac-definitions.ts";
import { HAND_OVER_DEFAULTS } from "../../../src/routers/cedar/sac-parameters.ts";
import { ReplicaScaling } from "../../../src/routers/cedar/scaling.ts";
import type { LearningRouter, Router, World } from "../../../src/routers/contract.ts";
import { createRouter, findRouter } from "../../../src/routers/registry.ts";
import { simulate } from "../../../src/simulator/simulate.ts";
import { runParts } from "../../oracle/build.ts";
import { cedarTiers, FakeHost } from "../fake-host.ts";
import { suiteEndpoints, suiteRegions, suiteRows } from "../suite-rows.ts";
import { pilotOn, transitionsOf } from "./pilot-runs.ts";

/** A group of two endpoints and one of one; each may have 1 to 4 replicas, priced 0.001 and 0.002 USD/s. */
const fleet = [
  { region: 0, group: 0, replicas: 2, usdPerReplicaSecond: 0.001 },
  { region: 0, group: 0, replicas: 2, usdPerReplicaSecond: 0.001 },
  { region: 1, group: 1, replicas: 4, usdPerReplicaSecond: 0.002 },
];

function scaled() {
  const host = new FakeHost({ endpoints: fleet });
  const world = host.world as World;
  const estimate = new ServiceEstimate(world, { queue: true, meanModel: false });
  const scaling = new ReplicaScaling(world, host, estimate, HAND_OVER_DEFAULTS);
  const ordered = () => host.replicaOrders.map(({ endpoint, replicas }) => [endpoint, replicas]);
  return { host, scaling, ordered };
}

describe("the replicas that a level stands for", () => {
  test("are the fewest at 0, the most at 1, and in between the group's share of what lies between", () => {
    const { scaling } = scaled();
    const replicas = new Int32Array(3);
    const at = (level: number) => {
      scaling.replicasOfLevel(0, level, replicas);
      scaling.replicasOfLevel(1, level, replicas);
      return [...replicas];
    };
    expect(at(0)).toEqual([1, 1, 1]);
    expect(at(1)).toEqual([4, 4, 4]);
    // Three of six more, and 1.5 of three.
    expect(at(0.5)).toEqual([3, 2, 3]);
    // A logit of 0.999 either way.
    expect(at((1 - 0.999) / 2)).toEqual([1, 1, 1]);
    expect(at((1 + 0.999) / 2)).toEqual([4, 4, 4]);
    for (let level = 0; level <= 1; level += 1 / 64) {
      const [a, b, c] = at(level);
      expect(a + b).toBe(2 + Math.round(6 * level));
      expect(c).toBe(1 + Math.round(3 * level));
      expect(Math.min(a, b)).toBeGreaterThanOrEqual(1);
      expect(Math.max(a, b)).toBeLessThanOrEqual(4);
    }
  });

  test("and the level of the replicas ordered", () => {
    const { scaling } = scaled();
    expect([scaling.levelOf(0), scaling.levelOf(1)]).toEqual([2 / 6, 1]);
    const fixed = new FakeHost({ endpoints: fleet });
    fixed.world.endpoints.minReplicas.set([2, 2, 4]);
    fixed.world.endpoints.maxReplicas.set([2, 2, 4]);
    const world = fixed.world as World;
    const estimate = new ServiceEstimate(world, { queue: true, meanModel: false });
    const still = new ReplicaScaling(world, fixed, estimate, HAND_OVER_DEFAULTS);
    expect([still.levelOf(0), still.hasRoom, scaling.hasRoom]).toEqual([0.5, false, true]);
  });
});

describe("following a level", () => {
  test("adds a replica after two intervals that ask for one, releases one after six, within the bounds", () => {
    const { scaling, ordered } = scaled();
    const levels = Float64Array.of(1, 0);
    scaling.follow(levels);
    expect(ordered()).toEqual([]);
    scaling.follow(levels);
    expect(ordered()).toEqual([
      [0, 3],
      [1, 3],
    ]);
    // 3 + 3 for 2 + 2, and 4 as before at twice the price.
    expect(scaling.relativePrice).toBeCloseTo((3 + 3 + 8) / (2 + 2 + 8), 12);
    for (let interval = 3; interval <= 6; interval++) scaling.follow(levels);
    expect(ordered().slice(2)).toEqual([
      [0, 4],
      [1, 4],
      [2, 3],
    ]);
    for (let interval = 7; interval <= 40; interval++) scaling.follow(levels);
    expect(ordered().slice(5)).toEqual([
      [2, 2],
      [2, 1],
    ]);
  });

  test("counts intervals in a row under one rule only, and leaves alone what is down", () => {
    const { host, scaling, ordered } = scaled();
    const levels = Float64Array.of(1, 1);
    host.world.telemetry.utilisation.fill(0.9);
    host.world.telemetry.up[1] = 0;
    scaling.follow(levels);
    scaling.update();
    scaling.follow(levels);
    expect(ordered()).toEqual([]);
    scaling.follow(levels);
    expect(ordered()).toEqual([[0, 3]]);
  });
});

const untrained = { scaling: true, dense: "typescript", hidden: [8], minBuffer: 1000, epsilon: "off" };

describe("a policy that scales", () => {
  test("has a logit more for each group, and sees the replicas ordered", () => {
    const made = (parameters: object) =>
      pilotOn(new FakeHost({ endpoints: fleet }), parameters, "forced").pilot;
    const fixed = made({ ...untrained, scaling: false });
    const scaling = made(untrained);
    expect([fixed.learner.size, scaling.learner.size]).toEqual([6, 8]);
    expect(scaling.observation.size - fixed.observation.size).toBe(2);
    expect(made({ ...untrained, observeWeights: false }).observation.size).toBe(9 + 8 + 2);
    scaling.observation.close(() => 0, [new Float64Array(2), new Float64Array(2), new Float64Array(2)]);
    expect([...scaling.observation.state.slice(-2)]).toEqual([expect.closeTo(1 / 3), 1]);
  });

  test("moves the replicas of every group towards its logit", () => {
    const host = new FakeHost({ endpoints: fleet });
    const { pilot } = pilotOn(host, untrained, "forced");
    const replicas = new Int32Array(3);
    const ordered = fleet.map((endpoint) => endpoint.replicas);
    const action = new Float32Array(8);
    for (let interval = 1; interval <= 30; interval++) {
      host.now += 1;
      host.arrive({ tier: interval % 3 });
      host.replicaOrders.length = 0;
      host.advance(10 * interval);
      pilot.learner.act("mean", pilot.observation.state, action);
      expect([...pilot.levels]).toEqual([...action.slice(6)].map((logit) => (1 + logit) / 2));
      for (let g = 0; g < 2; g++) {
        new ReplicaScaling(
          host.world as World,
          host,
          {} as ServiceEstimate,
          HAND_OVER_DEFAULTS,
        ).replicasOfLevel(g, pilot.levels[g], replicas);
      }
      for (const order of host.replicaOrders) {
        const step = Math.sign(replicas[order.endpoint] - ordered[order.endpoint]);
        expect(order.replicas).toBe(ordered[order.endpoint] + step);
        expect(step).not.toBe(0);
        ordered[order.endpoint] = order.replicas;
      }
    }
    // Nobody has trained it: its logits are near 0, so that every endpoint ends near the middle.
    expect(ordered).toEqual([...replicas]);
  });

  test("pays for the replicas ordered, by their price", () => {
    const host = new FakeHost({ endpoints: fleet });
    const { pilot } = pilotOn(host, { ...untrained, rewardReplicas: 2 }, "hand-over");
    // The heuristic adds a replica to both endpoints of the first group after two intervals of long waits.
    host.world.telemetry.utilisation.fill(0.9);
    host.world.telemetry.queuedPrefillTokens.set([1e5, 1e5, 0]);
    host.advance(20);
    expect(pilot.reward.terms.replicas).toBe(1);
    host.advance(30);
    expect(pilot.reward.terms.replicas).toBeCloseTo(14 / 12, 12);
    // Nothing was placed: cost and carbon count as 1.
    expect(pilot.reward.terms.reward).toBeCloseTo(-0.6 - (2 * 14) / 12, 12);
  });

  test("learns from the replicas that the heuristic ordered, as the logits that stand for them", () => {
    const host = new FakeHost({ endpoints: fleet });
    host.world.telemetry.utilisation.fill(0.9);
    const { pilot } = pilotOn(host, { ...untrained, referenceIntervals: 0 }, "train");
    host.advance(10);
    host.arrive({ tier: 0 });
    host.advance(20);
    const [{ action }] = transitionsOf(pilot.learner.save());
    expect([...action.slice(6)]).toEqual([expect.closeTo(2 / 3 - 1), 1]);
  });
});

const small = {
  controlSeconds: 0.5,
  violationWindowSeconds: 4,
  referenceIntervals: 4,
  minBuffer: 8,
  rampIntervals: 10,
  blockIntervals: 2,
  settleIntervals: 0,
  keepTransitions: 64,
  batch: 8,
  hidden: [8],
  epsilon: "off",
  dense: "typescript",
  qualifyErrors: 1e9,
};
const heuristic = { controlSeconds: 0.5, violationWindowSeconds: 4, epsilon: "off" };
const scaling = { scaling: true, scaleDownIntervals: 2 };
const endpoints = suiteEndpoints.map((e) => ({
  ...e,
  replicas: 2,
  minReplicas: 1,
  maxReplicas: 4,
  startupSeconds: 1,
}));
const setting = { endpoints, regions: suiteRegions, trace: { tiers: cedarTiers } };

function trained(parameters: object): Uint8Array {
  const router = cedar.training?.create(cedar.parameters.parse(parameters)) as LearningRouter;
  runParts(simulate, { ...setting, rows: suiteRows(1_000_003), router: router as unknown as Router });
  return router.learned().get(POLICY) as Uint8Array;
}

let known: Uint8Array | undefined;
/** A policy that scales, trained once. */
const policy = () => (known ??= trained({ ...small, ...scaling }));

function run(id: string, parameters: object, bytes?: Uint8Array) {
  const router = createRouter(findRouter(id), parameters, "test").router as Router;
  const artefacts = new Map(bytes === undefined ? [] : [[POLICY, bytes]]);
  const { sink } = runParts(simulate, { ...setting, rows: suiteRows(1), artefacts, router });
  return { placements: sink.placements, router };
}

test("cedar scales as its heuristic until SAC qualifies; policies of other sizes are refused", () => {
  const bytes = policy();
  const found = run("cedar", { ...small, ...scaling }, bytes).placements;
  expect(found).toEqual(run("cedar-heuristic", { ...heuristic, ...scaling }).placements);
  expect(found).not.toEqual(run("cedar-heuristic", heuristic).placements);
  const refused = (message: RegExp) =>
    expect.objectContaining({ code: "CANOPY_CHECKPOINT_SHAPE", message: expect.stringMatching(message) });
  expect(() => run("cedar", small, bytes)).toThrow(refused(/its states is /));
  const blind = { ...small, observeWeights: false };
  // Three tiers and one level by six groups.
  expect(() => run("cedar", { ...blind, ...scaling }, trained(blind))).toThrow(
    refused(/its actions is 18, expected 24;/),
  );
});

test("cedar-sac orders and releases replicas of a simulated fleet, after as many intervals as it is told", () => {
  const { qualifyErrors: _, ...forced } = { ...small, ...scaling };
  const bytes = policy();
  const { placements, router } = run("cedar-sac", forced, bytes);
  expect(placements).toHaveLength(suiteRows(1).length);
  expect(router.figures?.()).toMatchObject({ sac_decision_share: 1 });
  const never = { scaleUpIntervals: 1000, scaleDownIntervals: 1000 };
  expect(run("cedar-sac", { ...forced, ...never }, bytes).placements).not.toEqual(placements);
});

test("scaling on a fleet of fixed replicas is said to change nothing", () => {
  const host = new FakeHost({ endpoints: [{ replicas: 4 }] });
  host.world.endpoints.minReplicas[0] = 4;
  const { pilot } = pilotOn(host, untrained, "forced");
  expect(pilot.notes().join(" ")).toContain("no endpoint of the fleet has bounds");
});
