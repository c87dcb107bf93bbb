import { renderCsv } from "./render-csv.ts";
import { renderLatex } from "./render-latex.ts";
import { renderMarkdown } from "./render-markdown.ts";
import { renderTerminal } from "./render-terminal.ts";
import type { Table } from "./table.ts";

/** Forms of tables in a result's folder. */
export const TABLE_FORMATS = ["txt", "md", "tex", "csv"] as const;

/** Columns of `table.txt`. */
const TEXT_WIDTH = 110;

/** Writes `table.txt|md|tex` with all tables, and each as CSV: `table.csv`, `table-2.csv` and so on. */
export async function writeTables(
  tables: readonly Table[],
  formats: readonly string[],
  write: (name: string, text: string) => Promise<void>,
): Promise<void> {
  const join = (render: (table: Table) => string) => tables.map(render).join("\n");
  const has = (format: (typeof TABLE_FORMATS)[number]) => formats.includes(format);
  if (has("txt")) {
    await write(
      "table.txt",
      join((table) => renderTerminal(table, { colours: false, width: TEXT_WIDTH })),
    );
  }
  if (has("md")) await write("table.md", join(renderMarkdown));
  if (has("tex"))
    await write(
      "table.tex",
      join((table) => renderLatex(table)),
    );
  if (!has("csv")) return;
  for (const [i, table] of tables.entries()) {
    await write(i === 0 ? "table.csv" : `table-${i + 1}.csv`, renderCsv(table));
  }
}
