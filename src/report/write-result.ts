/** The folder of a result: tables, figures, the result itself and the manifest. */
import { readFile, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { UserError } from "../errors.ts";
import { type ExperimentResult, RESULT_SCHEMA_ID } from "../experiment/result.ts";
import { filesOfRouters } from "../experiment/router-code.ts";
import type { RunPlan } from "../experiment/run-plan.ts";
import { readTextFile, sha256OfFile, sha256OfText, writeFileAtomically } from "../files.ts";
import { svgToPng } from "./figures/png.ts";
import {
  collectEnvironment,
  createManifest,
  type Manifest,
  type ManifestInput,
  type ManifestRun,
  writeManifest,
} from "./manifest.ts";
import { resultFigures } from "./result-figures.ts";
import { resultTables } from "./result-table.ts";
import { TABLE_FORMATS, writeTables } from "./write-tables.ts";

/** What the manifest says beside what the plan knows. */
export type ResultOrigin = Pick<
  ManifestRun,
  "command" | "startedAt" | "endedAt" | "requestsSimulated" | "state" | "trainings" | "roundTrips"
>;

const FORMATS = [...TABLE_FORMATS, "svg", "png"] as const;
export type ResultFormat = (typeof FORMATS)[number];

export interface WriteResultOptions {
  /** Forms of tables and figures; default all. */
  readonly formats?: readonly ResultFormat[];
}

/**
 * Writes a result as `table.txt|md|tex|csv`, `figure-NAME.svg|png`, `result.json`, `resolved.json` (the experiment with
 * every default and override) and last `manifest.json`; each file whole or not at all. Further tables follow in the same
 * texts, as CSV in `table-2.csv` and so on. All but the manifest's times is the same whenever the same result is
 * written. Files that an earlier result left in the folder, by its manifest, are removed.
 *
 * @returns names of the files, in the order in which they were written
 */
export async function writeResult(
  folder: string,
  result: ExperimentResult,
  plan: RunPlan,
  origin: ResultOrigin,
  { formats = FORMATS }: WriteResultOptions = {},
): Promise<string[]> {
  const stale = await filesOf(folder);
  const files: string[] = [];
  const write = async (name: string, data: string | Uint8Array) => {
    await writeFileAtomically(join(folder, name), data);
    files.push(name);
  };
  await writeTables(resultTables(result), formats, write);
  if (formats.includes("svg") || formats.includes("png")) {
    for (const { name, svg } of await resultFigures(result)) {
      if (formats.includes("svg")) await write(`figure-${name}.svg`, svg);
      if (formats.includes("png")) await write(`figure-${name}.png`, await svgToPng(svg));
    }
  }
  await write("result.json", resultJson(result));
  const resolved = resolvedText(plan);
  await write("resolved.json", resolved);
  const manifest = createManifest(await collectEnvironment(), {
    ...origin,
    experiment: plan.loaded.id,
    resolvedSha256: sha256OfText(resolved),
    seeds: [...new Set(plan.runs.map(({ seed }) => seed))],
    inputs: await inputsOf(plan),
    ...(plan.dense === undefined ? {} : { dense: plan.dense }),
    files,
  });
  await writeManifest(folder, manifest);
  const kept = [...files, "manifest.json"];
  await removeStale(folder, stale, kept);
  return kept;
}

/**
 * Reads back what {@link writeResult} wrote.
 *
 * @throws UserError CANOPY_FILE_MISSING, CANOPY_FILE_UNREADABLE, or CANOPY_RESULT_FORMAT for a file that is no result
 */
export async function readResult(folder: string): Promise<ExperimentResult> {
  const path = join(folder, "result.json");
  const text = await readTextFile(path, "result");
  const refuse = (why: string): never => {
    throw new UserError(
      "CANOPY_RESULT_FORMAT",
      `result ${path}: ${why}, expected ${RESULT_SCHEMA_ID} as canopy run --out writes it`,
    );
  };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse("is no JSON");
  }
  const schema = (value as { schema?: unknown } | null)?.schema;
  if (schema !== RESULT_SCHEMA_ID) return refuse(`its schema is ${JSON.stringify(schema) ?? "missing"}`);
  const result = value as ExperimentResult;
  // Written by a version before the result said what the experiment wants shown.
  return result.outputs === undefined ? refuse("it says not what to show") : result;
}

/** The experiment at each point with every default and override filled in. */
function resolvedText({ loaded, points }: RunPlan): string {
  return jsonText({
    schema: "canopy/resolved/1",
    experiment: loaded.id,
    points: points.map(({ key, point, inputs }) => ({
      point: point.labels,
      inputs: key,
      experiment: inputs.experiment,
    })),
  });
}

/** Removes what an earlier result of the folder has left there, by {@link filesOf}, and the new one does not have. */
export async function removeStale(
  folder: string,
  stale: readonly string[],
  kept: readonly string[],
): Promise<void> {
  for (const name of stale) if (!kept.includes(name)) await rm(join(folder, name), { force: true });
}

/** Names that the folder's manifest lists; empty without one that can be read. */
export async function filesOf(folder: string): Promise<string[]> {
  try {
    const manifest = JSON.parse(await readFile(join(folder, "manifest.json"), "utf8")) as Partial<Manifest>;
    if (manifest.schema !== "canopy/manifest/1" || !Array.isArray(manifest.files)) return [];
    return manifest.files.filter((name) => typeof name === "string" && name === basename(name));
  } catch {
    return [];
  }
}

/** A result as JSON, a row on a line: there may be thousands. */
export function resultJson({ rows, ...rest }: ExperimentResult): string {
  const lines = rows.map((row) => JSON.stringify(row)).join(",\n");
  return `${JSON.stringify(rest).slice(0, -1)},"rows":[\n${lines}\n]}\n`;
}

function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Every file that the runs of a plan are made from, for a manifest. */
export async function inputsOf({ loaded, inputs, points }: RunPlan): Promise<ManifestInput[]> {
  const list: ManifestInput[] = [];
  for (const file of loaded.files) {
    list.push({ role: "experiment", name: file, sha256: await sha256OfFile(file) });
  }
  for (const [key, profile] of Object.entries(inputs.profiles)) {
    list.push({ role: "profile", name: "id" in profile ? profile.id : "law in the experiment", sha256: key });
  }
  for (const [key, { header }] of Object.entries(inputs.series)) {
    list.push({ role: "signal", name: `${header.source} ${header.zone}`, sha256: key });
  }
  for (const { requests } of Object.values(inputs.workloads)) {
    if (requests.sha256 !== undefined)
      list.push({ role: "trace", name: requests.name, sha256: requests.sha256 });
  }
  const routers = points.flatMap((point) => point.routers);
  for (const file of filesOfRouters(routers)) {
    list.push({ role: "router", name: file, sha256: await sha256OfFile(file) });
  }
  for (const { label, artefacts } of routers) {
    for (const [name, sha256] of Object.entries(artefacts)) {
      list.push({ role: "artefact", name: `${label}: ${name}`, sha256 });
    }
  }
  return list.filter((input, i) => list.findIndex((other) => same(other, input)) === i);
}

function same(a: ManifestInput, b: ManifestInput): boolean {
  return a.role === b.role && a.name === b.name && a.sha256 === b.sha256;
}
