import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { Stream } from "../../../src/numeric/random.ts";
import { POLICY } from "../../../src/routers/cedar/policy-learner.ts";
import { type RequestFlight, RequestTransitions } from "../../../src/routers/cedar/request-transitions.ts";
import { cedar, cedarSac } from "../../../src/routers/cedar/sac-definitions.ts";
import type { LearningRouter, Router } from "../../../src/routers/contract.ts";
import { createRouter } from "../../../src/routers/registry.ts";
import { simulate } from "../../../src/simulator/simulate.ts";
import { runParts } from "../../oracle/build.ts";
import { cedarTiers, FakeHost } from "../fake-host.ts";
import { suiteEndpoints, suiteRegions, suiteRows } from "../suite-rows.ts";
import { pilotOn, transitionsOf } from "./pilot-runs.ts";

const HIGH = 0;
const LOW = 2;

describe("flights of requests", () => {
  const made = (share: number) =>
    new RequestTransitions({ stateSize: 1, actionSize: 1, share }, new Stream(1, "flights"));

  test("are used again: room grows with the requests at a time, not with their number", () => {
    const flights = made(1);
    const ended: number[] = [];
    const take = ({ state }: RequestFlight) => void ended.push(state[0]);
    for (let request = 0; request < 5000; request++) {
      const flight = flights.begin(request) as RequestFlight;
      flight.state[0] = request;
      flight.knowsAction = true;
      if (request >= 100) flights.end(request - 100, take);
    }
    expect(ended).toEqual(Array.from({ length: 4900 }, (_, request) => request));
    expect(flights.count).toBe(100);
    expect(flights.capacity).toBe(128);
  });

  test("wait for their action, and are handed on with it once they have ended", () => {
    const flights = made(1);
    const taken: number[][] = [];
    const take = ({ state, action }: RequestFlight) => void taken.push([state[0], action[0]]);
    for (const request of [7, 8, 9]) (flights.begin(request) as RequestFlight).state[0] = request;
    flights.end(8, take);
    expect(flights.find(8)).toBeUndefined();
    expect(taken).toEqual([]);
    // The number of a request that has ended is used again.
    (flights.begin(8) as RequestFlight).state[0] = 18;
    flights.acted(Float32Array.of(0.5), take);
    expect(taken).toEqual([[8, 0.5]]);
    flights.forget(9);
    for (const request of [7, 8]) flights.end(request, take);
    expect(taken).toEqual([
      [8, 0.5],
      [7, 0.5],
      [18, 0.5],
    ]);
    expect(flights.count).toBe(0);
  });

  test("are a share of the requests, drawn by requests of their own", () => {
    const flights = made(0.05);
    const followed = Array.from({ length: 100_000 }, (_, r) => flights.begin(r) !== undefined);
    const count = followed.filter(Boolean).length;
    // Binomial: 5,000 with a standard deviation of 69.
    expect(Math.abs(count - 5000)).toBeLessThan(4 * 69);
    // One that is followed says nothing of the next: 5,000 pairs times 0.05, a standard deviation of 15.4.
    const pairs = followed.filter((is, r) => is && followed[r + 1] === true).length;
    expect(Math.abs(pairs - 0.05 * count)).toBeLessThan(4 * 15.4);
  });
});

/** Two endpoints, a group each; 1,000 prompt tokens take 0.1 s, and cost 1e-4 and 2e-4 USD. */
const world = () =>
  new FakeHost({
    endpoints: [
      { region: 0, usdPerReplicaSecond: 0.001 },
      { region: 1, usdPerReplicaSecond: 0.002 },
    ],
    carbon: [400, 100],
  });
/** 9 of the tiers, 6 of the groups; then carbon by region. */
const CARBON_AT = 15;
const request = {
  transition: "request",
  requestShare: 1,
  minBuffer: 1000,
  referenceIntervals: 0,
  dense: "typescript",
  hidden: [8],
  epsilon: "off",
};

