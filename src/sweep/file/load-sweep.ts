import { dirname, resolve } from "node:path";
import { UserError } from "../../errors.ts";
import type { Variant } from "../../experiment/load.ts";
import {
  isPlainObject,
  type LocatedTree,
  locationText,
  originAt,
  originOfKey,
  type PlainValue,
  parseYaml,
  pathText,
  type TreePath,
} from "../../experiment/located-tree.ts";
import { type Override, parsePath, replaces } from "../../experiment/overrides.ts";
import { type Problem, schemaProblems, shown } from "../../experiment/schema-problems.ts";
import { readTextFile } from "../../files.ts";
import { type IntervalConfig, type RangeConfig, type SweepConfig, sweepSchema } from "./sweep-schema.ts";
import { MOST_POINTS, rangeProblem, rangeValues, samplePoints } from "./values.ts";

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
  /** Points from one value of an axis to its next; undefined of a sampled one. */
  strideOf(axis: string): number | undefined;
  /** Where an axis stands. */
  placeOf(axis: string): string;
  /** Where the experiment is named. */
  readonly experimentPlace: string;
  /** An error of a point, with what helps against it where the value came out of a range. */
  explain(error: unknown): unknown;
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
  refuseExperiment(tree);
  const parsed = sweepSchema.safeParse(tree.value ?? {});
  if (!parsed.success) return refuse(tree, schemaProblems(parsed.error.issues, tree.value, sweepKeys));
  const config = parsed.data;
  const given = sets.map((set) => parsePath(set.split("=")[0].trim(), `--set ${set}`));
  checkSweep(tree, config);
  const grid = axesOf(tree, config.axes as SweepConfig["axes"], ["axes"], given).map((axis) => ({
    ...axis,
    values: Array.isArray(axis.config)
      ? (axis.config as PlainValue[])
      : rangeValues(axis.config as RangeConfig),
  }));
  checkNames(tree, config);
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
  const count = points.length * combinations * drawn.length;
  if (count > MOST_POINTS) {
    refuse(tree, [problem(["axes"], `has ${count} points in all, expected at most ${MOST_POINTS}`)]);
  }
  const spans = [...grid, ...sampled].filter((axis) => !Array.isArray(axis.config));
  return {
    config,
    source,
    experimentPlace: locationText(originAt(tree, ["experiment"]), ["experiment"]),
    strideOf: (axis) => {
      const at = grid.findIndex(({ path }) => path === axis);
      if (at < 0) return undefined;
      return grid.slice(at + 1).reduce((product, { values }) => product * values.length, drawn.length);
    },
    placeOf: (axis) => {
      const at = [...grid, ...sampled].find(({ path }) => path === axis)?.at ?? [];
      return locationText(originOfKey(tree, at), at, true);
    },
    explain: (error) => withHint(error, tree, spans),
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
    count,
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

/** Keys of experiments alone. */
const EXPERIMENT_KEYS = ["workload", "fleet", "routers", "sites", "planners", "signals", "extends", "seeds"];

/** Says at once what a file is that was taken for a sweep, in place of all that it lacks. */
function refuseExperiment(tree: LocatedTree): void {
  const { value } = tree;
  if (!isPlainObject(value) || Object.hasOwn(value, "sweep")) return;
  const [key] = Object.keys(value).filter((own) => EXPERIMENT_KEYS.includes(own));
  if (key === undefined) return;
  const message =
    "is a key of experiments, expected a sweep file, which names one under experiment; canopy run takes this one";
  refuse(tree, [{ code: "CANOPY_SWEEP_KEY", path: [key], message, ofKey: true }]);
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
  given: readonly TreePath[],
): Axis[] {
  return Object.entries(axes).flatMap(([path, config]) => {
    const place = [...at, path];
    const keys = keysOf(tree, place);
    return given.some((set) => replaces(set, keys))
      ? []
      : [{ path, config: config as Axis["config"], at: place }];
  });
}

/** The path that a key of the sweep file, at its place there, names in the experiment. */
function keysOf(tree: LocatedTree, place: TreePath): string[] {
  return parsePath(String(place.at(-1)), locationText(originAt(tree, place), place));
}

/** Keys of an experiment that say what is compared and shown, not what is run. */
const SHOWN_KEYS = [
  "experiment",
  "description",
  "paper",
  "baseline",
  "outputs",
  "published",
  "calibrated",
  "comparable",
];

function checkSweep(tree: LocatedTree, { axes, sample, points, set }: SweepConfig): void {
  const problems: Problem[] = [];
  const add = (path: TreePath, message: string, ofKey = false) =>
    problems.push(problem(path, message, ofKey));
  for (const [path, axis] of Object.entries(axes)) {
    if (Array.isArray(axis)) {
      const texts = axis.map((value) => JSON.stringify(value));
      const again = texts.findIndex((text, i) => texts.indexOf(text) < i);
      if (again >= 0) {
        add(["axes", path, again], `is ${shown(axis[again] as PlainValue)} again, expected each value once`);
      }
      continue;
    }
    const range = axis as RangeConfig;
    const wrong =
      rangeProblem(range) ??
      (range.count === undefined && range.step === undefined
        ? "has neither count nor step, expected one of them"
        : undefined);
    if (wrong !== undefined) add(["axes", path], wrong);
  }
  for (const [path, axis] of Object.entries(sample?.axes ?? {})) {
    const wrong = Array.isArray(axis) ? undefined : rangeProblem(axis as IntervalConfig);
    if (wrong !== undefined) add(["sample", "axes", path], wrong);
  }
  if ((sample?.count ?? 0) > MOST_POINTS) {
    add(["sample", "count"], `is ${sample?.count}, expected at most ${MOST_POINTS}`);
  }
  const variedAt = variedPlaces({ axes, sample, points });
  for (const place of [...Object.keys(set).map((path) => ["set", path]), ...variedAt]) {
    const [key] = keysOf(tree, place);
    if (key === "points" || key === "axes") {
      add(place, `changes the ${key} of the experiment, expected ${key} of the sweep`, true);
    }
  }
  for (const place of variedAt) {
    if (!SHOWN_KEYS.includes(keysOf(tree, place)[0])) continue;
    add(place, "says what is shown of runs, expected what runs depend on", true);
  }
  const names = new Set<string>();
  for (const [i, { name }] of points.entries()) {
    if (names.has(name)) add(["points", i, "name"], `"${name}" is taken, expected different names`);
    names.add(name);
  }
  if (problems.length > 0) refuse(tree, problems);
}

/** Where the sweep file names what differs between its points: in the order in which it is laid on the experiment. */
function variedPlaces({ axes, sample, points }: Pick<SweepConfig, "axes" | "sample" | "points">): TreePath[] {
  return [
    ...points.flatMap((point, i) => Object.keys(point.set).map((path) => ["points", i, "set", path])),
    ...Object.keys(axes).map((path) => ["axes", path]),
    ...Object.keys(sample?.axes ?? {}).map((path) => ["sample", "axes", path]),
  ];
}

/** Nothing that is set or varied is set again after it: it would stand in tables without having had an effect. */
function checkNames(tree: LocatedTree, config: SweepConfig): void {
  const problems: Problem[] = [];
  const axes = variedPlaces({ ...config, points: [] }).map((place) => ({ place, keys: keysOf(tree, place) }));
  const sets = [
    ...Object.keys(config.set).map((path) => ["set", path]),
    ...variedPlaces({ axes: {}, sample: undefined, points: config.points }),
  ];
  const add = (place: TreePath, message: string) => problems.push(problem(place, message, true));
  for (const [i, { place, keys }] of axes.entries()) {
    if (axes.slice(0, i).some((before) => pathText(before.keys) === pathText(keys))) {
      add(place, "is an axis already, expected it once");
      continue;
    }
    const after = axes.slice(i + 1).find((other) => hides(other.keys, keys));
    if (after !== undefined) {
      add(place, `has no effect, expected it after the axis ${pathText(after.keys)}, which sets it too`);
    }
  }
  for (const place of sets) {
    const keys = keysOf(tree, place);
    const after = axes.find((axis) => replaces(axis.keys, keys));
    if (after === undefined) continue;
    const other = pathText(after.keys) === pathText(keys) ? "" : `, by ${pathText(after.keys)}`;
    add(place, `is set here and is an axis${other}, expected one of them`);
  }
  if (problems.length > 0) refuse(tree, problems);
}

/** As {@link replaces}, of different paths. */
function hides(later: TreePath, earlier: TreePath): boolean {
  return replaces(later, earlier) && pathText(later) !== pathText(earlier);
}

function problem(path: TreePath, message: string, ofKey = false): Problem {
  return { code: "CANOPY_SWEEP_VALUE", path, message, ofKey };
}

/** Of a number that a range gave where there must be none, or a whole one. */
function withHint(error: unknown, tree: LocatedTree, spans: readonly Axis[]): unknown {
  if (!(error instanceof UserError)) return error;
  const isFrom = ({ path, at }: Axis) =>
    error.message.startsWith(`${locationText(originAt(tree, at), parsePath(path, ""))}: is `);
  const hint = !spans.some(isFrom)
    ? undefined
    : /expected a whole number/.test(error.message)
      ? "add whole: true"
      : /expected (one of|a text|a list|a map|true or false)/.test(error.message)
        ? "a range gives numbers, write a list of values"
        : undefined;
  return hint === undefined
    ? error
    : new UserError(error.code, `${error.message}; ${hint}`, { cause: error, exitCode: error.exitCode });
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
