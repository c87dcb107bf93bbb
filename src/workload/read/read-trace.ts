import { closeSync, openSync, readSync } from "node:fs";
import { access, constants, stat } from "node:fs/promises";
import { suggestion, UserError } from "../../errors.ts";
import { readTextFile } from "../../files.ts";
import type { Trace } from "../trace.ts";
import { AGENT_SESSION_COLUMNS, type AgentSessionOptions, readAgentSessions } from "./agent-sessions.ts";
import { AZURE_COLUMNS, readAzure } from "./azure.ts";
import { BURSTGPT_COLUMNS, type BurstGptOptions, readBurstGpt } from "./burstgpt.ts";
import { CsvTable } from "./csv.ts";
import { GENERIC_COLUMNS, type GenericOptions, readGeneric } from "./generic.ts";
import { MOONCAKE_COLUMNS, readMooncakeCsv, readMooncakeJsonl } from "./mooncake.ts";
import { ParquetTable } from "./parquet.ts";

/** Layouts that can be read; `generic` is Canopy's own. */
export const TRACE_FORMATS = ["generic", "azure", "burstgpt", "mooncake", "agent-sessions"] as const;
export type TraceFormat = (typeof TRACE_FORMATS)[number];

export interface ReadTraceOptions extends GenericOptions, BurstGptOptions, AgentSessionOptions {
  /** Layout of the file; told from its columns when absent. With `columns` it is `generic`. */
  readonly format?: TraceFormat;
}

/** Columns by which a layout is recognised. */
const SIGNATURES: readonly (readonly [TraceFormat, readonly string[]])[] = [
  ["generic", ["arrival_s", "prompt_tokens", "output_tokens"]],
  ["azure", AZURE_COLUMNS],
  ["burstgpt", BURSTGPT_COLUMNS],
  ["agent-sessions", AGENT_SESSION_COLUMNS],
  ["mooncake", MOONCAKE_COLUMNS],
];

/**
 * Reads a trace file: CSV, Parquet, or Mooncake's JSON Lines. The first is told from the others by its bytes, the
 * layout by its column names.
 *
 * @throws UserError CANOPY_FILE_MISSING, CANOPY_FILE_UNREADABLE, CANOPY_TRACE_EMPTY, CANOPY_TRACE_FORMAT,
 *   CANOPY_TRACE_COLUMN, CANOPY_TRACE_VALUE: one line with file, line, column and what was expected
 * @example
 * const trace = await readTrace("requests.csv", { columns: { arrival_s: "time", prompt_tokens: "in" } });
 */
export async function readTrace(path: string, options: ReadTraceOptions = {}): Promise<Trace> {
  const { format } = options;
  if (format !== undefined && !TRACE_FORMATS.includes(format)) {
    throw new UserError(
      "CANOPY_TRACE_FORMAT",
      `${path}: format "${String(format)}" is not known${suggestion(String(format), TRACE_FORMATS)}`,
    );
  }
  const kind = await kindOfFile(path);
  if (kind === "parquet") {
    if (format !== undefined && format !== "generic") throw wrongKind(path, "Parquet", format);
    return readGeneric(await ParquetTable.open(path), options);
  }
  if (kind === "jsonl") {
    if (format !== undefined && format !== "mooncake") throw wrongKind(path, "JSON Lines", format);
    return readMooncakeJsonl(path, options);
  }
  const table = new CsvTable(path);
  switch (format ?? recognise(table, options)) {
    case "generic":
      return readGeneric(table, options);
    case "azure":
      return readAzure(table, options);
    case "burstgpt":
      return readBurstGpt(table, options);
    case "mooncake":
      return readMooncakeCsv(table, options);
    case "agent-sessions":
      return readAgentSessions(table, options);
  }
}

function wrongKind(path: string, kind: string, format: string): UserError {
  return new UserError("CANOPY_TRACE_FORMAT", `${path}: a ${kind} file, expected CSV for format ${format}`);
}

/** Reads the first bytes; fails as `readTextFile` does where there is no readable file. */
async function kindOfFile(path: string): Promise<"csv" | "jsonl" | "parquet"> {
  const readable = await access(path, constants.R_OK).then(
    async () => !(await stat(path)).isDirectory(),
    () => false,
  );
  if (!readable) await readTextFile(path, "trace");
  const head = Buffer.alloc(4);
  const file = openSync(path, "r");
  const got = readSync(file, head, 0, 4, 0);
  closeSync(file);
  const start = head.toString("latin1", 0, got);
  return start === "PAR1" ? "parquet" : start.startsWith("{") ? "jsonl" : "csv";
}

/** The layout whose columns are all there; else the one with most of them is what was probably meant. */
function recognise(table: CsvTable, options: GenericOptions): TraceFormat {
  if (options.columns !== undefined) return "generic";
  const has = (name: string) => table.columns.includes(name);
  const found = SIGNATURES.find(([, columns]) => columns.every(has));
  if (found !== undefined) return found[0];
  const near = SIGNATURES.map(([format, columns]) => ({
    format,
    missing: columns.filter((name) => !has(name)),
    present: columns.filter(has).length,
  })).sort((a, b) => b.present - a.present)[0];
  const header = `${table.path}, line 1`;
  if (near.present > 0) {
    const missing = near.missing[0];
    throw new UserError(
      "CANOPY_TRACE_COLUMN",
      `${header}: no column "${missing}" of the ${near.format} layout${suggestion(missing, table.columns)}`,
    );
  }
  throw new UserError(
    "CANOPY_TRACE_FORMAT",
    `${header}: columns ${table.columns.slice(0, 8).join(", ")} are of no known layout, expected ${GENERIC_COLUMNS.slice(0, 3).join(", ")} (or name them by columns:), or a trace of ${TRACE_FORMATS.slice(1).join(", ")}`,
  );
}
