/**
 * Experiment files as trees of plain values in which every value knows where it was written, so that a
 * message about a merged, overridden experiment still names a file and a line.
 */
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import { clipped, UserError } from "../errors.ts";

export type PlainValue = null | boolean | number | string | PlainValue[] | { [key: string]: PlainValue };
export type PlainObject = { [key: string]: PlainValue };
/** Keys of maps and indices of lists from the root. */
export type TreePath = readonly (string | number)[];

/** Where a value was written. Overrides of the command line have no line. */
export interface Origin {
  /** The file as messages show it, or e.g. `--set seeds=3`. */
  readonly source: string;
  /** Folder that relative paths in the value start from. */
  readonly directory: string;
  readonly line?: number;
  readonly column?: number;
  /** Column of the key in front of the value, where that is on another place. */
  readonly keyLine?: number;
  readonly keyColumn?: number;
}

export interface LocatedTree {
  readonly value: PlainValue;
  /** By {@link pathKey}; at least the root's. */
  readonly origins: ReadonlyMap<string, Origin>;
}

/** Key of a path in {@link LocatedTree.origins}. */
export function pathKey(path: TreePath): string {
  return path.join("\u0000");
}

/** `fleet.0.replicas`; a key with a dot in it is quoted. */
export function pathText(path: TreePath): string {
  return path.map((key) => (String(key).includes(".") ? JSON.stringify(key) : String(key))).join(".");
}

/** `file:line:column` of the value at the path, or of the nearest value around it. */
export function originAt(tree: LocatedTree, path: TreePath): Origin {
  for (let length = path.length; length >= 0; length--) {
    const origin = tree.origins.get(pathKey(path.slice(0, length)));
    if (origin !== undefined) return origin;
  }
  throw new Error("a located tree without an origin of its root");
}

/** Where a key stands: of one that an override has made on the way to its own, the override. */
export function originOfKey(tree: LocatedTree, path: TreePath): Origin {
  const key = pathKey(path);
  const own = tree.origins.get(key);
  if (own !== undefined) return own;
  for (const [other, origin] of tree.origins) if (other.startsWith(`${key}\u0000`)) return origin;
  return originAt(tree, path);
}

export function placeText(origin: Origin, ofKey = false): string {
  const line = ofKey ? (origin.keyLine ?? origin.line) : origin.line;
  const column = ofKey ? (origin.keyColumn ?? origin.column) : origin.column;
  return line === undefined ? origin.source : `${origin.source}:${line}:${column}`;
}

/** Place and path as messages begin with them; an override that names the path says it once. */
export function locationText(origin: Origin, path: TreePath, ofKey = false): string {
  const place = placeText(origin, ofKey);
  const name = clipped(pathText(path));
  return name === "" || place.startsWith(`--set ${name}=`) ? place : `${place} ${name}`;
}

/** The value at a path, undefined where there is none. */
export function valueAtPath(value: PlainValue | undefined, path: TreePath): PlainValue | undefined {
  let at: PlainValue | undefined = value;
  for (const key of path) {
    if (Array.isArray(at)) at = at[Number(key)];
    else if (isPlainObject(at)) at = Object.hasOwn(at, key) ? at[String(key)] : undefined;
    else return undefined;
  }
  return at;
}

export function isPlainObject(value: unknown): value is PlainObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Parses YAML 1.2 text.
 *
 * @param source the file as messages show it
 * @param directory folder that the file's relative paths start from
 * @throws UserError CANOPY_EXPERIMENT_YAML with line and column
 */
export function parseYaml(text: string, source: string, directory: string): LocatedTree {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [problem] = document.errors;
  if (problem !== undefined) {
    const { line, col } = lines.linePos(problem.pos[0]);
    throw new UserError(
      "CANOPY_EXPERIMENT_YAML",
      `${source}:${line}:${col} not valid YAML: ${problem.message.replace(/\s+/g, " ")}`,
    );
  }
  const origins = new Map<string, Origin>();
  const position = (node: Node | null) => {
    const offset = node?.range?.[0];
    if (offset === undefined) return { line: 1, col: 1 };
    return lines.linePos(offset);
  };
  const visit = (node: Node | null, path: TreePath, key: Node | null): PlainValue => {
    const { line, col } = position(node ?? key);
    const keyAt = key === null ? undefined : position(key);
    origins.set(pathKey(path), {
      source,
      directory,
      line,
      column: col,
      ...(keyAt === undefined ? {} : { keyLine: keyAt.line, keyColumn: keyAt.col }),
    });
    if (isAlias(node)) return visit(node.resolve(document) ?? null, path, key);
    if (isMap(node)) {
      const object: PlainObject = {};
      for (const { key: keyNode, value } of node.items) {
        const name = isScalar(keyNode) ? String(keyNode.value) : String(keyNode);
        object[name] = visit(value as Node | null, [...path, name], keyNode as Node);
      }
      return object;
    }
    if (isSeq(node)) return node.items.map((item, i) => visit(item as Node | null, [...path, i], null));
    if (isScalar(node)) return node.value as PlainValue;
    return null;
  };
  const value = visit(document.contents as Node | null, [], null);
  return { value, origins };
}

