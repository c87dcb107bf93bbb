import { describe, expect, test } from "vitest";
import { saveCheckpoint } from "../../../src/learning/checkpoint/checkpoint.ts";
import type { Dense } from "../../../src/learning/dense/dense.ts";
import { typescriptDense } from "../../../src/learning/dense/typescript-dense.ts";
import { makeBatch, type TransitionShape } from "../../../src/learning/replay/batch.ts";
import { ReplayBuffer } from "../../../src/learning/replay/replay-buffer.ts";
import { Sac, type SacOptions } from "../../../src/learning/sac/sac.ts";
import { Stream } from "../../../src/numeric/random.ts";
import { backendsHere } from "../dense/backends.ts";

const SHAPE: TransitionShape = { state: 5, action: 4, goal: 2, metrics: 0 };
const OPTIONS: SacOptions = {
  stateSize: 5,
  actionSize: 4,
  goalSize: 2,
  actorHidden: [16, 12],
  criticHidden: [20, 20],
  centredGroup: 2,
};
const NONE = new Float32Array(0);

function noisyBuffer(): ReplayBuffer {
  const random = new Stream(3, "transitions");
  const buffer = new ReplayBuffer(SHAPE, 200);
  const draw = (count: number) => Array.from({ length: count }, () => random.normal());
  for (let k = 0; k < 200; k++) {
    buffer.push({
      state: draw(5),
      action: draw(4).map(Math.tanh),
      reward: random.normal(),
      nextState: draw(5),
      done: k % 7 === 0,
      goal: draw(2),
    });
  }
  return buffer;
}

function trained(dense: Dense, updates: number, options: Partial<SacOptions> = {}, seed = 1): Sac {
  const sac = new Sac(dense, { ...OPTIONS, ...options }, seed);
  const buffer = noisyBuffer();
  const batch = makeBatch(SHAPE, 32);
  const random = new Stream(seed, "sample");
  for (let k = 0; k < updates; k++) {
    buffer.sample(random, 32, batch);
    sac.update(batch);
  }
  return sac;
}

describe.each(backendsHere())("$name", ({ dense }) => {
  test("the same seed gives the same bytes, another seed others", () => {
    const bytes = saveCheckpoint(trained(dense, 40));
    expect(saveCheckpoint(trained(dense, 40))).toEqual(bytes);
    expect(saveCheckpoint(trained(dense, 40, {}, 2))).not.toEqual(bytes);
  });

  test("agrees with TypeScript to rounding over fifteen updates", () => {
    const [here, reference] = [trained(dense, 15), trained(typescriptDense(), 15)];
    for (const name in here.networks) {
      const [ours, theirs] = [here.networks[name].parameters, reference.networks[name].parameters];
      ours.forEach((value, i) => {
        expect(Math.abs(value - theirs[i]), name).toBeLessThan(2e-4);
      });
    }
    expect(here.figures.criticLoss).toBeCloseTo(reference.figures.criticLoss, 3);
  });
});

describe("soft actor-critic", () => {
  const dense = typescriptDense();

  test("targets start equal to the critics and follow them by tau", () => {
    const sac = new Sac(dense, OPTIONS, 1);
    expect(sac.arrays["target.0"]).toEqual(sac.networks["critic.0"].parameters);
    const before = sac.arrays["target.0"].slice();
    const buffer = noisyBuffer();
    const batch = makeBatch(SHAPE, 32);
    buffer.sample(new Stream(1, "sample"), 32, batch);
    sac.update(batch);
    const online = sac.networks["critic.0"].parameters;
    expect(online).not.toEqual(before);
    sac.arrays["target.0"].forEach((value, i) => {
      expect(value).toBeCloseTo(0.005 * online[i] + 0.995 * before[i], 6);
    });
  });

  test("one-step targets are the rewards alone, as if every transition were an episode's last", () => {
    const sac = trained(dense, 1, { oneStep: true });
    const buffer = noisyBuffer();
    const batch = makeBatch(SHAPE, 32);
    buffer.sample(new Stream(1, "sample"), 32, batch);
    const mean = batch.rewards.reduce((sum, reward) => sum + reward / 32, 0);
    expect(sac.figures.meanTarget).toBeCloseTo(mean, 6);
    expect(trained(dense, 1).figures.meanTarget).not.toBeCloseTo(mean, 3);
  });

  test("critics do not tell actions apart that differ by a shift of a group", () => {
    const sac = trained(dense, 5);
    const state = Float32Array.of(1, 2, 3, 4, 5);
    const goal = Float32Array.of(0.5, 0.5);
    const value = (actions: number[]) => {
      const values = new Float64Array(1);
      sac.values(state, Float32Array.from(actions), goal, 1, { values });
      return values[0];
    };
    const here = value([0.1, -0.2, 0.3, 0.4]);
    expect(value([0.4, 0.1, 0.1, 0.2])).toBeCloseTo(here, 5);
    expect(value([0.1, 0.2, 0.3, 0.4])).not.toBeCloseTo(here, 4);
  });

  test("a delayed policy is updated as often in total", () => {
    const steps = (sac: Sac) => sac.networks["actor.rest"].adam.steps;
    expect([1, 2, 3, 4].map((updates) => steps(trained(dense, updates, { policyDelay: 2 })))).toEqual([
      0, 2, 2, 4,
    ]);
    expect(steps(trained(dense, 3))).toBe(3);
  });

  test("a goal is seen through FiLM once that has learnt, and not before", () => {
    const untrained = new Sac(dense, OPTIONS, 1);
    const learnt = trained(dense, 30);
    const state = Float32Array.of(1, 2, 3, 4, 5);
    const act = (sac: Sac, goal: number[]) => {
      const actions = new Float32Array(4);
      sac.act("mean", state, Float32Array.from(goal), 1, actions);
      return actions;
    };
    expect(act(untrained, [1, 0])).toEqual(act(untrained, [0, 1]));
    expect(act(learnt, [1, 0])).not.toEqual(act(learnt, [0, 1]));
  });

  test("settings that contradict each other are refused", () => {
    expect(() => new Sac(dense, { ...OPTIONS, centredGroup: 3 }, 1)).toThrow("4 actions are no whole number");
    expect(() => new Sac(dense, { ...OPTIONS, goalSize: 0, conditioning: "film" }, 1)).toThrow(
      "needs a goal",
    );
    expect(() => new Sac(dense, { ...OPTIONS, policyDelay: 0 }, 1)).toThrow("policy's delay");
    expect(() => new Sac(dense, { ...OPTIONS, initialAlpha: 0 }, 1)).toThrow("alpha starts at 0");
    expect(() => new Sac(dense, { ...OPTIONS, actorHidden: [] }, 1)).toThrow("hidden layer");
  });
});

