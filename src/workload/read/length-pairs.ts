import { suggestion, UserError } from "../../errors.ts";
import { CsvTable } from "./csv.ts";
import { readTokens, requireColumn } from "./trace-builder.ts";

/** Observed (prompt, output) lengths, for the `pairs` of a synthetic workload. */
export interface LengthPairs {
  readonly prompt: Int32Array;
  readonly output: Int32Array;
  /** Rows left out for 0 prompt or output tokens. */
  readonly droppedEmpty: number;
}

/** Pairs of column names that are recognised, prompt first. */
const KNOWN = [
  ["prompt_tokens", "output_tokens"],
  ["num_prefill_tokens", "num_decode_tokens"],
  ["ContextTokens", "GeneratedTokens"],
  ["input_tokens", "output_tokens"],
  ["Request tokens", "Response tokens"],
] as const;

/**
 * Reads the lengths of a CSV file whose rows need no arrival times, e.g. the ShareGPT statistics of Sarathi-Serve or
 * Vidur (`num_prefill_tokens,num_decode_tokens`).
 *
 * @param columns names of the two columns, where they are none of the usual ones
 * @throws UserError CANOPY_TRACE_EMPTY, CANOPY_TRACE_COLUMN, CANOPY_TRACE_VALUE
 */
export async function readLengthPairs(
  path: string,
  columns?: { readonly prompt: string; readonly output: string },
): Promise<LengthPairs> {
  const table = new CsvTable(path);
  const names = columns === undefined ? recognise(table) : [columns.prompt, columns.output];
  const [promptField, outputField] = names.map((name) => requireColumn(table, name));
  const prompt: number[] = [];
  const output: number[] = [];
  let droppedEmpty = 0;
  await table.each((row) => {
    const promptTokens = readTokens(table, row, promptField);
    const outputTokens = readTokens(table, row, outputField);
    if (promptTokens === 0 || outputTokens === 0) {
      droppedEmpty++;
      return;
    }
    prompt.push(promptTokens);
    output.push(outputTokens);
  });
  if (prompt.length === 0)
    throw new UserError("CANOPY_TRACE_EMPTY", `${path}: no lengths, expected at least one row with tokens`);
  return { prompt: Int32Array.from(prompt), output: Int32Array.from(output), droppedEmpty };
}

function recognise(table: CsvTable): readonly string[] {
  const found = KNOWN.find((pair) => pair.every((name) => table.columns.includes(name)));
  if (found !== undefined) return found;
  const missing = KNOWN.find(([prompt]) => table.columns.includes(prompt))?.[1] ?? KNOWN[0][0];
  throw new UserError(
    "CANOPY_TRACE_COLUMN",
    `${table.path}, line 1: no column "${missing}"${suggestion(missing, table.columns)}`,
  );
}
