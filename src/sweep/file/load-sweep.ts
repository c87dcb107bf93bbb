import { dirname, resolve } from "node:path";
import { UserError } from "../../errors.ts";
import type { Variant } from "../../experiment/load.ts";
import {
  type LocatedTree,
  locationText,
  originAt,
  type PlainValue,
  parseYaml,
  pathText,
  type TreePath,
} from "../../experiment/located-tree.ts";
import { type Override, parsePath } from "../../experiment/overrides.ts";
import { type Problem, schemaProblems } from "../../experiment/schema-problems.ts";
import { readTextFile } from "../../files.ts";
import { type IntervalConfig, type RangeConfig, type SweepConfig, sweepSchema } from "./sweep-schema.ts";
import { rangeProblem, rangeValues, samplePoints } from "./values.ts";

/** A sweep file, read and checked. */
export interface LoadedSweep {
  readonly config: SweepConfig;
  /** The file as the user named it. */
  readonly source: string;
  /** The base experiment, in the style in which the user wrote the sweep's path. */
  readonly experiment: string;
  /** For all points. */
  readonly overrides: readonly Override[];
  /** Paths that variants set, and whether they bring points of their own. */
  readonly varied: readonly string[];
  readonly withPoints: boolean;
  /** How many variants there are: points x combinations of axes x samples. */
  readonly count: number;
  variant(index: number): Variant;
}

/**
 * Reads a sweep file.
 *
 * @param path as the user wrote it: messages repeat it
 * @param sets overrides of the command line: an axis over the same path is left out
 * @throws UserError CANOPY_SWEEP_KEY, CANOPY_SWEEP_MISSING, CANOPY_SWEEP_VALUE in one line `file:line:column path: …`
 */
export async function loadSweep(path: string, sets: readonly string[] = []): Promise<LoadedSweep> {
  const text = await readTextFile(path, "sweep");
  return parseSweep(text, path, dirname(resolve(path)), sets);
}

