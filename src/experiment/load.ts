import { dirname, resolve } from "node:path";
import { z } from "zod";
import { clipped, UserError } from "../errors.ts";
import { readTextFile } from "../files.ts";
import { checkExperiment } from "./check-experiment.ts";
import { checkEpochs } from "./epochs/check-epochs.ts";
import { type EpochExperiment, epochExperimentSchema, pointEpochsSchema } from "./epochs/epoch-schema.ts";
import type { PointConfig, ResultHead } from "./head-schema.ts";
import { epochKeysAt, keysAt } from "./json-schema.ts";
import { refuseUnknownPlanners, refuseUnknownRouters } from "./known-contenders.ts";
import {
  isPlainObject,
  type LocatedTree,
  locationText,
  mergeTrees,
  originAt,
  originOfKey,
  type PlainObject,
  type PlainValue,
  parseYaml,
  pathText,
  placeText,
  removeAt,
} from "./located-tree.ts";
import { applyOverrides, type Override, parsePath, parseSet, replaces } from "./overrides.ts";
import { type Experiment, experimentSchema, pointExperimentSchema } from "./schema.ts";
import { type KeysAt, type Problem, schemaProblems, shown } from "./schema-problems.ts";

/** One point of an experiment: a variant and a value of each axis, every default filled in. */
export interface ExperimentPoint<Of extends ResultHead = Experiment> {
  /** `{}` for a file with one point, else the point's name under `point` and each axis' value under its path. */
  readonly labels: Readonly<Record<string, PlainValue>>;
  readonly experiment: Of;
  /** Where each value was written: for messages, and for the folders that relative paths start from. */
  readonly tree: LocatedTree;
  readonly note: string | undefined;
}

export interface LoadedExperiment<Of extends ResultHead = Experiment> {
  readonly id: string;
  /** The file as the user named it. */
  readonly source: string;
  /** All files read: the one named and those it extends. */
  readonly files: readonly string[];
  readonly points: readonly ExperimentPoint<Of>[];
}

/** A file of either kind: requests through routers, or epochs under planners. */
export type AnyLoaded =
  | { readonly kind: "requests"; readonly loaded: LoadedExperiment }
  | { readonly kind: "epochs"; readonly loaded: LoadedExperiment<EpochExperiment> };

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
export interface OpenExperiment<Of extends ResultHead = Experiment> {
  readonly source: string;
  readonly files: readonly string[];
  /** Points of the file: its points times its axes. */
  readonly count: number;
  /** @throws UserError CANOPY_EXPERIMENT_* when that point is wrong */
  point(index: number, variant?: Variant): ExperimentPoint<Of>;
}

/** A file of either kind whose points are made one at a time. */
export type AnyOpen =
  | { readonly kind: "requests"; readonly open: OpenExperiment }
  | { readonly kind: "epochs"; readonly open: OpenExperiment<EpochExperiment> };

/**
 * Reads an experiment file, follows `extends`, applies overrides, points and axes, and checks everything that can
 * be checked without opening other files. A file with `planners` is of epochs.
 *
 * @param path as the user wrote it: messages repeat it
 * @throws UserError CANOPY_EXPERIMENT_* in one line `file:line:column path: what, expected, nearest`
 */
export async function loadAnyExperiment(path: string, options: LoadOptions = {}): Promise<AnyLoaded> {
  const files: string[] = [];
  const tree = await readTree(path, files, []);
  return pointsOf(tree, path, files, options);
}

/** {@link loadAnyExperiment} where only routers will do. @throws UserError CANOPY_EXPERIMENT_KIND for planners */
export async function loadExperiment(path: string, options: LoadOptions = {}): Promise<LoadedExperiment> {
  return withRouters(await loadAnyExperiment(path, options));
}

/**
 * As {@link loadAnyExperiment}, with points that are made when they are asked for: for more of them than memory should
 * hold.
 *
 * @throws UserError as {@link loadAnyExperiment}, except for what is wrong with a point
 */
export async function openAnyExperiment(path: string, options: OpenOptions = {}): Promise<AnyOpen> {
  const files: string[] = [];
  const tree = await readTree(path, files, []);
  const edited = editTree(tree, path, options);
  return edited.hasPlanners
    ? { kind: "epochs", open: openTree(edited, path, files, options, epochFiles) }
    : { kind: "requests", open: openTree(edited, path, files, options, requestFiles) };
}

/** As {@link loadExperiment} for a text in memory; it may not extend other files. */
export function parseExperiment(text: string, options: ParseOptions = {}): LoadedExperiment {
  return withRouters(parseAnyExperiment(text, options));
}

