import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { ResultRow } from "../../../src/experiment/result.ts";
import type { RequestBounds } from "../../../src/metrics/request-bound.ts";
import type { FoundResult } from "../../../src/report/html/find-results.ts";
import { readDecisionTimes } from "../../../src/report/leaderboard/decision-times.ts";
import { atAttainment, equalAttainments } from "../../../src/report/leaderboard/equal-attainment.ts";
import { familyFronts } from "../../../src/report/leaderboard/fronts.ts";
import { leaderboard } from "../../../src/report/leaderboard/leaderboard.ts";
import { leadersOf, scoresOf } from "../../../src/report/leaderboard/score.ts";
import { loadSweepOf, settingsOf } from "../../../src/report/leaderboard/settings.ts";
import { rankStability } from "../../../src/report/leaderboard/stability.ts";
import { leaderboardTables } from "../../../src/report/leaderboard/tables.ts";
import { writeLeaderboard } from "../../../src/report/leaderboard/write-leaderboard.ts";
import { renderLatex } from "../../../src/report/render-latex.ts";
import { renderMarkdown } from "../../../src/report/render-markdown.ts";
import { renderTerminal } from "../../../src/report/render-terminal.ts";
import { temporaryFolder } from "../../temporary-folder.ts";
import { sampleResult } from "../sample-result.ts";

let sample: ReturnType<typeof sampleResult> | undefined;
/** The same runs for every test. */
function sampled() {
  sample ??= sampleResult();
  return sample;
}

/** A row of one run with its objectives: violations, cost, carbon. */
function row(
  router: string,
  [late, cost, carbon]: readonly [number, number, number],
  family = "cedar",
  group = "system",
): ResultRow {
  const metrics = {
    slo_violation: late,
    cost_usd_per_request: cost,
    carbon_server_g_per_request: carbon,
  };
  return {
    router,
    id: router,
    about: { family, group, clairvoyant: group === "seer" },
    point: {},
    runs: { done: 1, planned: 1 },
    metrics: Object.fromEntries(
      Object.entries(metrics).map(([name, mean]) => [name, { mean, ci95: null, unit: "", n: 1 }]),
    ),
  } as unknown as ResultRow;
}

function found(
  experiment: string,
  rows: readonly ResultRow[],
  points: readonly object[] = [{}],
): FoundResult {
  const provenance = {
    points: points.map((point) => ({ point, seeds: [1], starts: [] })),
  };
  return {
    folder: experiment,
    result: { experiment, rows, provenance, baseline: "a" },
  } as unknown as FoundResult;
}

describe("score and leaders", () => {
  const rows = [
    row("a", [0, 2, 4]),
    row("twin", [0, 2, 4]),
    row("b", [1, 1, 2]),
    row("c", [0.5, 3, 6], "gar"),
    row("base", [1, 3, 6], "gar", "baseline"),
    row("seer", [0, 1, 2], "gar", "seer"),
    row("part", [0, 1, 2], "gar", "ablation"),
  ];

  test("the mean of the objectives, each over its range", () => {
    const scores = scoresOf(rows);
    expect(scores.get("a")).toBeCloseTo((0 + 0.5 + 0.5) / 3, 12);
    expect(scores.get("b")).toBeCloseTo(1 / 3, 12);
    expect(scores.get("c")).toBeCloseTo(2.5 / 3, 12);
    expect(scores.get("base")).toBeCloseTo(1, 12);
  });

  test("of each family the best system and the best baseline, then the next; no twins, parts or seers", () => {
    expect(leadersOf(rows, "base")).toEqual(["a", "b", "c", "base"]);
    const many = Array.from({ length: 30 }, (_, i) => row(`r${i}`, [i, i, i]));
    expect(leadersOf([...many, row("z", [99, 99, 99], "gar")], "r20")).toEqual([
      ...Array.from({ length: 10 }, (_, i) => `r${i}`),
      "r20",
      "z",
    ]);
  });
});

