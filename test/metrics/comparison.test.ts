import { describe, expect, it } from "vitest";
import {
  type ComparisonRow,
  compare,
  type PublishedFigure,
  type RunFigure,
} from "../../src/metrics/comparison.ts";

/** CEDAR, table 1: p95 in seconds, violations in percent, carbon in grams per request. */
const published: PublishedFigure[] = [
  ["cedar", 0.88, 4.3, 67.8],
  ["round-robin", 1.58, 22.3, 95.7],
  ["least-loaded", 1.21, 12.8, 79.3],
  ["performance-only", 0.76, 3.2, 93.2],
].flatMap(([router, p95, violation, carbon]) => [
  { router: router as string, metric: "ttft_p95_s", value: p95 as number },
  { router: router as string, metric: "slo_violation", value: violation as number, unit: "%" },
  {
    router: router as string,
    metric: "carbon_g_per_request",
    value: carbon as number,
    unit: "g",
    comparable: { reason: "12 GPUs at their TDP, 6 kW over 50 req/s, are 120 J or 0.01167 g at 350 g/kWh" },
  },
]);

const runs: RunFigure[] = [
  ["cedar", 0.52, 0.04, 0.0116667],
  ["round-robin", 1.96, 0.063, 0.02],
  ["least-loaded", 0.5, 0.016, 0.015],
  ["performance-only", 0.34, 0.008, 0.013],
].flatMap(([router, p95, violation, carbon]) => [
  { router: router as string, metric: "ttft_p95_s", value: p95 as number, unit: "s" },
  { router: router as string, metric: "slo_violation", value: violation as number, unit: "" },
  { router: router as string, metric: "carbon_g_per_request", value: carbon as number, unit: "g" },
]);

function rowOf(rows: readonly ComparisonRow[], system: string, metric: string): ComparisonRow {
  const row = rows.find((candidate) => candidate.system === system && candidate.metric === metric);
  if (row === undefined) throw new Error(`no row for ${system} ${metric}`);
  return row;
}

