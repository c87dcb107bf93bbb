import pc from "picocolors";
import { composeColumn, type Dialect } from "./compose-cells.ts";
import { raisedLetters } from "./raised-letters.ts";
import type { Table } from "./table.ts";
import { type LaidCell, type LaidColumn, type Layout, layOut } from "./table-layout.ts";
import { displayWidth, pad, wrap } from "./text-width.ts";

export interface TerminalOptions {
  /** Columns of the terminal; a wider table is split. Default 110. */
  readonly width?: number;
  /** Default: what `terminalColours()` finds. */
  readonly colours?: boolean;
}

type Colours = ReturnType<typeof pc.createColors>;

const GAP = "  ";
/** Texts beyond this are wrapped inside their column. */
const WIDEST_TEXT = 44;
const DIALECT: Dialect = {
  dash: "–",
  escape: (text) => text.replace(/\s+/g, " "),
  indent: "  ",
  number: (text) => text,
  raise: raisedLetters,
  mark: (text) => text,
  padLeft: (sample) => " ".repeat(sample.length),
  padRight: (sample) => " ".repeat(sample.length),
  padSuffix: (sample) => " ".repeat(sample.length),
};

/**
 * Whether to colour: never under `NO_COLOR` (no-color.org: any value but the empty one) or on a dumb terminal,
 * always under `FORCE_COLOR`, else only where the stream is a terminal.
 */
export function terminalColours(
  stream: { readonly isTTY?: boolean } = process.stdout,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = environment;
  if (NO_COLOR !== undefined && NO_COLOR !== "") return false;
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== "") return FORCE_COLOR !== "0";
  return stream.isTTY === true && TERM !== "dumb";
}

/**
 * A table as aligned text for a terminal, closing with a line break. A table wider than `width` is split
 * between column groups, each part beginning with the row headers.
 */
export function renderTerminal(table: Table, options: TerminalOptions = {}): string {
  const width = options.width ?? 110;
  const colours = pc.createColors(options.colours ?? terminalColours());
  const layout = layOut(table);
  const printed = printColumns(layout);
  const lines = wrap(table.title, width).map((line) => colours.bold(line));
  if (table.caption !== undefined) lines.push(...wrap(table.caption, width));
  for (const block of splitBlocks(printed, width)) lines.push("", ...blockLines(block, layout, colours));
  const remarks = [
    ...(layout.rows.some((row) => row.style === "reference") ? ["○ reference row"] : []),
    ...layout.footnotes.map(({ letter, text }) => `${raisedLetters(letter)} ${text}`),
    ...table.notes,
  ];
  if (remarks.length > 0) lines.push("");
  for (const remark of remarks) lines.push(...wrap(remark, width, "  ").map((line) => colours.dim(line)));
  return `${lines.map((line) => line.trimEnd()).join("\n")}\n`;
}

/** A column ready to print: for each row its lines, all of one width once padded. */
interface PrintedColumn {
  readonly column: LaidColumn;
  readonly cells: readonly (readonly string[])[];
  readonly laid: readonly LaidCell[];
  readonly width: number;
}

function printColumns(layout: Layout): PrintedColumn[] {
  const gutter = layout.rows.some(({ style }) => style === "marked" || style === "reference");
  return layout.columns.map((column, at) => {
    const laid = layout.rows.map((row) => row.cells[at]);
    const texts = composeColumn(laid, column.align, DIALECT);
    const first = at === layout.columns.findIndex((c) => c.rowHeader);
    const cells = texts.map((text, i) => {
      const lines = column.align === "left" && !column.rowHeader ? wrap(text, WIDEST_TEXT) : [text];
      if (!first || !gutter) return lines.length === 0 ? [""] : lines;
      const { style, line } = layout.rows[i];
      const sign = line !== "row" ? "  " : style === "marked" ? "▸ " : style === "reference" ? "○ " : "  ";
      return lines.map((line) => sign + line);
    });
    const widths = [column.header, unitText(column), ...cells.flat()].map(displayWidth);
    return { column, cells, laid, width: Math.max(1, ...widths) };
  });
}

