/** Opens the files that a point names: profiles, series, traces, artefacts. Messages keep the place in the file. */
import { readFile } from "node:fs/promises";
import { UserError } from "../errors.ts";
import { sha256OfFile } from "../files.ts";
import { resolveProfile } from "../profile/load.ts";
import type { InlineProfile, Profile } from "../profile/schema.ts";
import { readSignalCsv } from "../signal/read-csv.ts";
import { type StepSeries, shareSeries } from "../signal/series.ts";
import { syntheticPreset } from "../signal/synthetic-presets.ts";
import type { Trace } from "../workload/trace.ts";
import { hashOfJson } from "./canonical-json.ts";
import { inputPath } from "./data-path.ts";
import type { ExperimentPoint } from "./load.ts";
import { locationText, originAt, pathText, type TreePath } from "./located-tree.ts";
import type { ProfileInput } from "./resolve-fleet.ts";
import { changed } from "./resolve-signals.ts";
import type { SeriesInput, SharedInputs } from "./shared-inputs.ts";
import type { SignalFileSource, SignalSource } from "./signal-schema.ts";

/** The shared inputs while they are gathered. */
export interface InputTables extends SharedInputs {
  readonly points: Record<string, SharedInputs["points"][string]>;
  readonly epochPoints: Record<string, SharedInputs["epochPoints"][string]>;
  readonly profiles: Record<string, Profile | InlineProfile>;
  readonly series: Record<string, StepSeries>;
  readonly workloads: Record<string, SharedInputs["workloads"][string]>;
  readonly artefacts: Record<string, Uint8Array>;
  /** Files already read, by what was asked of them. */
  readonly seen: Map<string, Promise<string>>;
  readonly traces: Map<string, Promise<{ readonly base: Trace; readonly hasTiers: boolean }>>;
  /** Folder of the reference data; undefined without. */
  readonly dataRoot: string | undefined;
}

export function emptyTables(dataRoot: string | undefined): InputTables {
  return {
    points: {},
    epochPoints: {},
    profiles: {},
    series: {},
    workloads: {},
    artefacts: {},
    trained: {},
    seen: new Map(),
    traces: new Map(),
    dataRoot,
  };
}

/** The tables as workers get them. */
export function sharedInputs(tables: InputTables): SharedInputs {
  const { points, epochPoints, profiles, series, workloads, artefacts, trained } = tables;
  return { points, epochPoints, profiles, series, workloads, artefacts, trained };
}

type Placed = Pick<ExperimentPoint, "tree">;

/** Runs a step that may refuse an input, and puts the place of the value that names it before the message. */
export async function at<T>(point: Placed, path: TreePath, step: () => T | Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const place = locationText(originAt(point.tree, path), path);
    throw new UserError(error.code, `${place}: ${error.message}`, { cause: error });
  }
}

/** Folder that a relative path written at `path` starts from. */
export function directoryOf(point: Placed, path: TreePath): string {
  return originAt(point.tree, path).directory;
}

/** The profiles of the fleet's entries, in order. */
export async function readProfiles(point: ExperimentPoint, tables: InputTables): Promise<ProfileInput[]> {
  const inputs: ProfileInput[] = [];
  for (const [i, { profile: named }] of point.experiment.fleet.entries()) {
    const path = ["fleet", i, "profile"];
    const key = await at(point, path, () => profileKey(named, directoryOf(point, path), tables));
    const profile = tables.profiles[key];
    inputs.push({ key, profile });
  }
  return inputs;
}

async function profileKey(
  named: string | InlineProfile,
  directory: string,
  tables: InputTables,
): Promise<string> {
  const keep = (profile: Profile | InlineProfile) => {
    const key = hashOfJson(profile);
    tables.profiles[key] = profile;
    return key;
  };
  if (typeof named !== "string") return keep(named);
  return once(tables.seen, `profile ${directory} ${named}`, async () =>
    keep((await resolveProfile(named, { directory })).profile),
  );
}

