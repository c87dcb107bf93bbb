import { beforeAll, describe, expect, test } from "vitest";
import type { ExperimentResult, ResultRow } from "../../src/experiment/result.ts";
import { renderCsv } from "../../src/report/render-csv.ts";
import { renderLatex } from "../../src/report/render-latex.ts";
import { renderMarkdown } from "../../src/report/render-markdown.ts";
import { renderTerminal } from "../../src/report/render-terminal.ts";
import { resultTables } from "../../src/report/result-table.ts";
import { type CellValue, cellValue, type Table } from "../../src/report/table.ts";
import { displayWidth } from "../../src/report/text-width.ts";
import { sampleResult } from "./sample-result.ts";

let result: ExperimentResult;
let values: Table;
let ratios: Table;
beforeAll(async () => {
  ({ result } = await sampleResult());
  [values, ratios] = resultTables(result);
});

function cell(table: Table, router: string, key: string): CellValue | undefined {
  const row = table.rows.find((other) => other.cells["router"] === router);
  return cellValue(row?.cells[key]);
}

function rowOf(router: string): ResultRow {
  return result.rows.find((row) => row.router === router) as ResultRow;
}

/** The lines of the terminal's form, without the spaces that align them. */
function linesOf(table: Table): string[] {
  const text = renderTerminal(table, { width: 110, colours: false });
  return text.split("\n").map((line) => line.trim().replace(/ +/g, " "));
}

/** A result of the sample with other figures of the runs, for cases that are easier stated than simulated. */
function withMetrics(changes: Readonly<Record<string, Readonly<Record<string, number>>>>): ExperimentResult {
  const rows = result.rows.map((row) => {
    const metrics = { ...row.metrics };
    for (const [name, mean] of Object.entries(changes[row.router] ?? {})) {
      metrics[name] = { mean, ci95: null, unit: "", n: 3 };
    }
    return { ...row, metrics };
  });
  return { ...result, rows };
}

describe("values", () => {
  test("means and intervals of the rows, in the unit in which they are read", () => {
    for (const { router, metrics } of result.rows) {
      expect(cell(values, router, "latency_p95_s")).toMatchObject({
        value: metrics["latency_p95_s"].mean,
        ci: metrics["latency_p95_s"].ci95,
      });
      expect(cell(values, router, "slo_violation_percent")?.value).toBeCloseTo(
        100 * (metrics["slo_violation"].mean ?? Number.NaN),
        10,
      );
    }
    expect(values.columns.find(({ key }) => key === "slo_violation_percent")).toMatchObject({
      header: "SLO violation",
      unit: "%",
    });
  });

  test("the verdict is that of the value, not of the ratio", () => {
    const { value, paper, verdict } = cell(values, "round-robin", "latency_p95_s") as CellValue;
    expect(paper).toBe(0.1);
    expect(Math.abs(Number(value) / 0.1 - 1)).toBeGreaterThan(0.2);
    expect(verdict).toBe("disagrees");
    expect(cell(values, "cedar", "carbon_g_per_request")?.verdict).toBe("not comparable");
    expect(cell(values, "least-loaded", "carbon_g_per_request")).not.toHaveProperty("paper");
  });

  test("not comparable comes with its arithmetic, once for all routers", () => {
    const notes = values.notes.filter((note) => note.includes("not comparable"));
    expect(notes).toHaveLength(1);
    const factor = 60 / (rowOf("cedar").metrics["carbon_g_per_request"].mean ?? Number.NaN);
    const shown = factor.toLocaleString("en-US", { maximumSignificantDigits: 4 });
    expect(notes[0]).toContain(`60 g would take a megawatt. Paper / run: cedar ${shown}, round-robin`);
  });

  test("the caption says what is shown, of how many runs, and what the comparison comes to", () => {
    expect(values.title).toBe("Table 1 (sample)");
    expect(values.caption).toBe(
      "Two regions, two models. Means of 3 runs each (3 seeds) with the 95 % interval of the mean. Of 5 figures compared with the paper's 3 disagree, 2 are not comparable.",
    );
  });
});