export interface ParseOptions extends LoadOptions {
  /** What messages call the text. */
  readonly source?: string;
  /** That relative paths in it start from. */
  readonly directory?: string;
}

/** As {@link loadAnyExperiment} for a text in memory. */
export function parseAnyExperiment(text: string, options: ParseOptions = {}): AnyLoaded {
  const source = options.source ?? "experiment";
  const tree = parseYaml(text, source, resolve(options.directory ?? "."));
  return pointsOf(tree, source, [], options);
}

function withRouters(any: AnyLoaded): LoadedExperiment {
  if (any.kind === "requests") return any.loaded;
  throw new UserError(
    "CANOPY_EXPERIMENT_KIND",
    `${any.loaded.source}: an experiment with planners, expected one with routers: canopy run and canopy sweep take both`,
  );
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
  if ("sweep" in tree.value) {
    throw new UserError(
      "CANOPY_EXPERIMENT_KIND",
      `${placeText(originOfKey(tree, ["sweep"]))} sweep: a sweep, expected an experiment: canopy sweep takes sweeps`,
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

/** What differs between files of the two kinds while they are read. */
interface FileKind<Of extends ResultHead> {
  readonly shape: { readonly points: z.ZodType; readonly axes: z.ZodType };
  readonly point: z.ZodType<Of>;
  readonly check: (experiment: Of) => Problem[];
  /** @throws UserError for the first router or planner that there is not */
  readonly refuseUnknown: (point: Pick<ExperimentPoint<Of>, "experiment" | "tree">) => void;
  readonly keysAt: KeysAt;
}

const requestFiles: FileKind<Experiment> = {
  shape: experimentSchema.shape,
  point: pointExperimentSchema,
  check: checkExperiment,
  refuseUnknown: refuseUnknownRouters,
  keysAt,
};
const epochFiles: FileKind<EpochExperiment> = {
  shape: epochExperimentSchema.shape,
  point: pointEpochsSchema,
  check: checkEpochs,
  refuseUnknown: refuseUnknownPlanners,
  keysAt: epochKeysAt,
};

function pointsOf(
  fileTree: LocatedTree,
  source: string,
  files: readonly string[],
  options: LoadOptions,
): AnyLoaded {
  const edited = editTree(fileTree, source, options);
  const all = <Of extends ResultHead>(kind: FileKind<Of>): LoadedExperiment<Of> => {
    const open = openTree(edited, source, files, options, kind);
    const points = Array.from({ length: open.count }, (_, index) => open.point(index));
    return { id: points[0].experiment.experiment, source, files, points };
  };
  return edited.hasPlanners
    ? { kind: "epochs", loaded: all(epochFiles) }
    : { kind: "requests", loaded: all(requestFiles) };
}

/** A file with all that is laid on it before points and axes. */
interface EditedTree {
  readonly tree: LocatedTree;
  readonly value: PlainObject;
  readonly sets: readonly Override[];
  readonly hasPlanners: boolean;
}

function editTree(
  fileTree: LocatedTree,
  source: string,
  { sets: texts = [], overrides = [], withoutPoints = false }: OpenOptions,
): EditedTree {
  const sets = texts.map((text) => parseSet(text, resolve(".")));
  const whole = applyOverrides(applyOverrides(fileTree, overrides), sets);
  const tree = withoutPoints ? removeAt(whole, ["points"]) : whole;
  const { value } = tree;
  if (!isPlainObject(value)) {
    throw new UserError(
      "CANOPY_EXPERIMENT_VALUE",
      `${source}:1:1 is not a map, expected the keys of an experiment`,
    );
  }
  const hasPlanners = Object.hasOwn(value, "planners");
  refuseMixture(tree, value, hasPlanners);
  return { tree, value, sets, hasPlanners };
}

/** Names the key that does not go with the kind of the file, where the other kind has it. */
function refuseMixture(tree: LocatedTree, value: PlainObject, hasPlanners: boolean): void {
  const [own, other] = hasPlanners ? [epochKeysAt([]), keysAt([])] : [keysAt([]), epochKeysAt([])];
  const stray = Object.keys(value).find((key) => !own.includes(key) && other.includes(key));
  if (stray === undefined) return;
  const message = hasPlanners
    ? "is a key of experiments with routers, but this one has planners: expected one or the other"
    : "is a key of experiments with planners, but this one has none: expected planners, or no such key";
  refuse(tree, [{ code: "CANOPY_EXPERIMENT_KEY", path: [stray], message, ofKey: true }]);
}

function openTree<Of extends ResultHead>(
  { tree, value, sets }: EditedTree,
  source: string,
  files: readonly string[],
  { varied = [] }: OpenOptions,
  kind: FileKind<Of>,
): OpenExperiment<Of> {
  const { points, axes } = readPoints(tree, value, kind);
  checkNames(tree, points);
  // What concerns points and axes themselves has had its effect.
  const again = sets.filter(
    ({ path, origin }) => !["points", "axes"].includes(parsePath(path, origin.source)[0]),
  );
  const decided = [
    ...sets.map(({ path, origin }) => parsePath(path, origin.source)),
    ...varied.map((path) => parsePath(path, "axes")),
  ];
  const free = Object.entries(axes).filter(([path]) => {
    const own = parsePath(path, "axes");
    return !decided.some((other) => replaces(other, own));
  });
  refuseHidden(tree, points, free, varied);
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
        kind,
      );
    },
  };
}

