/** `tables.json`: tables as they are read, for the report. Written by commands whose outcome is no result of runs. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../errors.ts";
import { formatInColumn, formatInterval } from "./format-number.ts";
import type { PlainCell, PlainTable } from "./plain-table.ts";
import { type CellValue, type Column, cellValue, type Row, type Table } from "./table.ts";

export const TABLES_FILE = "tables.json";
const SCHEMA = "canopy/tables/1";

/** What `tables.json` holds. */
export interface TablesFile {
  readonly schema: typeof SCHEMA;
  /** The command that made them, e.g. `overhead`. */
  readonly by: string;
  readonly title: string;
  readonly tables: readonly PlainTable[];
  /** SVG files beside it. */
  readonly figures: readonly string[];
}

/** @param figures names of the SVG files beside it */
export function tablesFileText(
  by: string,
  title: string,
  tables: readonly Table[],
  figures: readonly string[],
): string {
  const file: TablesFile = { schema: SCHEMA, by, title, tables: tables.map(plainTable), figures };
  return `${JSON.stringify(file)}\n`;
}

/**
 * @throws UserError CANOPY_RESULT_FORMAT for a file of another format
 */
export async function readTablesFile(folder: string): Promise<TablesFile> {
  const path = join(folder, TABLES_FILE);
  try {
    const file = JSON.parse(await readFile(path, "utf8")) as TablesFile;
    if (file.schema === SCHEMA) return file;
  } catch {
    // Refused below.
  }
  throw new UserError(
    "CANOPY_RESULT_FORMAT",
    `${path}: expected tables of the format ${SCHEMA}, which canopy leaderboard, capacity, overhead and validate write`,
  );
}

function plainTable({ title, caption = "", columns, rows, notes }: Table): PlainTable {
  const shown = columns.filter(({ csvOnly }) => csvOnly !== true);
  return {
    title,
    caption,
    columns: shown.map((column) => ({
      title: headOf(column),
      isNumber: rows.some(({ cells }) => typeof cellValue(cells[column.key])?.value === "number"),
    })),
    rows: rows.map((row) => ({
      isReference: row.style === "reference",
      cells: shown.map((column) => plainCell(row, column)),
    })),
    notes,
  };
}

function headOf({ header, unit, group }: Column): string {
  const name = unit === undefined ? header : `${header} (${unit})`;
  return group === undefined ? name : `${group}: ${name}`;
}

function plainCell({ cells }: Row, column: Column): PlainCell {
  const cell = cellValue(cells[column.key]);
  if (cell === undefined) return { text: "", value: null };
  const { value, mark = "", ci, reason } = cell;
  return {
    text: textOf(value, column) + mark,
    value,
    ...(ci === undefined ? {} : { interval: formatInterval(ci, value, column).join(" to ") }),
    ...(reason === undefined ? {} : { reason }),
  };
}

function textOf(value: CellValue["value"], column: Column): string {
  if (value === null) return "–";
  return typeof value === "string" ? value : formatInColumn(value, column);
}