describe("transition: request, by hand", () => {
  test("state and action at dispatch, reward and state at completion", () => {
    const host = world();
    const { pilot } = pilotOn(host, request, "forced");
    host.now = 1;
    const first = host.arrive({ tier: HIGH });
    const action = new Float32Array(6);
    pilot.learner.act("mean", pilot.observation.state, action);
    host.now = 4;
    host.fetch([200, 300]);
    host.finish(first, {
      sloMet: false,
      costUsd: 5e-4,
      carbonGrams: 1,
      ttftSeconds: 0.7,
      promptTokens: 1000,
    });
    // At once: the action of a learned policy is known. Of round robin nothing is.
    expect(pilot.learner.transitions).toBe(1);

    host.advance(10);
    // Round robin pays 1.5e-4 on average for the prompt, and for 100 outputs that take 0.01 / 16 s each.
    const usd = 1.5e-4 * (1 + (100 * 0.01) / 16 / 0.1);
    expect(pilot.reward.reference[0]).toBeCloseTo(usd, 12);
    const grams = pilot.reward.reference[1];
    const second = host.arrive({ tier: LOW });
    pilot.learner.act("mean", pilot.observation.state, action);
    host.advance(12);
    host.finish(second, { sloMet: true, costUsd: 2 * usd, carbonGrams: 3 * grams });

    const [a, b] = transitionsOf(pilot.learner.save());
    expect(a.reward).toBeCloseTo(-3 - 0.3 - 0.3, 5);
    expect([...a.state.slice(CARBON_AT, CARBON_AT + 2)]).toEqual([expect.closeTo(0.8), expect.closeTo(0.2)]);
    expect([...a.nextState.slice(CARBON_AT, CARBON_AT + 2)]).toEqual([
      expect.closeTo(0.4),
      expect.closeTo(0.6),
    ]);
    // First token after 0.7 s, 0.1 s of it its own prompt: 0.6 s of wait, and no finer than 1/16 of 0.5 s.
    expect([a.state[1], a.nextState[1]]).toEqual([0, 1.25]);
    expect(b.reward).toBeCloseTo(-0.3 * 2 - 0.3 * 3, 5);
    expect([...b.action]).toEqual([...action]);
  });

  test("what the heuristic did is the action of its requests once the interval is over", () => {
    const host = world();
    const { pilot } = pilotOn(host, request, "train");
    host.advance(10);
    host.now = 11;
    const done = host.arrive({ tier: HIGH });
    const late = host.arrive({ tier: LOW });
    const at = host.placements.map(({ endpoint }) => endpoint);
    host.now = 12;
    host.finish(done, { sloMet: true });
    expect(pilot.learner.transitions).toBe(0);
    host.advance(20);
    expect(pilot.learner.transitions).toBe(1);
    host.advance(50);
    host.finish(late, { sloMet: true });
    const all = transitionsOf(pilot.learner.save());
    expect(all).toHaveLength(2);
    for (const { action } of all) {
      // All of HIGH and LOW went to one group each; of MED there was nothing, and its even target stands.
      for (const [tier, endpoint] of [
        [HIGH, at[0]],
        [LOW, at[1]],
      ]) {
        expect([...action.slice(2 * tier, 2 * tier + 2)]).toEqual(endpoint === 0 ? [1, -1] : [-1, 1]);
      }
    }
  });

  test("a request that comes back counts from its last dispatch, once", () => {
    const host = world();
    const { pilot } = pilotOn(host, request, "forced");
    host.now = 1;
    const lost = host.arrive({ tier: HIGH });
    const [{ endpoint }] = host.placements;
    host.now = 5;
    host.fetch([100, 100]);
    host.down(endpoint);
    expect(host.placements.map((placement) => placement.request)).toEqual([lost, lost]);
    host.finish(lost, { sloMet: true });
    const all = transitionsOf(pilot.learner.save());
    expect(all).toHaveLength(1);
    expect([...all[0].state.slice(CARBON_AT, CARBON_AT + 2)]).toEqual([
      expect.closeTo(0.2),
      expect.closeTo(0.2),
    ]);
  });

  test("under the Lagrangian constraint a request pays the dual of its tier", () => {
    const host = world();
    const dual = { ...request, epsilon: 0.2, constraint: "lagrangian", dualLearningRate: 0.5 };
    const { pilot } = pilotOn(host, { ...dual, fallbackAfterIntervals: 100 }, "forced");
    host.now = 1;
    const late = host.arrive({ tier: HIGH });
    host.finish(late, { sloMet: false });
    // The dual of HIGH is then 0.5 (1 - 0.2).
    host.advance(10);
    for (const sloMet of [true, false]) host.finish(host.arrive({ tier: HIGH }), { sloMet });
    const [none, met, missed] = transitionsOf(pilot.learner.save()).map(({ reward }) => reward);
    expect(none).toBeCloseTo(-3 - 0.6, 5);
    expect(missed - met).toBeCloseTo(-3 - 0.4, 5);
  });
});

const small = {
  controlSeconds: 0.5,
  referenceIntervals: 4,
  minBuffer: 8,
  rampIntervals: 10,
  blockIntervals: 2,
  settleIntervals: 0,
  keepTransitions: 2000,
  batch: 8,
  hidden: [8],
  epsilon: "off",
  dense: "typescript",
};
const setting = { endpoints: suiteEndpoints, regions: suiteRegions, trace: { tiers: cedarTiers } };

