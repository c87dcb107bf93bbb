import { expect, test } from "vitest";
import { GoalRelabeller, goalReward } from "../../../src/learning/her/relabel-goals.ts";
import { makeBatch } from "../../../src/learning/replay/batch.ts";
import { ReplayBuffer } from "../../../src/learning/replay/replay-buffer.ts";
import { Stream } from "../../../src/numeric/random.ts";

const SHAPE = { state: 1, action: 1, goal: 4, metrics: 4 };
const GOALS = [
  [1, 0, 0, 0],
  [0, 1, 0, 0],
  [0, 0, 1, 0],
  [0, 0, 0, 1],
  [0.25, 0.25, 0.25, 0.25],
];

function rowsOf(buffer: ReplayBuffer) {
  const batch = makeBatch(SHAPE, buffer.length);
  return Array.from({ length: buffer.length }, (_, i) => {
    buffer.copyOut(i, batch, i);
    return {
      state: batch.states[i],
      goal: [...batch.goals.subarray(4 * i, 4 * i + 4)],
      metrics: [...batch.metrics.subarray(4 * i, 4 * i + 4)],
      reward: batch.rewards[i],
    };
  });
}

function stored(buffer: ReplayBuffer, k: number, goal: readonly number[], rest: number) {
  const metrics = [2 + k, 1, 1, 1];
  const reward = goalReward(metrics, goal) + rest;
  buffer.push({ state: [k], action: [0], nextState: [k], reward, done: false, goal, metrics });
}

test("metrics (2, 1, 1, 1): -2 for the first goal, -1 for the second", () => {
  expect(goalReward([2, 1, 1, 1], GOALS[0])).toBe(-2);
  expect(goalReward([2, 1, 1, 1], GOALS[1])).toBe(-1);
});

test("each transition gets copies under other goals; only the reward's goal part changes", () => {
  const buffer = new ReplayBuffer(SHAPE, 100);
  for (let k = 0; k < 6; k++) stored(buffer, k, GOALS[k % 5], 0.125);
  const relabeller = new GoalRelabeller(GOALS, 4, new Stream(1, "her"));
  expect(relabeller.relabel(buffer, 5)).toBe(20);
  const rows = rowsOf(buffer);
  expect(rows.length).toBe(26);
  for (let k = 1; k < 6; k++) {
    const own = rows.filter(({ state }) => state === k);
    expect(own.length).toBe(5);
    // Four of the other four: the five goals, each once.
    expect(new Set(own.map(({ goal }) => goal.join())).size).toBe(5);
    for (const { goal, metrics, reward } of own) {
      expect(metrics).toEqual([2 + k, 1, 1, 1]);
      expect(reward).toBeCloseTo(goalReward(metrics, goal) + 0.125, 6);
    }
  }
  expect(rows.filter(({ state }) => state === 0).length).toBe(1);
});

test("a goal outside the set draws among all of it", () => {
  const buffer = new ReplayBuffer(SHAPE, 5000);
  for (let k = 0; k < 800; k++) stored(buffer, 0, [0.8125, 0.0625, 0.0625, 0.0625], 0);
  new GoalRelabeller(GOALS, 2, new Stream(1, "her")).relabel(buffer, 800);
  const copies = rowsOf(buffer).slice(800);
  expect(copies.length).toBe(1600);
  for (const goal of GOALS) {
    // 1,600 draws, 2 of 5 each time: 320 expected, a standard error below 14.
    expect(Math.abs(copies.filter((copy) => copy.goal.join() === goal.join()).length - 320)).toBeLessThan(56);
  }
});

test("works in a ring that has wrapped, as long as all fits", () => {
  const buffer = new ReplayBuffer(SHAPE, 10);
  for (let k = 0; k < 17; k++) stored(buffer, k, GOALS[0], 0);
  const relabeller = new GoalRelabeller(GOALS, 4, new Stream(1, "her"));
  expect(relabeller.relabel(buffer, 2)).toBe(8);
  expect(rowsOf(buffer).map(({ state }) => state)).toEqual([15, 16, 15, 15, 15, 15, 16, 16, 16, 16]);
  expect(() => relabeller.relabel(buffer, 3)).toThrow(
    "3 transitions with 4 copies each do not fit a buffer of 10",
  );
});