describe("at equal attainment", () => {
  const curve = [
    { load: 10, violation: 0.01, carbonServerGrams: 4, fleetUsd: 8 },
    { load: 20, violation: 0.03, carbonServerGrams: 3, fleetUsd: 4 },
    { load: 40, violation: 0.13, carbonServerGrams: 2, fleetUsd: 2 },
  ];

  test("between two loads where the line crosses the level", () => {
    const at = atAttainment(curve, 0.92);
    expect(at.load).toBeCloseTo(30, 9);
    expect(at.carbonServerGrams).toBeCloseTo(2.5, 9);
    expect(at.fleetUsd).toBeCloseTo(3, 9);
    expect(at).toMatchObject({ isLeast: false, reason: null });
  });

  test("the highest load that attains it, also beyond one that does not", () => {
    const bumpy = [{ ...curve[0], violation: 0.5 }, ...curve.slice(1)];
    expect(atAttainment(bumpy, 0.92).load).toBeCloseTo(30, 9);
  });

  test("every load attains it, or none", () => {
    expect(atAttainment(curve, 0.8)).toMatchObject({ load: 40, carbonServerGrams: 2, isLeast: true });
    expect(atAttainment(curve, 0.995)).toMatchObject({
      load: null,
      carbonServerGrams: null,
      reason: "attains 99.5 % at no load of the sweep",
    });
  });
});

describe("fronts", () => {
  test("hypervolume over the ranges of all rows, worked by hand", () => {
    const fronts = familyFronts({
      name: "s",
      rows: [
        row("a1", [0.5, 0.5, 0.5]),
        row("a2", [0, 1, 1]),
        row("a3", [0.5, 0.5, 0.5]),
        row("b1", [1, 0, 0], "gar"),
        row("b2", [1, 1, 1], "gar"),
        row("seer", [0, 0, 0], "gar", "seer"),
      ],
    });
    const [cedar, gar] = fronts;
    // (0.5, 0.5, 0.5) takes an eighth of the box; a point on its wall takes nothing.
    expect(cedar).toMatchObject({ rows: 3, front: ["a1", "a2"], onCommonFront: 2, knee: "a1" });
    expect(cedar.hypervolume).toBeCloseTo(0.125, 12);
    expect(gar).toMatchObject({ rows: 2, front: ["b1"], onCommonFront: 1, hypervolume: 0 });
  });
});

