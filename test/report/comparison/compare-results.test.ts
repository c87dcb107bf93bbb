import { beforeAll, describe, expect, test } from "vitest";
import type { ExperimentResult, ResultRow } from "../../../src/experiment/result.ts";
import { identitiesOf, unpackSamples } from "../../../src/experiment/run-samples.ts";
import { compareResults } from "../../../src/report/comparison/compare-results.ts";
import { comparisonTables } from "../../../src/report/comparison/comparison-table.ts";
import { sampleResult } from "../sample-result.ts";

let result: ExperimentResult;
let other: ExperimentResult;

beforeAll(async () => {
  result = (await sampleResult()).result;
  other = (await sampleResult(["seeds=[4, 5]"])).result;
}, 60_000);

/** A result as a version wrote it that kept no runs. */
function withoutRuns(whole: ExperimentResult): ExperimentResult {
  return { ...whole, rows: whole.rows.map(({ samples: _, ...row }) => row) };
}

describe("the runs of a row", () => {
  test("have the means that the row says", () => {
    for (const row of result.rows) {
      const samples = unpackSamples(row);
      expect([...(samples?.keys() ?? [])]).toEqual(Object.keys(row.metrics));
      for (const [name, { mean, n }] of Object.entries(row.metrics)) {
        const known = [...(samples?.get(name) ?? [])].filter((value) => !Number.isNaN(value));
        expect(known.length, name).toBe(n);
        const sum = known.reduce((total, value) => total + value, 0);
        expect(n === 0 ? null : sum / n, name).toBe(mean);
      }
    }
    expect(
      identitiesOf({ seeds: [1, 2], starts: ["a", "b"] }).map(({ seed, start }) => `${seed}${start}`),
    ).toEqual(["1a", "1b", "2a", "2b"]);
  });
});

describe("two routers of a result", () => {
  test("differ as the result itself says of router and baseline", () => {
    const [row] = compareResults(result, result, { routers: ["round-robin", "cedar"], all: true });
    const cedar = result.rows.find(({ router }) => router === "cedar");
    expect(row.sameInputs).toBe(true);
    expect(row.figures.length).toBeGreaterThan(20);
    for (const { metric, difference, differenceCi95, word } of row.figures) {
      if (word === "unknown") continue;
      const known = cedar?.differences[metric];
      expect(difference, metric).toBeCloseTo(known?.difference ?? Number.NaN, 12);
      expect(differenceCi95, metric).toEqual(known?.differenceCi95);
    }
  });

  test("of an older result have the interval that it holds, turned round where the baseline is B", () => {
    const old = withoutRuns(result);
    const [there] = compareResults(old, old, { routers: ["round-robin", "cedar"] });
    const [back] = compareResults(old, old, { routers: ["cedar", "round-robin"] });
    for (const [i, { differenceCi95, metric }] of there.figures.entries()) {
      const cedar = old.rows.find(({ router }) => router === "cedar");
      expect(differenceCi95, metric).toEqual(cedar?.differences[metric].differenceCi95);
      if (differenceCi95 === null) continue;
      expect(back.figures[i].differenceCi95).toEqual([-differenceCi95[1], -differenceCi95[0]]);
    }
  });
});

describe("two results", () => {
  test("of the same runs are identical in every metric", () => {
    const rows = compareResults(result, structuredClone(result), { all: true });
    expect(rows.map(({ a, b }) => [a, b])).toEqual(result.rows.map(({ router }) => [router, router]));
    const words = new Set(rows.flatMap(({ figures }) => figures.map(({ word }) => word)));
    expect([...words].filter((word) => word !== "unknown")).toEqual(["identical"]);
  });

  test("of other seeds are not paired", () => {
    const [row] = compareResults(result, other);
    expect(row.figures.map(({ metric }) => metric)).toEqual([
      "latency_p95_s",
      "slo_violation",
      "cost_usd_per_request",
      "carbon_g_per_request",
    ]);
    expect(row.figures.every(({ paired }) => !paired)).toBe(true);
    expect(row.figures.every(({ effect }) => effect !== null)).toBe(true);
  });

  test("refuse routers and metrics that are not there, with the nearest", () => {
    const refused = (options: Parameters<typeof compareResults>[2]) => {
      try {
        compareResults(result, other, options);
      } catch (error) {
        return error;
      }
      return undefined;
    };
    expect(refused({ routers: ["ceder", "cedar"] })).toMatchObject({
      code: "CANOPY_COMPARE_ROUTER",
      message: expect.stringContaining('"cedar"'),
    });
    expect(refused({ metrics: ["carbon_g_per_requst"] })).toMatchObject({
      code: "CANOPY_COMPARE_METRIC",
      message: expect.stringContaining("carbon_g_per_request"),
    });
    const renamed = { ...other, rows: other.rows.map((row) => ({ ...row, router: `${row.router}-2` })) };
    expect(() => compareResults(result, renamed)).toThrow(/no common router/);
  });
});

describe("points", () => {
  const at = (of: ExperimentResult, ...points: (ResultRow["point"] | undefined)[]): ExperimentResult => ({
    ...of,
    rows: points.flatMap((point = {}) => of.rows.map((row) => ({ ...row, point }))),
    provenance: {
      ...of.provenance,
      points: points.flatMap((point = {}) => of.provenance.points.map((one) => ({ ...one, point }))),
    },
  });
  const day = { point: "day" };
  const night = { point: "night" };

  test("one of each are compared, by name or because there is no other", () => {
    const both = at(result, day, night);
    const rows = compareResults(both, both, { points: ["day", "night"] });
    expect(rows.map(({ point, bPoint, a, b }) => [point, bPoint, a, b])).toEqual(
      result.rows.map(({ router }) => [day, night, router, router]),
    );
    expect(rows[0].figures[0]).toMatchObject({ word: "identical", paired: true });
    expect(
      comparisonTables(rows, [
        { folder: "x", experiment: "x" },
        { folder: "x", experiment: "x" },
      ])[0],
    ).toMatchObject({
      caption: expect.stringContaining(`A: ${rows[0].a} at day; B: ${rows[0].b} at night.`),
    });
    for (const points of [["night"], ["night", "night"]]) {
      expect(compareResults(both, both, { points }).map(({ point, bPoint }) => [point, bPoint])).toEqual(
        result.rows.map(() => [night, undefined]),
      );
    }
    expect(compareResults(both, result, { points: ["night"] })[0]).toMatchObject({
      point: night,
      bPoint: {},
    });
    expect(compareResults(result, both, { points: ["night"] })[0]).toMatchObject({
      point: {},
      bPoint: night,
    });
    expect(compareResults(at(result, day), at(result, night))[0]).toMatchObject({
      point: day,
      bPoint: night,
    });
  });

  test("without the runs' values no interval of the baseline at one point stands for another", () => {
    const old = withoutRuns(at(result, day, night));
    const routers = ["round-robin", "cedar"] as const;
    const [there] = compareResults(old, old, { routers, points: ["day", "night"] });
    expect(there.figures.every(({ paired }) => !paired)).toBe(true);
  });

  test("that are not there are refused with the nearest, and so are two results that share none", () => {
    const both = at(result, day, night);
    expect(() => compareResults(both, both, { points: ["nigt"] })).toThrow(
      `has no point "nigt" (did you mean "night"?)`,
    );
    expect(() => compareResults(result, result, { points: ["day"] })).toThrow("it has one, without a name");
    expect(() => compareResults(both, at(result, { point: "dawn" }, { point: "dusk" }))).toThrow(
      "have no common point (day, night against dawn, dusk); name one of each by --point",
    );
  });
});
