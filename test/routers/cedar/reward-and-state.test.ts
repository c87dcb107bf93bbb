import { describe, expect, test } from "vitest";
import { ROW, WAIT } from "../../../src/routers/cedar/coefficients.ts";
import { ServiceEstimate } from "../../../src/routers/cedar/estimate.ts";
import { IntervalReward, rewardOf } from "../../../src/routers/cedar/interval-reward.ts";
import { Observation } from "../../../src/routers/cedar/observation.ts";
import { HEURISTIC, RewardCurve, SAC } from "../../../src/routers/cedar/reward-curve.ts";
import { HAND_OVER_DEFAULTS } from "../../../src/routers/cedar/sac-parameters.ts";
import { BUDGET, EndpointScore, OUTPUTS, TOKENS } from "../../../src/routers/cedar/score.ts";
import type { World } from "../../../src/routers/contract.ts";
import { FakeHost } from "../fake-host.ts";

const HIGH = 0;
const MED = 1;
const LOW = 2;

/**
 * Two large endpoints and a small one: 1,000 prompt tokens take 0.1 s and cost 1, 2 and 4 hundredths of a cent; a step
 * at the reference batch of 16 costs a sixteenth of 0.01 s.
 */
function smallWorld() {
  const host = new FakeHost({
    endpoints: [
      { region: 0, usdPerReplicaSecond: 0.001, roundTripSeconds: 0.05 },
      { region: 1, usdPerReplicaSecond: 0.002 },
      { region: 2, usdPerReplicaSecond: 0.004, large: false },
    ],
    carbon: [400, 100, 250],
  });
  const world = host.world as World;
  const estimate = new ServiceEstimate(world, { queue: true, meanModel: false });
  const all = Int32Array.of(0, 1, 2);
  const options = { ...HAND_OVER_DEFAULTS, slack: true, meanModel: false };
  const score = new EndpointScore(world, estimate, all, new Uint8Array(3), options);
  estimate.refreshAll();
  score.refreshCarbon();
  score.classes.sync();
  score.query[TOKENS] = 1000;
  score.query[OUTPUTS] = 0;
  score.query[BUDGET] = 0.5;
  return { host, world, score };
}

type Ended = Partial<{ sloMet: boolean; costUsd: number; carbonGrams: number; ttftSeconds: number }>;

