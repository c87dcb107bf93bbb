import type { z } from "zod";
import { suggestion } from "../errors.ts";
import { VALUE_KINDS } from "../value-kinds.ts";

/**
 * What is wrong with a parameter, in one line: its name, what was given, what was expected, the nearest choice.
 *
 * @param names the parameters that the router has
 */
export function describeParameterIssue(issue: z.core.$ZodIssue, names: readonly string[]): string {
  const name = issue.path.length === 0 ? "parameters" : `parameter ${issue.path.join(".")}`;
  switch (issue.code) {
    case "unrecognized_keys": {
      const inside = issue.path.length === 0 ? "" : ` of ${issue.path.join(".")}`;
      if (names.length === 0 && inside === "")
        return `parameter "${issue.keys[0]}" is not known, there are none`;
      return `parameter "${issue.keys[0]}"${inside} is not known${inside === "" ? suggestion(issue.keys[0], names) : ""}`;
    }
    case "invalid_value": {
      const choices = issue.values.map(String);
      return `${name} is ${shown(issue.input)}, expected one of ${choices.join(", ")}${nearby(issue.input, choices)}`;
    }
    case "invalid_type":
      return `${name} is ${shown(issue.input)}, expected ${VALUE_KINDS[issue.expected] ?? issue.expected}`;
    case "too_small":
      if (issue.origin === "array" && Number(issue.minimum) === 1)
        return `${name} is an empty list, expected at least 1 entry`;
      return `${name} is ${shown(issue.input)}, expected ${issue.inclusive === false ? "above" : "at least"} ${issue.minimum}`;
    case "too_big":
      return `${name} is ${shown(issue.input)}, expected ${issue.inclusive === false ? "below" : "at most"} ${issue.maximum}`;
    case "invalid_union": {
      const wanted = issue.errors.flatMap((errors) => errors.slice(0, 1)).map(expectation);
      return `${name} is ${shown(issue.input)}, expected ${[...new Set(wanted)].join(" or ")}`;
    }
    default:
      return `${name} is ${shown(issue.input)}: ${issue.message}`;
  }
}

function expectation(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_type") return VALUE_KINDS[issue.expected] ?? issue.expected;
  if (issue.code === "invalid_value") return issue.values.map((value) => `"${String(value)}"`).join(", ");
  return issue.message;
}

function nearby(given: unknown, choices: readonly string[]): string {
  const hint = typeof given === "string" ? suggestion(given, choices) : "";
  return hint.includes("did you mean") ? hint : "";
}

function shown(value: unknown): string {
  if (value === undefined) return "missing";
  return JSON.stringify(value) ?? String(value);
}
