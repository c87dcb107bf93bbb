/**
 * Parts: finished runs of a shard as Parquet, one row for each, whatever was run: `key`, and `result` as JSON.
 */
import { existsSync } from "node:fs";
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { UserError } from "../../errors.ts";
import { JOURNAL_FILE } from "../journal.ts";
import { fileList, quoted, withDuckDb } from "./duckdb.ts";

/** Longest line of a journal, in bytes: a run with a timeline of a year is far below. */
const LONGEST_LINE = 1 << 28;

/** The rows of parts and journals, each run once, as a relation in SQL with `key` and `result`. */
export function resultsOf(parts: readonly string[], journals: readonly string[]): string {
  const sources = [
    ...(parts.length === 0 ? [] : [`SELECT key, result FROM read_parquet(${fileList(parts)})`]),
    ...(journals.length === 0 ? [] : [rowsOfJournals(journals)]),
  ];
  if (sources.length === 0) return "(SELECT '' AS key, '' AS result LIMIT 0)";
  return `(SELECT DISTINCT ON (key) key, result FROM (${sources.join(" UNION ALL ")}))`;
}

/** Torn lines are passed over. */
function rowsOfJournals(folders: readonly string[]): string {
  const files = fileList(folders.map((folder) => join(folder, JOURNAL_FILE)));
  return (
    `SELECT key, CAST(result AS VARCHAR) AS result ` +
    `FROM read_json(${files}, format = 'newline_delimited', columns = {key: 'VARCHAR', result: 'JSON'}, ` +
    `ignore_errors = true, maximum_object_size = ${LONGEST_LINE}) WHERE key IS NOT NULL AND result IS NOT NULL`
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
  await writeAtomically(part, (connection, partial) =>
    connection.run(
      `COPY (SELECT * FROM ${resultsOf(existsSync(part) ? [part] : [], [shard])} ORDER BY key) ` +
        `TO ${quoted(partial)} (FORMAT parquet, COMPRESSION zstd)`,
    ),
  );
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
