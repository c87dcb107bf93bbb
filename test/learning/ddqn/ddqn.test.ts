import { describe, expect, test } from "vitest";
import { saveCheckpoint } from "../../../src/learning/checkpoint/checkpoint.ts";
import { Ddqn, type DdqnOptions, doubleQValue } from "../../../src/learning/ddqn/ddqn.ts";
import { federatedAverage } from "../../../src/learning/ddqn/federated-average.ts";
import type { Dense } from "../../../src/learning/dense/dense.ts";
import { typescriptDense } from "../../../src/learning/dense/typescript-dense.ts";
import { makeBatch, type TransitionShape } from "../../../src/learning/replay/batch.ts";
import { ReplayBuffer } from "../../../src/learning/replay/replay-buffer.ts";
import { Stream } from "../../../src/numeric/random.ts";
import { backendsHere } from "../dense/backends.ts";
import { differences, reference, relativeError } from "../sac/reference.ts";

const SHAPE: TransitionShape = { state: 3, action: 1, goal: 0, metrics: 0 };
const OPTIONS: DdqnOptions = { stateSize: 3, actions: 2, hidden: [4], targetEvery: 3 };

function noisyBatch(rows: number) {
  const random = new Stream(7, "transitions");
  const buffer = new ReplayBuffer(SHAPE, rows);
  const draw = () => Array.from({ length: 3 }, () => random.normal());
  for (let k = 0; k < rows; k++) {
    buffer.push({
      state: draw(),
      action: [k % 2],
      reward: random.normal(),
      nextState: draw(),
      done: k % 3 === 0,
    });
  }
  const batch = makeBatch(SHAPE, rows);
  for (let k = 0; k < rows; k++) buffer.copyOut(k, batch, k);
  batch.rows = rows;
  return batch;
}

test("the network chooses the next action, the target values it: 1 + 0.95 x 0.7 = 1.665", () => {
  expect(1 + 0.95 * doubleQValue([9, 0.2, 0.8], [9, 5, 0.7], 1, 2)).toBeCloseTo(1.665, 12);
});

describe.each(backendsHere())("$name", ({ dense }) => {
  test("the gradient equals central differences in double, the targets being fixed", () => {
    const ddqn = new Ddqn(dense, OPTIONS, 1);
    const batch = noisyBatch(6);
    const { shape, parameters } = ddqn.networks.online;
    const row = (matrix: Float32Array, r: number) => [...matrix.subarray(3 * r, 3 * r + 3)];
    const targets = Array.from({ length: 6 }, (_, r) => {
      const next = reference(shape, parameters, row(batch.nextStates, r));
      // Network and target are still equal.
      return batch.rewards[r] + 0.95 * (1 - batch.done[r]) * Math.max(...next);
    });
    const loss = (moved: ArrayLike<number>) =>
      targets.reduce((sum, target, r) => {
        const value = reference(shape, moved, row(batch.states, r))[batch.actions[r]];
        return sum + (value - target) ** 2 / 6;
      }, 0);
    const expected = differences(parameters, loss);
    const before = loss(parameters);
    expect(ddqn.update(batch)).toBeCloseTo(before, 5);
    expect(relativeError(ddqn.networks.online.gradients, expected)).toBeLessThan(1e-4);
  });

  test("the same seed gives the same bytes", () => {
    const bytes = (seed: number) => {
      const ddqn = new Ddqn(dense, OPTIONS, seed);
      for (let k = 0; k < 10; k++) ddqn.update(noisyBatch(20));
      ddqn.choose(Float32Array.of(1, 2, 3), 1);
      return saveCheckpoint(ddqn);
    };
    expect(bytes(1)).toEqual(bytes(1));
    expect(bytes(2)).not.toEqual(bytes(1));
  });
});

test("the target stands still between copies", () => {
  const ddqn = new Ddqn(typescriptDense(), OPTIONS, 1);
  const { target } = ddqn.arrays;
  const first = target.slice();
  for (const equal of [true, true, false]) {
    ddqn.update(noisyBatch(8));
    expect(first.every((value, i) => value === target[i])).toBe(equal);
  }
  expect(target).toEqual(ddqn.networks.online.parameters);
});

test("only allowed actions are chosen, by chance or by value", () => {
  const ddqn = new Ddqn(typescriptDense(), { ...OPTIONS, actions: 5 }, 1);
  const state = Float32Array.of(1, -1, 0.5);
  for (const epsilon of [0, 1]) {
    const chosen = new Set(Array.from({ length: 60 }, () => ddqn.choose(state, epsilon, [0, 1, 0, 1, 0])));
    for (const action of chosen) expect([1, 3]).toContain(action);
    expect(chosen.size).toBe(epsilon === 0 ? 1 : 2);
  }
});

test("learns which of three nodes to pick, and the values of a discounted chain", () => {
  // Each state says which of three choices pays; the next state is drawn anew, so V = 1 / (1 - gamma) for the best.
  const ddqn = new Ddqn(
    typescriptDense(),
    { stateSize: 3, actions: 3, hidden: [24], gamma: 0.5, targetEvery: 50, learningRate: 3e-3 },
    1,
  );
  const random = new Stream(1, "task");
  const buffer = new ReplayBuffer(SHAPE, 2000);
  const batch = makeBatch(SHAPE, 32);
  const stateOf = (node: number) => Float32Array.from({ length: 3 }, (_, i) => (i === node ? 1 : 0));
  let node = 0;
  for (let k = 0; k < 1500; k++) {
    const state = stateOf(node);
    const action = ddqn.choose(state, Math.max(0.2, 1 - k / 500));
    const next = random.below(3);
    buffer.push({
      state,
      action: [action],
      reward: action === node ? 1 : 0,
      nextState: stateOf(next),
      done: false,
    });
    node = next;
    buffer.sample(random, 32, batch);
    ddqn.update(batch);
  }
  const values = new Float32Array(3);
  for (const n of [0, 1, 2]) {
    expect(ddqn.choose(stateOf(n), 0)).toBe(n);
    ddqn.valuesOf(stateOf(n), 1, values);
    values.forEach((value, a) => {
      expect(Math.abs(value - (a === n ? 2 : 1))).toBeLessThan(0.15);
    });
  }
});

describe("federated averaging", () => {
  const network = (dense: Dense, seed: number) => new Ddqn(dense, OPTIONS, seed).networks.online.parameters;

  test("is the mean weighted by samples, the same for all", () => {
    const sets = [Float32Array.of(1, 10), Float32Array.of(4, 20), Float32Array.of(100, 100)];
    federatedAverage(sets, [2, 1, 0]);
    for (const set of sets) {
      expect(set[0]).toBeCloseTo(2, 6);
      expect(set[1]).toBeCloseTo(40 / 3, 5);
    }
  });

  test("without samples nothing changes; other shapes are refused", () => {
    const sets = [network(typescriptDense(), 1), network(typescriptDense(), 2)];
    const before = sets.map((set) => set.slice());
    federatedAverage(sets, [0, 0]);
    expect(sets).toEqual(before);
    expect(() => federatedAverage([sets[0], new Float32Array(3)], [1, 1])).toThrow(
      "network 1 has 3 parameters",
    );
    expect(() => federatedAverage(sets, [1, -1])).toThrow("network 1 was trained on -1 samples");
  });
});
