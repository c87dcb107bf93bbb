import { basename, join } from "node:path";
import { sha256OfText, writeFileAtomically } from "../files.ts";
import { profileText } from "../profile/profile-text.ts";
import { collectEnvironment, createManifest } from "../report/manifest.ts";
import { TABLES_FILE, tablesFileText } from "../report/tables-file.ts";
import { TABLE_FORMATS, writeTables } from "../report/write-tables.ts";
import { packValidation, type ValidationRecords } from "./records.ts";
import type { ValidationResult } from "./result.ts";
import { validationTables } from "./tables.ts";

/** Names in the folder of a validation. */
export const RAW_NAME = "validation.raw.msgpack";
const RESULT_NAME = "validation.json";
const PROFILE_NAME = "profile.json";

/** How a validation came about. */
export interface ValidationOrigin {
  readonly command: readonly string[];
  readonly startedAt: Date;
  readonly endedAt: Date;
  /** Raw records of the profile where it was measured for this. */
  readonly profileRaw: { readonly name: string; readonly bytes: Uint8Array } | null;
}

/**
 * Writes `table.txt|md|tex|csv` (the second table as `table-2.csv`), `tables.json` for reports, `validation.json`, the raw records, the profile, and
 * last `manifest.json` with the host; each file whole or not at all.
 *
 * @returns names of the files
 */
export async function writeValidation(
  folder: string,
  records: ValidationRecords,
  result: ValidationResult,
  origin: ValidationOrigin,
): Promise<string[]> {
  const files: string[] = [];
  const write = async (name: string, data: string | Uint8Array) => {
    await writeFileAtomically(join(folder, name), data);
    files.push(name);
  };
  const tables = validationTables(result);
  await writeTables(tables, TABLE_FORMATS, write);
  await write(TABLES_FILE, tablesFileText("validate", "Simulation and measurement", tables, []));
  await write(RESULT_NAME, jsonText(result));
  await write(RAW_NAME, packValidation(records));
  const profile = profileText(records.profile);
  await write(PROFILE_NAME, profile);
  if (origin.profileRaw !== null) await write(basename(origin.profileRaw.name), origin.profileRaw.bytes);
  const requests = result.loads.reduce((sum, load) => sum + load.requests, 0);
  const manifest = createManifest(await collectEnvironment(), {
    command: origin.command,
    experiment: "validation",
    resolvedSha256: sha256OfText(jsonText({ target: records.target, limits: records.limits })),
    seeds: [records.seed],
    inputs: [{ role: "profile", name: records.profile.id, sha256: sha256OfText(profile) }],
    files,
    startedAt: origin.startedAt,
    endedAt: origin.endedAt,
    requestsSimulated: requests,
    state: "complete",
  });
  await write("manifest.json", jsonText({ ...manifest, host: records.host }));
  return files;
}

function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
