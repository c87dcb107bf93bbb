import type { z } from "zod";
import { nearest } from "../errors.ts";
import type { Finding } from "./finding.ts";
import { profileJsonSchema } from "./json-schema.ts";

/** The complaints of the schema as findings, one line each: path, what is there, what was expected. */
export function schemaFindings(issues: readonly z.core.$ZodIssue[], json: unknown): Finding[] {
  return issues.flatMap((issue) => {
    if (issue.code === "unrecognized_keys") {
      const fields = fieldsAt(issue.path);
      return issue.keys.map((key) =>
        finding([...issue.path, key], `unknown field${didYouMean(key, fields)}`),
      );
    }
    const given = valueAt(json, issue.path);
    const expected = issue.message.replace(/^(Invalid|Too)[^:]*: /, "");
    if (given === undefined)
      return [finding(issue.path, `is missing: ${expected.replace(/, received .*/, "")}`)];
    if (issue.code === "invalid_value" && typeof given === "string") {
      const near = didYouMean(given, issue.values.map(String));
      return [finding(issue.path, `"${given}": ${expected}${near}`)];
    }
    return [finding(issue.path, expected)];
  });
}

function finding(path: readonly PropertyKey[], message: string): Finding {
  return { level: "error", code: "CANOPY_PROFILE_FORMAT", path: jsonPath(path), message };
}

function jsonPath(path: readonly PropertyKey[]): string {
  return path
    .map((key, i) => (typeof key === "number" ? `[${key}]` : `${i > 0 ? "." : ""}${String(key)}`))
    .join("");
}

function valueAt(json: unknown, path: readonly PropertyKey[]): unknown {
  let value = json;
  for (const key of path) value = (value as Record<PropertyKey, unknown> | null | undefined)?.[key];
  return value;
}

function didYouMean(given: string, choices: readonly string[]): string {
  const near = nearest(given, choices);
  return near === undefined ? "" : ` (did you mean "${near}"?)`;
}

interface SchemaNode {
  readonly properties?: Record<string, SchemaNode>;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
}

/** Names of the fields that the object at `path` may have. */
function fieldsAt(path: readonly PropertyKey[]): string[] {
  let node: SchemaNode | undefined = profileJsonSchema();
  for (const key of path) {
    node = typeof key === "number" ? node?.items : node?.properties?.[String(key)];
    node = node?.anyOf?.[0] ?? node;
  }
  return Object.keys(node?.properties ?? {});
}