describe("reward", () => {
  test("of the specification's facts is -0.77", () => {
    const violations = 3 * 0.1 + 2 * 0.05 + 1 * 0.02;
    expect(
      rewardOf({ violations, cost: 0.5, carbon: 0.6, oscillation: 0.2, replicas: 0 }, HAND_OVER_DEFAULTS),
    ).toBeCloseTo(-0.77, 12);
  });

  test("of an interval, by hand", () => {
    const { host, world, score } = smallWorld();
    const reward = new IntervalReward(world, score, HAND_OVER_DEFAULTS);
    const ends = (tier: number, fields: Ended) => {
      Object.assign(host.world.completed, { endpoint: 0, ...fields });
      reward.completed(tier);
    };
    reward.placed(HIGH, 0, 1);
    reward.placed(LOW, 2, 0);
    ends(HIGH, { sloMet: false, costUsd: 3e-4, carbonGrams: 0.01 });
    ends(HIGH, { sloMet: true, costUsd: 1e-4, carbonGrams: 0.01 });
    ends(MED, { sloMet: true, costUsd: 2e-4, carbonGrams: 0.01 });
    ends(LOW, { sloMet: true, costUsd: 2e-4, carbonGrams: 0.01 });
    reward.close();
    // Round robin would pay 1.5e-4 for the one that needs the large model, 7/3 e-4 for the other.
    const roundRobin = (1.5e-4 + (7 / 3) * 1e-4) / 2;
    expect(reward.reference[0]).toBeCloseTo(roundRobin, 15);
    // 500 W over 0.1 s at 400, 100 and 250 g/kWh: the two large ones 250 on average, all three 250.
    const grams = ((500 * 0.1) / 3.6e6) * 250;
    expect(reward.reference[1]).toBeCloseTo(grams, 12);
    expect(reward.terms).toEqual({
      violations: 3 * 0.5,
      cost: expect.closeTo(2e-4 / roundRobin, 9),
      carbon: expect.closeTo(0.01 / grams, 9),
      oscillation: 0,
      replicas: 0,
      reward: expect.closeTo(-1.5 - (0.3 * 2e-4) / roundRobin - (0.3 * 0.01) / grams, 9),
    });

    // Shares (1/2, 0, 1/2), then (0, 1, 0): 1/3 (1/2 + 1 + 1/2). Nothing ended: cost and carbon count as 1.
    reward.open();
    reward.placed(HIGH, 1, 1);
    reward.close();
    expect(reward.terms.oscillation).toBeCloseTo(2 / 3, 12);
    expect(reward.terms.reward).toBeCloseTo(-0.3 - 0.3 - 0.1 * (2 / 3), 12);
    expect(reward.reference[0]).toBeCloseTo(0.95 * roundRobin + 0.05 * 1.5e-4, 15);
  });

  test("of a request is that of an interval in which it alone ended", () => {
    const { host, world, score } = smallWorld();
    const reward = new IntervalReward(world, score, HAND_OVER_DEFAULTS);
    const ends = (tier: number, fields: Ended) => {
      Object.assign(host.world.completed, { endpoint: 0, ...fields });
      reward.request(tier);
      return reward.requestTerms;
    };
    // Nothing is known of round robin yet: cost and carbon count as 1.
    expect(ends(MED, { sloMet: false, costUsd: 3e-4, carbonGrams: 0.01 })).toEqual({
      violations: 2,
      cost: 1,
      carbon: 1,
      oscillation: 0,
      replicas: 0,
      reward: expect.closeTo(-2 - 0.3 - 0.3, 12),
    });
    // Shares (1, 0, 0), then (0, 1, 0): 2/3. Round robin would pay 1.5e-4 for each, at 250 g/kWh.
    reward.placed(HIGH, 0, 1);
    reward.close();
    reward.open();
    reward.placed(HIGH, 1, 1);
    reward.close();
    reward.open();
    const grams = ((500 * 0.1) / 3.6e6) * 250;
    expect(ends(LOW, { sloMet: true, costUsd: 3e-4, carbonGrams: 0.5 * grams })).toEqual({
      violations: 0,
      cost: expect.closeTo(2, 12),
      carbon: expect.closeTo(0.5, 12),
      oscillation: expect.closeTo(2 / 3, 12),
      replicas: 0,
      reward: expect.closeTo(-0.6 - 0.15 - 0.1 * (2 / 3), 12),
    });
    // The same request in an interval of its own.
    reward.placed(HIGH, 1, 1);
    reward.completed(LOW);
    reward.close();
    const { oscillation, ...own } = reward.terms;
    expect(oscillation).toBe(0);
    expect(own).toMatchObject({
      violations: 0,
      cost: expect.closeTo(2, 12),
      carbon: expect.closeTo(0.5, 12),
    });
  });

  test("what was paid under round robin corrects the estimate of it", () => {
    const { host, world, score } = smallWorld();
    const reward = new IntervalReward(world, score, HAND_OVER_DEFAULTS);
    for (let interval = 0; interval < 2; interval++) {
      reward.placed(HIGH, interval, 1);
      Object.assign(host.world.completed, { sloMet: true, costUsd: 6e-4, carbonGrams: 0.02 });
      reward.completed(HIGH);
      reward.close();
      reward.open();
    }
    reward.calibrate();
    expect(reward.reference[2]).toBeCloseTo(4, 12);
    reward.placed(HIGH, 0, 1);
    reward.completed(HIGH);
    reward.close();
    expect(reward.terms.cost).toBeCloseTo(1, 12);
    expect(reward.terms.carbon).toBeCloseTo(1, 12);
  });
});

