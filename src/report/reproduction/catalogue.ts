/** The committed results that `canopy reproduce` can make again, and what it takes. */
import { existsSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { suggestion, UserError } from "../../errors.ts";
import { type FoundResult, findResults } from "../html/find-results.ts";

/** A committed result by its name: `cedar/table-1`. */
export interface CatalogueItem {
  readonly id: string;
  readonly found: FoundResult;
  /** The experiment file as the manifest names it. */
  readonly file: string;
  /** Overrides of the command that made it. */
  readonly sets: readonly string[];
  readonly runs: number;
  readonly requests: number;
  /** By the rate of the command that made it, on the machine of the manifest. */
  readonly estimatedSeconds: number | null;
  readonly threads: number | null;
}

const PACKAGE = fileURLToPath(new URL("../../../", import.meta.url));
/** The results that come with a clone. */
export const COMMITTED_RESULTS = join(PACKAGE, "results");

/**
 * Results of `canopy run` below a folder, by name: the folder of the paper and the result's own without the paper's word
 * before it, so that `results/cedar/cedar-table-1` is `cedar/table-1`. Results of other commands are left out.
 *
 * @throws UserError as `findResults`
 */
export async function readCatalogue(folder: string = COMMITTED_RESULTS): Promise<CatalogueItem[]> {
  const place = relative(".", folder) || ".";
  const items: CatalogueItem[] = [];
  for (const found of await findResults([place])) {
    const item = itemOf(found, folder);
    if (item !== undefined) items.push(item);
  }
  return items;
}

/** @throws UserError CANOPY_REPRODUCE_UNKNOWN with the nearest name */
export function findItem(id: string, items: readonly CatalogueItem[]): CatalogueItem {
  const item = items.find((other) => other.id === id);
  if (item !== undefined) return item;
  const ids = items.map((other) => other.id);
  const own = ids.filter((other) => other.startsWith(`${id.split("/")[0]}/`));
  throw new UserError(
    "CANOPY_REPRODUCE_UNKNOWN",
    `${id}: no committed result of that name${suggestion(id, own.length > 0 ? own : ids)}; canopy reproduce --list shows all`,
  );
}

/** The experiment file of an item: from the working directory, else from the package. */
export function experimentPath({ id, file }: Pick<CatalogueItem, "id" | "file">): string {
  if (existsSync(file)) return file;
  const packaged = join(PACKAGE, file);
  if (existsSync(packaged)) return packaged;
  throw new UserError(
    "CANOPY_FILE_MISSING",
    `${id}: its experiment ${file} is neither in the working directory nor in the package`,
  );
}

function itemOf(found: FoundResult, folder: string): CatalogueItem | undefined {
  const { manifest, result } = found;
  if (manifest === null || manifest.command[1] !== "run") return undefined;
  const { rows, provenance } = result;
  const requests = rows.reduce((sum, { metrics, runs }) => {
    const own = ["finished", "rejected", "unfinished"].map((name) => metrics[name]?.mean ?? 0);
    return sum + runs.done * own.reduce((total, count) => total + count, 0);
  }, 0);
  const seconds = (Date.parse(manifest.endedAt) - Date.parse(manifest.startedAt)) / 1000;
  const rate = manifest.requestsSimulated / seconds;
  return {
    id: nameOf(resolve(found.folder), resolve(folder)),
    found,
    file: provenance.files[0],
    sets: setsOf(manifest.command),
    runs: rows.reduce((sum, { runs }) => sum + runs.planned, 0),
    requests: Math.round(requests),
    estimatedSeconds: requests > 0 && rate > 0 && Number.isFinite(rate) ? requests / rate : null,
    threads: manifest.cpu.threads,
  };
}

function nameOf(path: string, folder: string): string {
  const paper = dirname(path) === folder ? "" : basename(dirname(path));
  const own = basename(path);
  const short = own.startsWith(`${paper}-`) ? own.slice(paper.length + 1) : own;
  return paper === "" ? short : `${paper}/${short}`;
}

/** Values of `--set` and `--seeds` in a command. */
export function setsOf(command: readonly string[]): string[] {
  const sets: string[] = [];
  for (const [i, word] of command.entries()) {
    const [, option, attached] = /^--(set|seeds)(?:=(.*))?$/s.exec(word) ?? [];
    const value = attached ?? command[i + 1];
    if (option === undefined || value === undefined) continue;
    sets.push(option === "seeds" ? `seeds=${value}` : value);
  }
  return sets;
}
