import { expect, test } from "vitest";
import { sortRows } from "../../../src/report/html/browser/sort-rows.js";

const sorted = (values: readonly (string | number | null)[], descending = false) =>
  sortRows(
    values.map((_, row) => row),
    { value: (row) => values[row] },
    descending,
  ).map((row) => values[row]);

test("numbers within words are sorted as numbers", () => {
  const values = ["s, rate 12", "s, rate 9.5", "s, rate 9.25", "r, rate 100", "s", "s, rate 1e-3"];
  const ascending = ["r, rate 100", "s", "s, rate 1e-3", "s, rate 9.25", "s, rate 9.5", "s, rate 12"];
  expect(sorted(values)).toEqual(ascending);
  expect(sorted(values, true)).toEqual(ascending.toReversed());
});

test("rows without a value come last in either order", () => {
  expect(sorted([2, null, 1])).toEqual([1, 2, null]);
  expect(sorted([2, null, 1], true)).toEqual([2, 1, null]);
});