/** The toy problems' networks are smaller than a task's would be, for the sake of the tests' duration. */
const TOY: SacOptions = {
  stateSize: 1,
  actionSize: 1,
  actorHidden: [24, 24],
  criticHidden: [24, 24],
  gamma: 0.95,
  actorLearningRate: 1e-3,
  criticLearningRate: 2e-3,
};

describe("toy problems", () => {
  const dense = typescriptDense();
  const shape: TransitionShape = { state: 1, action: 1, goal: 0, metrics: 0 };

  test("bandit: 3,000 updates find the action 0.3", () => {
    const sac = new Sac(dense, { ...TOY, oneStep: true }, 1);
    const buffer = new ReplayBuffer(shape, 3000);
    const batch = makeBatch(shape, 32);
    const random = new Stream(1, "sample");
    const [state, action] = [Float32Array.of(1), new Float32Array(1)];
    for (let k = 0; k < 3000; k++) {
      sac.act("explore", state, NONE, 1, action);
      buffer.push({ state, action, reward: -((action[0] - 0.3) ** 2), nextState: state, done: true });
      buffer.sample(random, 32, batch);
      sac.update(batch);
    }
    sac.act("mean", state, NONE, 1, action);
    expect(Math.abs(action[0] - 0.3)).toBeLessThan(0.05);
  });

  test("s' = s + 0.1 a, r = -s^2: after 5,000 steps within 5 % of the best that |a| <= 1 allows", () => {
    const start = 1;
    const discounted = (policy: (s: number) => number) => {
      let [s, total] = [start, 0];
      for (let t = 0; t < 400; t++) {
        total -= 0.95 ** t * s ** 2;
        s += 0.1 * policy(s);
      }
      return total;
    };
    const best = discounted((s) => -Math.min(1, Math.max(-1, 10 * s)));
    expect(best).toBeCloseTo(-3.4672, 4);

    const sac = new Sac(dense, TOY, 1);
    const buffer = new ReplayBuffer(shape, 5000);
    const batch = makeBatch(shape, 32);
    const random = new Stream(1, "sample");
    const [state, next, action] = [new Float32Array(1), new Float32Array(1), new Float32Array(1)];
    for (let k = 0; k < 5000; k++) {
      // Cut after 40 steps, which ends no episode: the value of the next state still counts.
      if (k % 40 === 0) state[0] = 2.4 * random.uniform() - 1.2;
      if (k < 200) action[0] = 2 * random.uniform() - 1;
      else sac.act("explore", state, NONE, 1, action);
      next[0] = state[0] + 0.1 * action[0];
      buffer.push({ state, action, reward: -(state[0] ** 2), nextState: next, done: false });
      state[0] = next[0];
      if (k < 200) continue;
      buffer.sample(random, 32, batch);
      sac.update(batch);
    }
    const learnt = discounted((s) => {
      sac.act("mean", Float32Array.of(s), NONE, 1, action);
      return action[0];
    });
    expect(learnt).toBeLessThanOrEqual(best + 1e-9);
    expect(learnt / best).toBeLessThan(1.05);
  });
});