describe("settings and stability", () => {
  const base = found("base", [
    row("a", [0.1, 1, 1]),
    row("b", [0.2, 2, 2]),
    row("c", [0.3, 3, 3]),
    row("alone", [0, 0, 0]),
  ]);
  const other = found(
    "load",
    [
      { ...row("a", [0.3, 1, 3]), point: { "workload.arrival.ratePerS": 2 } },
      { ...row("b", [0.2, 2, 2]), point: { "workload.arrival.ratePerS": 2 } },
      { ...row("c", [0.1, 3, 1]), point: { "workload.arrival.ratePerS": 2 } },
    ] as ResultRow[],
    [{ "workload.arrival.ratePerS": 2 }, { "workload.arrival.ratePerS": 4 }],
  );
  const settings = settingsOf([base, other]);

  test("every point is a setting, and a sweep of load is known as one", () => {
    expect(loadSweepOf(settings)?.loads.map(({ load }) => load)).toEqual([2, 4]);
    expect(loadSweepOf(settings.slice(0, 1))).toBeUndefined();
    expect(settings.map(({ rows }) => rows.length)).toEqual([4, 3, 0]);
  });

  test("loads of another result are on another curve, and a factor is no rate", () => {
    const sweep = (name: string, axis: string, late: readonly number[]) =>
      found(
        name,
        late.map((value, i) => ({ ...row("a", [value, 1, 1]), point: { [axis]: i + 1 } }) as ResultRow),
        late.map((_, i) => ({ [axis]: i + 1 })),
      );
    const one = sweep("one", "workload.rateFactor", [0, 0.2, 0.4]);
    const other = sweep("other", "workload.arrival.ratePerS", [0.4, 0.4, 0.4, 0]);
    const both = settingsOf([one, other]);
    expect(equalAttainments(both, 0.9)).toMatchObject([{ router: "a", load: 1.5, isLeast: false }]);
    expect(loadSweepOf(both)?.axis).toEqual({ label: "multiple of the trace's rate" });
    expect(loadSweepOf(settingsOf([other, one]))?.axis).toEqual({ label: "rate", unit: "1/s" });
  });

  test("winners and orders among the routers in common", () => {
    const verdicts = rankStability(settings, 0.75);
    const of = (setting: string, metric: string, attaining = false) =>
      verdicts.find((v) => v.setting === setting && v.metric === metric && v.attaining === attaining);
    expect(of("base", "slo_violation")).toMatchObject({ winners: ["a"], tau: 1, routers: 3 });
    const name = settings[1].name;
    expect(of(name, "slo_violation")).toMatchObject({ winners: ["c"], tau: -1 });
    expect(of(name, "cost_usd_per_request")).toMatchObject({ winners: ["a"], tau: 1 });
    // a is cheapest, but late for 30 %.
    expect(of(name, "cost_usd_per_request", true)?.winners).toEqual(["b"]);
    expect(rankStability(settings, 0.99).find((v) => v.setting === name && v.attaining)?.winners).toEqual([]);
  });
});

describe("rows of which runs failed", () => {
  const rate = (value: number) => ({ "workload.arrival.ratePerS": value });
  const failing = (given: ResultRow) => ({ ...given, runs: { done: 1, planned: 2 } });
  const at = (router: string, late: number, value: number) =>
    ({ ...row(router, [late, 1, 1]), point: rate(value), runs: { done: 2, planned: 2 } }) as ResultRow;
  const sweep = [at("a", 0.125, 1), at("b", 0.125, 1), failing(at("a", 0.375, 2)), at("b", 0.375, 2)];
  const options = { attainment: 0.75, withinSeconds: 60, bound: null, boundReason: "none", overhead: null };

  test("are known by it, in the setting and along the sweep of loads", () => {
    const rows = [failing(row("a", [0.1, 1, 1])), row("b", [0.2, 2, 2])];
    const results = [found("base", rows), found("load", sweep, [rate(1), rate(2)])];
    const board = leaderboard(settingsOf(results), options);
    expect(board.rows.map(({ row, isIncomplete }) => [row.router, isIncomplete])).toEqual([
      ["a", true],
      ["b", false],
    ]);
    expect(board.rows.map(({ equal }) => [equal?.router, equal?.load, equal?.isIncomplete])).toEqual([
      ["a", 1.5, true],
      ["b", 1.5, false],
    ]);
  });

  test("stand marked in every form, with a note, also beside a bound", async () => {
    const { result } = await sampled();
    const tables = (rows: readonly ResultRow[]) =>
      leaderboardTables(
        leaderboard(settingsOf([{ folder: "", result: { ...result, rows }, manifest: null, files: [] }]), {
          ...options,
          bound: { energy_j_per_request: 1 } as RequestBounds["metrics"],
          boundReason: null,
        }),
      )[0];
    const note = "§ some of its runs failed: its figures are of the others, of fewer requests than";
    const whole = renderMarkdown(tables(result.rows));
    expect(whole).not.toContain("§");
    expect(whole).toContain("3 runs each");
    const [first, ...others] = result.rows;
    const table = tables([{ ...first, runs: { done: 2, planned: 3 } }, ...others]);
    const mark = table.rows.find(({ cells }) => (cells["router"] as { mark?: string }).mark?.includes("§"));
    expect(mark?.cells["router"]).toMatchObject({ value: first.router });
    const texts = [renderMarkdown(table), renderTerminal(table, { width: 400 })];
    for (const text of texts) {
      expect(text).toMatch(new RegExp(`${first.router}\\*?\\\\?\\*?§`));
      expect(text).toContain(`${note} the other rows and the bound.`);
      expect(text).toContain(`${first.router}: only 2 of 3 runs ended.`);
      expect(text).toContain("3 runs each");
    }
    expect(renderLatex(table)).toMatch(new RegExp(`${first.router}\\\\textsuperscript\\{\\*?\\\\S\\{\\}\\}`));
  });
});