test("state of a small world, by hand", () => {
  const { host, world, score } = smallWorld();
  const { telemetry, completed } = host.world;
  const observation = new Observation(world, score, HAND_OVER_DEFAULTS);
  expect(observation.size).toBe(9 + 12 + 3 + 9);

  // Endpoint 0 has 1,000 tokens queued: est 0.2 s, network 0.05 s, so a quarter of a second of slack in half a second.
  telemetry.queuedPrefillTokens[0] = 1000;
  expect(score.table[ROW * 0 + WAIT]).toBeCloseTo(1e-4, 12);
  observation.placed(HIGH, 0);
  // Endpoint 1 leaves 0.4 s.
  observation.placed(HIGH, 1);
  telemetry.utilisation.set([0.5, 0.25, 0]);
  telemetry.kvFraction.set([0.1, 0.2, 0.3]);
  // First token after 0.35 s: less 0.05 s of network and 0.1 s of its own prompt, 0.2 s of 0.5 s: bin 6, which ends at 7/16.
  Object.assign(completed, { endpoint: 0, ttftSeconds: 0.35, promptTokens: 1000, outputTokens: 9000 });
  observation.completed(HIGH);

  const weights = world.tiers.map((_, q) => Float64Array.of(q === 0 ? 0.2 : 0.3, 0.3, 0.4));
  observation.close((tier) => (tier === LOW ? 50 : 0), weights);
  const expected = [
    ...[0, 7 / 16, (0.25 + 0.4) / 2 / 0.5],
    ...[0, 0, 1],
    ...[0.5, 0, 1],
    // 10,000 tokens in 10 s at an endpoint that prefills 10,000 a second.
    ...[0.1, 0.5, 0.1],
    ...[0, 0.25, 0.2],
    ...[0, 0, 0.3],
    ...[0.8, 0.2, 0.5],
    ...[0.25, 0.5, 1],
    ...[0.2, 0.3, 0.4, 0.3, 0.3, 0.4, 0.3, 0.3, 0.4],
  ];
  expect([...observation.state]).toEqual(expected.map((value) => expect.closeTo(value, 6)));

  // Waits count for 30 s, the slack of the last placements stays.
  for (let interval = 1; interval <= 3; interval++) {
    observation.close(() => 0, weights);
    expect(observation.state[1]).toBeCloseTo(interval < 3 ? 7 / 16 : 0, 6);
    expect(observation.state[2]).toBeCloseTo(0.65, 6);
  }
  // Within an interval: half of the last interval's tokens and slack, whose placements were none, and the new ones.
  observation.placed(HIGH, 1);
  observation.completed(HIGH);
  observation.close(() => 0, weights, { now: 30 });
  observation.placed(HIGH, 0);
  observation.completed(HIGH);
  const within = new Float32Array(observation.size);
  observation.read(() => 0, weights, { now: 35 }, within);
  expect(within[1]).toBeCloseTo(7 / 16, 6);
  // Half a placement with a slack of 0.8 objectives, one with 0.5.
  expect(within[2]).toBeCloseTo((0.5 * 0.8 + 0.5) / 1.5, 6);
  expect(within[9]).toBeCloseTo(0.15, 6);
  // At the end of the interval it is the state that ends it.
  observation.read(() => 0, weights, { now: 40 }, within);
  observation.close(() => 0, weights, { now: 40 });
  expect([...within]).toEqual([...observation.state]);

  const plain = new Observation(world, score, { ...HAND_OVER_DEFAULTS, observeWeights: false });
  expect(plain.size).toBe(24);
});

test("a curve halves its bins when they are full, and keeps the means", () => {
  const curve = new RewardCurve();
  for (let i = 0; i < 800; i++) curve.add(i % 4 === 3 ? SAC : i % 4 === 2 ? -1 : HEURISTIC, i);
  const heuristic = curve.line(HEURISTIC);
  expect(heuristic.x).toHaveLength(200);
  expect([heuristic.x[0], heuristic.y[0]]).toEqual([2, 0.5]);
  expect([heuristic.x[199], heuristic.y[199]]).toEqual([798, 796.5]);
  expect(curve.line(SAC).y[1]).toBe(7);
});
