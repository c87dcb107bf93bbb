import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, realpath } from "node:fs/promises";
import { cpus } from "node:os";
import { basename, isAbsolute, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { sha256OfFile, writeFileAtomically } from "../files.ts";

/** What the code and the machine were; nothing in it names a host, a user or a place on a disk. */
export interface Environment {
  readonly tool: { readonly name: string; readonly version: string };
  /** Null outside a clone of the repository (an installed package). `dirty` leaves `results/` out. */
  readonly git: { readonly commit: string; readonly dirty: boolean } | null;
  /** SHA-256 of `package-lock.json`; null where there is none. */
  readonly lockfileSha256: string | null;
  readonly node: string;
  readonly platform: string;
  readonly architecture: string;
  readonly cpu: { readonly model: string; readonly threads: number };
}

/** A file that the result was computed from. */
export interface ManifestInput {
  readonly role: "experiment" | "profile" | "trace" | "signal" | "artefact" | "router" | "other";
  /** Relative to the repository or the experiment file, or an id. */
  readonly name: string;
  readonly sha256: string;
}

/** A training that runs of the result rest on, and what it left. */
export interface ManifestTraining {
  /** Key of the training: equal keys leave equal artefacts. */
  readonly key: string;
  /** Labels of the routers that use it. */
  readonly routers: readonly string[];
  /** Labels of the point that it was first made for. */
  readonly point: Readonly<Record<string, unknown>>;
  readonly seed: number;
  /** ISO 8601, UTC; null without a calendar. */
  readonly start: string | null;
  /** Length of the training requests in seconds and in requests; null where only the other is given. */
  readonly durationS: number | null;
  readonly requests: number | null;
  /** Null: not known, e.g. nothing was run, or the artefact names no rows. */
  readonly artefacts: readonly {
    readonly name: string;
    readonly sha256: string | null;
    readonly rows: number | null;
  }[];
}

/** What a router's decisions waited for in another process, over its runs, by the wall clock. */
export interface ManifestRoundTrips {
  readonly router: string;
  /** Frames that were answered. */
  readonly decisions: number;
  readonly meanMicroseconds: number;
  /** The greatest of the runs. */
  readonly p99Microseconds: number;
}

/** Dense kernels: rows of learned planners are the same bytes on the same backend and instruction set alone. */
export interface ManifestDense {
  readonly backend: "native" | "typescript";
  readonly isa: string;
}

/** What the maker of a result knows about it. */
export interface ManifestRun {
  /** The command line that makes the result again, without the interpreter: `["canopy", "run", …]`. */
  readonly command: readonly string[];
  readonly experiment: string;
  /** Hash of the experiment after all defaults and overrides were filled in. */
  readonly resolvedSha256: string;
  readonly seeds: readonly (number | string)[];
  readonly inputs: readonly ManifestInput[];
  /** Default none. */
  readonly trainings?: readonly ManifestTraining[];
  /** Kernels that learned planners ran on; default none. */
  readonly dense?: ManifestDense;
  /** Of routers that ask another process; default none. */
  readonly roundTrips?: readonly ManifestRoundTrips[];
  /** Names of the files of the result, beside the manifest itself. */
  readonly files: readonly string[];
  readonly startedAt: Date;
  readonly endedAt: Date;
  readonly requestsSimulated: number;
  readonly state: "complete" | "interrupted" | "failed";
}

/** `manifest.json`, beside every result. */
export interface Manifest extends Environment {
  readonly schema: "canopy/manifest/1";
  readonly experiment: string;
  readonly resolvedSha256: string;
  readonly command: readonly string[];
  readonly seeds: readonly (number | string)[];
  readonly inputs: readonly ManifestInput[];
  /** Only where something was trained. */
  readonly trainings?: readonly ManifestTraining[];
  readonly files: readonly string[];
  /** Only where something learned on dense kernels. */
  readonly dense?: ManifestDense;
  /** Only where a router asked another process. */
  readonly roundTrips?: readonly ManifestRoundTrips[];
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly endedAt: string;
  readonly requestsSimulated: number;
  readonly state: ManifestRun["state"];
}

const PACKAGE = fileURLToPath(new URL("../../", import.meta.url));

/** Reads what the manifest says about the code and the machine. */
export async function collectEnvironment(): Promise<Environment> {
  const packageJson = JSON.parse(await readFile(join(PACKAGE, "package.json"), "utf8")) as {
    name: string;
    version: string;
  };
  const lockfile = join(PACKAGE, "package-lock.json");
  const processors = cpus();
  return {
    tool: { name: packageJson.name, version: packageJson.version },
    git: await gitState(PACKAGE),
    lockfileSha256: existsSync(lockfile) ? await sha256OfFile(lockfile) : null,
    node: process.version,
    platform: process.platform,
    architecture: process.arch,
    cpu: { model: processors[0]?.model.trim() ?? "unknown", threads: processors.length },
  };
}

/**
 * Commit and state of the clone at `folder`; null where `folder` is not the top of one, so that a package
 * installed inside another project never reports that project's commit.
 */
export async function gitState(folder: string): Promise<Environment["git"]> {
  const git = async (...words: string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)("git", ["-C", folder, ...words]);
    return stdout.trim();
  };
  try {
    if ((await realpath(await git("rev-parse", "--show-toplevel"))) !== (await realpath(folder))) return null;
    const commit = await git("rev-parse", "HEAD");
    const changes = await git("status", "--porcelain", "--", ".", ":(exclude)results");
    return { commit, dirty: changes !== "" };
  } catch {
    return null;
  }
}

/**
 * The manifest of a run. Absolute paths in the command and in the inputs' names are made relative to
 * `folder`, or cut to the file's name where they lie outside it; inputs are sorted by role and name.
 *
 * @param folder what names are relative to; default the working directory
 */
export function createManifest(
  environment: Environment,
  run: ManifestRun,
  folder: string = process.cwd(),
): Manifest {
  const inputs = run.inputs
    .map((input) => ({ ...input, name: withoutPlace(input.name, folder) }))
    .sort((a, b) => compare(a.role, b.role) || compare(a.name, b.name));
  return {
    schema: "canopy/manifest/1",
    experiment: run.experiment,
    resolvedSha256: run.resolvedSha256,
    command: run.command.map((word) => withoutPlace(word, folder)),
    seeds: run.seeds,
    inputs,
    ...(run.trainings === undefined || run.trainings.length === 0 ? {} : { trainings: run.trainings }),
    ...(run.dense === undefined ? {} : { dense: run.dense }),
    ...(run.roundTrips === undefined || run.roundTrips.length === 0 ? {} : { roundTrips: run.roundTrips }),
    files: run.files,
    startedAt: run.startedAt.toISOString(),
    endedAt: run.endedAt.toISOString(),
    requestsSimulated: run.requestsSimulated,
    state: run.state,
    ...environment,
  };
}

/** Writes `manifest.json` into the folder of a result, whole or not at all. */
export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  await writeFileAtomically(join(folder, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** A word of a command line without places of this machine: also the values of `--option=/path`. */
function withoutPlace(word: string, folder: string): string {
  const option = /^(--?[\w-]+=|[\w.[\]-]+=)(.*)$/s.exec(word);
  if (option !== null && isAbsolute(option[2])) return option[1] + withoutPlace(option[2], folder);
  if (word.startsWith("file:")) return withoutPlace(fileURLToPath(word), folder);
  if (!isAbsolute(word)) return word;
  const path = relative(folder, word);
  const outside = path === ".." || path.startsWith(`..${sep}`) || isAbsolute(path);
  if (outside) return basename(word);
  return path === "" ? "." : path.split(sep).join("/");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
