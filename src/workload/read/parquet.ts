import type { DuckDBConnection, DuckDBVector } from "@duckdb/node-api";
import { UserError } from "../../errors.ts";
import type { Table, TableRow } from "./table.ts";

/** Types whose values are read as numbers; all others are read as text. */
const NUMERIC = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*)$/;

/** A Parquet file, read by DuckDB, which is loaded on first use. */
export class ParquetTable implements Table {
  readonly path: string;
  readonly columns: readonly string[];
  readonly unit = "row";
  readonly #numeric: readonly boolean[];

  private constructor(path: string, columns: readonly string[], numeric: readonly boolean[]) {
    this.path = path;
    this.columns = columns;
    this.#numeric = numeric;
  }

  /** Reads the schema. Throws `CANOPY_TRACE_FORMAT` for a file that is not Parquet. */
  static async open(path: string): Promise<ParquetTable> {
    return withDuckDb(async (connection) => {
      try {
        const reader = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${source(path)}`);
        const rows = reader.getRowObjects();
        const types = rows.map((row) => String(row["column_type"]));
        return new ParquetTable(
          path,
          rows.map((row) => String(row["column_name"])),
          types.map((type) => NUMERIC.test(type)),
        );
      } catch (cause) {
        throw new UserError(
          "CANOPY_TRACE_FORMAT",
          `${path}: cannot be read as Parquet (${firstLine(cause)})`,
          {
            cause,
          },
        );
      }
    });
  }

  async each(onRow: (row: TableRow) => void, fields?: readonly number[]): Promise<void> {
    const wanted = fields ?? this.columns.map((_, i) => i);
    const casts = wanted.map((field) => {
      const name = `"${this.columns[field].replaceAll('"', '""')}"`;
      return this.#numeric[field] ? `CAST(${name} AS DOUBLE)` : `CAST(${name} AS VARCHAR)`;
    });
    await withDuckDb(async (connection) => {
      const result = await connection.stream(`SELECT ${casts.join(", ")} FROM ${source(this.path)}`);
      const row = new ParquetRow(this.columns.length);
      for (
        let chunk = await result.fetchChunk();
        chunk && chunk.rowCount > 0;
        chunk = await result.fetchChunk()
      ) {
        wanted.forEach((field, i) => {
          row.vectors[field] = chunk?.getColumnVector(i);
        });
        const rows = chunk.rowCount;
        for (row.at = 0; row.at < rows; row.at++) {
          row.line++;
          onRow(row);
        }
      }
    });
  }
}

class ParquetRow implements TableRow {
  line = 0;
  /** Position within the current vectors. */
  at = 0;
  readonly fields: number;
  readonly vectors: (DuckDBVector | undefined)[];

  constructor(fields: number) {
    this.fields = fields;
    this.vectors = new Array(fields);
  }

  isEmpty(field: number): boolean {
    const value = this.#value(field);
    return value === null || value === "";
  }

  number(field: number): number {
    const value = this.#value(field);
    if (typeof value === "number") return value;
    return value === null || value.trim() === "" ? Number.NaN : Number(value);
  }

  text(field: number): string {
    return String(this.#value(field) ?? "");
  }

  is(): boolean {
    return false;
  }

  #value(field: number): number | string | null {
    return this.vectors[field]?.getItem(this.at) as number | string | null;
  }
}

async function withDuckDb<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  const { DuckDBInstance } = await import("@duckdb/node-api");
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    return await work(connection);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

function source(path: string): string {
  return `read_parquet('${path.replaceAll("'", "''")}')`;
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split("\n")[0];
}
