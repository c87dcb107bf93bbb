/** The results below folders: what a report or a comparison is made from. */
import { open, readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { UserError } from "../../errors.ts";
import type { ExperimentResult } from "../../experiment/result.ts";
import type { Manifest } from "../manifest.ts";
import { readTablesFile, TABLES_FILE, type TablesFile } from "../tables-file.ts";
import { readResult } from "../write-result.ts";

/** What lies in a folder beside what it was found for. */
interface Found {
  /** As the user would name it. */
  readonly folder: string;
  /** Null where there is none that can be read. */
  readonly manifest: Manifest | null;
  /** Names of the files in the folder, sorted. */
  readonly files: readonly string[];
}

export interface FoundResult extends Found {
  readonly result: ExperimentResult;
}

/** Tables of a command whose outcome is no result of runs. */
export interface FoundTables extends Found {
  readonly content: TablesFile;
  /** Those figures that are there, with their texts. */
  readonly figures: readonly { readonly title: string; readonly svg: string }[];
}

const RESULT = "result.json";
/** The schema is the first key. */
const HEAD_BYTES = 200;

/**
 * Every result at or below the places named: folders, or `result.json` files themselves. Hidden folders and
 * `node_modules` are not entered; links to folders are not followed. Sorted by folder, each once.
 *
 * @throws UserError CANOPY_FILE_MISSING for a place that is not there, CANOPY_RESULT_NONE where no result lies below it,
 * CANOPY_RESULT_FORMAT for a `result.json` of another format
 */
export async function findResults(places: readonly string[]): Promise<FoundResult[]> {
  const folders = new Set<string>();
  for (const place of places) {
    const { results } = await foldersBelow(place);
    if (results.length === 0) {
      throw new UserError(
        "CANOPY_RESULT_NONE",
        `${place}: no ${RESULT} in it or below it, expected a folder that canopy run --out has written`,
      );
    }
    for (const folder of results) folders.add(folder);
  }
  return readAll(folders, readResultFolder);
}

/**
 * Every result at or below the places as {@link findResults}, and the tables of other commands.
 *
 * @throws UserError as {@link findResults}; a place with tables alone is taken
 */
export async function findReported(
  places: readonly string[],
): Promise<{ readonly results: readonly FoundResult[]; readonly tables: readonly FoundTables[] }> {
  const folders = { results: new Set<string>(), tables: new Set<string>() };
  for (const place of places) {
    const { results, tables } = await foldersBelow(place);
    if (results.length + tables.length === 0) {
      throw new UserError(
        "CANOPY_RESULT_NONE",
        `${place}: neither ${RESULT} nor ${TABLES_FILE} in it or below it, expected a folder that canopy run, leaderboard, capacity, overhead or validate has written with --out`,
      );
    }
    for (const folder of results) folders.results.add(folder);
    for (const folder of tables) folders.tables.add(folder);
  }
  return {
    results: await readAll(folders.results, readResultFolder),
    tables: await readAll(folders.tables, readTablesFolder),
  };
}

async function readAll<T>(folders: ReadonlySet<string>, read: (folder: string) => Promise<T>): Promise<T[]> {
  const found: T[] = [];
  for (const folder of [...folders].sort()) found.push(await read(folder));
  return found;
}

/** Whether a file says that it is of a format, of whatever version: others of its name are passed over. */
async function isOf(format: string, path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(HEAD_BYTES) });
    return new RegExp(`"schema"\\s*:\\s*"canopy/${format}/`).test(buffer.toString("utf8", 0, bytesRead));
  } finally {
    await file.close();
  }
}

/**
 * The one result that a folder or a `result.json` names.
 *
 * @throws UserError as {@link findResults}, and CANOPY_RESULT_SEVERAL where the folder has several below it
 */
export async function findResult(place: string): Promise<FoundResult> {
  const { results } = await foldersBelow(place);
  if (results.length > 1) {
    throw new UserError(
      "CANOPY_RESULT_SEVERAL",
      `${place}: ${results.length} results lie below it, expected one, e.g. ${results[0]}`,
    );
  }
  const [found] = await findResults([place]);
  return found;
}

interface Folders {
  readonly results: string[];
  readonly tables: string[];
}

async function foldersBelow(place: string): Promise<Folders> {
  const kind = await stat(place).catch(() => undefined);
  // Says what is missing, with the nearest name.
  if (kind === undefined) await missing(place);
  const found: Folders = { results: [], tables: [] };
  if (kind?.isFile()) {
    if (basename(place) === RESULT) found.results.push(dirname(place));
    if (basename(place) === TABLES_FILE) found.tables.push(dirname(place));
  } else {
    await walk(place, found);
  }
  return found;
}

async function missing(place: string): Promise<never> {
  const { readTextFile } = await import("../../files.ts");
  await readTextFile(place, "results");
  throw new Error(`${place} came into being just now`);
}

async function walk(folder: string, found: Folders, top = folder): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  // A folder that was named itself is refused where it holds something else.
  const has = async (name: string, format: string) =>
    entries.some((entry) => entry.name === name && entry.isFile()) &&
    (folder === top || (await isOf(format, join(folder, name))));
  if (await has(RESULT, "result")) found.results.push(folder);
  if (await has(TABLES_FILE, "tables")) found.tables.push(folder);
  for (const entry of entries) {
    const skip = entry.name.startsWith(".") || entry.name === "node_modules";
    if (entry.isDirectory() && !skip) await walk(join(folder, entry.name), found, top);
  }
}

async function readResultFolder(folder: string): Promise<FoundResult> {
  return { result: await readResult(folder), ...(await besideIn(folder)) };
}

async function readTablesFolder(folder: string): Promise<FoundTables> {
  const content = await readTablesFile(folder);
  const beside = await besideIn(folder);
  const figures: { title: string; svg: string }[] = [];
  for (const { file, title } of content.figures) {
    if (!beside.files.includes(file)) continue;
    figures.push({ title, svg: await readFile(join(folder, file), "utf8") });
  }
  return { content, figures, ...beside };
}

async function besideIn(folder: string): Promise<Found> {
  const names = await readdir(folder, { withFileTypes: true });
  const files = names
    .filter((entry) => entry.isFile() && !entry.name.startsWith("."))
    .map(({ name }) => name)
    .sort();
  return { folder, manifest: await readManifest(folder), files };
}

async function readManifest(folder: string): Promise<Manifest | null> {
  try {
    const manifest = JSON.parse(await readFile(join(folder, "manifest.json"), "utf8")) as Manifest;
    const isWhole = [manifest.command, manifest.cpu, manifest.tool, manifest.seeds].every(Boolean);
    return manifest.schema === "canopy/manifest/1" && isWhole ? manifest : null;
  } catch {
    return null;
  }
}
