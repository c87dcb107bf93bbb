/** Tables as `tables.json` and the page of a report have them: plain JSON. */

/** A table in texts. */
export interface PlainTable {
  readonly title: string;
  readonly caption: string;
  readonly columns: readonly PlainColumn[];
  readonly rows: readonly { readonly isReference: boolean; readonly cells: readonly PlainCell[] }[];
  readonly notes: readonly string[];
}

export interface PlainColumn {
  /** With its group and its unit. */
  readonly title: string;
  readonly isNumber: boolean;
}

/** Its text, what it is sorted by, its interval, and why it has no value. */
export interface PlainCell {
  readonly text: string;
  readonly value: number | string | null;
  readonly interval?: string;
  readonly reason?: string;
}
