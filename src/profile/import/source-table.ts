import { type CsvRow, readCsvTable } from "../../csv-table.ts";
import { suggestion, UserError } from "../../errors.ts";

/** A CSV file of somebody else's measurements, read by the names of its columns. */
export class SourceTable {
  readonly path: string;
  readonly rows: readonly SourceRow[];
  readonly #columns: readonly string[];

  private constructor(path: string, columns: readonly string[], rows: readonly CsvRow[]) {
    this.path = path;
    this.#columns = columns;
    const places = new Map(columns.map((name, i) => [name, i]));
    this.rows = rows.map((row) => new SourceRow(path, row, places, columns.length));
  }

  /**
   * @param needed columns that have to be there
   * @throws UserError CANOPY_IMPORT_EMPTY, CANOPY_IMPORT_COLUMN, and those of `readTextFile`
   */
  static async read(path: string, needed: readonly string[]): Promise<SourceTable> {
    const { columns, rows } = await readCsvTable(path, "measurements", "CANOPY_IMPORT_EMPTY");
    const table = new SourceTable(path, columns, rows);
    for (const name of needed) table.expectColumn(name);
    return table;
  }

  has(column: string): boolean {
    return this.#columns.includes(column);
  }

  expectColumn(column: string): void {
    if (this.has(column)) return;
    throw new UserError(
      "CANOPY_IMPORT_COLUMN",
      `${this.path}, line 1: no column "${column}"${suggestion(column, this.#columns)}`,
    );
  }
}

/** One row; columns that were not asked for at reading time have to be there too. */
export class SourceRow {
  readonly line: number;
  readonly #path: string;
  readonly #cells: readonly string[];
  readonly #places: ReadonlyMap<string, number>;

  constructor(path: string, { line, cells }: CsvRow, places: ReadonlyMap<string, number>, width: number) {
    this.line = line;
    this.#path = path;
    this.#cells = cells;
    this.#places = places;
    if (cells.length >= width) return;
    throw new UserError(
      "CANOPY_IMPORT_VALUE",
      `${path}, line ${line}: has ${cells.length} cells, expected ${width} as in the header`,
    );
  }

  text(column: string): string {
    const place = this.#places.get(column);
    if (place === undefined) throw new Error(`column ${column} was not asked for`);
    return this.#cells[place];
  }

  /** @throws UserError CANOPY_IMPORT_VALUE for anything but a finite number that is not negative */
  number(column: string): number {
    const text = this.text(column);
    const value = text === "" ? Number.NaN : Number(text);
    if (Number.isFinite(value) && value >= 0) return value;
    throw this.problem(column, "expected a number, not negative");
  }

  /** A number above 0. */
  positive(column: string): number {
    const value = this.number(column);
    if (value > 0) return value;
    throw this.problem(column, "expected a number above 0");
  }

  /** A whole number above 0; `8.0` is one. */
  count(column: string): number {
    const value = this.number(column);
    if (Number.isInteger(value) && value > 0) return value;
    throw this.problem(column, "expected a whole number above 0");
  }

  problem(column: string, expected: string): UserError {
    return new UserError(
      "CANOPY_IMPORT_VALUE",
      `${this.#path}, line ${this.line}, column "${column}": "${this.text(column)}": ${expected}`,
    );
  }
}