describe("a leaderboard of real runs", () => {
  test("has the bound first, intervals, marks; the same files whenever it is written", async () => {
    const { result } = await sampled();
    const folder = temporaryFolder("board");
    writeFileSync(join(folder, "result.json"), JSON.stringify(result));
    const bound = {
      energy_j_per_request: 1,
      carbon_g_per_request: 0.001,
      water_l_per_request: null,
      cost_usd_per_request: 0.0001,
      energy_server_j_per_request: 1.5,
      carbon_server_g_per_request: 0.002,
    };
    const options = { attainment: 0.95, withinSeconds: 60, bound, boundReason: null, overhead: null };
    const board = leaderboard(settingsOf([{ folder, result, manifest: null, files: [] }]), options);
    expect(board.rows.map(({ score }) => score)).toEqual(
      board.rows.map(({ score }) => score).toSorted((a, b) => (a ?? 9) - (b ?? 9)),
    );
    const [table] = leaderboardTables(board);
    expect(table.rows[0].cells).toMatchObject({ router: "bound", carbon_g_per_request: 1 });
    const text = renderMarkdown(table);
    expect(text).toContain("95 % interval");
    const attained = board.rows.map(
      ({ row: { metrics } }) => 100 * (1 - (metrics["slo_violation"].mean as number)),
    );
    const shown = table.rows
      .slice(1)
      .map(({ cells }) => (cells["attainment_percent"] as { value: number }).value);
    expect(shown).toEqual(attained);
    const out = temporaryFolder("board-out");
    const origin = { command: ["canopy", "leaderboard"], startedAt: new Date(0), endedAt: new Date(1) };
    const files = await writeLeaderboard(out, board, origin);
    expect(readdirSync(out).sort()).toEqual([...files].sort());
    const before = readFileSync(join(out, "leaderboard.json"), "utf8");
    expect(JSON.parse(before)).toMatchObject({ schema: "canopy/leaderboard/1", base: "sample" });
    await writeLeaderboard(out, board, origin);
    expect(readFileSync(join(out, "leaderboard.json"), "utf8")).toBe(before);
  });
});

describe("decision times", () => {
  test("at the fewest endpoints and the load nearest to 70 %", async () => {
    const folder = temporaryFolder("times");
    const entry = (router: string, endpoints: number, load: number, netMicroseconds: number | null) => ({
      router,
      kind: "request",
      endpoints,
      load,
      netMicroseconds,
    });
    const rows = [
      entry("a", 12, 0.7, 1),
      entry("a", 12, 0.3, 2),
      entry("a", 100, 0.7, 3),
      entry("b", 12, 0.7, null),
    ];
    writeFileSync(join(folder, "overhead.json"), JSON.stringify({ schema: "canopy/overhead/1", rows }));
    const { endpoints, load, byRouter } = await readDecisionTimes(folder);
    expect({ endpoints, load, times: [...byRouter] }).toEqual({
      endpoints: 12,
      load: 0.7,
      times: [["a", 1]],
    });
    for (const other of ["{}", "null", '{"schema":"canopy/overhead/1","rows":5}']) {
      writeFileSync(join(folder, "overhead.json"), other);
      await expect(readDecisionTimes(folder)).rejects.toThrow("is no measurement of overhead");
    }
  });
});
