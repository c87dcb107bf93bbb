import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limitStep, projectSimplex, softmin } from "../../src/numeric/simplex.ts";

const finite = fc.double({ min: -1e3, max: 1e3, noNaN: true });
const vector = fc.array(finite, { minLength: 1, maxLength: 20 });

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

describe("projectSimplex", () => {
  it.each([
    [
      [0.5, 0.5, 0.5],
      [1 / 3, 1 / 3, 1 / 3],
    ],
    [
      [1.2, 0.1, -0.3],
      [1, 0, 0],
    ],
    [
      [0.9, 0.4, 0.1, -0.2],
      [0.75, 0.25, 0, 0],
    ],
    [[-7], [1]],
    [
      [1e17, 1e17],
      [0.5, 0.5],
    ],
  ])("takes %j to %j", (values, expected) => {
    const projected = projectSimplex(values);
    expected.forEach((w, i) => {
      expect(projected[i]).toBeCloseTo(w, 12);
    });
  });

  it("gives a point of the simplex that no other point of it beats (variational inequality)", () => {
    fc.assert(
      fc.property(vector, (values) => {
        const w = projectSimplex(values);
        expect(sum(w)).toBeCloseTo(1, 9);
        expect(w.every((x) => x >= 0)).toBe(true);
        // (v - w).(e_i - w) <= 0 for every corner e_i is necessary and sufficient for w to be the nearest point.
        const inner = sum(w.map((x, i) => (values[i] - x) * x));
        for (let i = 0; i < w.length; i++) expect(values[i] - w[i] - inner).toBeLessThan(1e-8);
      }),
    );
  });

  it("leaves points of the simplex where they are", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0.01, max: 1, noNaN: true }), { minLength: 1 }), (raw) => {
        const total = sum(raw);
        const point = raw.map((x) => x / total);
        projectSimplex(point).forEach((w, i) => {
          expect(w).toBeCloseTo(point[i], 12);
        });
      }),
    );
  });

  it("may write into its input", () => {
    const values = Float64Array.of(0.9, 0.4, 0.1, -0.2);
    expect(projectSimplex(values, values)).toBe(values);
    expect(values[0]).toBeCloseTo(0.75, 12);
  });

  it("refuses nothing and numbers that are not finite", () => {
    expect(() => projectSimplex([])).toThrow(RangeError);
    expect(() => projectSimplex([1, Number.NaN])).toThrow("projectSimplex: value 1 is NaN");
  });
});

describe("softmin", () => {
  it("is exp(-score / temperature), normalised", () => {
    const out = new Float64Array(2);
    // Scores 0.1 apart at temperature 0.1: odds e to 1.
    expect(softmin([0.3, 0.4], 0.1, out)).toBe(true);
    expect(out[0]).toBeCloseTo(Math.E / (1 + Math.E), 12);
    expect(out[1]).toBeCloseTo(1 / (1 + Math.E), 12);
  });

  it("does not overflow, and gives inadmissible entries nothing", () => {
    const out = new Float64Array(3);
    expect(softmin([-1e6, Number.POSITIVE_INFINITY, 1e6], 0.1, out)).toBe(true);
    expect([...out]).toEqual([1, 0, 0]);
  });

  it("at temperature 0 shares the weight among the lowest", () => {
    const out = new Float64Array(3);
    softmin([2, 1, 1], 0, out);
    expect([...out]).toEqual([0, 0.5, 0.5]);
  });

  it("says when nothing is admissible and writes nothing", () => {
    const out = Float64Array.of(0.25, 0.75);
    expect(softmin([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY], 1, out)).toBe(false);
    expect([...out]).toEqual([0.25, 0.75]);
  });

  it("refuses NaN and a negative temperature", () => {
    const out = new Float64Array(1);
    expect(() => softmin([Number.NaN], 1, out)).toThrow(RangeError);
    expect(() => softmin([1], -1, out)).toThrow(RangeError);
  });
});

describe("limitStep", () => {
  it("scales (.6,.3,.1) towards (0,1,0) at limit .2 to (.4286,.5,.0714)", () => {
    const out = new Float64Array(3);
    const share = limitStep([0.6, 0.3, 0.1], [0, 1, 0], 0.2, out);
    expect(share).toBeCloseTo(0.2 / 0.7, 12);
    expect(out[0]).toBeCloseTo(0.4286, 4);
    expect(out[1]).toBeCloseTo(0.5, 12);
    expect(out[2]).toBeCloseTo(0.0714, 4);
    expect(sum(out)).toBeCloseTo(1, 12);
  });

  it("keeps the sum, moves no weight by more than the limit, and arrives exactly when near", () => {
    fc.assert(
      fc.property(vector, vector, fc.double({ min: 0.01, max: 0.5, noNaN: true }), (a, b, limit) => {
        const n = Math.min(a.length, b.length);
        const from = projectSimplex(a.slice(0, n));
        const to = projectSimplex(b.slice(0, n));
        const out = Float64Array.from(from);
        const share = limitStep(out, to, limit, out);
        expect(sum(out)).toBeCloseTo(1, 9);
        for (let i = 0; i < n; i++) expect(Math.abs(out[i] - from[i])).toBeLessThanOrEqual(limit + 1e-12);
        if (share === 1) expect(out).toEqual(to);
        else expect(Math.max(...out.map((w, i) => Math.abs(w - from[i])))).toBeCloseTo(limit, 9);
      }),
    );
  });
});
