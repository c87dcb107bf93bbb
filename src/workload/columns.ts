import type { RequestChunk } from "./requests.ts";

/** The columns of a chunk, without its row count. */
export type RequestColumns = Omit<RequestChunk, "count">;
export type ColumnName = keyof RequestColumns;
export type Column = Float64Array | Int32Array | Uint8Array;

interface ColumnType {
  readonly BYTES_PER_ELEMENT: number;
  new (length: number): Column;
  new (buffer: ArrayBufferLike): Column;
}

/** Constructor of each column's array, in the order in which columns are hashed and copied. */
export const COLUMN_TYPES = {
  arrivalSeconds: Float64Array,
  promptTokens: Int32Array,
  outputTokens: Int32Array,
  tier: Uint8Array,
  needsLarge: Uint8Array,
  taskType: Uint8Array,
  session: Float64Array,
  step: Int32Array,
  thinkSeconds: Float64Array,
  prefixTokens: Int32Array,
  endpoint: Int32Array,
  tenant: Int32Array,
  turns: Int32Array,
  difficulty: Float64Array,
} as const satisfies Record<
  ColumnName,
  Float64ArrayConstructor | Int32ArrayConstructor | Uint8ArrayConstructor
>;

export const COLUMN_NAMES = Object.keys(COLUMN_TYPES) as ColumnName[];

/** Rows of a chunk unless asked otherwise: small enough for the caches, large enough to amortise a call. */
export const CHUNK_ROWS = 4096;

/** Columns that every chunk has. */
export const REQUIRED_COLUMNS = [
  "arrivalSeconds",
  "promptTokens",
  "outputTokens",
  "tier",
  "needsLarge",
] as const satisfies ColumnName[];

/** An array of zeros for a column, on memory that worker threads can share. */
export function sharedColumn<K extends ColumnName>(name: K, rows: number): NonNullable<RequestColumns[K]> {
  const type: ColumnType = COLUMN_TYPES[name];
  return new type(new SharedArrayBuffer(rows * type.BYTES_PER_ELEMENT)) as NonNullable<RequestColumns[K]>;
}

/** Zeroed shared columns for `names`, which include the required ones. */
export function sharedColumns(names: Iterable<ColumnName>, rows: number): RequestColumns {
  const columns: Partial<Record<ColumnName, Column>> = {};
  for (const name of new Set<ColumnName>([...REQUIRED_COLUMNS, ...names]))
    columns[name] = sharedColumn(name, rows);
  return columns as RequestColumns;
}

/** Names of the columns that are present, in the order of {@link COLUMN_NAMES}. */
export function presentColumns(columns: RequestColumns): ColumnName[] {
  return COLUMN_NAMES.filter((name) => columns[name] !== undefined);
}

/**
 * First row of every block, a block being a row with an arrival time and the dependent steps after it:
 * what must stay together and in order.
 */
export function blockStarts(arrivalSeconds: Float64Array): Int32Array {
  let blocks = 0;
  for (let i = 0; i < arrivalSeconds.length; i++) if (!Number.isNaN(arrivalSeconds[i])) blocks++;
  const starts = new Int32Array(blocks);
  for (let i = 0, block = 0; i < arrivalSeconds.length; i++) {
    if (!Number.isNaN(arrivalSeconds[i])) starts[block++] = i;
  }
  return starts;
}

/** Copies rows between column sets; every column of `target` must exist in `source`. */
export function copyRows(
  source: RequestColumns,
  from: number,
  target: RequestColumns,
  at: number,
  rows: number,
): void {
  for (const name of presentColumns(target)) {
    (target[name] as Column).set((source[name] as Column).subarray(from, from + rows), at);
  }
}

/** New shared columns whose row i is row `rows[i]` of `source`. */
export function gatherRows(source: RequestColumns, rows: Int32Array): RequestColumns {
  const target = sharedColumns(presentColumns(source), rows.length);
  for (const name of presentColumns(source)) {
    const from = source[name] as Column;
    const to = target[name] as Column;
    for (let i = 0; i < rows.length; i++) to[i] = from[rows[i]];
  }
  return target;
}
