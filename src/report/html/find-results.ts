/** The results below folders: what a report or a comparison is made from. */
import { open, readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { UserError } from "../../errors.ts";
import type { ExperimentResult } from "../../experiment/result.ts";
import type { Manifest } from "../manifest.ts";
import { readResult } from "../write-result.ts";

/** A result with what lies beside it. */
export interface FoundResult {
  /** As the user would name it. */
  readonly folder: string;
  readonly result: ExperimentResult;
  /** Null where there is none that can be read. */
  readonly manifest: Manifest | null;
  /** Names of the files in the folder, sorted. */
  readonly files: readonly string[];
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
    const below = await foldersBelow(place);
    if (below.length === 0) {
      throw new UserError(
        "CANOPY_RESULT_NONE",
        `${place}: no ${RESULT} in it or below it, expected a folder that canopy run --out has written`,
      );
    }
    for (const folder of below) folders.add(folder);
  }
  const found: FoundResult[] = [];
  for (const folder of [...folders].sort()) found.push(await readFolder(folder));
  return found;
}

/** Whether a folder's `result.json` says that it is an experiment's, of whatever version: others are passed over. */
async function isResult(folder: string): Promise<boolean> {
  const file = await open(join(folder, RESULT));
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(HEAD_BYTES) });
    return /"schema"\s*:\s*"canopy\/result\//.test(buffer.toString("utf8", 0, bytesRead));
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
  const folders = await foldersBelow(place);
  if (folders.length > 1) {
    throw new UserError(
      "CANOPY_RESULT_SEVERAL",
      `${place}: ${folders.length} results lie below it, expected one, e.g. ${folders[0]}`,
    );
  }
  const [found] = await findResults([place]);
  return found;
}

async function foldersBelow(place: string): Promise<string[]> {
  const kind = await stat(place).catch(() => undefined);
  // Says what is missing, with the nearest name.
  if (kind === undefined) await missing(place);
  if (kind?.isFile()) return basename(place) === RESULT ? [dirname(place)] : [];
  const found: string[] = [];
  await walk(place, found);
  return found;
}

async function missing(place: string): Promise<never> {
  const { readTextFile } = await import("../../files.ts");
  await readTextFile(place, "results");
  throw new Error(`${place} came into being just now`);
}

async function walk(folder: string, found: string[], top = folder): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  const there = entries.some((entry) => entry.name === RESULT && entry.isFile());
  // A folder that was named itself is refused where it holds something else.
  if (there && (folder === top || (await isResult(folder)))) found.push(folder);
  for (const entry of entries) {
    const skip = entry.name.startsWith(".") || entry.name === "node_modules";
    if (entry.isDirectory() && !skip) await walk(join(folder, entry.name), found, top);
  }
}

async function readFolder(folder: string): Promise<FoundResult> {
  const result = await readResult(folder);
  const names = await readdir(folder, { withFileTypes: true });
  const files = names
    .filter((entry) => entry.isFile() && !entry.name.startsWith("."))
    .map(({ name }) => name)
    .sort();
  return { folder, result, manifest: await readManifest(folder), files };
}

async function readManifest(folder: string): Promise<Manifest | null> {
  try {
    const manifest = JSON.parse(await readFile(join(folder, "manifest.json"), "utf8")) as Manifest;
    return manifest.schema === "canopy/manifest/1" ? manifest : null;
  } catch {
    return null;
  }
}
