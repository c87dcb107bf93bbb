import { composeColumn, type Dialect } from "./compose-cells.ts";
import { raisedLetters } from "./raised-letters.ts";
import type { Align, Table } from "./table.ts";
import { layOut } from "./table-layout.ts";
import { pad } from "./text-width.ts";

const DIALECT: Dialect = {
  dash: "–",
  escape: escapeMarkdown,
  indent: "&nbsp;&nbsp;",
  number: (text) => text,
  raise: raisedLetters,
  mark: escapeMarkdown,
  padLeft: (sample) => " ".repeat(sample.length),
  padRight: (sample) => " ".repeat(sample.length),
  padSuffix: (sample) => " ".repeat(sample.length),
};

/** A table as GitHub Markdown under a heading of level 3, with aligned source, closing with a line break. */
export function renderMarkdown(table: Table): string {
  const layout = layOut(table);
  const rowHeaderAt = layout.columns.findIndex((column) => column.rowHeader);
  const columns = layout.columns.map((column, at) => {
    const texts = composeColumn(
      layout.rows.map((row) => row.cells[at]),
      column.align,
      DIALECT,
    );
    const styled = texts.map((text, i) => {
      if (at !== rowHeaderAt) return text;
      const { style, line } = layout.rows[i];
      if (line !== "row") return text;
      return style === "marked" ? `**${text}**` : style === "reference" ? `${text} (reference)` : text;
    });
    const header = escapeMarkdown(column.fullHeader);
    const width = Math.max(3, ...[header, ...styled].map((text) => text.length));
    return { align: column.align, header, texts: styled, width };
  });
  const line = (texts: readonly string[]): string => `| ${texts.join(" | ")} |`;
  const lines = [
    line(columns.map((c) => pad(c.header, c.width, side(c.align)))),
    line(columns.map((c) => ruler(c.align, c.width))),
    ...layout.rows.map((_, i) => line(columns.map((c) => pad(c.texts[i], c.width, side(c.align))))),
  ];
  const remarks = [
    ...layout.footnotes.map(({ letter, text }) => `${raisedLetters(letter)} ${escapeMarkdown(text)}`),
    ...table.notes.map(escapeMarkdown),
  ];
  const parts = [`### ${escapeMarkdown(table.title)}`];
  if (table.caption !== undefined) parts.push(escapeMarkdown(table.caption));
  parts.push(lines.join("\n"));
  if (remarks.length > 0) parts.push(remarks.map((remark) => `- ${remark}`).join("\n"));
  return `${parts.join("\n\n")}\n`;
}

/** Text with Markdown's signs taken literally; underscores inside words need none. */
export function escapeMarkdown(text: string): string {
  return text
    .replace(/\s+/g, " ")
    .replace(/[\\`*|<]/g, "\\$&")
    .replace(/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, "\\_");
}

function side(align: Align): "left" | "right" | "center" {
  return align === "decimal" ? "right" : align;
}

function ruler(align: Align, width: number): string {
  if (align === "left") return "-".repeat(width);
  if (align === "center") return `:${"-".repeat(width - 2)}:`;
  return `${"-".repeat(width - 1)}:`;
}
