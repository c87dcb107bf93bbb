import { describe, expect, test } from "vitest";
import { CEDAR_TIERS } from "../../src/workload/classes.ts";
import type { RequestColumns } from "../../src/workload/columns.ts";
import { type SyntheticParameters, SyntheticWorkload } from "../../src/workload/synthetic.ts";
import { materialize } from "../../src/workload/trace.ts";

const base: SyntheticParameters = {
  seed: 1,
  durationSeconds: 3000,
  arrival: { process: "poisson", ratePerSecond: 10 },
  prompt: { dist: "constant", value: 100 },
  output: { dist: "constant", value: 10 },
  tiers: CEDAR_TIERS,
};
const changing: SyntheticParameters = {
  ...base,
  arrival: {
    ...base.arrival,
    steps: [
      { fromSeconds: 1000, factor: 2 },
      { fromSeconds: 2000, factor: 0.5 },
    ],
  },
  mixes: [
    { fromSeconds: 1000, shares: [1, 0, 0] },
    { fromSeconds: 2000, shares: [0, 0.5, 0.5] },
  ],
};
const columnsOf = (parameters: SyntheticParameters): RequestColumns =>
  materialize(new SyntheticWorkload(parameters)).columns;

/** Requests of [from, to), and those of a tier among them. */
function count({ arrivalSeconds, tier }: RequestColumns, from: number, to: number, wanted?: number): number {
  let n = 0;
  for (let i = 0; i < arrivalSeconds.length; i++) {
    if (arrivalSeconds[i] < from || arrivalSeconds[i] >= to) continue;
    if (wanted === undefined || tier?.[i] === wanted) n++;
  }
  return n;
}

describe("regimes", () => {
  test("the rate is multiplied from each time on", () => {
    const columns = columnsOf(changing);
    // Poisson counts of 10,000, 20,000 and 5,000: within five standard deviations.
    expect(Math.abs(count(columns, 0, 1000) - 10_000)).toBeLessThan(500);
    expect(Math.abs(count(columns, 1000, 2000) - 20_000)).toBeLessThan(710);
    expect(Math.abs(count(columns, 2000, 3000) - 5_000)).toBeLessThan(360);
  });

  test("even arrivals change to the second", () => {
    const steps = [{ fromSeconds: 10, factor: 5 }];
    const { arrivalSeconds } = columnsOf({
      ...base,
      durationSeconds: 12,
      arrival: { process: "constant", ratePerSecond: 1, steps },
    });
    expect([...arrivalSeconds]).toEqual([
      ...[0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
      ...Array.from({ length: 10 }, (_, i) => expect.closeTo(10 + i / 5, 9)),
    ]);
  });

  test("the tiers have other shares from each time on, and the same before", () => {
    const columns = columnsOf(changing);
    const before = columnsOf(base);
    const first = count(columns, 0, 1000);
    expect([...(columns.tier ?? [])].slice(0, first)).toEqual([...(before.tier ?? [])].slice(0, first));
    expect(count(columns, 1000, 2000, 0)).toBe(count(columns, 1000, 2000));
    expect(count(columns, 2000, 3000, 0)).toBe(0);
    const late = count(columns, 2000, 3000);
    expect(Math.abs(count(columns, 2000, 3000, 1) / late - 0.5)).toBeLessThan(5 * Math.sqrt(0.25 / late));
  });

  test.each([
    [{ steps: [{ fromSeconds: 5, factor: 0 }] }, {}, /steps\[0\]\.factor/],
    [
      {
        steps: [
          { fromSeconds: 5, factor: 1 },
          { fromSeconds: 5, factor: 2 },
        ],
      },
      {},
      /steps\[1\]\.fromSeconds/,
    ],
    [
      {},
      { mixes: [{ fromSeconds: 0, shares: [0.5, 0.5, 0.5] }] },
      /mixes\[0\]\.shares has shares that sum to 1\.5/,
    ],
    [{}, { mixes: [{ fromSeconds: 0, shares: [1] }], tiers: [{ ...CEDAR_TIERS[0], share: 1 }] }, /mixes/],
  ])("%o %o is refused", (arrival, more, message) => {
    const parameters = { ...base, ...more, arrival: { ...base.arrival, ...arrival } } as SyntheticParameters;
    expect(() => new SyntheticWorkload(parameters)).toThrow(message);
  });
});
