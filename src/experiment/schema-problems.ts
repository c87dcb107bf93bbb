import type { z } from "zod";
import { nearest, wordList } from "../errors.ts";
import { VALUE_KINDS } from "../value-kinds.ts";
import { type PlainValue, type TreePath, valueAtPath } from "./located-tree.ts";

/** Something wrong with a value of an experiment, at a path of its tree. */
export interface Problem {
  readonly code: string;
  readonly path: TreePath;
  /** What is there and what was expected, without the path. */
  readonly message: string;
  /** The key itself is at fault, not its value. */
  readonly ofKey?: boolean;
}

type Issue = z.core.$ZodIssue;

/** Names of the keys that the map at a path may have; none where any name will do. */
export type KeysAt = (path: TreePath) => readonly string[];

/** The complaints of the schema in words: what is there, what was expected, the nearest valid word. */
export function schemaProblems(
  issues: readonly Issue[],
  value: PlainValue,
  keysAt: KeysAt,
  at: TreePath = [],
): Problem[] {
  return issues.flatMap((issue) => {
    const path = [...at, ...(issue.path as (string | number)[])];
    const given = valueAtPath(value, path);
    if (issue.code === "invalid_union" && issue.errors.length > 0)
      return unionProblems(issue, value, path, given, keysAt);
    if (issue.code === "unrecognized_keys")
      return issue.keys.map((key) => unknownKey(path, key, keysAt(path)));
    if (issue.code === "invalid_key") {
      const message = `is no key, expected ${expectation(issue.issues[0])}`;
      return [{ code: "CANOPY_EXPERIMENT_KEY", path, message, ofKey: true }];
    }
    if (given === undefined) {
      return [
        { code: "CANOPY_EXPERIMENT_MISSING", path, message: `is missing, expected ${expectation(issue)}` },
      ];
    }
    const near = typeof given === "string" ? nearest(given, choicesOf(issue)) : undefined;
    const hint = near === undefined ? "" : ` (did you mean "${near}"?)`;
    const message = `is ${shown(given)}, expected ${expectation(issue)}${hint}`;
    return [{ code: "CANOPY_EXPERIMENT_VALUE", path, message }];
  });
}

function unknownKey(path: TreePath, key: string, known: readonly string[]): Problem {
  const near = nearest(key, known);
  const elsewhere = known.includes(key)
    ? "key of another form, which the other keys here are not of"
    : "unknown key";
  const hint =
    near === key || known.length === 0
      ? ""
      : near !== undefined
        ? ` (did you mean "${near}"?)`
        : `, expected one of: ${wordList(known)}`;
  return { code: "CANOPY_EXPERIMENT_KEY", path: [...path, key], message: `${elsewhere}${hint}`, ofKey: true };
}

/** Of a value that fits none of several forms: what keeps it from the form it comes nearest to. */
function unionProblems(
  issue: Extract<Issue, { code: "invalid_union" }>,
  value: PlainValue,
  path: TreePath,
  given: PlainValue | undefined,
  keysAt: KeysAt,
): Problem[] {
  if (given !== undefined) {
    const ranked = issue.errors
      .map((errors) => ({ errors, distance: distanceOf(errors, given) }))
      .sort((a, b) => a.distance - b.distance);
    if (ranked[0].distance < OTHER_KIND) return schemaProblems(ranked[0].errors, value, keysAt, path);
  }
  const expected = [...new Set(issue.errors.map((errors) => expectation(errors[0])))].join(" or ");
  const what = given === undefined ? "is missing" : `is ${shown(given)}`;
  const code = given === undefined ? "CANOPY_EXPERIMENT_MISSING" : "CANOPY_EXPERIMENT_VALUE";
  return [{ code, path, message: `${what}, expected ${expected}` }];
}

/** Distance of a value that is of another kind altogether, e.g. a number where one form wants a map. */
const OTHER_KIND = 1000;

function distanceOf(errors: readonly Issue[], given: PlainValue): number {
  let distance = 0;
  for (const issue of errors) {
    const atRoot = issue.path.length === 0;
    if (issue.code === "unrecognized_keys") distance += 3 * issue.keys.length;
    else if (atRoot && issue.code === "invalid_type") distance += OTHER_KIND;
    else if (atRoot && issue.code === "invalid_value") {
      distance += issue.values.some((value) => typeof value === typeof given) ? 1 : OTHER_KIND;
    } else if (valueAtPath(given, issue.path as (string | number)[]) === undefined) distance += 2;
    else distance += 1;
  }
  return distance;
}

function expectation(issue: Issue): string {
  switch (issue.code) {
    case "invalid_type":
      return VALUE_KINDS[issue.expected] ?? issue.expected;
    case "invalid_value": {
      const values = issue.values.map(String);
      return values.length === 1 ? `"${values[0]}"` : `one of: ${wordList(values)}`;
    }
    case "too_small":
      if (issue.origin === "string") return "a text that is not empty";
      if (issue.origin === "array") return `at least ${entries(issue.minimum)}`;
      return issue.inclusive === false ? `a number above ${issue.minimum}` : `at least ${issue.minimum}`;
    case "too_big":
      if (issue.origin === "array") return `at most ${entries(issue.maximum)}`;
      return issue.inclusive === false ? `a number below ${issue.maximum}` : `at most ${issue.maximum}`;
    case "invalid_union":
      return (
        [...new Set(issue.errors.map((errors) => expectation(errors[0])))].join(" or ") || formsOf(issue)
      );
    default:
      return issue.message.replace(/^expected /, "");
  }
}

/** Words by which the forms of a value are told from each other. */
function formsOf(issue: Issue): string {
  const choices = choicesOf(issue);
  return choices.length === 0 ? "another form" : `one of: ${wordList(choices)}`;
}

/** Words that a value can be; none where it is no choice of words. */
function choicesOf(issue: Issue): readonly string[] {
  if (issue.code === "invalid_value") return issue.values.map(String);
  return issue.code === "invalid_union" && "options" in issue ? (issue.options ?? []).map(String) : [];
}

function entries(count: number | bigint): string {
  return `${count} ${Number(count) === 1 ? "entry" : "entries"}`;
}

/** A value in a message: short, on one line. */
export function shown(value: PlainValue): string {
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "a map";
  if (typeof value !== "string") return String(value);
  return value.length > 60 ? `${JSON.stringify(value.slice(0, 57))}…` : JSON.stringify(value);
}
