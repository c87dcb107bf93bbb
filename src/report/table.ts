/** Where a column's text stands; `decimal` puts the decimal points of its numbers under each other. */
export type Align = "left" | "right" | "center" | "decimal";

/**
 * How a number is written: `significant` digits (the default), a `fixed` number of decimals, a whole number
 * (`integer`), or any text made by a function.
 */
export type NumberFormat = "significant" | "fixed" | "integer" | ((value: number) => string);

/** One column of a table. Values are in the column's unit already: renderers never convert. */
export interface Column {
  /** Name in machine forms (CSV): snake case with the unit last, e.g. `ttft_p95_s`. */
  readonly key: string;
  /** Name for people, without the unit. */
  readonly header: string;
  readonly unit?: string;
  /** Default: `decimal` for a column with a number in it, else `left`. */
  readonly align?: Align;
  /** Significant digits (default 3), or decimals where `format` is `fixed` (default 2). */
  readonly digits?: number;
  readonly format?: NumberFormat;
  /** Neighbours with the same group share a heading, and stay together when a table is split. */
  readonly group?: string;
  /** Repeated in every part of a split table. Without any, the first column is the row header. */
  readonly rowHeader?: boolean;
  /** For machines alone: in CSV, and nowhere else. */
  readonly csvOnly?: boolean;
}

/** A value with what belongs to it. */
export interface CellValue {
  readonly value: number | string | null;
  /** Interval [low, high], in the value's unit. */
  readonly ci?: readonly [number, number];
  /** The published value of the same quantity, in the same unit. */
  readonly paper?: number;
  /** Word of the comparison with the published value: `agrees`, `direction only`, … */
  readonly verdict?: string;
  /** A short sign behind the value, e.g. `*`; the table's notes say what it means. */
  readonly mark?: string;
  /** Why the value is missing, or what makes it not comparable: printed once as a footnote. */
  readonly reason?: string;
}

/** `null` (no value) prints as a dash; numbers and strings are short for a value alone. */
export type Cell = number | string | null | CellValue;

/** One row; a column that `cells` does not name is empty. */
export interface Row {
  readonly cells: Readonly<Record<string, Cell>>;
  /**
   * `reference`: what the others are compared with. `marked`: what the table is about. `paper`: published values as
   * a row of their own, for people; CSV has them beside the run's and leaves the row out.
   */
  readonly style?: "reference" | "marked" | "paper";
}

/** A table, once; renderers make text, Markdown, LaTeX and CSV of it. */
export interface Table {
  readonly title: string;
  /** What the rows are and what made them; stands under the title. */
  readonly caption?: string;
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
  readonly notes: readonly string[];
  /** Default `by-metric`. */
  readonly arrange?: Arrangement;
}

/**
 * Where interval, paper and verdict of a compared column stand:
 * - `by-metric`: in columns beside the value, one group for each metric;
 * - `by-source`: in three groups of columns `run`, `paper`, `verdict` over all metrics;
 * - `stacked`: in lines of their own under each row, so that many metrics fit side by side;
 * - `marked`: as `stacked`, but the verdict is a sign behind the value (`VERDICT_SIGNS`) and the paper's values are
 *   left to rows of the style `paper`: for many rows that are compared with the same figures.
 */
export type Arrangement = "by-metric" | "by-source" | "stacked" | "marked";

/** Signs of the verdicts in a `marked` table; other words have none. */
export const VERDICT_SIGNS: Readonly<Record<string, string>> = {
  agrees: "=",
  "direction only": "~",
  disagrees: "≠",
  calibrated: "*",
};

/** The long form of a cell; undefined for an empty one. */
export function cellValue(cell: Cell | undefined): CellValue | undefined {
  if (cell === undefined) return undefined;
  return cell === null || typeof cell !== "object" ? { value: cell } : cell;
}

/**
 * Refuses tables that would lose data in silence: a key used twice, or a cell that no column shows.
 *
 * @throws Error naming the table and the key (a defect of the code that made the table)
 */
export function checkTable(table: Table): void {
  const keys = new Set<string>();
  for (const { key } of table.columns) {
    if (keys.has(key)) throw new Error(`table "${table.title}": two columns have the key ${key}`);
    keys.add(key);
  }
  for (const row of table.rows) {
    for (const key of Object.keys(row.cells)) {
      if (!keys.has(key)) throw new Error(`table "${table.title}": no column has the key ${key}`);
    }
  }
}
