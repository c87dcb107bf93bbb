/** A small CSV reader: header and rows of cells, quotes where a line has any, line numbers kept for messages. */
import { readFileSync } from "node:fs";
import { UserError } from "../errors.ts";

export interface CsvTable {
  readonly columns: readonly string[];
  readonly rows: readonly CsvRow[];
}

export interface CsvRow {
  /** Line of the file, from 1. */
  readonly line: number;
  readonly cells: readonly string[];
}

/**
 * Reads a comma-separated file; empty lines are passed over.
 *
 * @throws UserError CANOPY_FILE when it cannot be read, CANOPY_SIGNAL_EMPTY when it holds no row
 */
export function readCsvTable(path: string): CsvTable {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    const why = missing ? "there is no such file" : (cause as Error).message;
    throw new UserError("CANOPY_FILE", `cannot read signal file ${path}: ${why}`, { cause });
  }
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  const rows: CsvRow[] = [];
  for (const [i, line] of lines.entries()) {
    if (line.trim() !== "") rows.push({ line: i + 1, cells: splitCsvLine(line) });
  }
  const header = rows.shift();
  if (header === undefined || rows.length === 0) {
    const found = header === undefined ? "it is empty" : "it has a header and no rows";
    throw new UserError("CANOPY_SIGNAL_EMPTY", `signal file ${path}: ${found}; expected a header and rows`);
  }
  return { columns: header.cells, rows };
}

/** The cells of one line, trimmed; `""` inside quotes is a quote (RFC 4180, without line breaks in cells). */
export function splitCsvLine(line: string): string[] {
  if (!line.includes('"')) return line.split(",").map((cell) => cell.trim());
  const cells: string[] = [];
  let cell = "";
  let quoted = false;
  for (let i = 0; i < line.length; i++) {
    const c = line[i];
    if (quoted && c === '"' && line[i + 1] === '"') cell += line[++i];
    else if (c === '"') quoted = !quoted;
    else if (c === "," && !quoted) {
      cells.push(cell.trim());
      cell = "";
    } else cell += c;
  }
  cells.push(cell.trim());
  return cells;
}
