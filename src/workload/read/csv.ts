import { closeSync, openSync, readSync } from "node:fs";
import { UserError } from "../../errors.ts";
import { parseDecimal, TimeStamp } from "./bytes.ts";
import type { Table, TableRow } from "./table.ts";

const BLOCK_BYTES = 1 << 22;
const COMMA = 44;
const NEWLINE = 10;
const RETURN = 13;
const QUOTE = 34;

/** A row of a CSV file as ranges of the bytes read. */
export class CsvRow implements TableRow {
  line = 0;
  fields = 0;
  bytes: Buffer;
  starts = new Int32Array(16);
  ends = new Int32Array(16);
  /** Lines that the row takes: more than one where a quoted field holds line ends. */
  lines = 1;
  /** Whether a field of this row has doubled quotes. */
  escaped = false;
  readonly #stamp = new TimeStamp();

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  isEmpty(field: number): boolean {
    return this.ends[field] === this.starts[field];
  }

  number(field: number): number {
    return parseDecimal(this.bytes, this.starts[field], this.ends[field]);
  }

  text(field: number): string {
    const text = this.bytes.toString("utf8", this.starts[field], this.ends[field]);
    return this.escaped ? text.replaceAll('""', '"') : text;
  }

  is(field: number, text: Uint8Array): boolean {
    const start = this.starts[field];
    if (this.ends[field] - start !== text.length) return false;
    const bytes = this.bytes;
    for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text[i]) return false;
    return true;
  }

  /** The field as a calendar time, or undefined; the object is reused. */
  time(field: number): TimeStamp | undefined {
    return this.#stamp.parse(this.bytes, this.starts[field], this.ends[field]) ? this.#stamp : undefined;
  }

  /** Whether the row is a line without any byte. */
  get isBlank(): boolean {
    return this.fields === 1 && this.starts[0] === this.ends[0];
  }
}

/**
 * A CSV file (RFC 4180: commas, optional quotes, LF or CRLF) with a header, read block by block, so that its
 * size does not matter. Blank lines are skipped.
 */
export class CsvTable implements Table {
  readonly path: string;
  readonly columns: readonly string[];
  readonly unit = "line";

  /** Reads the header of a readable file. Throws `CANOPY_TRACE_EMPTY`. */
  constructor(path: string) {
    this.path = path;
    let columns: string[] | undefined;
    scan(path, (row) => {
      columns = Array.from({ length: row.fields }, (_, i) => row.text(i).trim());
      return false;
    });
    if (columns === undefined) {
      throw new UserError(
        "CANOPY_TRACE_EMPTY",
        `${path}: the file is empty, expected a header line and rows`,
      );
    }
    this.columns = columns;
  }

  async each(onRow: (row: CsvRow) => void): Promise<void> {
    let header = true;
    scan(this.path, (row) => {
      if (header) header = false;
      else if (row.fields === this.columns.length) onRow(row);
      else throw wrongFields(this, row);
      return true;
    });
  }
}

function wrongFields(table: CsvTable, row: CsvRow): UserError {
  return new UserError(
    "CANOPY_TRACE_VALUE",
    `${table.path}, line ${row.line}: ${row.fields} fields, expected ${table.columns.length} as in the header`,
  );
}

/** Calls `onRow` for each line that is not blank until it returns false. */
function scan(path: string, onRow: (row: CsvRow) => boolean): void {
  const file = openSync(path, "r");
  try {
    let bytes = Buffer.allocUnsafe(BLOCK_BYTES);
    const row = new CsvRow(bytes);
    let held = 0;
    let line = 1;
    for (let first = true, ended = false; !ended; first = false) {
      if (held === bytes.length) {
        const larger = Buffer.allocUnsafe(bytes.length * 2);
        bytes.copy(larger);
        bytes = larger;
        row.bytes = bytes;
      }
      const got = readSync(file, bytes, held, bytes.length - held, null);
      ended = got === 0;
      const filled = held + got;
      let at = first && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
      while (at < filled) {
        row.line = line;
        const next = splitRow(row, at, filled, ended);
        if (next < 0) break;
        line += row.lines;
        at = next;
        if (!row.isBlank && !onRow(row)) return;
      }
      bytes.copyWithin(0, at, filled);
      held = filled - at;
    }
  } finally {
    closeSync(file);
  }
}

/** Splits the row that begins at `at`; returns where the next begins, or -1 if the row is not complete yet. */
function splitRow(row: CsvRow, at: number, filled: number, ended: boolean): number {
  const bytes = row.bytes;
  let fields = 0;
  row.lines = 1;
  row.escaped = false;
  for (let start = at; ; ) {
    if (fields === row.starts.length) growFields(row);
    let i = start;
    let end: number;
    if (bytes[i] === QUOTE && i < filled) {
      i++;
      row.starts[fields] = i;
      for (; ; i++) {
        for (; i < filled && bytes[i] !== QUOTE; i++) if (bytes[i] === NEWLINE) row.lines++;
        if (i + 1 >= filled || bytes[i + 1] !== QUOTE) break;
        row.escaped = true;
        i++;
      }
      end = i;
      if (i < filled) i++;
      while (i < filled && bytes[i] !== COMMA && bytes[i] !== NEWLINE) i++;
    } else {
      row.starts[fields] = start;
      let byte = 0;
      while (i < filled && (byte = bytes[i]) !== COMMA && byte !== NEWLINE) i++;
      end = i;
      if (end > start && bytes[end - 1] === RETURN && (i === filled || byte === NEWLINE)) end--;
    }
    if (i === filled && !ended) return -1;
    row.ends[fields++] = end;
    row.fields = fields;
    if (i >= filled) return filled;
    if (bytes[i] === NEWLINE) return i + 1;
    start = i + 1;
  }
}

function growFields(row: CsvRow): void {
  const starts = new Int32Array(row.starts.length * 2);
  const ends = new Int32Array(row.ends.length * 2);
  starts.set(row.starts);
  ends.set(row.ends);
  row.starts = starts;
  row.ends = ends;
}
