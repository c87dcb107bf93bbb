/** `--set path=value`, points and axes: changing a located tree by paths in text. */
import { parseDocument } from "yaml";
import { UserError } from "../errors.ts";
import {
  isPlainObject,
  type LocatedTree,
  type Origin,
  type PlainValue,
  placeText,
  replaceAt,
  type TreePath,
  valueAtPath,
} from "./located-tree.ts";

export interface Override {
  /** As written; `*` stands for every entry of a list or map. */
  readonly path: string;
  readonly value: PlainValue;
  readonly origin: Origin;
}

/**
 * `fleet.0.replicas=8` as an override; the value is YAML, so that numbers, lists and maps can be given.
 *
 * @param directory folder that relative paths in the value start from
 * @throws UserError CANOPY_EXPERIMENT_SET
 */
export function parseSet(text: string, directory: string): Override {
  const at = text.indexOf("=");
  if (at <= 0) {
    throw new UserError(
      "CANOPY_EXPERIMENT_SET",
      `--set ${text}: expected path=value, e.g. --set fleet.0.replicas=8`,
    );
  }
  const document = parseDocument(text.slice(at + 1), { prettyErrors: false });
  const [problem] = document.errors;
  if (problem !== undefined) {
    throw new UserError(
      "CANOPY_EXPERIMENT_SET",
      `--set ${text}: the value is not valid YAML: ${problem.message.replace(/\s+/g, " ")}`,
    );
  }
  const path = text.slice(0, at).trim();
  parsePath(path, `--set ${text}`);
  return { path, value: document.toJS() as PlainValue, origin: { source: `--set ${text}`, directory } };
}

/** The tree with the overrides applied in order. */
export function applyOverrides(tree: LocatedTree, overrides: readonly Override[]): LocatedTree {
  let result = tree;
  for (const { path, value, origin } of overrides) {
    const paths = expandPath(parsePath(path, origin.source), result.value);
    if (paths.length === 0) {
      throw new UserError(
        "CANOPY_EXPERIMENT_SET",
        `${placeText(origin)} ${path}: nothing stands where the * is, expected a list or map with entries`,
      );
    }
    for (const at of paths) result = replaceAt(result, at, value, origin);
  }
  return result;
}

/** `a.b.0` or `a.b[0]`; a key that holds a dot stands in double quotes. */
export function parsePath(text: string, where: string): string[] {
  const keys: string[] = [];
  const pattern = /"((?:[^"\\]|\\.)*)"|\[(\d+|\*)\]|([^.[\]"]+)/y;
  let at = 0;
  while (at < text.length) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match === null) break;
    const key = match[1] !== undefined ? unescaped(match[1]) : (match[2] ?? match[3]).trim();
    if (key === undefined) break;
    keys.push(key);
    at = pattern.lastIndex;
    if (text[at] === "." && at < text.length - 1) at++;
    else if (text[at] !== "[") break;
  }
  if (at === text.length && keys.length > 0) return keys;
  throw new UserError(
    "CANOPY_EXPERIMENT_SET",
    `${where}: "${text}" is not a path, expected e.g. fleet.0.replicas`,
  );
}

/** What stands between double quotes; undefined where a backslash in it means nothing. */
function unescaped(text: string): string | undefined {
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    return undefined;
  }
}

/** Whether an override of one path leaves nothing of an earlier one of another path. */
export function replaces(later: TreePath, earlier: TreePath): boolean {
  return later.length <= earlier.length && later.every((key, i) => key === "*" || key === earlier[i]);
}

function expandPath(path: readonly string[], value: PlainValue): TreePath[] {
  const star = path.indexOf("*");
  if (star < 0) return [path];
  const head = path.slice(0, star);
  const inside = valueAtPath(value, head);
  const keys = Array.isArray(inside) ? [...inside.keys()] : isPlainObject(inside) ? Object.keys(inside) : [];
  return keys.flatMap((key) => expandPath([...head, String(key), ...path.slice(star + 1)], value));
}
