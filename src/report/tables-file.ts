/** `tables.json`: tables as they are read, for the report. Written by commands whose outcome is no result of runs. */
import { join } from "node:path";
import { z } from "zod";
import { UserError } from "../errors.ts";
import { readTextFile } from "../files.ts";
import { formatInColumn, formatInterval } from "./format-number.ts";
import type { PlainCell, PlainTable } from "./plain-table.ts";
import { type CellValue, type Column, cellValue, type Row, type Table } from "./table.ts";

export const TABLES_FILE = "tables.json";
const SCHEMA = "canopy/tables/1";
const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

const CELL = z.looseObject({
  text: z.string(),
  value: z.union([z.number(), z.string(), z.null()]),
  interval: z.string().exactOptional(),
  reason: z.string().exactOptional(),
});
const TABLE = z
  .looseObject({
    title: z.string(),
    caption: z.string(),
    columns: z.array(z.looseObject({ title: z.string(), isNumber: z.boolean() })),
    rows: z.array(z.looseObject({ isReference: z.boolean(), cells: z.array(CELL) })),
    notes: z.array(z.string()),
  })
  .refine(({ columns, rows }) => rows.every(({ cells }) => cells.length === columns.length), {
    message: "expected a cell for every column",
    path: ["rows"],
  }) satisfies z.ZodType<PlainTable>;
const FILE = z.looseObject({
  schema: z.literal(SCHEMA),
  /** The command that made them, e.g. `overhead`. */
  by: z.string(),
  title: z.string(),
  tables: z.array(TABLE),
  /** SVG files beside it, with what is written over them. */
  figures: z.array(z.looseObject({ file: z.string(), title: z.string() })),
});

/** What `tables.json` holds. */
export type TablesFile = z.output<typeof FILE>;
export type ShownFigure = TablesFile["figures"][number];

/** @param figures the SVG files beside it */
export function tablesFileText(
  by: string,
  title: string,
  tables: readonly Table[],
  figures: readonly { readonly file: string; readonly svg: string }[],
): string {
  const file = {
    schema: SCHEMA,
    by,
    title,
    tables: tables.map(plainTable),
    figures: figures.map(({ file, svg }) => ({ file, title: titleOf(svg) ?? file })),
  };
  return `${JSON.stringify(file)}\n`;
}

/**
 * @throws UserError CANOPY_RESULT_FORMAT for a file of another format
 */
export async function readTablesFile(folder: string): Promise<TablesFile> {
  const path = join(folder, TABLES_FILE);
  const refuse = (why: string): never => {
    throw new UserError(
      "CANOPY_RESULT_FORMAT",
      `${path}: ${why}, expected tables of the format ${SCHEMA}, which canopy leaderboard, capacity, overhead and validate write`,
    );
  };
  let content: unknown;
  try {
    content = JSON.parse(await readTextFile(path, "tables"));
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    return refuse("no JSON");
  }
  const { success, data, error } = FILE.safeParse(content);
  if (success) return data;
  const [{ path: place, message }] = error.issues;
  return refuse(`${place.length === 0 ? "" : `${place.join(".")}: `}${message}`);
}

/** What is written over a figure. */
function titleOf(svg: string): string | undefined {
  const [, title] = /<title>([^<]*)<\/title>/.exec(svg) ?? [];
  return title?.replace(/&(lt|gt|quot|apos|amp);/g, (_, name: string) => ENTITIES[name] ?? "");
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