function train(parameters: object) {
  const router = cedar.training?.create(
    cedar.parameters.parse({ ...small, ...parameters }),
  ) as LearningRouter;
  const { sink } = runParts(simulate, {
    ...setting,
    rows: suiteRows(1_000_003),
    router: router as unknown as Router,
  });
  const bytes = router.learned().get(POLICY) as Uint8Array;
  return { bytes, sink, updates: router.figures?.()["policy_updates"] };
}

describe("transition: request, in a simulation", () => {
  const violationsOnly = { rewardCost: 0, rewardCarbon: 0, rewardOscillation: 0 };
  const all = train({ transition: "request", requestShare: 1, ...violationsOnly });
  const intervals = train({});

  test("rewards are those of the requests, each once", () => {
    const kept = transitionsOf(all.bytes);
    // Recorded from second 2 on, after the intervals of round robin; the last interval's actions are not known.
    const dispatched = new Map(all.sink.placements.map(({ id, atSeconds }) => [id, atSeconds]));
    const of = (from: number, to: number) =>
      all.sink.rows.filter(({ id }) => {
        const at = dispatched.get(id) as number;
        return at > from && at <= to;
      });
    const rewardOf = ({ tier, ttftSeconds }: (typeof all.sink.rows)[number]) =>
      ttftSeconds <= cedarTiers[tier].sloSeconds ? 0 : -(3 - tier);
    const histogram = (rewards: readonly number[]) =>
      [0, -1, -2, -3].map((value) => rewards.filter((reward) => reward === value).length);
    const least = histogram(of(2, 19.5).map(rewardOf));
    const most = histogram(of(2, Number.POSITIVE_INFINITY).map(rewardOf));
    const found = histogram(kept.map(({ reward }) => reward));
    expect(found.reduce((a, b) => a + b)).toBe(kept.length);
    expect(found[3] + found[2] + found[1]).toBeGreaterThan(10);
    for (let i = 0; i < 4; i++) {
      expect(found[i]).toBeGreaterThanOrEqual(least[i]);
      expect(found[i]).toBeLessThanOrEqual(most[i]);
    }
  });

  test("a share of them is kept, and updates are as many as with intervals", () => {
    const count = transitionsOf(all.bytes).length;
    const { bytes } = train({ transition: "request", requestShare: 0.2, ...violationsOnly });
    const part = transitionsOf(bytes).length;
    expect(Math.abs(part - 0.2 * count)).toBeLessThan(4 * Math.sqrt(0.16 * count));
    expect(intervals.updates).toBeGreaterThan(20);
    expect(all.updates).toBe(intervals.updates);
  });

  test("a policy of intervals does not go on with requests, nor the other way", () => {
    const run = (bytes: Uint8Array, parameters: object) => {
      const router = createRouter(cedar, { ...small, ...parameters }, "test").router as Router;
      runParts(simulate, {
        ...setting,
        rows: suiteRows(1).slice(0, 20),
        artefacts: new Map([[POLICY, bytes]]),
        router,
      });
    };
    expect(() => run(all.bytes, { transition: "request" })).not.toThrow();
    expect(() => run(intervals.bytes, { transition: "request" })).toThrow(
      "its transitions is not given, expected request",
    );
    expect(() => run(all.bytes, {})).toThrow("its transitions is request, expected none");
  });

  test("intervals are the default, whatever is said of requests", () => {
    const { bytes } = train({ transition: "interval", requestShare: 1, rewardReplicas: 5 });
    expect(Buffer.from(bytes).equals(intervals.bytes)).toBe(true);
  });
});

test("a wrong word or share is refused by name", () => {
  const refuse = (parameters: object) => () => createRouter(cedarSac, parameters, "routers.0");
  expect(refuse({ transition: "requests" })).toThrow(/transition/);
  expect(refuse({ requestShare: 0 })).toThrow(/requestShare/);
  expect(refuse({ requestShare: 1.5 })).toThrow(/requestShare/);
  expect(refuse({ rewardReplicas: -1 })).toThrow(/rewardReplicas/);
});

// From process to process V8 boxes a number of a request (16 bytes) or none, as it compiles the probe.
test("a request that is followed to its end allocates one boxed number at most", async () => {
  const probe = fileURLToPath(new URL("./allocation-probe.ts", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", "--import", "tsx", probe]);
  const { bytesPerRequest, kept } = JSON.parse(stdout);
  expect(kept).toBe(100_000);
  expect(bytesPerRequest).toBeLessThan(17);
}, 120_000);
