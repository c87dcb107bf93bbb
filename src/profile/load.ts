import { readdir } from "node:fs/promises";
import { basename, isAbsolute, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { clipped, nearHint, UserError } from "../errors.ts";
import { readTextFile } from "../files.ts";
import { checkProfile } from "./checks.ts";
import type { Finding } from "./finding.ts";
import { type Profile, profileSchema } from "./schema.ts";
import { schemaFindings } from "./schema-findings.ts";

/** A profile that passed every check, and what was odd about it. */
export interface LoadedProfile {
  readonly profile: Profile;
  /** Where it came from: a path, or what the caller named it. */
  readonly where: string;
  readonly warnings: readonly Finding[];
}

/** A shipped profile file; `id` is the file's stem. */
export interface ProfileEntry {
  readonly id: string;
  readonly path: string;
}

const shippedDirectory = fileURLToPath(new URL("../../profiles/", import.meta.url));

/**
 * Everything that is wrong or odd with the value, errors first; `profile` only when there is no error. For
 * `canopy profile check`, which shows all; the loaders stop at the first error.
 */
export function examineProfile(json: unknown): { profile: Profile | undefined; findings: Finding[] } {
  const parsed = profileSchema.safeParse(json);
  if (!parsed.success) return { profile: undefined, findings: schemaFindings(parsed.error.issues, json) };
  const findings = checkProfile(parsed.data);
  findings.sort((a, b) => Number(a.level === "warning") - Number(b.level === "warning"));
  const refused = findings.some((finding) => finding.level === "error");
  return { profile: refused ? undefined : parsed.data, findings };
}

/**
 * @param json the parsed file
 * @param where names it in errors
 * @throws UserError with the code of the first error found and its JSON path
 */
export function parseProfile(json: unknown, where: string): LoadedProfile {
  const { profile, findings } = examineProfile(json);
  if (profile !== undefined) return { profile, where, warnings: findings };
  const errors = findings.filter((finding) => finding.level === "error");
  const [first] = errors;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more: canopy profile check)` : "";
  const path = first.path === "" ? "" : `${first.path}: `;
  throw new UserError(first.code, `${where}: ${path}${first.message}${more}`);
}

/** @throws UserError when the file cannot be read, is not JSON, or is not a valid profile */
export async function loadProfile(path: string): Promise<LoadedProfile> {
  return parseProfile(await readProfileJson(path), path);
}

/**
 * The file's JSON, unchecked.
 *
 * @throws UserError CANOPY_PROFILE_JSON, and those of `readTextFile`
 */
export async function readProfileJson(path: string): Promise<unknown> {
  const text = await readTextFile(path, "profile");
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = (cause as Error).message.replace(/\s+/g, " ");
    throw new UserError("CANOPY_PROFILE_JSON", `${path}: not valid JSON: ${reason}`, { cause });
  }
}

/** The profiles that come with the package, in order of their id. */
export async function listProfiles(): Promise<ProfileEntry[]> {
  return (await readdir(shippedDirectory))
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => ({ id: basename(name, ".json"), path: join(shippedDirectory, name) }));
}

/**
 * A shipped profile by id (case does not matter), or a file: whatever ends in `.json` or holds a slash.
 *
 * @param options.directory what a relative path starts from; default the working directory
 * @throws UserError CANOPY_PROFILE_NOT_FOUND with the nearest id; others as {@link loadProfile}
 */
export async function resolveProfile(
  nameOrPath: string,
  options: { directory?: string } = {},
): Promise<LoadedProfile> {
  return loadProfile(await profilePath(nameOrPath, options.directory));
}

/**
 * Where the profile of that name lies, by the rule of {@link resolveProfile}.
 *
 * @throws UserError CANOPY_PROFILE_NOT_FOUND with the nearest id
 */
export async function profilePath(nameOrPath: string, directory?: string): Promise<string> {
  if (isPath(nameOrPath)) return directory === undefined ? nameOrPath : resolve(directory, nameOrPath);
  const shipped = await listProfiles();
  const wanted = nameOrPath.toLowerCase();
  const entry = shipped.find(({ id }) => id.toLowerCase() === wanted);
  if (entry !== undefined) return entry.path;
  const ids = shipped.map(({ id }) => id);
  throw new UserError(
    "CANOPY_PROFILE_NOT_FOUND",
    `no profile "${clipped(nameOrPath)}"${nearHint(nameOrPath, ids)}, expected one that \`canopy profiles\` lists, or a file whose name ends in .json`,
  );
}

function isPath(name: string): boolean {
  return isAbsolute(name) || name.endsWith(".json") || name.includes("/") || name.includes("\\");
}
