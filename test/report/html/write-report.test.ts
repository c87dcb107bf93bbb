import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { ExperimentResult } from "../../../src/experiment/result.ts";
import { findResult, findResults } from "../../../src/report/html/find-results.ts";
import { pageScript, SCRIPTS } from "../../../src/report/html/page.ts";
import type { ReportData } from "../../../src/report/html/report-data.ts";
import { writeReport } from "../../../src/report/html/write-report.ts";
import { tablesFileText } from "../../../src/report/tables-file.ts";
import { writeResult } from "../../../src/report/write-result.ts";
import { temporaryFolder } from "../../temporary-folder.ts";
import { sampleResult } from "../sample-result.ts";
import { sampleTable } from "../sample-table.ts";

const folder = temporaryFolder("report");
const sample = join(folder, "one", "sample");
const origin = {
  command: ["canopy", "run", "sample.yaml"],
  startedAt: new Date(0),
  endedAt: new Date(5000),
  requestsSimulated: 1800,
  state: "complete",
} as const;
let result: ExperimentResult;

beforeAll(async () => {
  const { plan, result: made } = await sampleResult();
  result = made;
  await writeResult(sample, made, plan, origin, { formats: ["csv"] });
}, 60_000);

function dataOf(page: string): ReportData {
  const [, json] = /<script type="application\/json" id="data">(.*)<\/script>/.exec(page) ?? [];
  return JSON.parse(json) as ReportData;
}

async function reportOf(place: string): Promise<string> {
  const file = join(folder, "report.html");
  await writeReport([place], file);
  return readFileSync(file, "utf8");
}

