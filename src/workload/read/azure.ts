import type { Trace } from "../trace.ts";
import type { CsvTable } from "./csv.ts";
import { badValue, type ReadOptions, readTokens, requireColumn, TraceBuilder } from "./trace-builder.ts";

export const AZURE_COLUMNS = ["TIMESTAMP", "ContextTokens", "GeneratedTokens"] as const;

/**
 * Azure LLM inference traces of 2023 (Patel et al., Splitwise, ISCA 2024) and 2024 (Stojkovic et al., DynamoLLM,
 * HPCA 2025): `TIMESTAMP,ContextTokens,GeneratedTokens`, calendar times with up to 7 digits of the second. The
 * first request arrives at 0.
 */
export async function readAzure(table: CsvTable, options: ReadOptions): Promise<Trace> {
  const [time, prompt, output] = AZURE_COLUMNS.map((name) => requireColumn(table, name));
  const builder = new TraceBuilder(table, options);
  let base: number | undefined;
  await table.each((row) => {
    builder.rowsRead++;
    const stamp = row.time(time);
    if (stamp === undefined) throw badValue(table, row, time, "a time such as 2023-11-16 18:17:03.9799600");
    // Seconds since the first row's whole second keep all digits of the fraction.
    base ??= stamp.seconds;
    const arrivalSeconds = stamp.seconds - base + stamp.fraction;
    builder.add(arrivalSeconds, readTokens(table, row, prompt), readTokens(table, row, output), row.line);
  });
  return builder.finish({}, { startAtZero: true });
}