/** What an axis, or one of a sweep, sets again after a point, or after another axis, would stand in tables without having had an effect. */
function refuseHidden(
  tree: LocatedTree,
  points: readonly PointConfig[],
  axes: readonly (readonly [path: string, values: readonly PlainValue[]])[],
  varied: readonly string[],
): void {
  const places = [
    ...points.flatMap((point, i) => Object.keys(point.set).map((path) => ["points", i, "set", path])),
    ...axes.map(([path]) => ["axes", path]),
  ];
  for (const [i, place] of places.entries()) {
    const keys = parsePath(String(place.at(-1)), "points");
    const after = [
      ...places.slice(i + 1).flatMap(([of, path]) => (of === "axes" ? [String(path)] : [])),
      ...varied,
    ];
    const hiding = after.find((path) => replaces(parsePath(path, "axes"), keys));
    if (hiding === undefined) continue;
    const whose = varied.includes(hiding) ? " of the sweep" : "";
    const message = `has no effect, expected one of this and the axis ${hiding}${whose}, which sets it after this`;
    refuse(tree, [{ code: "CANOPY_EXPERIMENT_VALUE", path: place, message, ofKey: true }]);
  }
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

function readPoints(
  tree: LocatedTree,
  value: PlainObject,
  { shape: { points, axes }, keysAt: keysOf }: Pick<FileKind<never>, "shape" | "keysAt">,
): { points: PointConfig[]; axes: Record<string, PlainValue[]> } {
  const parsed = z.object({ points, axes }).safeParse(value);
  if (!parsed.success) return refuse(tree, schemaProblems(parsed.error.issues, value, keysOf));
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

function validate<Of extends ResultHead>(
  tree: LocatedTree,
  note: string | undefined,
  labels: ExperimentPoint["labels"],
  kind: FileKind<Of>,
): ExperimentPoint<Of> {
  const parsed = kind.point.safeParse(tree.value);
  if (!parsed.success) {
    return refuse(tree, schemaProblems(parsed.error.issues, tree.value, kind.keysAt), labels);
  }
  const problems = kind.check(parsed.data);
  if (problems.length > 0) {
    // Baselines and rows that name a misspelt router aright are missing too: the slip is told, not what follows from it.
    kind.refuseUnknown({ experiment: parsed.data, tree });
    return refuse(tree, problems, labels);
  }
  return { labels, experiment: parsed.data, tree, note };
}

/** Reports problems of a point: the first in full, with how many more there are. */
export function refuse(
  tree: LocatedTree,
  problems: readonly Problem[],
  labels: ExperimentPoint["labels"] = {},
): never {
  const [first] = problems;
  const origin = first.ofKey === true ? originOfKey(tree, first.path) : originAt(tree, first.path);
  const isRootOfFile = first.path.length === 0 && origin.line !== undefined;
  const place = `${locationText(origin, first.path, first.ofKey)}${isRootOfFile ? "" : ":"}`;
  const where = pointText(labels, pathText(first.path));
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  throw new UserError(first.code, `${place} ${first.message}${where}${more}`);
}

/** Letters of a label in a message, and of all of them. */
const MOST_LABEL = 40;
const MOST_LABELS = 60;

/** At which point something is wrong: as many of its labels as are short, without those that the message is about. */
function pointText(labels: ExperimentPoint["labels"], about: string): string {
  const all = Object.entries(labels).filter(([key]) => !about.startsWith(key));
  const texts: string[] = [];
  let length = 0;
  for (const [key, value] of all) {
    const text = clipped(`${key} ${shown(value)}`, MOST_LABEL);
    length += text.length + 2;
    if (texts.length > 0 && length > MOST_LABELS) break;
    texts.push(text);
  }
  if (texts.length === 0) return "";
  const more = all.length > texts.length ? `, and ${all.length - texts.length} more` : "";
  return ` [at ${texts.join(", ")}${more}]`;
}
