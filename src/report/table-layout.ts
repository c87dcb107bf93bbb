import { formatInColumn, formatInterval } from "./format-number.ts";
import {
  type Align,
  type CellValue,
  type Column,
  cellValue,
  checkTable,
  type Row,
  type Table,
  VERDICT_SIGNS,
} from "./table.ts";

/** A printed column: a compared column of the table gives three of them. */
export interface LaidColumn {
  readonly source: Column;
  readonly part: "value" | "paper" | "verdict";
  readonly group: string | null;
  readonly header: string;
  readonly unit: string | null;
  readonly align: Align;
  readonly rowHeader: boolean;
  /** The name where no group heading can be drawn (Markdown): group or metric, unit and part in one. */
  readonly fullHeader: string;
}

/** A printed cell, in pieces, so that each renderer can align and escape them its own way. */
export interface LaidCell {
  /** `aside`: a text under numbers that stands at the column's edge and moves no decimal point. */
  readonly kind: "number" | "text" | "aside" | "missing" | "empty";
  readonly text: string;
  readonly mark: string;
  /** Letter of the footnote, or empty. */
  readonly footnote: string;
  readonly interval: readonly [string, string] | null;
}

/** A line of a table: a row, or in a stacked table what belongs to the row above it. */
export interface LaidRow {
  /** In the order of the columns. */
  readonly cells: readonly LaidCell[];
  readonly style: Row["style"] | null;
  readonly line: "row" | "interval" | "paper" | "verdict";
}

export interface Layout {
  readonly columns: readonly LaidColumn[];
  readonly rows: readonly LaidRow[];
  readonly footnotes: readonly { readonly letter: string; readonly text: string }[];
}

/** Letters with a raised form in Unicode (there is none for q). */
const LETTERS = "abcdefghijklmnoprstuvwxyz";
const EMPTY: LaidCell = { kind: "empty", text: "", mark: "", footnote: "", interval: null };

/** Spreads a table over its printed columns, writes its numbers and collects the reasons as footnotes. */
export function layOut(table: Table): Layout {
  checkTable(table);
  const columns = layColumns({ ...table, columns: table.columns.filter((c) => c.csvOnly !== true) });
  const letters = new Map<string, string>();
  const footnote = (reason: string): string => {
    const known = letters.get(reason);
    if (known !== undefined) return known;
    const i = letters.size;
    const letter = LETTERS[i % LETTERS.length].repeat(1 + Math.floor(i / LETTERS.length));
    letters.set(reason, letter);
    return letter;
  };
  const rows = table.rows.flatMap((row): LaidRow[] => {
    if (isStacked(table)) return stackedLines(row, columns, table.arrange === "marked", footnote);
    const cells = columns.map((column) => layCell(cellValue(row.cells[column.source.key]), column, footnote));
    return [{ cells, style: row.style ?? null, line: "row" }];
  });
  return { columns, rows, footnotes: [...letters].map(([text, letter]) => ({ letter, text })) };
}

function isStacked({ arrange }: Table): boolean {
  return arrange === "stacked" || arrange === "marked";
}

const LINE_LABELS = { interval: "95 % interval", paper: "paper", verdict: "verdict" } as const;

/** The row's own line, and one for each kind of thing that any of its cells has beside the value. */
function stackedLines(
  row: Row,
  columns: readonly LaidColumn[],
  marked: boolean,
  footnote: (reason: string) => string,
): LaidRow[] {
  const style = row.style ?? null;
  const labelAt = columns.findLastIndex((column) => column.rowHeader);
  const cells = columns.map((column) => cellValue(row.cells[column.source.key]));
  const own = cells.map((cell, i) => {
    const laid = { ...layCell(cell, columns[i], footnote, marked), interval: null };
    const sign = marked ? VERDICT_SIGNS[cell?.verdict ?? ""] : undefined;
    return sign === undefined ? laid : { ...laid, mark: `${laid.mark} ${sign}` };
  });
  const lines: LaidRow[] = [{ cells: own, style, line: "row" }];
  const add = (
    line: keyof typeof LINE_LABELS,
    of: (cell: CellValue, column: LaidColumn) => LaidCell,
  ): void => {
    const laid = cells.map((cell, i) => (cell === undefined ? EMPTY : of(cell, columns[i])));
    if (laid.every((cell) => cell.kind === "empty")) return;
    laid[labelAt] = { ...EMPTY, kind: "aside", text: LINE_LABELS[line] };
    lines.push({ cells: laid, style, line });
  };
  add("interval", ({ ci, value }, { source }) =>
    ci === undefined
      ? EMPTY
      : { ...EMPTY, kind: "aside", text: rangeText(formatInterval(ci, value, source)) },
  );
  if (marked) return lines;
  add("paper", ({ paper }, { source }) =>
    paper === undefined ? EMPTY : { ...EMPTY, kind: "number", text: formatInColumn(paper, source) },
  );
  add("verdict", (cell, column) => {
    const laid = layCell(cell, { ...column, part: "verdict" }, footnote);
    return laid.kind === "empty" ? EMPTY : { ...laid, kind: "aside" };
  });
  return lines;
}

