import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readTablesFile } from "../../src/report/tables-file.ts";
import { command, SMALL, workFolder } from "./canopy.ts";

describe("canopy capacity", () => {
  test("prints, writes its folder, and finds the runs done that canopy run has left", async () => {
    const cwd = workFolder({ "small.yaml": SMALL.replace("seeds: 3", "seeds: 2") });
    const args = ["capacity", "small.yaml", "--workers", "0", "--tolerance", "0.5", "--out", "found"];
    const planned = await command([...args, "--dry-run", "--format", "json"], { cwd });
    const { mostRuns, points } = JSON.parse(planned.stdout);
    const axis = "workload.arrival.ratePerS";
    expect(points).toMatchObject([
      { routers: ["round-robin", "least-loaded"], searches: 4, axis, ownRate: 10 },
    ]);
    expect(existsSync(join(cwd, "found"))).toBe(false);

    const ran = await command(["run", "small.yaml", "--workers", "0", "--out", "found", "--quiet"], { cwd });
    expect(ran.code).toBe(0);
    const first = await command([...args, "--format", "json"], { cwd });
    expect(first.code).toBe(0);
    const result = JSON.parse(first.stdout);
    expect(result).toMatchObject({
      schema: "canopy/capacity/1",
      metric: "slo_violation",
      levels: [0.9, 0.95, 0.99],
      unit: "requests/s",
    });
    expect(result.runs).toBeLessThanOrEqual(mostRuns);
    expect(first.stderr).toContain(`${result.runs - 4} runs, 4 were done before`);
    for (const { levels } of result.rows) {
      const rates = levels.map(({ rate }: { rate: number }) => rate);
      expect(rates).toEqual([...rates].sort((a, b) => b - a));
    }

    // What changes the rate has one name: in the plan, the result, its table and the command that repeats a run.
    for (const search of result.searches) {
      expect(search.axis).toBe(axis);
      for (const { rate, override } of search.findings) expect(override).toBe(`${axis}=${rate}`);
    }
    expect(readFileSync(join(cwd, "found/table.md"), "utf8")).toContain(
      `The rate is changed by ${axis} in requests/s: canopy run --set ${axis}=… makes the same requests.`,
    );

    const manifest = JSON.parse(readFileSync(join(cwd, "found/manifest.json"), "utf8"));
    expect(manifest).toMatchObject({
      state: "complete",
      experiment: "small",
      command: ["canopy", ...args, "--format", "json"],
    });
    for (const name of [
      "capacity.json",
      "table.md",
      "table.tex",
      "rows.csv",
      "tables.json",
      "figure-capacity.svg",
      "figure-attainment.svg",
    ]) {
      expect(manifest.files).toContain(name);
      expect(existsSync(join(cwd, "found", name))).toBe(true);
    }
    expect(JSON.parse(readFileSync(join(cwd, "found/capacity.json"), "utf8"))).toEqual(result);
    const shown = await readTablesFile(join(cwd, "found"));
    expect(shown).toMatchObject({
      by: "capacity",
      title: "Capacity: small",
      figures: [
        { file: "figure-capacity.svg", title: expect.stringContaining("Highest rate") },
        { file: "figure-attainment.svg", title: expect.stringContaining("over the rate") },
      ],
    });
    expect(shown.tables[0].rows).toHaveLength(result.rows.length);
    const [header, ...lines] = readFileSync(join(cwd, "found/rows.csv"), "utf8").trimEnd().split("\n");
    expect(header).toMatch(/^experiment,router,seed,start,level,state,rate_per_s,misses_at_per_s,monotone/);
    expect(lines).toHaveLength(12);
  });

  test.each([
    ["a level of 1", ["--level", "0.9,1"], "CANOPY_OPTION_VALUE", "shares above 0 and below 1"],
    ["a level of nothing", ["--level", "0.9,"], "CANOPY_OPTION_VALUE", "shares above 0 and below 1"],
    ["levels in percent", ["--level", "90,99.9"], "CANOPY_OPTION_VALUE", '(did you mean "0.9,0.999"?)'],
    ["a tolerance of nothing", ["--tolerance", "0"], "CANOPY_OPTION_VALUE", "a number from 0.0001 to 1"],
    ["a range that leaves its own rate out", ["--most", "0.5"], "CANOPY_OPTION_VALUE", "a number from 1 to"],
    ["an unknown tier", ["--tier", "al"], "CANOPY_CAPACITY_OBJECTIVE", 'did you mean "all"?'],
    [
      "an unknown router",
      ["--set", "routers=[round-robbin]"],
      "CANOPY_ROUTER_UNKNOWN",
      'did you mean "round-robin"?',
    ],
  ])("refuses %s", async (_, args, code, words) => {
    const ended = await command(["capacity", "small.yaml", ...args], {
      cwd: workFolder({ "small.yaml": SMALL }),
    });
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 2, stdout: "" });
    expect(ended.stderr).toMatch(new RegExp(`^error ${code}: [^\\n]+\\n$`));
    expect(ended.stderr).toContain(words);
  });

  test("refuses an experiment without objectives, one with planners, and arrivals all at once", async () => {
    const cwd = workFolder({
      "free.yaml": SMALL.replace(/tiers: .*\n/, ""),
      "planners.yaml": "experiment: p\nplanners: [marlin]\n",
      "once.csv": "arrival_s,prompt_tokens,output_tokens\n0,5,5\n0,5,5\n",
      "once.yaml": SMALL.replace(/workload:[\s\S]*?tiers/, "workload: { trace: once.csv }\ntiers"),
    });
    for (const [file, code] of [
      ["free.yaml", "CANOPY_CAPACITY_OBJECTIVE"],
      ["planners.yaml", "CANOPY_EXPERIMENT_"],
      ["once.yaml", "CANOPY_CAPACITY_RATE"],
    ]) {
      const ended = await command(["capacity", file], { cwd });
      expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 2, stdout: "" });
      expect(ended.stderr).toMatch(new RegExp(`^error ${code}[^\\n]+\\n$`));
    }
  });
});
