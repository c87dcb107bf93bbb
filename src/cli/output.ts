import type { Command } from "commander";
import { suggestion, UserError } from "../errors.ts";
import type { PlainTable } from "../profile/plain-table.ts";
import type { Table } from "../report/table.ts";

const FORMATS = ["table", "json", "markdown", "latex", "csv"] as const;
export type OutputFormat = (typeof FORMATS)[number];

export interface FormatOption {
  readonly format: OutputFormat;
}

/** Gives a command its `--format`. */
export function withFormat(command: Command): Command {
  return command.option(
    "--format <format>",
    `form of what is printed: ${FORMATS.join(", ")}`,
    parseFormat,
    "table",
  );
}

function parseFormat(text: string): OutputFormat {
  const format = FORMATS.find((word) => word === text);
  if (format !== undefined) return format;
  throw new UserError("CANOPY_OPTION_VALUE", `--format ${text} is not known${suggestion(text, FORMATS)}`);
}

/** What a command has to say: for people as tables, for programs as one JSON value with a `schema`. */
export interface Printed {
  readonly tables: readonly Table[];
  readonly json: { readonly schema: string } & Readonly<Record<string, unknown>>;
}

/** Writes to stdout. */
export async function print(format: OutputFormat, { tables, json }: Printed): Promise<void> {
  if (format === "json") return writeOut(`${JSON.stringify(json, null, 2)}\n`);
  const texts: string[] = [];
  for (const table of tables) texts.push(await renderTable(table, format));
  return writeOut(texts.join("\n"));
}

/** One table in a form for people or papers. */
export async function renderTable(table: Table, format: Exclude<OutputFormat, "json">): Promise<string> {
  switch (format) {
    case "table": {
      const { renderTerminal } = await import("../report/render-terminal.ts");
      const { columns } = process.stdout;
      return renderTerminal(table, columns === undefined ? {} : { width: columns });
    }
    case "markdown":
      return (await import("../report/render-markdown.ts")).renderMarkdown(table);
    case "latex":
      return (await import("../report/render-latex.ts")).renderLatex(table);
    case "csv":
      return (await import("../report/render-csv.ts")).renderCsv(table);
  }
}

/** Writes to stdout; resolves once the text is on its way, so that the end of the process does not cut it off. */
export async function writeOut(text: string): Promise<void> {
  await new Promise<void>((resolve) => process.stdout.write(text, () => resolve()));
}

/** A plain table as one that can be printed; columns get snake-case keys of their headers. */
export function tableOf({ title, columns, rows, whole = [], notes = [] }: PlainTable): Table {
  const keys = columns.map((column) => column.toLowerCase().replace(/[^a-z0-9]+/g, "_"));
  return {
    title,
    columns: columns.map((header, i) => ({
      key: keys[i],
      header,
      ...(whole.includes(header) ? { format: "integer" as const } : {}),
    })),
    rows: rows.map((row) => ({ cells: Object.fromEntries(row.map((cell, i) => [keys[i], cell])) })),
    notes,
  };
}

/** Examples under a command's help. */
export function examples(lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join("\n")}\n`;
}
