/** A small CSV reader: header and rows of cells, quotes where a line has any, line numbers kept for messages. */
import { UserError } from "./errors.ts";
import { readTextFile } from "./files.ts";

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
 * @param what the kind of file for messages, e.g. `signal file`
 * @param emptyCode code of the error when it holds no row
 * @throws UserError CANOPY_FILE_MISSING, CANOPY_FILE_UNREADABLE, or `emptyCode`
 */
export async function readCsvTable(path: string, what: string, emptyCode: string): Promise<CsvTable> {
  const text = await readTextFile(path, what);
  const lines = text.split(/\r?\n/);
  const rows: CsvRow[] = [];
  for (const [i, line] of lines.entries()) {
    if (line.trim() !== "") rows.push({ line: i + 1, cells: splitCsvLine(line) });
  }
  const header = rows.shift();
  if (header === undefined || rows.length === 0) {
    const found = header === undefined ? "it is empty" : "it has a header and no rows";
    throw new UserError(emptyCode, `${what} ${path}: ${found}; expected a header and rows`);
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