describe("ratios", () => {
  test("are added where a paper is compared and no table shows them, without the baseline", () => {
    expect(ratios.title).toBe("Ratios to round-robin (sample)");
    expect(ratios.rows.map(({ cells }) => cells["router"])).toEqual(["cedar", "least-loaded"]);
    expect(
      resultTables(result, [{ title: "R", columns: ["e2e_p95_s"], ratioTo: "round-robin" }]),
    ).toHaveLength(1);
  });

  test("run, interval, paper and verdict are those of the ratio", () => {
    const { ratio, ratioCi95 } = rowOf("cedar").differences["latency_p95_s"];
    const shown = cell(ratios, "cedar", "latency_p95_s_ratio") as CellValue;
    expect(shown.value).toBeCloseTo(ratio ?? Number.NaN, 12);
    expect(shown).toMatchObject({ ci: ratioCi95, paper: 0.5, verdict: "agrees" });
    // Grams of the paper are impossible; their ratio 60 / 90 is not.
    expect(cell(ratios, "cedar", "carbon_g_per_request_ratio")?.paper).toBeCloseTo(2 / 3, 12);
  });

  test("an interval that includes 1 is named, whatever the verdict", () => {
    expect(ratios.notes.some((note) => note.startsWith("Interval includes 1"))).toBe(false);
    const rows = result.rows.map((row) => {
      const { latency_p95_s: p95, ...others } = row.differences;
      const ratioCi95 = row.router === "cedar" ? ([0.5, 1] as const) : ([0.5, 0.99] as const);
      return p95 === undefined
        ? row
        : { ...row, differences: { ...others, latency_p95_s: { ...p95, ratioCi95 } } };
    });
    expect(resultTables({ ...result, rows }).at(-1)?.notes).toContain(
      "Interval includes 1, no difference shown: p95 of cedar.",
    );
  });

  test("what the paper claims against another router than the baseline stands below", () => {
    const [a, b] = ["cedar", "least-loaded"].map(
      (name) => rowOf(name).metrics["oscillation"].mean ?? Number.NaN,
    );
    const claim = ratios.notes.find((note) => note.startsWith("Also claimed"));
    expect(claim).toBe(
      `Also claimed: oscillation of cedar / least-loaded: paper 0.500, run ${(a / b).toPrecision(3)} (direction only).`,
    );
  });

  test("to other routers alone make a table of their own, where the paper states no ratio to the baseline", () => {
    const rows = result.rows.map((row) => ({
      ...row,
      published: {},
      comparison: row.comparison.filter((entry) => entry.paper === null && entry.baseline === "least-loaded"),
    }));
    const columns = { title: "T", columns: ["latency_p95_s"] };
    const claims = resultTables({ ...result, rows }, [columns]).at(-1) as Table;
    const own = (name: string) => rowOf(name).metrics["oscillation"].mean ?? Number.NaN;
    expect(claims.rows).toHaveLength(1);
    expect(claims.rows[0].cells).toMatchObject({
      router: "cedar",
      metric: "oscillation",
      against: "least-loaded",
      ratio: { value: own("cedar") / own("least-loaded"), paper: 0.5, verdict: "direction only" },
    });
    expect(claims.caption).toContain("Of 1 ratios compared with the paper's 1 agrees in direction only");
    expect(claims.notes[0]).toMatch(/^Verdict: agrees within 20 % of the paper's ratio/);
    // Beside ratios to the baseline they are notes.
    expect(resultTables(result, [columns]).flatMap(({ title }) => title)).not.toContain(claims.title);
  });

  test("to a router that is not the baseline have no interval, since runs were not paired with it", () => {
    const config = { title: "R", columns: ["latency_p95_s"], ratioTo: "cedar" };
    const [table] = resultTables(result, [config]);
    expect(cell(table, "least-loaded", "latency_p95_s_ratio")).not.toHaveProperty("ci");
    expect(cell(table, "least-loaded", "latency_p95_s_ratio")?.paper).toBeCloseTo(0.08 / 0.05, 12);
  });
});

describe("what the tables rest on", () => {
  const noteOf = (topic: string, of = ratios) => of.notes.find((note) => note.startsWith(topic));

  test("is said once, under the last table, and ends with the rank agreement", () => {
    expect(noteOf("Setting", values)).toBeUndefined();
    expect(noteOf("Setting")).toContain("200 requests, poisson at 40 per s, prompt lognormal(5.5, 1)");
    expect(noteOf("Setting")).toContain("time to first token at the user, objectives HIGH 0.1 s, LOW 5 s");
    expect(noteOf("Carbon intensity, average")).toContain("there 2 steps in the experiment");
    expect(noteOf("Profiles")).toContain("all rows rest on modelled numbers");
    expect(noteOf("Prices")).toBe("Prices: a list.");
    expect(noteOf("Definitions")).toContain("cost by occupancy");
    expect(noteOf("Made by")).toContain(result.provenance.code.slice(0, 12));
    expect(ratios.notes.at(-1)).toBe(
      "Rank agreement with the paper (Kendall's tau over 3 routers, 1: the same order): p95 1.00, carbon per request 1.00.",
    );
  });

  test("shares of tokens by model are there, unless a column shows them", () => {
    const share = (100 * (rowOf("cedar").metrics["tokens_share_big"].mean ?? Number.NaN)).toPrecision(3);
    expect(noteOf("Shares")).toContain(`tokens on big cedar ${share} %`);
    const tables = resultTables(result, [{ title: "T", columns: ["tokens_share_big"] }]);
    expect(tables.at(-1)?.notes.some((note) => note.startsWith("Shares: tokens"))).toBe(false);
  });

  test("deferral and fallback are named with who has them; more than 5 % outside the grid is called extrapolated", () => {
    const changed = withMetrics({
      cedar: { deferred_fraction: 0.031, fallback_fraction: 0.125, outside_grid_fraction: 0.06 },
      "round-robin": { outside_grid_fraction: 0.05 },
    });
    const notes = resultTables(changed).at(-1)?.notes ?? [];
    expect(notes.find((note) => note.startsWith("Shares"))).toMatch(
      /held on purpose cedar 3.1 %, others 0; time in fallback cedar 12.5 %; outside the measured grid cedar 6 %, round-robin 5 %, others 0/,
    );
    expect(notes).toContain("Extrapolated, more than 5 % outside the measured grid: cedar.");
  });

  test("what was fitted, what cannot be told apart and what is missing", () => {
    const rows = result.rows.map((row) =>
      row.router === "cedar"
        ? { ...row, notes: ["indistinguishable here: as x"], runs: { done: 2, planned: 3 } }
        : row,
    );
    const calibrated = [{ router: "cedar", metric: "latency_p95_s", by: "calibration.prefillFactor" }];
    const notes = resultTables({ ...result, rows, calibrated }).at(-1)?.notes ?? [];
    expect(notes).toContain("cedar: only 2 of 3 runs ended.");
    expect(notes).toContain("cedar: indistinguishable here: as x.");
    expect(notes).toContain(
      "Fitted to the paper, never counted as agreement: p95 of cedar by calibration.prefillFactor.",
    );
  });
});

describe("forms", () => {
  test("in a terminal the interval, the paper's figure and the verdict stand under the value", () => {
    const lines = linesOf(values);
    const at = lines.findIndex((line) => line.startsWith("○ round-robin"));
    expect(lines[at + 1]).toMatch(/^95 % interval [\d.]+–[\d.]+ /);
    expect(lines[at + 2]).toBe("paper 0.100 90.0");
    expect(lines[at + 3]).toBe("verdict disagrees not comparable");
    expect(Math.max(...lines.map(displayWidth))).toBeLessThanOrEqual(110);
  });

  test("CSV has a row for each router with full precision, runs and provenance", () => {
    const [header, ...rows] = renderCsv(values).trimEnd().split("\n");
    expect(rows).toHaveLength(3);
    const keys = header.split(",");
    const cedar = rows[0].split(",");
    const at = (key: string) => cedar[keys.indexOf(key)];
    expect(Number(at("latency_p95_s"))).toBe(rowOf("cedar").metrics["latency_p95_s"].mean);
    expect(Number(at("latency_p95_s_ci_hi"))).toBe(rowOf("cedar").metrics["latency_p95_s"].ci95?.[1]);
    expect([at("latency_p95_s_paper"), at("latency_p95_s_verdict")]).toEqual(["0.05", "disagrees"]);
    expect([at("runs"), at("rests_on")]).toEqual(["3", "modelled"]);
    expect(renderTerminal(values, { colours: false })).not.toContain("rests on");
  });

  test("Markdown and LaTeX have the same lines, indented", () => {
    expect(renderMarkdown(values)).toMatch(/\| &nbsp;&nbsp;verdict +\| +disagrees +\|/);
    expect(renderLatex(values)).toMatch(/\\quad verdict & disagrees &/);
  });
});

describe("several points", () => {
  let tables: Table[];
  let swept: ExperimentResult;
  beforeAll(async () => {
    const axes = 'axes: { telemetryIntervalS: [0, 2], routers.0.epsilon: [0.1, "off"] }\n';
    ({ result: swept } = await sampleResult(["seeds=1", "workload.requests=60"], axes));
    tables = resultTables(swept);
  });

  test("have a column for each axis, named and in its unit", () => {
    expect(tables[0].columns.slice(0, 2)).toMatchObject([
      { key: "point.telemetryIntervalS", header: "telemetry interval", unit: "s" },
      { key: "point.routers.0.epsilon", header: "epsilon" },
    ]);
    expect(tables[0].rows.filter(({ style }) => style !== "paper")).toHaveLength(12);
  });

  test("share the rows of the paper's figures; verdicts are signs behind the values", () => {
    const lines = linesOf(tables[0]);
    expect(lines.filter((line) => line.startsWith("published"))).toEqual([
      "published cedar 0.0500 60.0",
      "published round-robin 0.100 90.0",
      "published least-loaded 0.0800",
    ]);
    const first = swept.rows[0].comparison.find(({ metric }) => metric === "latency_p95_s");
    const sign = first?.absoluteVerdict === "agrees" ? "=" : "≠";
    expect(lines.find((line) => line.startsWith("0 0.1 cedar"))).toMatch(
      new RegExp(`^0 0.1 cedar [\\d.]+ ${sign} `),
    );
    const csv = renderCsv(tables[0]).trimEnd().split("\n");
    expect(csv).toHaveLength(13);
    expect(csv[0]).toContain("latency_p95_s_paper,latency_p95_s_verdict");
  });

  test("one run each has no interval, and says so", () => {
    expect(tables[0].caption).toContain("One run each, without interval.");
    expect(linesOf(tables[0]).some((line) => line.startsWith("95 % interval"))).toBe(false);
  });

  test("a result that was read from a file gives the same tables", () => {
    expect(resultTables(JSON.parse(JSON.stringify(swept)))).toEqual(tables);
  });

  test("the paper's figures of single points stand under their own rows", async () => {
    const more = "points: [{ name: a }, { name: b }]\n";
    const published = "published=[{ router: cedar, metric: latency_p95_s, value: 0.05, point: a }]";
    const sample = await sampleResult(["seeds=1", "workload.requests=60", published], more);
    const [table] = resultTables(sample.result);
    const lines = linesOf(table);
    expect(lines.filter((line) => line.startsWith("paper 0.0500"))).toHaveLength(1);
    expect(lines.findIndex((line) => line.startsWith("paper"))).toBe(
      lines.findIndex((line) => line.startsWith("a cedar")) + 1,
    );
  });
});

test("an experiment without tables or paper shows its chief metrics, without verdicts", async () => {
  const sample = await sampleResult(["outputs.tables=[]", "published=[]", "comparable={}", "seeds=1"]);
  const tables = resultTables(sample.result);
  expect(tables).toHaveLength(1);
  expect(tables[0].title).toBe("sample");
  expect(tables[0].columns.map(({ header }) => header)).toEqual(
    expect.arrayContaining(["TTFT p50", "SLO violation", "cost per request", "tokens on big"]),
  );
  expect(tables[0].notes.join(" ")).not.toMatch(/Verdict|Rank agreement/);
});
