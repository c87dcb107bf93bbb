import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  boundsOf,
  crowdingDistances,
  dominates,
  invertedGenerationalDistancePlus,
  kneeIndex,
  nonDominated,
  nonDominatedFronts,
  normalise,
  thinFront,
} from "../../src/numeric/pareto.ts";

/** Coarse values, so that points are often equal or dominated. */
const points = fc.array(fc.tuple(fc.nat(5), fc.nat(5), fc.nat(5)), { maxLength: 30 });

describe("nonDominatedFronts", () => {
  it("puts (1,5),(2,3),(4,1) first, (3,4) second, (5,5) third", () => {
    expect(
      nonDominatedFronts([
        [1, 5],
        [2, 3],
        [4, 1],
        [3, 4],
        [5, 5],
      ]),
    ).toEqual([[0, 1, 2], [3], [4]]);
  });

  it("keeps equal points in one front", () => {
    expect(
      nonDominatedFronts([
        [1, 1],
        [2, 2],
        [1, 1],
      ]),
    ).toEqual([[0, 2], [1]]);
    expect(nonDominatedFronts([])).toEqual([]);
  });

  it("holds each point once, in the first front where nothing left over dominates it", () => {
    fc.assert(
      fc.property(points, (list) => {
        const fronts = nonDominatedFronts(list);
        let left = [...list.keys()];
        for (const front of fronts) {
          const expected = left.filter((i) => !left.some((j) => dominates(list[j], list[i])));
          expect(front).toEqual(expected);
          left = left.filter((i) => !front.includes(i));
        }
        expect(left).toEqual([]);
        if (list.length > 0) expect(nonDominated(list)).toEqual(fronts[0]);
      }),
    );
  });
});

describe("crowdingDistances", () => {
  it("of (0,10),(2,6),(5,3),(10,0) are infinity, 1.2, 1.4, infinity", () => {
    const distances = crowdingDistances([
      [0, 10],
      [2, 6],
      [5, 3],
      [10, 0],
    ]);
    expect(distances[0]).toBe(Number.POSITIVE_INFINITY);
    expect(distances[1]).toBeCloseTo(1.2, 12);
    expect(distances[2]).toBeCloseTo(1.4, 12);
    expect(distances[3]).toBe(Number.POSITIVE_INFINITY);
  });

  it("ignores an objective in which all are equal", () => {
    expect([
      ...crowdingDistances([
        [1, 7],
        [2, 7],
        [4, 7],
      ]),
    ]).toEqual([Number.POSITIVE_INFINITY, 1, Number.POSITIVE_INFINITY]);
    expect(crowdingDistances([])).toHaveLength(0);
  });
});

describe("thinFront", () => {
  it("drops the most crowded point first and keeps the extremes", () => {
    // 2.9 and 3 crowd each other: 3 has the neighbours 2.9 and 10, 2.9 has 2 and 3.
    const front = [
      [0, 10],
      [2, 8],
      [2.9, 7.1],
      [3, 7],
      [10, 0],
    ];
    expect(thinFront(front, 4)).toEqual([0, 1, 3, 4]);
    expect(thinFront(front, 2)).toEqual([0, 4]);
    expect(thinFront(front, 9)).toEqual([0, 1, 2, 3, 4]);
  });
});

describe("knee and normalisation", () => {
  it("is the point of least mean normalised objective", () => {
    // Normalised: (0,1), (.1,.2), (1,0).
    expect(
      kneeIndex([
        [0, 100],
        [1, 20],
        [10, 0],
      ]),
    ).toBe(1);
  });

  it("moves with the shared bounds", () => {
    const front = [
      [0, 4],
      [3, 0],
    ];
    // By its own bounds both have mean 1/2 and the first wins; by the shared ones 0.4 and 0.03.
    expect(kneeIndex(front)).toBe(0);
    const bounds = boundsOf([...front, [100, 10], [50, 0]]);
    expect([...bounds.ideal, ...bounds.worst]).toEqual([0, 0, 100, 10]);
    expect(kneeIndex(front, bounds)).toBe(1);
    expect([...normalise([50, 12], bounds)]).toEqual([0.5, 1.2]);
  });

  it("takes an objective without range as 0", () => {
    expect([
      ...normalise(
        [3, 5],
        boundsOf([
          [3, 5],
          [3, 9],
        ]),
      ),
    ]).toEqual([0, 0]);
    expect(kneeIndex([])).toBe(-1);
    expect(() => boundsOf([])).toThrow(RangeError);
  });
});

describe("IGD+", () => {
  it("counts only what is worse than the reference", () => {
    // To (1,3): from (2,2) 1, from (0,7) 4. To (3,1): from (2,2) 1. Mean 1.
    expect(
      invertedGenerationalDistancePlus(
        [
          [2, 2],
          [0, 7],
        ],
        [
          [1, 3],
          [3, 1],
        ],
      ),
    ).toBe(1);
    // To (0,0): sqrt(2^2 + 2^2).
    expect(invertedGenerationalDistancePlus([[2, 2]], [[0, 0]])).toBeCloseTo(Math.sqrt(8), 12);
  });

  it("is 0 for a set that covers the reference and Infinity for an empty one", () => {
    expect(
      invertedGenerationalDistancePlus(
        [[1, 1]],
        [
          [1, 3],
          [3, 1],
        ],
      ),
    ).toBe(0);
    expect(invertedGenerationalDistancePlus([], [[1, 3]])).toBe(Number.POSITIVE_INFINITY);
    expect(() => invertedGenerationalDistancePlus([[1]], [])).toThrow(RangeError);
  });
});
