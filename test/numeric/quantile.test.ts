import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { quantileOf, quantileSorted } from "../../src/numeric/quantile.ts";

/** -0 becomes 0: sorting tells them apart, a comparison does not. */
function withoutSign(x: number): number {
  return x === 0 ? 0 : x;
}

const ten = Float64Array.from({ length: 10 }, (_, i) => i + 1);

describe("quantileSorted", () => {
  it("gives .95 of 1..10 as 9.55 by type 7 and 10 as the nearest observed", () => {
    expect(quantileSorted(ten, 0.95)).toBeCloseTo(9.55, 12);
    expect(quantileSorted(ten, 0.95, "nearest")).toBe(10);
  });

  it("gives the ends at 0 and 1", () => {
    for (const method of ["linear", "nearest"] as const) {
      expect(quantileSorted(ten, 0, method)).toBe(1);
      expect(quantileSorted(ten, 1, method)).toBe(10);
    }
  });

  it("takes x[ceil(q n)] as written, not as float64 rounds q n", () => {
    const hundred = Float64Array.from({ length: 100 }, (_, i) => i + 1);
    for (let percent = 1; percent <= 100; percent++) {
      expect(quantileSorted(hundred, percent / 100, "nearest")).toBe(percent);
    }
  });

  it("is NaN for no values, the value for one, and refuses q outside 0..1", () => {
    expect(quantileSorted([], 0.5)).toBeNaN();
    expect(quantileSorted([7], 0.3)).toBe(7);
    expect(() => quantileSorted(ten, 1.1)).toThrow(RangeError);
    expect(() => quantileSorted(ten, Number.NaN)).toThrow(RangeError);
  });

  it("gives infinity between equal infinities", () => {
    expect(quantileSorted([1, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY], 0.75)).toBe(
      Number.POSITIVE_INFINITY,
    );
  });
});

describe("quantileOf", () => {
  it("agrees exactly with sorting, for any values and q, and leaves them in place", () => {
    const values = fc.array(
      fc.oneof(fc.integer({ min: 0, max: 5 }), fc.double({ noNaN: true }).map(withoutSign)),
      {
        minLength: 1,
      },
    );
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (list, q) => {
        const before = [...list];
        const sorted = Float64Array.from(list).sort();
        for (const method of ["linear", "nearest"] as const) {
          expect(quantileOf(list, q, method)).toBe(quantileSorted(sorted, q, method));
        }
        expect(list).toEqual(before);
      }),
    );
  });

  it("agrees with sorting on sorted, reversed and constant input of a hundred thousand", () => {
    const n = 100_000;
    const rising = Float64Array.from({ length: n }, (_, i) => i);
    expect(quantileOf(rising, 0.99)).toBe(quantileSorted(rising, 0.99));
    expect(quantileOf(rising.toReversed(), 0.99)).toBe(quantileSorted(rising, 0.99));
    expect(quantileOf(new Float64Array(n).fill(3), 0.5)).toBe(3);
  });
});
