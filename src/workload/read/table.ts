/** A row while it is being read; the object is the same for all rows. Fields are counted from 0. */
export interface TableRow {
  /** Line of the file (1 is the header) or row of a Parquet file (1 is the first). */
  readonly line: number;
  /** Number of fields in this row. */
  readonly fields: number;
  isEmpty(field: number): boolean;
  /** NaN if the field holds no decimal number. */
  number(field: number): number;
  text(field: number): string;
  /** True only if the field is the text of these UTF-8 bytes; where that is not cheap to tell, always false. */
  is(field: number, text: Uint8Array): boolean;
}

/** A file of named columns that can be read once. */
export interface Table {
  readonly path: string;
  readonly columns: readonly string[];
  /** `line` or `row`, for messages. */
  readonly unit: "line" | "row";
  /**
   * Calls `onRow` for every row in the order of the file.
   *
   * @param fields the fields that will be asked for; all when absent
   */
  each(onRow: (row: TableRow) => void, fields?: readonly number[]): Promise<void>;
}