/** The signals of the fleet's regions under `signals.carbon` or `signals.price`; empty when none are given. */
export async function readSignals(
  point: ExperimentPoint,
  which: "carbon" | "price",
  tables: InputTables,
  notes: string[],
): Promise<Record<string, SeriesInput>> {
  const { signals, fleet } = point.experiment;
  const inputs: Record<string, SeriesInput> = {};
  for (const region of new Set(fleet.map((endpoint) => endpoint.region))) {
    const source = signals[which][region];
    if (source === undefined) continue;
    const path = ["signals", which, region];
    inputs[region] = await at(point, path, () => readSource(point, path, source, tables, notes));
  }
  return inputs;
}

/** A signal as an experiment gives it; `notes` gets a line where a preset stands in for reference data. */
export async function readSource(
  point: Placed,
  path: TreePath,
  source: SignalSource,
  tables: InputTables,
  notes: string[],
): Promise<SeriesInput> {
  if (typeof source === "number") return { kind: "constant", value: source };
  if (typeof source === "string") return presetInput({ preset: source, seed: 1 });
  if ("steps" in source) return { kind: "steps", steps: source.steps };
  if ("preset" in source) return presetInput(source);
  const file = inputPath(source.path, directoryOf(point, path), tables.dataRoot);
  if (file !== undefined) return { kind: "file", series: await readSeries(file, source, tables) };
  if (source.otherwise === undefined) throw noReferenceData(source.path);
  const preset =
    typeof source.otherwise === "string" ? { preset: source.otherwise, seed: 1 } : source.otherwise;
  notes.push(
    `${pathText(path)}: no reference data here, synthetic ${preset.preset} stands in for ${source.path}`,
  );
  return presetInput(preset);
}

type PresetSource = Extract<SignalSource, { preset: string }>;

function presetInput({ preset, seed, stepS, rescale, factor }: PresetSource): SeriesInput {
  syntheticPreset(preset);
  return { kind: "preset", preset, seed, stepSeconds: stepS ?? 300, changes: { rescale, factor } };
}

async function readSeries(file: string, source: SignalFileSource, tables: InputTables): Promise<string> {
  const { path: _, otherwise: __, rescale, factor, fillLimitS, ...wish } = source;
  return once(tables.seen, hashOfJson(["series", file, source]), async () => {
    const series = changed(await readSignalCsv(file, { ...wish, fillLimitSeconds: fillLimitS }), {
      rescale,
      factor,
    });
    const key = hashOfJson([series.header, series.endSeconds, [...series.times], [...series.values]]);
    tables.series[key] = shareSeries(series);
    return key;
  });
}

/**
 * The content hash of each artefact; the bytes go to the tables.
 *
 * @param list where they are named, e.g. `["routers", 0]`
 */
export async function readArtefacts(
  point: Placed,
  list: TreePath,
  artefacts: Readonly<Record<string, string>>,
  tables: InputTables,
): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  for (const [name, named] of Object.entries(artefacts)) {
    const path = [...list, "artefacts", name];
    hashes[name] = await at(point, path, async () => {
      const file = inputPath(named, directoryOf(point, path), tables.dataRoot);
      if (file === undefined) throw noReferenceData(named);
      return once(tables.seen, `artefact ${file}`, async () => {
        const bytes = await readFile(file).catch((cause: NodeJS.ErrnoException) => {
          throw new UserError("CANOPY_FILE_MISSING", `cannot read ${named} (${cause.code})`, { cause });
        });
        const key = await sha256OfFile(file);
        const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
        shared.set(bytes);
        tables.artefacts[key] = shared;
        return key;
      });
    });
  }
  return hashes;
}

/** Does a reading once for all points that ask for the same. */
export function once<T>(seen: Map<string, Promise<T>>, what: string, read: () => Promise<T>): Promise<T> {
  let reading = seen.get(what);
  if (reading === undefined) {
    reading = read();
    seen.set(what, reading);
  }
  return reading;
}

export function noReferenceData(path: string): UserError {
  return new UserError(
    "CANOPY_EXPERIMENT_DATA",
    `${path}: there is no folder of reference data, expected one named by CANOPY_DATA, or otherwise: with a stand-in`,
  );
}