/** A map with one of these keys is of a form of its own: laid on a map of another form it replaces it. */
const FORM_KEYS = ["trace", "preset", "path", "steps", "law"];

function isOtherForm(under: PlainObject, patch: PlainObject): boolean {
  if (patch["dist"] !== undefined && patch["dist"] !== under["dist"]) return true;
  return FORM_KEYS.some((key) => Object.hasOwn(patch, key) && !Object.hasOwn(under, key));
}

/**
 * `over` laid on `base` as in a JSON merge patch (RFC 7386): maps are merged key by key, anything else is
 * replaced, and a null removes what the base has. A map of another form (a trace on a generated workload, one
 * distribution on another) replaces as a whole.
 */
export function mergeTrees(base: LocatedTree, over: LocatedTree): LocatedTree {
  const origins = new Map(base.origins);
  const merge = (under: PlainValue | undefined, patch: PlainValue, path: TreePath): PlainValue => {
    if (!isPlainObject(patch) || !isPlainObject(under) || isOtherForm(under, patch)) {
      moveOrigins(origins, over.origins, path);
      return patch;
    }
    const merged: PlainObject = { ...under };
    for (const [key, value] of Object.entries(patch)) {
      const at = [...path, key];
      if (value === null) {
        delete merged[key];
        dropOrigins(origins, at);
      } else {
        merged[key] = merge(Object.hasOwn(under, key) ? under[key] : undefined, value, at);
      }
    }
    return merged;
  };
  const value = merge(base.value, over.value, []);
  const root = over.origins.get("");
  if (root !== undefined) origins.set("", root);
  return { value, origins };
}

/**
 * A copy of the tree with the value at a path replaced, maps on the way made where they are missing.
 *
 * @throws UserError CANOPY_EXPERIMENT_SET when the path leads through a list's index that is not there, or
 *   through a value that holds nothing
 */
export function replaceAt(tree: LocatedTree, path: TreePath, value: PlainValue, origin: Origin): LocatedTree {
  const origins = new Map(tree.origins);
  dropOrigins(origins, path);
  origins.set(pathKey(path), origin);
  const fail = (done: TreePath, why: string): never => {
    throw new UserError(
      "CANOPY_EXPERIMENT_SET",
      `${locationText(origin, path)}: ${done.length === 0 ? "the experiment" : pathText(done)} ${why}`,
    );
  };
  const put = (at: PlainValue | undefined, depth: number): PlainValue => {
    if (depth === path.length) return value;
    const key = path[depth];
    const done = path.slice(0, depth);
    if (Array.isArray(at)) {
      const index = Number(key);
      if (!Number.isInteger(index) || index < 0 || index >= at.length) {
        const range = at.length === 0 ? "is an empty list" : `is a list of ${at.length}, expected an index`;
        fail(done, at.length === 0 ? range : `${range} from 0 to ${at.length - 1} instead of "${key}"`);
      }
      return at.map((item, i) => (i === index ? put(item, depth + 1) : item));
    }
    if (at === undefined || at === null) return { [key]: put(undefined, depth + 1) };
    if (!isPlainObject(at)) {
      return fail(done, `is ${JSON.stringify(at)}, which has no key "${key}": replace it as a whole`);
    }
    return { ...at, [key]: put(Object.hasOwn(at, key) ? at[key] : undefined, depth + 1) };
  };
  return { value: put(tree.value, 0), origins };
}

/** A copy of the tree without the value at a path. */
export function removeAt(tree: LocatedTree, path: TreePath): LocatedTree {
  const origins = new Map(tree.origins);
  dropOrigins(origins, path);
  const drop = (at: PlainValue, depth: number): PlainValue => {
    if (!isPlainObject(at)) return at;
    const copy = { ...at };
    const key = String(path[depth]);
    if (depth === path.length - 1) delete copy[key];
    else if (Object.hasOwn(copy, key)) copy[key] = drop(copy[key], depth + 1);
    return copy;
  };
  return { value: drop(tree.value, 0), origins };
}

function dropOrigins(origins: Map<string, Origin>, path: TreePath): void {
  const key = pathKey(path);
  for (const other of origins.keys()) {
    if (other === key || other.startsWith(key === "" ? "" : `${key}\u0000`)) origins.delete(other);
  }
}

function moveOrigins(to: Map<string, Origin>, from: ReadonlyMap<string, Origin>, path: TreePath): void {
  dropOrigins(to, path);
  const key = pathKey(path);
  for (const [other, origin] of from) {
    if (other === key || other.startsWith(key === "" ? "" : `${key}\u0000`)) to.set(other, origin);
  }
}
