import { UserError } from "../../errors.ts";
import { readTextFile } from "../../files.ts";
import { MAX_TOKENS } from "../distribution.ts";
import type { Trace } from "../trace.ts";
import type { CsvTable } from "./csv.ts";
import {
  type ReadOptions,
  readNotNegative,
  readTokens,
  requireColumn,
  TraceBuilder,
} from "./trace-builder.ts";

export const MOONCAKE_COLUMNS = ["timestamp_ms", "input_tokens", "output_tokens"] as const;

/** Tokens of a block that one hash id stands for. */
const BLOCK_TOKENS = 512;

/**
 * Mooncake's traces (Qin et al., FAST '25) reduced to CSV: `timestamp_ms,input_tokens,output_tokens` and optionally
 * `reused_prefix_blocks`. `prefixTokens` is then what one unlimited cache for all requests would reuse: an upper
 * bound, and of no effect in a simulator whose cache belongs to sessions.
 */
export async function readMooncakeCsv(table: CsvTable, options: ReadOptions): Promise<Trace> {
  const [time, prompt, output] = MOONCAKE_COLUMNS.map((name) => requireColumn(table, name));
  const reused = table.columns.indexOf("reused_prefix_blocks");
  const builder = new TraceBuilder(table, options, reused >= 0 ? ["prefixTokens"] : []);
  await table.each((row) => {
    builder.rowsRead++;
    const promptTokens = readTokens(table, row, prompt);
    const added = builder.add(
      readNotNegative(table, row, time, "a number of milliseconds") / 1000,
      promptTokens,
      readTokens(table, row, output),
      row.line,
    );
    if (added < 0 || builder.columns.prefixTokens === undefined) return;
    builder.columns.prefixTokens[added] = Math.min(
      readTokens(table, row, reused) * BLOCK_TOKENS,
      promptTokens,
    );
  });
  return builder.finish();
}

/**
 * Mooncake's traces as published, one JSON object a line: `timestamp` (ms), `input_length`, `output_length` and
 * `hash_ids`, of which the leading ones seen earlier in the file give `prefixTokens` as in the CSV form.
 */
export async function readMooncakeJsonl(path: string, options: ReadOptions): Promise<Trace> {
  const builder = new TraceBuilder({ path, unit: "line" }, options, ["prefixTokens"]);
  const seen = new Set<number>();
  let line = 0;
  for (const text of (await readTextFile(path, "trace")).split("\n")) {
    line++;
    if (text.trim() === "") continue;
    builder.rowsRead++;
    const record = parseLine(path, line, text);
    const field = (name: string, limit: number, whole: boolean): number => {
      const value = record[name];
      if (typeof value === "number" && value >= 0 && value <= limit && (!whole || Number.isInteger(value)))
        return value;
      const expected = whole ? "a whole number of tokens" : "a number of milliseconds";
      throw builder.error(line, `"${name}" is ${JSON.stringify(value)}, expected ${expected}`);
    };
    const promptTokens = field("input_length", MAX_TOKENS, true);
    const outputTokens = field("output_length", MAX_TOKENS, true);
    const ids = record["hash_ids"];
    let reused = 0;
    if (Array.isArray(ids)) {
      while (reused < ids.length && seen.has(ids[reused])) reused++;
      for (const id of ids) seen.add(id);
    }
    const added = builder.add(
      field("timestamp", Number.MAX_VALUE, false) / 1000,
      promptTokens,
      outputTokens,
      line,
    );
    if (added >= 0 && builder.columns.prefixTokens !== undefined)
      builder.columns.prefixTokens[added] = Math.min(reused * BLOCK_TOKENS, promptTokens);
  }
  return builder.finish();
}

function parseLine(path: string, line: number, text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // Reported below, with the line.
  }
  throw new UserError(
    "CANOPY_TRACE_VALUE",
    `${path}, line ${line}: not a JSON object, expected {"timestamp": …, "input_length": …, "output_length": …}`,
  );
}
