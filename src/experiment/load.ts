import { dirname, resolve } from "node:path";
import { z } from "zod";
import { UserError } from "../errors.ts";
import { readTextFile } from "../files.ts";
import { checkExperiment } from "./check-experiment.ts";
import type { PointConfig } from "./head-schema.ts";
import {
  isPlainObject,
  type LocatedTree,
  locationText,
  mergeTrees,
  originAt,
  type PlainObject,
  type PlainValue,
  parseYaml,
  placeText,
  removeAt,
} from "./located-tree.ts";
import { applyOverrides, type Override, parsePath, parseSet } from "./overrides.ts";
import { type Experiment, experimentSchema, pointExperimentSchema } from "./schema.ts";
import { type Problem, schemaProblems } from "./schema-problems.ts";

/** One point of an experiment: a variant and a value of each axis, every default filled in. */
export interface ExperimentPoint {
  /** `{}` for a file with one point, else the point's name under `point` and each axis' value under its path. */
  readonly labels: Readonly<Record<string, PlainValue>>;
  readonly experiment: Experiment;
  /** Where each value was written: for messages, and for the folders that relative paths start from. */
  readonly tree: LocatedTree;
  readonly note: string | undefined;
}

export interface LoadedExperiment {
  readonly id: string;
  /** The file as the user named it. */
  readonly source: string;
  /** All files read: the one named and those it extends. */
  readonly files: readonly string[];
  readonly points: readonly ExperimentPoint[];
}

export interface LoadOptions {
  /** Overrides as on the command line: `path=value`. They go before and after points and axes. */
  readonly sets?: readonly string[];
}

/** What a sweep lays on an experiment: overrides after its points and axes, before those of the command line. */
export interface Variant {
  /** Added to those of the point. */
  readonly labels: ExperimentPoint["labels"];
  readonly overrides: readonly Override[];
}

export interface OpenOptions extends LoadOptions {
  /** Overrides of every point: before points and axes, and not after them. */
  readonly overrides?: readonly Override[];
  /** Takes the place of the experiment's own points. */
  readonly withoutPoints?: boolean;
  /** Paths that variants set: axes of the experiment over them are left out. */
  readonly varied?: readonly string[];
}

/** An experiment whose points are made one at a time. */
export interface OpenExperiment {
  readonly source: string;
  readonly files: readonly string[];
  /** Points of the file: its points times its axes. */
  readonly count: number;
  /** @throws UserError CANOPY_EXPERIMENT_* when that point is wrong */
  point(index: number, variant?: Variant): ExperimentPoint;
}

/**
 * Reads an experiment file, follows `extends`, applies overrides, points and axes, and checks everything that can
 * be checked without opening other files.
 *
 * @param path as the user wrote it: messages repeat it
 * @throws UserError CANOPY_EXPERIMENT_* in one line `file:line:column path: what, expected, nearest`
 */
export async function loadExperiment(path: string, options: LoadOptions = {}): Promise<LoadedExperiment> {
  const files: string[] = [];
  const tree = await readTree(path, files, []);
  return pointsOf(tree, path, files, options);
}

/**
 * As {@link loadExperiment}, with points that are made when they are asked for: for more of them than memory should
 * hold.
 *
 * @throws UserError as {@link loadExperiment}, except for what is wrong with a point
 */
export async function openExperiment(path: string, options: OpenOptions = {}): Promise<OpenExperiment> {
  const files: string[] = [];
  const tree = await readTree(path, files, []);
  return openTree(tree, path, files, options);
}

/** As {@link loadExperiment} for a text in memory; it may not extend other files. */
export function parseExperiment(
  text: string,
  options: LoadOptions & { source?: string; directory?: string } = {},
): LoadedExperiment {
  const source = options.source ?? "experiment";
  const tree = parseYaml(text, source, resolve(options.directory ?? "."));
  return pointsOf(tree, source, [], options);
}

async function readTree(path: string, files: string[], readers: readonly string[]): Promise<LocatedTree> {
  const absolute = resolve(path);
  if (readers.includes(absolute)) {
    throw new UserError(
      "CANOPY_EXPERIMENT_EXTENDS",
      `${path}: extends itself, by way of ${readers.join(", ")}`,
    );
  }
  const tree = parseYaml(await readTextFile(path, "experiment"), path, dirname(absolute));
  files.push(path);
  if (!isPlainObject(tree.value)) {
    throw new UserError(
      "CANOPY_EXPERIMENT_VALUE",
      `${path}:1:1 is not a map, expected the keys of an experiment`,
    );
  }
  const bases = basesOf(tree.value["extends"], tree);
  let merged: LocatedTree | undefined;
  for (const base of bases) {
    const file = besideFile(path, base);
    const below = await readTree(file, files, [...readers, absolute]);
    merged = merged === undefined ? below : mergeTrees(merged, below);
  }
  const own = removeAt(tree, ["extends"]);
  return merged === undefined ? own : mergeTrees(merged, own);
}

function basesOf(value: PlainValue | undefined, tree: LocatedTree): string[] {
  if (value === undefined || value === null) return [];
  const list = Array.isArray(value) ? value : [value];
  if (list.every((item) => typeof item === "string")) return list;
  throw new UserError(
    "CANOPY_EXPERIMENT_VALUE",
    `${placeText(originAt(tree, ["extends"]))} extends: expected a file or a list of files`,
  );
}

