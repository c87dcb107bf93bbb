import { expect, test } from "vitest";
import { loadCheckpoint, saveCheckpoint } from "../../../src/learning/checkpoint/checkpoint.ts";
import { epsilonAt } from "../../../src/learning/q-table/epsilon-schedule.ts";
import { QTable } from "../../../src/learning/q-table/q-table.ts";
import { Stream } from "../../../src/numeric/random.ts";

test("Q 2, reward 1, largest next value 3, rate 0.1, gamma 0.9: 2.17", () => {
  const table = new QTable(2, 2, 0.1, 0.9);
  table.arrays.values.set([0, 2, 3, -1]);
  table.update(0, 1, 1, 1);
  expect(table.value(0, 1)).toBeCloseTo(2.17, 12);
  expect([...table.arrays.values]).toEqual([0, table.value(0, 1), 3, -1]);
});

test("the first of equal values is the best; epsilon is the share of random choices", () => {
  const table = new QTable(1, 4, 0.1, 0.9);
  expect(table.best(0)).toBe(0);
  table.arrays.values.set([0, 1, 1, 0]);
  expect(table.best(0)).toBe(1);
  const random = new Stream(1, "choices");
  const counts = [0, 0, 0, 0];
  for (let k = 0; k < 8000; k++) counts[table.choose(0, 0.5, random)]++;
  // 0.5 / 4 by chance, and 0.5 more for the best: standard errors of 30 and 43.
  for (const a of [0, 2, 3]) expect(Math.abs(counts[a] - 1000)).toBeLessThan(120);
  expect(Math.abs(counts[1] - 5000)).toBeLessThan(170);
  for (let k = 0; k < 20; k++) expect(table.choose(0, 0, random)).toBe(1);
});

test("epsilon falls in a straight line and stays", () => {
  expect(epsilonAt(0, 1, 0.05, 2000)).toBe(1);
  expect(epsilonAt(1000, 1, 0.05, 2000)).toBeCloseTo(0.525, 12);
  expect(epsilonAt(2000, 1, 0.05, 2000)).toBe(0.05);
  expect(epsilonAt(9999, 1, 0.05, 2000)).toBe(0.05);
});

test("finds the way along a corridor, with the values of the closed form", () => {
  // States 0 to 4; action 0 is left, 1 is right; reaching 4 pays 1 and leads back to 0.
  const table = new QTable(5, 2, 0.2, 0.9);
  const random = new Stream(1, "corridor");
  let state = 0;
  for (let k = 0; k < 20_000; k++) {
    const action = table.choose(state, 0.3, random);
    const reached = Math.max(0, state + (action === 1 ? 1 : -1));
    const next = reached === 4 ? 0 : reached;
    table.update(state, action, reached === 4 ? 1 : 0, next);
    state = next;
  }
  // Always right: V(0) = 0.9^3 (1 + 0.9 V(0)).
  const start = 0.9 ** 3 / (1 - 0.9 ** 4);
  expect([0, 1, 2, 3].map((s) => table.best(s))).toEqual([1, 1, 1, 1]);
  expect(table.value(0, 1)).toBeCloseTo(start, 6);
  expect(table.value(2, 0)).toBeCloseTo(0.9 * (start / 0.9), 6);
});

test("a table is kept and loaded; another size is refused", () => {
  const [table, other] = [new QTable(3, 2, 0.1, 0.9), new QTable(3, 2, 0.1, 0.9)];
  table.update(1, 1, 5, 2);
  loadCheckpoint(other, saveCheckpoint(table), "t");
  expect(other.value(1, 1)).toBe(0.5);
  expect(() => loadCheckpoint(new QTable(3, 4, 0.1, 0.9), saveCheckpoint(table), "t")).toThrow(
    "its actions is 2, expected 4",
  );
});
