import fc from "fast-check";
import { expect, test } from "vitest";
import { type CurveCell, fitCurve } from "../../../src/profile/measure/curve.ts";
import { isotonicGrid, isotonicRow } from "../../../src/profile/measure/isotonic.ts";
import { modelledWatts, parsePowerModel } from "../../../src/profile/measure/power-model.ts";

const cell = (value: number, standardError: number, contaminated = false): CurveCell => ({
  value,
  standardError,
  contaminated,
  name: `cell of ${value}`,
});

test("a curve that rises is left alone", () => {
  const { fitted, falls } = fitCurve([
    [cell(1, 0.1), cell(2, 0.1)],
    [cell(1.5, 0.1), cell(2.5, 0.1)],
  ]);
  expect(fitted).toEqual([
    [1, 2],
    [1.5, 2.5],
  ]);
  expect(falls).toEqual([]);
});

test("a fall within 3 standard errors of the difference is noise, beyond it is real unless contaminated", () => {
  // Errors 0.3 and 0.4: that of the difference is 0.5.
  expect(fitCurve([[cell(10, 0.3), cell(8.6, 0.4)]]).falls).toMatchObject([{ withinNoise: true }]);
  expect(fitCurve([[cell(10, 0.3), cell(8.4, 0.4)]]).falls).toMatchObject([{ withinNoise: false }]);
  expect(fitCurve([[cell(10, 0.3, true), cell(8.4, 0.4)]]).falls).toMatchObject([{ withinNoise: true }]);
  expect(fitCurve([[cell(10, 0.3)], [cell(8.4, 0.4)]]).falls[0].message).toBe(
    "cell of 8.4 takes 8.400 ms, less than the 10.00 ms of cell of 10, by 3.2 standard errors",
  );
});

test("the fit trusts the surer of two cells", () => {
  const [[first, second]] = fitCurve([[cell(10, 0.1), cell(9, 0.3)]]).fitted;
  // Weights 100 and 11.1.
  expect(first).toBeCloseTo((10 * 100 + 9 / 0.09) / (100 + 1 / 0.09), 9);
  expect(second).toBe(first);
  expect(isotonicRow([3, 1], [1, 3])).toEqual([1.5, 1.5]);
});

test("no other non-decreasing grid is nearer in weighted squares", () => {
  const value = fc.double({ min: 1, max: 10, noNaN: true });
  const weight = fc.double({ min: 0.1, max: 10, noNaN: true });
  const grid = (of: fc.Arbitrary<number>) =>
    fc.array(fc.array(of, { minLength: 3, maxLength: 3 }), { minLength: 3, maxLength: 3 });
  fc.assert(
    fc.property(grid(value), grid(weight), grid(value), (values, weights, other) => {
      const distance = (to: readonly (readonly number[])[]) =>
        values.flat().reduce((sum, v, i) => sum + weights.flat()[i] * (v - to.flat()[i]) ** 2, 0);
      const fit = isotonicGrid(values, weights);
      // Mixing the fit with any other non-decreasing grid stays among the candidates.
      const candidate = other.map((row) => [...row]);
      for (let i = 0; i < 3; i++) {
        for (let j = 0; j < 3; j++) {
          candidate[i][j] = Math.max(candidate[i][j], candidate[i - 1]?.[j] ?? 0, candidate[i][j - 1] ?? 0);
        }
      }
      const near = fit.map((row, i) => row.map((v, j) => 0.99 * v + 0.01 * candidate[i][j]));
      expect(distance(fit)).toBeLessThanOrEqual(distance(candidate) * (1 + 1e-6) + 1e-6);
      expect(distance(fit)).toBeLessThanOrEqual(distance(near) * (1 + 1e-4) + 1e-4);
    }),
    { numRuns: 60 },
  );
});

test("power by formula", () => {
  const model = parsePowerModel("60, 180,0.7");
  expect(model).toEqual({ idleWatts: 60, peakWatts: 180, exponent: 0.7 });
  expect(modelledWatts(model, 0)).toBe(60);
  expect(modelledWatts(model, 1)).toBe(180);
  expect(modelledWatts(model, 3)).toBe(180);
  expect(modelledWatts(model, 0.5)).toBeCloseTo(60 + 120 * 0.5 ** 0.7, 12);
  for (const wrong of ["", "1", "60,50,0.7", "60,180,0", "60,180,0.7,1", "a,b,c", "60,Infinity,1"]) {
    expect(() => parsePowerModel(wrong)).toThrow(/expected idle watts/);
  }
});
