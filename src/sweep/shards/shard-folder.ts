/**
 * What shards leave in the folder of a sweep: `shards/00003-of-00016/` with a journal while it is done, a part
 * (`part.parquet`) once it has ended, and the runs that failed (`failed.json`).
 */
import { existsSync, readdirSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "../../files.ts";
import { JOURNAL_FILE } from "../journal.ts";
import type { RunFailure } from "../messages.ts";
import { finishedKeys } from "../store.ts";
import { keysOfParts } from "./parts.ts";
import type { ShardName } from "./sweep-plan.ts";

export const PART_FILE = "part.parquet";
const FAILED_FILE = "failed.json";

/** Failures of a shard's last session, by key of the run. */
export type ShardFailures = Readonly<Record<string, Pick<RunFailure, "code" | "message">>>;

export function shardsFolder(folder: string): string {
  return join(folder, "shards");
}

export function shardFolder(folder: string, { shard, of }: ShardName): string {
  const digits = (value: number) => String(value).padStart(5, "0");
  return join(shardsFolder(folder), `${digits(shard)}-of-${digits(of)}`);
}

/** Folder that keeps what the shards train, for all of them. */
export function trainedFolder(folder: string): string {
  return join(folder, "trained");
}

/** Folders of all shards, also of other divisions of the same sweep, in the order of their names. */
export function listShards(folder: string): string[] {
  const root = shardsFolder(folder);
  if (!existsSync(root)) return [];
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && /^\d+-of-\d+$/.test(entry.name))
    .map(({ name }) => join(root, name))
    .sort();
}

/** Parts and journals that are there, of all shards. */
export function listResults(folder: string): { readonly parts: string[]; readonly journals: string[] } {
  const parts: string[] = [];
  const journals: string[] = [];
  for (const shard of listShards(folder)) {
    const names = readdirSync(shard);
    if (names.includes(PART_FILE)) parts.push(join(shard, PART_FILE));
    if (names.includes(JOURNAL_FILE)) journals.push(shard);
  }
  return { parts, journals };
}

/** Keys of all runs that are finished, in whichever shard. */
export async function finishedRuns(folder: string): Promise<Set<string>> {
  const { parts, journals } = listResults(folder);
  const keys = new Set(await keysOfParts(parts));
  for (const shard of journals) for (const key of finishedKeys(shard)) keys.add(key);
  return keys;
}

export async function writeFailures(shard: string, failures: ShardFailures): Promise<void> {
  if (Object.keys(failures).length === 0) await rm(join(shard, FAILED_FILE), { force: true });
  else await writeFileAtomically(join(shard, FAILED_FILE), `${JSON.stringify(failures, null, 1)}\n`);
}

/** Failures that the shards' last sessions left; some of the runs may have been done since. */
export async function readFailures(folder: string): Promise<Record<string, ShardFailures[string]>> {
  const failures: Record<string, ShardFailures[string]> = {};
  for (const shard of listShards(folder)) {
    try {
      Object.assign(failures, JSON.parse(await readFile(join(shard, FAILED_FILE), "utf8")));
    } catch {
      // None, or one that a crash has left half.
    }
  }
  return failures;
}
