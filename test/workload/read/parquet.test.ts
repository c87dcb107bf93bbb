import { DuckDBInstance } from "@duckdb/node-api";
import { beforeAll, expect, test } from "vitest";
import { readTrace } from "../../../src/workload/read/read-trace.ts";
import { columnsOf } from "../rows.ts";
import { failure, temporaryFiles } from "./files.ts";

const files = temporaryFiles();
const csv = [
  "arrival_s,prompt_tokens,output_tokens,tier,session,think_s,needs_large,other",
  "0.1,10,1,HIGH,7,,1,x",
  ",20,2,HIGH,7,1.5,0,y",
  "0.3,30,3,LOW,,,0,z",
].join("\n");

beforeAll(async () => {
  const path = files.write("trace.csv", csv);
  const connection = await (await DuckDBInstance.create(":memory:")).connect();
  const write = (query: string, name: string) =>
    connection.run(`COPY (${query}) TO '${files.path(name)}' (FORMAT parquet)`);
  await write(`SELECT * REPLACE (needs_large = 1 AS needs_large) FROM read_csv('${path}')`, "trace.parquet");
  await write(
    "SELECT range / 50.0 AS arrival_s, 100 + range AS prompt_tokens, 5::DECIMAL(9,2) AS output_tokens FROM range(10000)",
    "long.parquet",
  );
  await write("SELECT 'soon' AS arrival_s, 1.5 AS prompt_tokens, 1 AS output_tokens", "broken.parquet");
  await write("SELECT 1 AS arrival, 1 AS prompt_tokens, 1 AS output_tokens", "column.parquet");
  connection.closeSync();
});

test("a Parquet file gives the same trace as the CSV file it was made from", async () => {
  const fromCsv = await readTrace(files.path("trace.csv"));
  const fromParquet = await readTrace(files.path("trace.parquet"));
  expect(columnsOf(fromParquet)).toEqual(columnsOf(fromCsv));
  expect(fromParquet.sha256).toBe(fromCsv.sha256);
});

test("rows keep their order over many row groups; decimals and integers are numbers", async () => {
  const { arrivalSeconds, promptTokens, outputTokens } = columnsOf(
    await readTrace(files.path("long.parquet")),
  );
  expect(promptTokens).toEqual(Array.from({ length: 10_000 }, (_, i) => 100 + i));
  expect(arrivalSeconds[9_999]).toBe(199.98);
  expect(new Set(outputTokens)).toEqual(new Set([5]));
});

test("messages name row and column", async () => {
  expect(await failure(readTrace(files.path("broken.parquet")))).toBe(
    'CANOPY_TRACE_VALUE broken.parquet, row 1, column "arrival_s": "soon" is not a number of seconds of at least 0',
  );
  expect(await failure(readTrace(files.path("column.parquet")))).toBe(
    'CANOPY_TRACE_COLUMN column.parquet: no column "arrival_s" (did you mean "arrival"?)',
  );
  expect(await failure(readTrace(files.write("short.parquet", "PAR1 and no more")))).toMatch(
    /^CANOPY_TRACE_FORMAT short.parquet: cannot be read as Parquet \(/,
  );
  expect(await failure(readTrace(files.path("trace.parquet"), { format: "azure" }))).toBe(
    "CANOPY_TRACE_FORMAT trace.parquet: a Parquet file, expected CSV for format azure",
  );
});
