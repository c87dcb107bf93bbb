import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CsvTable } from "../../../src/workload/read/csv.ts";
import { failure, temporaryFiles } from "./files.ts";

const files = temporaryFiles();

async function rows(
  content: string,
): Promise<{ columns: readonly string[]; rows: string[][]; lines: number[] }> {
  const table = new CsvTable(files.write("table.csv", content));
  const found: string[][] = [];
  const lines: number[] = [];
  await table.each((row) => {
    found.push(Array.from({ length: row.fields }, (_, i) => row.text(i)));
    lines.push(row.line);
  });
  return { columns: table.columns, rows: found, lines };
}

describe("lines and fields", () => {
  test.each([
    ["LF", "a,b\n1,2\n3,4\n"],
    ["CRLF", "a,b\r\n1,2\r\n3,4\r\n"],
    ["no line end at the end", "a,b\n1,2\n3,4"],
    ["CRLF but for the last", "a,b\r\n1,2\r\n3,4"],
    ["a byte order mark", "\uFEFFa,b\n1,2\n3,4\n"],
    ["spaces in the header", " a , b\n1,2\n3,4\n"],
    ["quotes", '"a","b"\n"1",2\n3,"4"\n'],
  ])("%s", async (_, content) => {
    expect(await rows(content)).toEqual({
      columns: ["a", "b"],
      rows: [
        ["1", "2"],
        ["3", "4"],
      ],
      lines: [2, 3],
    });
  });

  test("blank lines are skipped and counted as lines", async () => {
    expect(await rows("a,b\n\n1,2\r\n\r\n3,4\n\n")).toMatchObject({ lines: [3, 5] });
  });

  test("quoted fields hold commas, quotes and line ends", async () => {
    const found = await rows('a,b\n"x, ""y""\nz",1\n"",2\nü,3\n');
    expect(found.rows).toEqual([
      ['x, "y"\nz', "1"],
      ["", "2"],
      ["ü", "3"],
    ]);
    expect(found.lines).toEqual([2, 4, 5]);
  });

  test("empty fields stay fields", async () => {
    expect((await rows("a,b,c\n,,\n1,,\n,,3\n")).rows).toEqual([
      ["", "", ""],
      ["1", "", ""],
      ["", "", "3"],
    ]);
  });

  test("more columns than the first guess, rows longer than a block", async () => {
    const long = "x".repeat(5_000_000);
    const names = Array.from({ length: 50 }, (_, i) => `c${i}`);
    const found = await rows(
      `${names.join(",")}\n${names.join(",")}\n${long}${",".repeat(49)}\n${names.join(",")}\n`,
    );
    expect(found.rows.map((row) => row[0].length)).toEqual([2, 5_000_000, 2]);
    expect(found.rows[2]).toEqual(names);
  });

  test("anything written by the rules of RFC 4180 is read back", async () => {
    const field = fc.string({
      unit: fc.constantFrom("a", "ß", ",", '"', "\n", "\r", " ", "7"),
      maxLength: 8,
    });
    const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(field, field, field), { maxLength: 12 }), async (table) => {
        const content = `x,y,z\n${table.map((row) => row.map(quoted).join(",")).join("\r\n")}`;
        expect((await rows(content)).rows).toEqual(table);
      }),
      { numRuns: 200 },
    );
  });

  test("rows across block borders", async () => {
    const lines = Array.from({ length: 400_000 }, (_, i) => `${i},${i * 7},"${i}"`);
    const table = new CsvTable(files.write("blocks.csv", `a,b,c\n${lines.join("\n")}\n`));
    let wrong = 0;
    let count = 0;
    await table.each((row) => {
      if (row.number(0) !== count || row.number(1) !== count * 7 || row.number(2) !== count) wrong++;
      if (row.line !== count + 2) wrong++;
      count++;
    });
    expect([count, wrong]).toEqual([400_000, 0]);
  });
});

describe("broken files", () => {
  test("an empty file", async () => {
    expect(await failure(rows(""))).toBe(
      "CANOPY_TRACE_EMPTY table.csv: the file is empty, expected a header line and rows",
    );
  });

  test("another number of fields than the header", async () => {
    expect(await failure(rows("a,b\n1,2\n3\n"))).toBe(
      "CANOPY_TRACE_VALUE table.csv, line 3: 1 fields, expected 2 as in the header",
    );
  });
});
