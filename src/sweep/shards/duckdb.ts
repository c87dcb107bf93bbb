/** DuckDB in memory, loaded when it is first needed. */
import type { DuckDBConnection } from "@duckdb/node-api";

/** Runs work on a connection of its own and closes it. */
export async function withDuckDb<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
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

/** A text as SQL. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A name as SQL. */
export function named(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A list of files as SQL; each is taken by its name, whatever signs are in it. */
export function fileList(paths: readonly string[]): string {
  // DuckDB takes these for patterns.
  const literal = (path: string) => path.replace(/[*?[]/g, (sign) => `[${sign}]`);
  return `[${paths.map((path) => quoted(literal(path))).join(", ")}]`;
}