describe("compare", () => {
  const { rows, ranks } = compare(published, runs, { baseline: "performance-only" });

  it("gives a row for each published figure, in order", () => {
    expect(rows.map((row) => [row.system, row.metric])).toEqual(published.map((f) => [f.router, f.metric]));
  });

  it("judges absolute values and ratios apart", () => {
    const row = rowOf(rows, "cedar", "ttft_p95_s");
    expect(row.ratioToBaselinePaper).toBeCloseTo(1.158, 3);
    expect(row.ratioToBaselineRun).toBeCloseTo(0.52 / 0.34, 12);
    expect([row.absoluteVerdict, row.ratioVerdict, row.verdict]).toEqual([
      "disagrees",
      "direction only",
      "direction only",
    ]);
  });

  it("converts the paper's unit into the run's", () => {
    const row = rowOf(rows, "cedar", "slo_violation");
    expect(row.paper).toBeCloseTo(0.043, 15);
    expect([row.unit, row.absoluteVerdict]).toEqual(["", "agrees"]);
    expect(row.ratioToBaselinePaper).toBeCloseTo(4.3 / 3.2, 12);
  });

  it("prints the arithmetic of what cannot be compared, and still judges the ratio", () => {
    const row = rowOf(rows, "cedar", "carbon_g_per_request");
    expect(row.absoluteVerdict).toBe("not comparable");
    expect(row.note).toContain("12 GPUs at their TDP");
    expect(row.note).toContain("paper 67.8 g, run 0.01167 g: paper / run = 5,811");
    // Paper 0.727, run 0.897: the same way and off by 23 %.
    expect([row.ratioVerdict, row.verdict]).toEqual(["direction only", "direction only"]);
  });

  it("gives the baseline no verdict on its ratio to itself", () => {
    const row = rowOf(rows, "performance-only", "ttft_p95_s");
    expect([row.ratioToBaselinePaper, row.ratioToBaselineRun]).toEqual([1, 1]);
    expect([row.ratioVerdict, row.verdict]).toEqual([null, "disagrees"]);
  });

  it("ends with the rank agreement of each metric", () => {
    expect(ranks.map((rank) => rank.metric)).toEqual(["ttft_p95_s", "slo_violation", "carbon_g_per_request"]);
    // p95, paper: po < cedar < ll < rr; run: po < ll < cedar < rr: five of six pairs agree.
    expect(ranks[0].tau).toBeCloseTo(4 / 6, 12);
    expect(ranks[0].systems).toEqual(["cedar", "round-robin", "least-loaded", "performance-only"]);
    // Carbon, paper: cedar < ll < po < rr; run: cedar < po < ll < rr.
    expect(ranks[2].tau).toBeCloseTo(4 / 6, 12);
  });

  it("never counts a fitted quantity as agreement, and judges what is measured against it", () => {
    const exact = published.map(({ router, metric, value, unit = "" }) => ({
      router,
      metric,
      value: unit === "%" ? value / 100 : value,
      unit: unit === "%" ? "" : unit,
    }));
    const calibrated = [{ router: "performance-only", metric: "ttft_p95_s" }];
    const po = compare(published, exact, { baseline: "performance-only", calibrated });
    const fitted = rowOf(po.rows, "performance-only", "ttft_p95_s");
    expect([fitted.calibrated, fitted.verdict, fitted.absoluteVerdict]).toEqual([
      true,
      "calibrated",
      "calibrated",
    ]);
    expect(fitted.note).toBe("fitted to the paper");
    const predicted = rowOf(po.rows, "cedar", "ttft_p95_s");
    expect([predicted.calibrated, predicted.verdict, predicted.absoluteVerdict]).toEqual([
      false,
      "agrees",
      "agrees",
    ]);
    const rr = compare(published, exact, { baseline: "round-robin", calibrated });
    expect(rowOf(rr.rows, "performance-only", "ttft_p95_s").ratioVerdict).toBe("calibrated");
  });

  it("leaves a pair of two fitted systems out of the ranks", () => {
    const two = published.filter(
      (f) => f.metric === "ttft_p95_s" && ["cedar", "round-robin"].includes(f.router),
    );
    const calibrated = two.map(({ router, metric }) => ({ router, metric }));
    expect(compare(two, runs, { calibrated }).ranks[0].tau).toBeNull();
    expect(compare(two, runs, { calibrated: calibrated.slice(1) }).ranks[0].tau).toBe(1);
  });

  it("judges a ratio that is all the paper gives, against its own baseline", () => {
    const claims: PublishedFigure[] = [
      { router: "marlin-balanced", metric: "water_l", value: 1 - 0.1866, ratioTo: "ddqn" },
      { router: "marlin-balanced", metric: "water_l", value: 1 - 0.8111, ratioTo: "slit" },
    ];
    const water = (router: string, value: number) => ({ router, metric: "water_l", value, unit: "L" });
    const result = compare(claims, [water("marlin-balanced", 80), water("ddqn", 100), water("slit", 90)]);
    expect(result.rows.map((row) => [row.baseline, row.paper, row.absoluteVerdict, row.verdict])).toEqual([
      ["ddqn", null, null, "agrees"],
      ["slit", null, null, "direction only"],
    ]);
    expect(result.ranks).toEqual([{ metric: "water_l", systems: [], tau: null }]);
  });

  it("says so when the paper's change has no sign", () => {
    const accuracy = (router: string, value: number) => ({ router, metric: "accuracy", value });
    const paper = [accuracy("gar-pd", 0.737), accuracy("largest", 0.741)];
    const [row] = compare(paper, [accuracy("gar-pd", 0.75), accuracy("largest", 0.72)], {
      baseline: "largest",
    }).rows;
    expect(row.verdict).toBe("agrees");
    expect(row.note).toBe("the paper's change is below 1 % and has no sign");
  });

  it("says so when the run's own interval does not settle the sign", () => {
    const p95 = (router: string, value: number) => ({ router, metric: "ttft_p95_s", value });
    const run: RunFigure[] = [{ ...p95("cedar", 1.1), ratioInterval: [0.95, 1.3] }, p95("po", 1)];
    const [row] = compare([p95("cedar", 1.158), p95("po", 1)], run, { baseline: "po" }).rows;
    expect([row.verdict, row.note]).toEqual([
      "agrees",
      "the run's interval of the ratio, 0.95 to 1.3, includes 1",
    ]);
    const claim = { ...p95("cedar", 1.158), ratioTo: "po" };
    expect(compare([claim], run, { baseline: "rr" }).rows[0].note).toBe("");
  });
});

