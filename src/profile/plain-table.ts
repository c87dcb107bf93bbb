/** Columns by name and rows of cells, without a word on how they are printed. */
export interface PlainTable {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly PlainCell[])[];
  /** Columns that hold whole numbers. */
  readonly whole?: readonly string[];
  readonly notes?: readonly string[];
}

/** Null where there is no value; a mark stands behind its number, and a note says what it means. */
export type PlainCell = string | number | null | { readonly value: number; readonly mark: string };