function rangeText([low, high]: readonly [string, string]): string {
  return low.startsWith("-") || high.startsWith("-") ? `${low} to ${high}` : `${low}–${high}`;
}

function layColumns(table: Table): LaidColumn[] {
  const anyRowHeader = table.columns.some((c) => c.rowHeader === true);
  const bySource = table.arrange === "by-source";
  const spread = table.columns.map((column, index) => {
    const cells = table.rows.map((row) => cellValue(row.cells[column.key])).filter((c) => c !== undefined);
    const numeric = cells.some((c) => typeof c.value === "number");
    const parts: LaidColumn["part"][] = ["value"];
    if (!isStacked(table) && cells.some((c) => c.paper !== undefined)) parts.push("paper");
    if (!isStacked(table) && cells.some((c) => c.verdict !== undefined)) parts.push("verdict");
    const rowHeader = anyRowHeader ? column.rowHeader === true : index === 0;
    return { column, numeric, parts, rowHeader };
  });
  const anyCompared = spread.some((s) => s.parts.length > 1);
  const laid = spread.flatMap(({ column, numeric, parts, rowHeader }) => {
    const compared = parts.length > 1;
    const unit = column.unit ?? null;
    const name = unit === null ? column.header : `${column.header} (${unit})`;
    return parts.map((part): LaidColumn => {
      const word = part === "value" ? "run" : part;
      const align = part === "verdict" ? "left" : (column.align ?? (numeric ? "decimal" : "left"));
      const common = { source: column, part, align, rowHeader };
      if (bySource) {
        const group = !rowHeader && anyCompared && (compared || numeric) ? word : (column.group ?? null);
        const fullHeader = compared ? `${name}, ${word}` : name;
        return {
          ...common,
          group,
          header: column.header,
          unit: part === "verdict" ? null : unit,
          fullHeader,
        };
      }
      const group = compared
        ? column.group === undefined
          ? name
          : `${column.group}: ${name}`
        : (column.group ?? null);
      const header = compared ? word : column.header;
      const fullHeader = group === null ? name : compared ? `${group}, ${word}` : `${group}: ${name}`;
      return { ...common, group, header, unit: compared ? null : unit, fullHeader };
    });
  });
  if (!bySource) return laid;
  const order = (c: LaidColumn): number =>
    c.rowHeader ? 0 : c.group === "run" ? 2 : c.group === "paper" ? 3 : c.group === "verdict" ? 4 : 5;
  const firstMetric = laid.findIndex((c) => order(c) === 2);
  return laid
    .map((column, i) => ({ column, rank: order(column) === 5 && i < firstMetric ? 1 : order(column) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ column }) => column);
}

function layCell(
  cell: CellValue | undefined,
  column: LaidColumn,
  footnote: (reason: string) => string,
  withoutVerdict = false,
): LaidCell {
  if (cell === undefined) return EMPTY;
  // The reason stands behind the missing value, or else behind the verdict that it explains.
  const atVerdict = cell.value !== null && cell.verdict !== undefined && !withoutVerdict;
  const note = cell.reason === undefined || atVerdict !== (column.part === "verdict") ? "" : cell.reason;
  if (column.part === "verdict") {
    if (cell.verdict === undefined) return EMPTY;
    return { ...EMPTY, kind: "text", text: cell.verdict, footnote: note === "" ? "" : footnote(note) };
  }
  if (column.part === "paper") {
    if (cell.paper === undefined) return { ...EMPTY, kind: "missing" };
    return { ...EMPTY, kind: "number", text: formatInColumn(cell.paper, column.source) };
  }
  const rest = {
    mark: cell.mark ?? "",
    footnote: note === "" ? "" : footnote(note),
    interval: cell.ci === undefined ? null : formatInterval(cell.ci, cell.value, column.source),
  };
  if (cell.value === null) return { ...rest, kind: "missing", text: "" };
  if (typeof cell.value === "string") return { ...rest, kind: "text", text: cell.value };
  return { ...rest, kind: "number", text: formatInColumn(cell.value, column.source) };
}
