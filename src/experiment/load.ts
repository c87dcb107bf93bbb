import { dirname, resolve } from "node:path";
import { z } from "zod";
import { UserError } from "../errors.ts";
import { readTextFile } from "../files.ts";
import { checkExperiment } from "./check-experiment.ts";
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
import { type Experiment, experimentSchema, type PointConfig, pointExperimentSchema } from "./schema.ts";
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
  const sets = (options.sets ?? []).map((text) => parseSet(text, resolve(".")));
  const tree = applyOverrides(fileTree, sets);
  if (!isPlainObject(tree.value)) {
    throw new UserError(
      "CANOPY_EXPERIMENT_VALUE",
      `${source}:1:1 is not a map, expected the keys of an experiment`,
    );
  }
  const { points, axes } = readPoints(tree, tree.value);
  // What concerns points and axes themselves has had its effect.
  const again = sets.filter(
    ({ path, origin }) => !["points", "axes"].includes(parsePath(path, origin.source)[0]),
  );
  const setPaths = new Set(sets.map(({ path, origin }) => parsePath(path, origin.source).join("\u0000")));
  const free = Object.entries(axes).filter(([path]) => !setPaths.has(parsePath(path, "axes").join("\u0000")));
  const onePoint = removeAt(removeAt(tree, ["points"]), ["axes"]);
  const loaded: ExperimentPoint[] = [];
  for (const [index, point] of (points.length === 0 ? [undefined] : points).entries()) {
    for (const chosen of combinations(free)) {
      const overrides: Override[] = Object.entries(point?.set ?? {}).map(([path, value]) => ({
        path,
        value: value as PlainValue,
        origin: originAt(tree, ["points", index, "set", path]),
      }));
      for (const [path, value] of chosen) {
        const index = axes[path].indexOf(value);
        overrides.push({ path, value, origin: originAt(tree, ["axes", path, index]) });
      }
      loaded.push(validate(applyOverrides(onePoint, [...overrides, ...again]), point, chosen));
    }
  }
  const names = new Set<string>();
  for (const [index, { name }] of points.entries()) {
    if (names.has(name)) {
      refuse(tree, [
        { code: "CANOPY_EXPERIMENT_VALUE", path: ["points", index, "name"], message: `"${name}" is taken` },
      ]);
    }
    names.add(name);
  }
  return { id: loaded[0].experiment.experiment, source, files, points: loaded };
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

function validate(tree: LocatedTree, point: PointConfig | undefined, chosen: Choice): ExperimentPoint {
  const labels: Record<string, PlainValue> = {};
  if (point !== undefined) labels["point"] = point.name;
  for (const [path, value] of chosen) labels[path] = value;
  const parsed = pointExperimentSchema.safeParse(tree.value);
  if (!parsed.success) return refuse(tree, schemaProblems(parsed.error.issues, tree.value), labels);
  const problems = checkExperiment(parsed.data);
  if (problems.length > 0) return refuse(tree, problems, labels);
  return {
    labels,
    experiment: parsed.data,
    tree,
    note: point?.note,
  };
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
