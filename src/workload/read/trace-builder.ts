import { suggestion, UserError } from "../../errors.ts";
import { DEFAULT_TIER } from "../classes.ts";
import {
  blockStarts,
  type Column,
  type ColumnName,
  copyRows,
  gatherRows,
  presentColumns,
  type RequestColumns,
  sharedColumns,
} from "../columns.ts";
import { MAX_TOKENS } from "../distribution.ts";
import type { Tier } from "../requests.ts";
import { Trace } from "../trace.ts";
import type { Table, TableRow } from "./table.ts";

/** What every reader is told. */
export interface ReadOptions {
  /** Name of the trace; default: the file's name without its ending. */
  readonly name?: string;
  /** Tiers that the file's `tier` column may name; default: those it names, without objectives. */
  readonly tiers?: readonly Tier[];
  /** Rows with 0 prompt or output tokens (failed requests) are dropped and counted; false makes them errors. */
  readonly dropEmpty?: boolean;
}

/** Collects rows in the order of the file; {@link TraceBuilder.finish} sorts them and makes the trace. */
export class TraceBuilder {
  /** Rows kept. */
  rows = 0;
  /** Rows of the file; the reader counts them. */
  rowsRead = 0;
  columns: RequestColumns;
  readonly #notes: Record<string, number> = {};
  readonly #table: Pick<Table, "path" | "unit">;
  readonly #dropEmpty: boolean;
  readonly #name: string;
  readonly #tiers: readonly Tier[] | undefined;
  #latest = Number.NEGATIVE_INFINITY;
  #outOfOrder = 0;

  constructor(
    table: Pick<Table, "path" | "unit">,
    options: ReadOptions,
    columns: readonly ColumnName[] = [],
  ) {
    this.#table = table;
    this.#dropEmpty = options.dropEmpty ?? true;
    this.#name = options.name ?? stem(table.path);
    this.#tiers = options.tiers;
    this.columns = sharedColumns(columns, 1 << 12);
  }

