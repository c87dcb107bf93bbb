import { type CellValue, cellValue, checkTable, type Table } from "./table.ts";

/** Further columns of a compared column, after the one with its own key. */
const PARTS: readonly {
  readonly suffix: string;
  readonly of: (cell: CellValue) => number | string | undefined;
}[] = [
  { suffix: "_ci_lo", of: (cell) => cell.ci?.[0] },
  { suffix: "_ci_hi", of: (cell) => cell.ci?.[1] },
  { suffix: "_paper", of: (cell) => cell.paper },
  { suffix: "_verdict", of: (cell) => cell.verdict },
  { suffix: "_reason", of: (cell) => cell.reason },
];

/**
 * A table for machines: full precision, the columns' keys as header, and beside `key` the columns
 * `key_ci_lo, key_ci_hi, key_paper, key_verdict, key_reason` where any row has such a part. A missing value
 * is an empty field. RFC 4180 quoting, lines closed by a line feed.
 */
export function renderCsv(table: Table): string {
  checkTable(table);
  const rows = table.rows.filter(({ style }) => style !== "paper");
  const header: string[] = [];
  const lines: string[][] = rows.map(() => []);
  for (const { key } of table.columns) {
    const cells = rows.map((row) => cellValue(row.cells[key]));
    const add = (name: string, of: (cell: CellValue) => number | string | null | undefined): void => {
      header.push(name);
      cells.forEach((cell, i) => {
        lines[i].push(field(cell === undefined ? undefined : of(cell)));
      });
    };
    add(key, (cell) => cell.value);
    for (const { suffix, of } of PARTS) {
      if (cells.some((cell) => cell !== undefined && of(cell) !== undefined)) add(key + suffix, of);
    }
  }
  return [header.map(field), ...lines].map((fields) => `${fields.join(",")}\n`).join("");
}

function field(value: number | string | null | undefined): string {
  if (value === null || value === undefined) return "";
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
