import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readTablesFile, TABLES_FILE, tablesFileText } from "../../src/report/tables-file.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { sampleTable } from "./sample-table.ts";

describe("tables.json", () => {
  const folder = temporaryFolder("tables-file");

  test("holds texts as they are read, numbers to sort by, intervals and reasons", async () => {
    const grouped = { key: "p99_us", header: "p99", unit: "µs", group: "12 endpoints" };
    const hidden = { key: "runs", header: "runs", csvOnly: true };
    const table = { ...sampleTable, columns: [...sampleTable.columns, grouped, hidden] };
    writeFileSync(
      join(folder, TABLES_FILE),
      tablesFileText("overhead", "What it costs", [table], [{ file: "a.svg", svg: "<svg/>" }]),
    );
    const { by, title, figures, tables } = await readTablesFile(folder);
    expect({ by, title, figures }).toEqual({
      by: "overhead",
      title: "What it costs",
      figures: [{ file: "a.svg", title: "a.svg" }],
    });
    const [own] = tables;
    expect(own).toMatchObject({ title: "Routers & ratios", caption: "Setting H, 5 seeds" });
    expect(own.notes).toEqual(["* 100 % of requests"]);
    expect(own.columns).toEqual([
      { title: "router", isNumber: false },
      { title: "p95 (s)", isNumber: true },
      { title: "carbon (gCO₂/request)", isNumber: true },
      { title: "replicas", isNumber: true },
      { title: "12 endpoints: p99 (µs)", isNumber: false },
    ]);
    expect(own.rows.map(({ isReference }) => isReference)).toEqual([false, true, false]);
    const [cedar, robin, edf] = own.rows.map(({ cells }) => cells);
    expect(cedar.slice(0, 4)).toEqual([
      { text: "cedar", value: "cedar" },
      { text: "0.612", value: 0.612, interval: "0.590 to 0.641" },
      { text: "–", value: null, reason: "profile without power" },
      { text: "12", value: 12 },
    ]);
    expect(robin[1]).toEqual({ text: "12.0*", value: 12.04, interval: "11.1 to 13.2" });
    expect(edf[3]).toEqual({ text: "", value: null });
  });

  const whole = JSON.parse(tablesFileText("overhead", "What it costs", [sampleTable], []));
  const [table] = whole.tables;
  test.each([
    ["nothing", "", "no JSON"],
    ["half a file", '{"tables":[', "no JSON"],
    ["null", "null", "Invalid input: expected object"],
    ["another version", JSON.stringify({ ...whole, schema: "canopy/tables/2" }), "schema: "],
    ["no tables", JSON.stringify({ ...whole, tables: null }), "tables: "],
    ["no figures", JSON.stringify({ ...whole, figures: "a.svg" }), "figures: "],
    ["no columns", JSON.stringify({ ...whole, tables: [{ ...table, columns: 3 }] }), "tables.0.columns: "],
    [
      "short rows",
      JSON.stringify({ ...whole, tables: [{ ...table, columns: [] }] }),
      "tables.0.rows: expected a cell",
    ],
  ])("with %s is refused", async (_, text, why) => {
    writeFileSync(join(folder, TABLES_FILE), text);
    await expect(readTablesFile(folder)).rejects.toMatchObject({
      code: "CANOPY_RESULT_FORMAT",
      message: expect.stringContaining(`${join(folder, TABLES_FILE)}: ${why}`),
    });
  });
});
