import fc from "fast-check";
import { expect, test } from "vitest";
import { isotonicGrid, isotonicRow } from "../../../src/profile/measure/isotonic.ts";

test("a row that rises stays; a dip is shared by its neighbours", () => {
  expect(isotonicRow([1, 2, 2, 5])).toEqual([1, 2, 2, 5]);
  expect(isotonicRow([1, 4, 2, 5])).toEqual([1, 3, 3, 5]);
  expect(isotonicRow([3, 2, 1])).toEqual([2, 2, 2]);
});

test("a grid never falls, and one that rises is left alone", () => {
  expect(
    isotonicGrid([
      [1, 2],
      [2, 4],
    ]),
  ).toEqual([
    [1, 2],
    [2, 4],
  ]);
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.double({ min: 0.1, max: 100, noNaN: true }), { minLength: 3, maxLength: 3 }), {
        minLength: 1,
        maxLength: 6,
      }),
      (grid) => {
        const risen = isotonicGrid(grid);
        for (let i = 0; i < grid.length; i++) {
          for (let j = 0; j < 3; j++) {
            if (i > 0) expect(risen[i][j]).toBeGreaterThanOrEqual(risen[i - 1][j]);
            if (j > 0) expect(risen[i][j]).toBeGreaterThanOrEqual(risen[i][j - 1]);
          }
        }
      },
    ),
  );
});