/** As {@link loadSweep} for a text in memory. */
export function parseSweep(
  text: string,
  source: string,
  directory: string,
  sets: readonly string[] = [],
): LoadedSweep {
  const tree = parseYaml(text, source, directory);
  const parsed = sweepSchema.safeParse(tree.value ?? {});
  if (!parsed.success) return refuse(tree, schemaProblems(parsed.error.issues, tree.value, sweepKeys));
  const config = parsed.data;
  const given = new Set(sets.map((set) => pathText(parsePath(set.split("=")[0].trim(), `--set ${set}`))));
  checkSweep(tree, config);
  const grid = axesOf(tree, config.axes as SweepConfig["axes"], ["axes"], given).map((axis) => ({
    ...axis,
    values: Array.isArray(axis.config)
      ? (axis.config as PlainValue[])
      : rangeValues(axis.config as RangeConfig),
  }));
  const { sample } = config;
  const sampled = sample === undefined ? [] : axesOf(tree, sample.axes, ["sample", "axes"], given);
  const drawn =
    sample === undefined || sampled.length === 0
      ? [[]]
      : samplePoints({
          ...sample,
          axes: Object.fromEntries(sampled.map(({ path, config }) => [path, config])) as typeof sample.axes,
        });
  const combinations = grid.reduce((product, { values }) => product * values.length, 1);
  const points = config.points.length === 0 ? [undefined] : config.points;
  return {
    config,
    source,
    experiment: config.experiment.startsWith("/")
      ? config.experiment
      : `${dirname(source)}/${config.experiment}`.replace(/^\.\//, ""),
    overrides: Object.entries(config.set).map(([path, value]) => ({
      path,
      value: value as PlainValue,
      origin: originAt(tree, ["set", path]),
    })),
    varied: [...grid, ...sampled].map(({ path }) => path),
    withPoints: config.points.length > 0,
    count: points.length * combinations * drawn.length,
    variant: (index) => {
      const labels: Record<string, PlainValue> = {};
      const overrides: Override[] = [];
      const take = (path: string, value: PlainValue, at: TreePath) => {
        labels[path] = value;
        overrides.push({ path, value, origin: originAt(tree, at) });
      };
      let left = Math.floor(index / drawn.length);
      const picks = new Array<number>(grid.length);
      for (let a = grid.length - 1; a >= 0; a--) {
        picks[a] = left % grid[a].values.length;
        left = Math.floor(left / grid[a].values.length);
      }
      const point = points[left];
      if (point !== undefined) {
        labels["point"] = point.name;
        for (const [path, value] of Object.entries(point.set)) {
          const origin = originAt(tree, ["points", left, "set", path]);
          overrides.push({ path, value: value as PlainValue, origin });
        }
      }
      for (const [a, { path, values, at }] of grid.entries()) {
        take(path, values[picks[a]], [...at, picks[a]]);
      }
      for (const [a, { path, at }] of sampled.entries()) take(path, drawn[index % drawn.length][a], at);
      return { labels, overrides };
    },
  };
}

interface Axis {
  readonly path: string;
  readonly config: readonly unknown[] | RangeConfig | IntervalConfig;
  readonly at: TreePath;
}

/** The axes that the command line does not decide. */
function axesOf(
  tree: LocatedTree,
  axes: Readonly<Record<string, unknown>>,
  at: TreePath,
  given: ReadonlySet<string>,
): Axis[] {
  return Object.entries(axes).flatMap(([path, config]) => {
    const place = [...at, path];
    const keys = pathText(parsePath(path, locationText(originAt(tree, place), place)));
    return given.has(keys) ? [] : [{ path, config: config as Axis["config"], at: place }];
  });
}

function checkSweep(tree: LocatedTree, { axes, sample, points, set }: SweepConfig): void {
  const problems: Problem[] = [];
  const add = (path: TreePath, message: string, ofKey = false) =>
    problems.push({ code: "CANOPY_SWEEP_VALUE", path, message, ofKey });
  for (const [path, axis] of Object.entries(axes)) {
    if (Array.isArray(axis)) continue;
    const range = axis as RangeConfig;
    const problem =
      rangeProblem(range) ??
      (range.count === undefined && range.step === undefined
        ? "has neither count nor step, expected one of them"
        : undefined);
    if (problem !== undefined) add(["axes", path], problem);
  }
  for (const [path, axis] of Object.entries(sample?.axes ?? {})) {
    const problem = Array.isArray(axis) ? undefined : rangeProblem(axis as IntervalConfig);
    if (problem !== undefined) add(["sample", "axes", path], problem);
    if (Object.hasOwn(axes, path))
      add(["sample", "axes", path], "is an axis already, expected it once", true);
  }
  for (const path of Object.keys(set)) {
    const again = Object.hasOwn(axes, path) || Object.hasOwn(sample?.axes ?? {}, path);
    if (again) add(["set", path], "is set here and is an axis, expected one of them", true);
    for (const key of ["points", "axes"]) {
      if (path === key || path.startsWith(`${key}.`)) {
        add(["set", path], `changes the ${key} of the experiment, expected ${key} of the sweep`, true);
      }
    }
  }
  const names = new Set<string>();
  for (const [i, { name }] of points.entries()) {
    if (names.has(name)) add(["points", i, "name"], `"${name}" is taken, expected different names`);
    names.add(name);
  }
  if (problems.length > 0) refuse(tree, problems);
}

/** Keys that the map at a path may have. */
function sweepKeys(path: readonly PropertyKey[]): string[] {
  const [first, second, third] = path;
  const shape = (of: { shape: object }) => Object.keys(of.shape);
  if (first === undefined) return shape(sweepSchema);
  if (first === "points") return ["name", "set", "note"];
  if (first === "axes") return second === undefined ? [] : ["from", "to", "count", "step", "scale", "whole"];
  if (first === "sample") {
    if (second === undefined) return ["method", "count", "seed", "axes"];
    return third === undefined ? [] : ["from", "to", "scale", "whole"];
  }
  return first === "slurm" ? shape(sweepSchema.shape.slurm.unwrap()) : [];
}

/** What a problem of a schema is called in a sweep file. */
const SWEEP_CODES: Readonly<Record<string, string>> = {
  CANOPY_EXPERIMENT_KEY: "CANOPY_SWEEP_KEY",
  CANOPY_EXPERIMENT_MISSING: "CANOPY_SWEEP_MISSING",
  CANOPY_EXPERIMENT_VALUE: "CANOPY_SWEEP_VALUE",
};

function refuse(tree: LocatedTree, problems: readonly Problem[]): never {
  const [{ code, path, message, ofKey }] = problems;
  const place = locationText(originAt(tree, path), path, ofKey);
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  throw new UserError(SWEEP_CODES[code] ?? code, `${place}: ${message}${more}`);
}