describe("compare with values missing", () => {
  const p95 = (router: string, value: number) => ({ router, metric: "ttft_p95_s", value, unit: "s" });

  it("is not comparable where the run has no value, and says why", () => {
    const energy = { router: "caps", metric: "energy_j_per_request", value: 40, unit: "J" };
    const { rows, ranks } = compare(
      [energy, p95("caps", 0.64)],
      [
        {
          router: "caps",
          metric: "energy_j_per_request",
          value: null,
          unit: "J",
          reason: "the profile has no power",
        },
      ],
    );
    expect(rows.map((row) => [row.run, row.verdict, row.note])).toEqual([
      [null, "not comparable", "the run has no value: the profile has no power"],
      [null, "not comparable", "the run has no such figure"],
    ]);
    expect(ranks.map((rank) => rank.tau)).toEqual([null, null]);
  });

  it("falls back to the absolute value where the run's baseline is missing or 0", () => {
    const paper = [p95("caps", 0.64), p95("rr", 0.89)];
    const missing = compare(paper, [p95("caps", 0.6)], { baseline: "rr" }).rows[0];
    expect([missing.absoluteVerdict, missing.ratioVerdict, missing.verdict]).toEqual([
      "agrees",
      "not comparable",
      "agrees",
    ]);
    expect(missing.note).toBe("no ratio to rr: the run has no such figure");
    const zero = compare(paper, [p95("caps", 0.6), p95("rr", 0)], { baseline: "rr" }).rows[0];
    expect([zero.ratioToBaselineRun, zero.ratioVerdict]).toEqual([null, "not comparable"]);
    expect(zero.note).toBe("no ratio to rr: its value is 0 s");
  });

  it("has no ratio to judge where the paper has no baseline or one of 0", () => {
    const run = [p95("caps", 0.6), p95("rr", 0.9)];
    const none = compare([p95("caps", 0.64)], run, { baseline: "rr" }).rows[0];
    expect([none.ratioVerdict, none.verdict, none.note]).toEqual([null, "agrees", ""]);
    expect(none.ratioToBaselineRun).toBeCloseTo(2 / 3, 12);
    const zero = compare([p95("caps", 0.64), p95("rr", 0)], run, { baseline: "rr" }).rows[0];
    expect([zero.ratioVerdict, zero.note]).toEqual([null, "the paper's rr is 0 s: no ratio"]);
    const alone = compare([p95("caps", 0.64)], run).rows[0];
    expect([alone.baseline, alone.ratioVerdict, alone.verdict]).toEqual([null, null, "agrees"]);
  });

  it("is not comparable across units without a conversion, while ratios are", () => {
    const paper = [
      { router: "caps", metric: "carbon", value: 10.6, unit: "gCO2/1K" },
      { router: "rr", metric: "carbon", value: 14.5, unit: "gCO2/1K" },
    ];
    const run = [
      { router: "caps", metric: "carbon", value: 0.7, unit: "g" },
      { router: "rr", metric: "carbon", value: 1, unit: "g" },
    ];
    const { rows, ranks } = compare(paper, run, { baseline: "rr" });
    expect([rows[0].absoluteVerdict, rows[0].verdict]).toEqual(["not comparable", "agrees"]);
    expect(rows[0].note).toBe("no conversion from gCO2/1K to g; paper 10.6 gCO2/1K, run 0.7 g");
    expect(ranks[0].tau).toBe(1);
  });

  it("takes a published value without a unit to be in the run's", () => {
    const paper = [
      { router: "caps", metric: "p95", value: 640, unit: "ms" },
      { router: "rr", metric: "p95", value: 0.89 },
    ];
    const run = [p95("caps", 0.64), p95("rr", 0.89)].map((figure) => ({ ...figure, metric: "p95" }));
    const { rows } = compare(paper, run, { baseline: "rr" });
    expect(rows.map((row) => row.paper)).toEqual([0.64, 0.89]);
    expect(rows[0].ratioToBaselinePaper).toBeCloseTo(0.64 / 0.89, 12);
  });

  it("refuses a run that gives a figure twice and a published value that is no number", () => {
    expect(() => compare([], [p95("a", 1), p95("a", 2)])).toThrow("the run gives ttft_p95_s of a twice");
    expect(() => compare([p95("a", Number.NaN)], [])).toThrow(RangeError);
  });
});