describe("a report", () => {
  test("holds every row, metric and comparison of the results below the folder", async () => {
    const { rows, metrics, comparisons, results, timelines, curves } = dataOf(await reportOf(folder));
    expect(results.map(({ experiment }) => experiment)).toEqual(["sample"]);
    expect(rows.label).toEqual(result.rows.map(({ router }) => router));
    for (const [m, { name }] of metrics.entries()) {
      for (const [r, row] of result.rows.entries()) {
        const [mean, shown] = [row.metrics[name]?.mean ?? null, rows.mean[m][r] ?? null];
        if (mean === null) expect(shown).toBeNull();
        else expect(shown).toBe(Number(mean.toPrecision(5)));
      }
    }
    expect(comparisons.verdict).toEqual(
      result.rows.flatMap(({ comparison }) => comparison.map(({ verdict }) => verdict)),
    );
    expect(timelines.map(({ row }) => row)).toEqual([0, 1, 2]);
    const placed = timelines[0].counts.flat().reduce((sum, count) => sum + count, 0);
    expect(placed).toBe(result.rows[0].timeline?.counts.flat().reduce((sum, count) => sum + count, 0));
    expect(curves.row).toEqual([0, 1, 2]);
    const { power } = timelines[0];
    expect(power?.gpu.map((watts) => watts?.length)).toEqual(power?.server.map((watts) => watts?.length));
    expect(power?.endSeconds).toBe(result.rows[0].timeline?.power?.endSeconds);
  });

  test("of before power was kept over time has none", async () => {
    const place = join(folder, "before");
    mkdirSync(place, { recursive: true });
    const [first] = result.rows;
    const { power: _, ...timeline } = first.timeline as NonNullable<typeof first.timeline>;
    const edited = { ...result, rows: [{ ...first, timeline }] };
    writeFileSync(join(place, "result.json"), JSON.stringify(edited));
    expect(dataOf(await reportOf(place)).timelines.map(({ power }) => power)).toEqual([null]);
  });

  test("shows the tables and figures of other commands, with or without results", async () => {
    const place = join(folder, "one", "tables");
    mkdirSync(place, { recursive: true });
    const svg = "<svg><title>Carbon &amp; cost</title></svg>";
    const figures = ["figure-front.svg", "lost.svg"].map((file) => ({ file, svg }));
    const text = tablesFileText("leaderboard", "Leaderboard: sample", [sampleTable], figures);
    writeFileSync(join(place, "tables.json"), text);
    writeFileSync(join(place, "figure-front.svg"), svg);
    const alone = dataOf(await reportOf(place));
    expect(alone.results).toEqual([]);
    expect(alone.sheets).toMatchObject([
      {
        by: "leaderboard",
        title: "Leaderboard: sample",
        tables: [{ title: sampleTable.title }],
        figures: [["Carbon & cost", svg]],
        folder: "one/tables",
        facts: [["manifest", "none beside the result"]],
        files: [
          ["figure-front.svg", "./one/tables/figure-front.svg"],
          ["tables.json", "./one/tables/tables.json"],
        ],
      },
    ]);
    const both = dataOf(await reportOf(join(folder, "one")));
    expect([both.results.length, both.sheets.length]).toEqual([1, 1]);
    // Another tool's file of the name.
    mkdirSync(join(place, "strange"));
    writeFileSync(join(place, "strange", "tables.json"), '{"users":[]}');
    expect(dataOf(await reportOf(place)).sheets).toHaveLength(1);
    await expect(reportOf(join(place, "strange"))).rejects.toMatchObject({ code: "CANOPY_RESULT_FORMAT" });
    writeFileSync(join(place, "manifest.json"), '{"schema":"canopy/manifest/1"}');
    expect(dataOf(await reportOf(place)).sheets[0].facts).toEqual([["manifest", "none beside the result"]]);
    rmSync(place, { recursive: true });
  });

  test("refers to nothing outside but the files beside the results", async () => {
    const page = await reportOf(folder);
    const links = dataOf(page).results.flatMap(({ files }) => files.map(([, href]) => href));
    expect(links).toContain("./one/sample/table.csv");
    const shell = page.replace(/<script type="application\/json".*<\/script>/, "");
    expect(shell.match(/\b(?:src|href)=/g)).toBeNull();
    expect(shell.match(/url\(|@import|\bfetch\(|XMLHttpRequest|(?<!\{)import\(/g)).toBeNull();
    expect(shell.match(/https?:\/\/(?!www\.w3\.org\/2000\/svg")/g)).toBeNull();
    expect(page).toContain("default-src 'none'");
  });

  test("is the same for the same results", async () => {
    expect(await reportOf(folder)).toBe(await reportOf(folder));
  });

  test("holds words of a result as text, whatever they are", async () => {
    const hostile = "</script><script>alert(1)</script><!--";
    const place = join(folder, "hostile");
    mkdirSync(place, { recursive: true });
    const [first, ...rest] = result.rows;
    const edited = { ...result, description: hostile, rows: [{ ...first, router: hostile }, ...rest] };
    writeFileSync(join(place, "result.json"), JSON.stringify(edited));
    const page = await reportOf(place);
    expect(page).not.toContain("<script>alert");
    expect(page.match(/<script/g)?.length).toBe(2);
    expect(dataOf(page).rows.label[0]).toBe(hostile);
  });

  test("has one script, in which every file of the browser's folder is", () => {
    const files = readdirSync(new URL("../../../src/report/html/browser/", import.meta.url));
    const scripts = files.filter((name) => name.endsWith(".js")).map((name) => name.slice(0, -3));
    expect([...SCRIPTS].sort()).toEqual(scripts.sort());
    const script = pageScript();
    expect(script).not.toMatch(/^(import|export) /m);
    expect(() => new Function(script)).not.toThrow();
    const names = [...script.matchAll(/^(?:async )?(?:function|const|let) (\w+)/gm)].map(([, name]) => name);
    expect(names.length).toBe(new Set(names).size);
  });
});

describe("results below a folder", () => {
  test("refuses a folder without any, one that is not there, and a file of another schema", async () => {
    const empty = join(folder, "empty");
    mkdirSync(empty);
    await expect(findResults([empty])).rejects.toMatchObject({ code: "CANOPY_RESULT_NONE" });
    await expect(findResults([join(folder, "emty")])).rejects.toMatchObject({
      code: "CANOPY_FILE_MISSING",
      message: expect.stringContaining("empty"),
    });
    const other = join(folder, "empty", "other");
    mkdirSync(other);
    writeFileSync(join(other, "result.json"), '{"schema":"canopy/result/9"}');
    await expect(findResults([empty])).rejects.toMatchObject({ code: "CANOPY_RESULT_FORMAT" });
  });

  test("one result is one folder or its file", async () => {
    expect((await findResult(join(sample, "result.json"))).result.experiment).toBe("sample");
    expect((await findResult(join(folder, "one"))).folder).toBe(sample);
    const twin = join(folder, "two");
    for (const name of ["a", "b"]) {
      mkdirSync(join(twin, name), { recursive: true });
      writeFileSync(join(twin, name, "result.json"), JSON.stringify(result));
    }
    await expect(findResult(twin)).rejects.toMatchObject({ code: "CANOPY_RESULT_SEVERAL" });
  });
});