/** The printed columns of each part: row headers, then as many whole groups as fit, single columns if one does not. */
function splitBlocks(printed: readonly PrintedColumn[], width: number): PrintedColumn[][] {
  const headers = printed.filter((p) => p.column.rowHeader);
  const units: PrintedColumn[][] = [];
  for (const p of printed) {
    if (p.column.rowHeader) continue;
    const last = units.at(-1);
    if (last !== undefined && p.column.group !== null && last[0].column.group === p.column.group)
      last.push(p);
    else units.push([p]);
  }
  const blocks: PrintedColumn[][] = [];
  let block = headers;
  const add = (unit: PrintedColumn[]): void => {
    if (totalWidth([...block, ...unit]) > width && block.length > headers.length) {
      blocks.push(block);
      block = headers;
    }
    if (totalWidth([...block, ...unit]) > width && unit.length > 1) for (const p of unit) add([p]);
    else block = [...block, ...unit];
  };
  for (const unit of units) add(unit);
  if (block.length > headers.length || blocks.length === 0) blocks.push(block);
  return blocks.map(widenForHeadings);
}

function totalWidth(block: readonly PrintedColumn[]): number {
  return spanWidth(widenForHeadings(block));
}

function spanWidth(columns: readonly PrintedColumn[]): number {
  return columns.reduce((sum, p) => sum + p.width, 0) + GAP.length * Math.max(0, columns.length - 1);
}

/** Widens the last column of a group whose heading is longer than its columns. */
function widenForHeadings(block: readonly PrintedColumn[]): PrintedColumn[] {
  return groupSpans(block).flatMap(({ group, columns }) => {
    const lack = group === null ? 0 : displayWidth(group) - spanWidth(columns);
    if (lack <= 0) return columns;
    return columns.map((p, i) => (i === columns.length - 1 ? { ...p, width: p.width + lack } : p));
  });
}

function groupSpans(block: readonly PrintedColumn[]): { group: string | null; columns: PrintedColumn[] }[] {
  const spans: { group: string | null; columns: PrintedColumn[] }[] = [];
  for (const p of block) {
    const last = spans.at(-1);
    if (last !== undefined && last.group !== null && last.group === p.column.group) last.columns.push(p);
    else spans.push({ group: p.column.group, columns: [p] });
  }
  return spans;
}

function blockLines(block: readonly PrintedColumn[], layout: Layout, colours: Colours): string[] {
  const lines: string[] = [];
  const row = (texts: readonly string[]): string => texts.join(GAP);
  const heading = (text: (p: PrintedColumn) => string): string =>
    row(block.map((p) => pad(text(p), p.width, side(p.column))));
  if (block.some((p) => p.column.group !== null)) {
    lines.push(colours.bold(row(groupSpans(block).map((span) => groupHeading(span.group, span.columns)))));
  }
  lines.push(colours.bold(heading((p) => p.column.header)));
  if (block.some((p) => unitText(p.column) !== ""))
    lines.push(colours.dim(heading((p) => unitText(p.column))));
  lines.push(colours.dim(row(block.map((p) => "─".repeat(p.width)))));
  layout.rows.forEach(({ style, line: kind }, i) => {
    const filled = block.some((p) => !p.column.rowHeader && p.laid[i].kind !== "empty");
    if ((kind !== "row" || style === "paper") && !filled) return;
    const height = Math.max(...block.map((p) => p.cells[i].length));
    for (let h = 0; h < height; h++) {
      const texts = block.map((p) => {
        const text = pad(p.cells[i][h] ?? "", p.width, side(p.column));
        if (p.column.part === "verdict" || (kind === "verdict" && !p.column.rowHeader)) {
          return verdictColour(p.laid[i].text, colours)(text);
        }
        return kind === "row" && style !== "paper" ? text : colours.dim(text);
      });
      const line = row(texts);
      lines.push(
        style === "marked" ? colours.bold(line) : style === "reference" ? colours.italic(line) : line,
      );
    }
  });
  return lines;
}

function groupHeading(group: string | null, columns: readonly PrintedColumn[]): string {
  const width = spanWidth(columns);
  if (group === null) return " ".repeat(width);
  const free = width - displayWidth(group) - 2;
  if (free < 4) return pad(group, width, "center");
  const before = Math.floor(free / 2);
  return `${"─".repeat(before)} ${group} ${"─".repeat(free - before)}`;
}

function unitText(column: LaidColumn): string {
  return column.unit === null ? "" : `(${column.unit})`;
}

function side(column: LaidColumn): "left" | "right" | "center" {
  return column.align === "decimal" ? "right" : column.align;
}

function verdictColour(verdict: string, colours: Colours): (text: string) => string {
  if (verdict === "agrees") return colours.green;
  if (verdict === "disagrees") return colours.red;
  return verdict === "direction only" ? colours.yellow : colours.dim;
}
