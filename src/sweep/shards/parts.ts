/**
 * Parts: finished runs of a shard as Parquet, one row for each, whatever was run: `key`, and `result` as JSON.
 */
import { existsSync } from "node:fs";
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { UserError } from "../../errors.ts";
import { readJournal } from "../journal.ts";
import { fileList, quoted, withDuckDb } from "./duckdb.ts";

/**
 * Makes a table of what parts and journals hold, each run once, with `key` and `result`. Torn lines are passed over.
 *
 * Journals are read here and not by DuckDB, whose reader of JSON takes twice the longest line that it is told of.
 *
 * @param only a relation in SQL with the keys that are wanted; default all
 */
export async function loadRuns(
  connection: DuckDBConnection,
  table: string,
  { parts, journals }: { readonly parts: readonly string[]; readonly journals: readonly string[] },
  only?: string,
): Promise<void> {
  await connection.run(`CREATE TABLE ${table} (key VARCHAR, result VARCHAR)`);
  const appender = await connection.createAppender(table);
  for (const folder of journals) {
    readJournal(folder, ({ key, text }) => {
      appender.appendVarchar(key);
      appender.appendVarchar(text);
      appender.endRow();
    });
  }
  appender.closeSync();
  if (parts.length > 0) {
    const wanted = only === undefined ? "" : ` SEMI JOIN ${only} USING (key)`;
    await connection.run(
      `INSERT INTO ${table} SELECT key, result FROM read_parquet(${fileList(parts)})${wanted}`,
    );
  }
  // By the places of rows: results are long, and no operator shall hold a copy of them all.
  const isOther = only === undefined ? "" : ` OR key NOT IN (SELECT key FROM ${only})`;
  await connection.run(
    `DELETE FROM ${table} WHERE rowid NOT IN (SELECT min(rowid) FROM ${table} GROUP BY key)${isOther}`,
  );
}

/**
 * Makes one part of a shard's journal and the part it has already. The new one takes the place of the old in one
 * rename; whoever stops on the way leaves the old one and the journal.
 *
 * @param shard folder, whose lock is held
 * @throws UserError CANOPY_STORE_WRITE, e.g. on a full disk
 */
export async function writePart(shard: string, part: string): Promise<void> {
  await writeAtomically(part, async (connection, partial) => {
    await loadRuns(connection, "runs", { parts: existsSync(part) ? [part] : [], journals: [shard] });
    await connection.run(
      `COPY (SELECT * FROM runs ORDER BY key) TO ${quoted(partial)} (FORMAT parquet, COMPRESSION zstd)`,
    );
  });
}

/**
 * Has DuckDB write a file under another name, and renames it once it is on the disk. What earlier attempts left is
 * removed.
 *
 * @throws UserError CANOPY_STORE_WRITE
 */
export async function writeAtomically(
  path: string,
  write: (connection: DuckDBConnection, partial: string) => Promise<unknown>,
  connection?: DuckDBConnection,
): Promise<void> {
  const partial = `${path}.${process.pid}.partial`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await removeLeftovers(path);
    await (connection === undefined ? withDuckDb((own) => write(own, partial)) : write(connection, partial));
    const file = await open(partial, "r+");
    try {
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
  } catch (cause) {
    await rm(partial, { force: true }).catch(() => undefined);
    if (cause instanceof UserError) throw cause;
    const why = (cause as NodeJS.ErrnoException).code ?? String((cause as Error).message ?? cause);
    throw new UserError(
      "CANOPY_STORE_WRITE",
      `${path}: cannot be written (${why.split("\n")[0]}); finished runs are kept as they were`,
      { cause, exitCode: 1 },
    );
  }
}

async function removeLeftovers(path: string): Promise<void> {
  const folder = dirname(path);
  const stale = new RegExp(`^${path.slice(folder.length + 1).replaceAll(".", "\\.")}\\.\\d+\\.partial$`);
  for (const name of await readdir(folder))
    if (stale.test(name)) await rm(join(folder, name), { force: true });
}

/** Keys of the runs that parts hold. */
export async function keysOfParts(parts: readonly string[]): Promise<string[]> {
  if (parts.length === 0) return [];
  return withDuckDb(async (connection) => {
    const reader = await connection.runAndReadAll(`SELECT key FROM read_parquet(${fileList(parts)})`);
    return reader.getColumns()[0] as string[];
  });
}
