import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hypervolume } from "../../src/numeric/hypervolume.ts";
import { Stream } from "../../src/numeric/random.ts";

/** Union of boxes by inclusion and exclusion over all subsets: another way to the same number, for few points. */
function byInclusionExclusion(points: readonly (readonly number[])[], reference: readonly number[]): number {
  let total = 0;
  for (let subset = 1; subset < 2 ** points.length; subset++) {
    const members = points.filter((_, i) => subset & (1 << i));
    const sides = reference.map((r, k) => Math.max(0, r - Math.max(...members.map((p) => p[k]))));
    const sign = members.length % 2 === 1 ? 1 : -1;
    total += sign * sides.reduce((product, side) => product * side, 1);
  }
  return total;
}

describe("hypervolume", () => {
  it("of (1,3),(2,2),(3,1) up to (4,4) is 6", () => {
    expect(
      hypervolume(
        [
          [1, 3],
          [2, 2],
          [3, 1],
        ],
        [4, 4],
      ),
    ).toBe(6);
  });

  it("has the known values in four objectives up to (1,1,1,1)", () => {
    const one = [1, 1, 1, 1];
    const pair = [
      [0.2, 0.8, 0.5, 0.5],
      [0.8, 0.2, 0.5, 0.5],
    ];
    expect(hypervolume([[0.5, 0.5, 0.5, 0.5]], one)).toBeCloseTo(0.0625, 15);
    expect(hypervolume(pair, one)).toBeCloseTo(0.07, 15);
    expect(hypervolume([...pair, [0.5, 0.5, 0.2, 0.8]], one)).toBeCloseTo(0.094, 15);
    expect(hypervolume([...pair, [0.5, 0.8, 0.5, 0.5], [0.9, 0.9, 0.9, 0.9]], one)).toBeCloseTo(0.07, 15);
  });

  it("agrees with inclusion and exclusion in 1 to 5 objectives", () => {
    const cases = fc
      .integer({ min: 1, max: 5 })
      .chain((d) =>
        fc
          .array(fc.array(fc.integer({ min: 0, max: 11 }), { minLength: d, maxLength: d }), { maxLength: 8 })
          .map((points) => ({ points, reference: new Array<number>(d).fill(10) })),
      );
    fc.assert(
      fc.property(cases, ({ points, reference }) => {
        // Whole numbers: both ways are exact.
        expect(hypervolume(points, reference)).toBe(byInclusionExclusion(points, reference));
      }),
      { numRuns: 300 },
    );
  });

  it("gives nothing for points that do not dominate the reference", () => {
    expect(
      hypervolume(
        [
          [4, 0],
          [0, 4],
          [5, 5],
        ],
        [4, 4],
      ),
    ).toBe(0);
    expect(hypervolume([], [4, 4])).toBe(0);
    expect(
      hypervolume(
        [
          [1, 3],
          [0, 4],
        ],
        [4, 4],
      ),
    ).toBe(3);
  });

  it("is the same for any order of the points", () => {
    const stream = new Stream(3, "hypervolume");
    const points = Array.from({ length: 40 }, () => {
      const raw = Array.from({ length: 4 }, () => stream.exponential());
      const length = Math.hypot(...raw);
      return raw.map((x) => x / length);
    });
    const reference = [1.1, 1.1, 1.1, 1.1];
    const volume = hypervolume(points, reference);
    expect(hypervolume(points.toReversed(), reference)).toBeCloseTo(volume, 12);
    // Forty points on the sphere: more than any one of them, less than what the sphere's inside leaves.
    expect(volume).toBeGreaterThan(Math.max(...points.map((p) => hypervolume([p], reference))));
    expect(volume).toBeLessThan(1.1 ** 4);
  });

  it("refuses points of another length and NaN", () => {
    expect(() => hypervolume([[1, 2, 3]], [4, 4])).toThrow("point 0 has 3 objectives, expected 2");
    expect(() => hypervolume([[1, Number.NaN]], [4, 4])).toThrow(RangeError);
  });
});