  /**
   * Adds a request; returns its row, or -1 if it was dropped for having no tokens.
   *
   * @param arrivalSeconds NaN for a step that depends on the row before it
   */
  add(arrivalSeconds: number, promptTokens: number, outputTokens: number, line: number): number {
    if (promptTokens === 0 || outputTokens === 0) {
      if (!this.#dropEmpty) {
        const which = promptTokens === 0 ? "prompt" : "output";
        throw this.error(
          line,
          `a request of 0 ${which} tokens, expected at least 1 (dropEmpty: true drops such rows)`,
        );
      }
      this.count("droppedEmpty");
      return -1;
    }
    const row = this.rows++;
    if (row === this.columns.arrivalSeconds.length) this.#grow();
    this.columns.arrivalSeconds[row] = arrivalSeconds;
    this.columns.promptTokens[row] = promptTokens;
    this.columns.outputTokens[row] = outputTokens;
    if (arrivalSeconds < this.#latest) this.#outOfOrder++;
    else if (arrivalSeconds > this.#latest) this.#latest = arrivalSeconds;
    return row;
  }

  /** Adds one to a note. */
  count(note: string): void {
    this.#notes[note] = (this.#notes[note] ?? 0) + 1;
  }

  /**
   * @param names names found in the file, by index
   * @param options.startAtZero moves the first arrival to 0
   * @param options.countOrder whether rows out of order are worth a note
   */
  finish(
    names: { tiers?: readonly string[]; taskTypes?: readonly string[]; endpoints?: readonly string[] } = {},
    { startAtZero = false, countOrder = true } = {},
  ): Trace {
    if (this.rows === 0) {
      const dropped = this.#notes["droppedEmpty"];
      throw new UserError(
        "CANOPY_TRACE_EMPTY",
        `${this.#table.path}: no requests${dropped === undefined ? "" : ` (${dropped} rows without tokens dropped)`}, expected at least one row`,
      );
    }
    const columns = this.#sorted();
    const arrivals = columns.arrivalSeconds;
    if (startAtZero) {
      const first = arrivals[0];
      for (let i = 0; i < arrivals.length; i++) arrivals[i] -= first;
    }
    const notes = {
      rowsRead: this.rowsRead,
      ...this.#notes,
      ...(this.#outOfOrder > 0 && countOrder && { outOfOrder: this.#outOfOrder }),
    };
    const header = {
      name: this.#name,
      tiers: this.#tiers ?? names.tiers?.map((name) => ({ ...DEFAULT_TIER, name })) ?? [DEFAULT_TIER],
      taskTypes: names.taskTypes ?? [],
      endpointNames: names.endpoints ?? [],
      notes,
    };
    return new Trace(header, columns);
  }

  /** A user error at a line of the file. */
  error(line: number, what: string): UserError {
    return new UserError("CANOPY_TRACE_VALUE", `${this.#table.path}, ${this.#table.unit} ${line}: ${what}`);
  }

  #sorted(): RequestColumns {
    if (this.#outOfOrder === 0) {
      const target = sharedColumns(presentColumns(this.columns), this.rows);
      copyRows(this.columns, 0, target, 0, this.rows);
      return target;
    }
    const times = this.columns.arrivalSeconds;
    const starts = blockStarts(times.subarray(0, this.rows));
    const order = [...starts.keys()].sort((a, b) => times[starts[a]] - times[starts[b]]);
    const rows = new Int32Array(this.rows);
    let at = 0;
    for (const block of order) {
      const end = block + 1 < starts.length ? starts[block + 1] : this.rows;
      for (let row = starts[block]; row < end; row++) rows[at++] = row;
    }
    return gatherRows(this.columns, rows);
  }

  #grow(): void {
    const larger = sharedColumns(presentColumns(this.columns), this.rows * 2);
    for (const name of presentColumns(larger)) (larger[name] as Column).set(this.columns[name] as Column);
    this.columns = larger;
  }
}

/** Index of a column; throws `CANOPY_TRACE_COLUMN` naming the nearest. */
export function requireColumn(table: Table, name: string): number {
  const index = table.columns.indexOf(name);
  if (index >= 0) return index;
  const where = table.unit === "line" ? `${table.path}, line 1` : table.path;
  throw new UserError(
    "CANOPY_TRACE_COLUMN",
    `${where}: no column "${name}"${suggestion(name, table.columns)}`,
  );
}

/** The whole number of tokens in a field; throws `CANOPY_TRACE_VALUE` for anything else. */
export function readTokens(table: Table, row: TableRow, field: number): number {
  const value = row.number(field);
  if (value >= 0 && value <= MAX_TOKENS && Number.isInteger(value)) return value;
  throw badValue(table, row, field, `a whole number of tokens from 0 to ${MAX_TOKENS}`);
}

/** The number of at least 0 in a field; throws `CANOPY_TRACE_VALUE` for anything else. */
export function readNotNegative(table: Table, row: TableRow, field: number, what: string): number {
  const value = row.number(field);
  if (value >= 0 && value < Number.POSITIVE_INFINITY) return value;
  throw badValue(table, row, field, what);
}

export function badValue(table: Table, row: TableRow, field: number, expected: string): UserError {
  return new UserError(
    "CANOPY_TRACE_VALUE",
    `${table.path}, ${table.unit} ${row.line}, column "${table.columns[field]}": "${row.text(field)}" is not ${expected}`,
  );
}

/** Numbers for names in the order of their first appearance, or for given names only. */
export class NameNumbers {
  readonly names: string[];
  readonly #numbers: Map<string, number>;
  readonly #fixed: boolean;
  /** The first names in UTF-8: few names are told apart by their bytes faster than by making a string. */
  readonly #bytes: Uint8Array[] = [];

  constructor(given?: readonly string[]) {
    this.#fixed = given !== undefined;
    this.names = [...(given ?? [])];
    this.#numbers = new Map(this.names.map((name, i) => [name, i]));
    for (const name of this.names.slice(0, 8)) this.#bytes.push(Buffer.from(name));
  }

  /** The number of a name; throws `CANOPY_TRACE_VALUE` if it is not a given one, or is one name too many. */
  of(table: Table, row: TableRow, field: number, limit = Number.MAX_SAFE_INTEGER): number {
    const bytes = this.#bytes;
    for (let i = 0; i < bytes.length; i++) if (row.is(field, bytes[i])) return i;
    const name = row.text(field);
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    if (this.#fixed) throw badValue(table, row, field, `a known name${suggestion(name, this.names)}`);
    if (this.names.length >= limit)
      throw badValue(table, row, field, `one of the first ${limit} names: too many`);
    this.#numbers.set(name, this.names.length);
    if (bytes.length < 8) bytes.push(Buffer.from(name));
    return this.names.push(name) - 1;
  }
}

/**
 * Numbers of sessions: whole numbers stay as they are, other names count from 2^52 in the order of their
 * first appearance.
 */
export class SessionNumbers {
  readonly #numbers = new Map<string, number>();

  of(row: TableRow, field: number): number {
    const number = row.number(field);
    if (number >= 0 && number < 2 ** 52 && Number.isInteger(number)) return number;
    const name = row.text(field);
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const next = 2 ** 52 + this.#numbers.size;
    this.#numbers.set(name, next);
    return next;
  }
}

function stem(path: string): string {
  const file = path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
  const dot = file.lastIndexOf(".");
  return dot > 0 ? file.slice(0, dot) : file;
}