/** A path beside another one, in the style in which the user wrote that one. */
function besideFile(path: string, base: string): string {
  return base.startsWith("/") ? base : `${dirname(path)}/${base}`.replace(/^\.\//, "");
}

function pointsOf(
  fileTree: LocatedTree,
  source: string,
  files: readonly string[],
  options: LoadOptions,
): LoadedExperiment {
  const open = openTree(fileTree, source, files, options);
  const points = Array.from({ length: open.count }, (_, index) => open.point(index));
  return { id: points[0].experiment.experiment, source, files, points };
}

function openTree(
  fileTree: LocatedTree,
  source: string,
  files: readonly string[],
  { sets: texts = [], overrides = [], withoutPoints = false, varied = [] }: OpenOptions,
): OpenExperiment {
  const sets = texts.map((text) => parseSet(text, resolve(".")));
  const whole = applyOverrides(applyOverrides(fileTree, overrides), sets);
  const tree = withoutPoints ? removeAt(whole, ["points"]) : whole;
  if (!isPlainObject(tree.value)) {
    throw new UserError(
      "CANOPY_EXPERIMENT_VALUE",
      `${source}:1:1 is not a map, expected the keys of an experiment`,
    );
  }
  const { points, axes } = readPoints(tree, tree.value);
  checkNames(tree, points);
  // What concerns points and axes themselves has had its effect.
  const again = sets.filter(
    ({ path, origin }) => !["points", "axes"].includes(parsePath(path, origin.source)[0]),
  );
  const key = (path: string, where: string) => parsePath(path, where).join("\u0000");
  const decided = new Set([
    ...sets.map(({ path, origin }) => key(path, origin.source)),
    ...varied.map((path) => key(path, "axes")),
  ]);
  const free = Object.entries(axes).filter(([path]) => !decided.has(key(path, "axes")));
  const chosen = combinations(free);
  const onePoint = removeAt(removeAt(tree, ["points"]), ["axes"]);
  return {
    source,
    files,
    count: Math.max(1, points.length) * chosen.length,
    point: (index, variant = { labels: {}, overrides: [] }) => {
      const place = Math.floor(index / chosen.length);
      const point: PointConfig | undefined = points[place];
      const choice = chosen[index % chosen.length];
      const own: Override[] = Object.entries(point?.set ?? {}).map(([path, value]) => ({
        path,
        value: value as PlainValue,
        origin: originAt(tree, ["points", place, "set", path]),
      }));
      for (const [path, value] of choice) {
        own.push({ path, value, origin: originAt(tree, ["axes", path, axes[path].indexOf(value)]) });
      }
      const labels = { ...labelsOf(point, choice), ...variant.labels };
      return validate(
        applyOverrides(onePoint, [...own, ...variant.overrides, ...again]),
        point?.note,
        labels,
      );
    },
  };
}

function checkNames(tree: LocatedTree, points: readonly PointConfig[]): void {
  const names = new Set<string>();
  for (const [index, { name }] of points.entries()) {
    if (names.has(name)) {
      refuse(tree, [
        { code: "CANOPY_EXPERIMENT_VALUE", path: ["points", index, "name"], message: `"${name}" is taken` },
      ]);
    }
    names.add(name);
  }
}

const pointKeysSchema = z.object({
  points: experimentSchema.shape.points,
  axes: experimentSchema.shape.axes,
});

function readPoints(
  tree: LocatedTree,
  value: PlainObject,
): { points: PointConfig[]; axes: Record<string, PlainValue[]> } {
  const parsed = pointKeysSchema.safeParse(value);
  if (!parsed.success) return refuse(tree, schemaProblems(parsed.error.issues, value));
  return parsed.data as { points: PointConfig[]; axes: Record<string, PlainValue[]> };
}

type Choice = readonly (readonly [path: string, value: PlainValue])[];

function combinations(axes: readonly (readonly [string, readonly PlainValue[]])[]): Choice[] {
  let result: Choice[] = [[]];
  for (const [path, values] of axes) {
    result = result.flatMap((chosen) => values.map((value) => [...chosen, [path, value] as const]));
  }
  return result;
}

function labelsOf(point: PointConfig | undefined, chosen: Choice): Record<string, PlainValue> {
  const labels: Record<string, PlainValue> = {};
  if (point !== undefined) labels["point"] = point.name;
  for (const [path, value] of chosen) labels[path] = value;
  return labels;
}

function validate(
  tree: LocatedTree,
  note: string | undefined,
  labels: ExperimentPoint["labels"],
): ExperimentPoint {
  const parsed = pointExperimentSchema.safeParse(tree.value);
  if (!parsed.success) return refuse(tree, schemaProblems(parsed.error.issues, tree.value), labels);
  const problems = checkExperiment(parsed.data);
  if (problems.length > 0) return refuse(tree, problems, labels);
  return { labels, experiment: parsed.data, tree, note };
}

/** Reports problems of a point: the first in full, with how many more there are. */
export function refuse(
  tree: LocatedTree,
  problems: readonly Problem[],
  labels: ExperimentPoint["labels"] = {},
): never {
  const [first] = problems;
  const origin = originAt(tree, first.path);
  const isRootOfFile = first.path.length === 0 && origin.line !== undefined;
  const place = `${locationText(origin, first.path, first.ofKey)}${isRootOfFile ? "" : ":"}`;
  const point = Object.entries(labels).map(([key, value]) => `${key} ${JSON.stringify(value)}`);
  const where = point.length === 0 ? "" : ` [at ${point.join(", ")}]`;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  throw new UserError(first.code, `${place} ${first.message}${where}${more}`);
}
