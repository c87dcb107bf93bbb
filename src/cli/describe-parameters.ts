import { z } from "zod";

/** A parameter of a router, for people and programs. */
export interface ParameterInfo {
  readonly name: string;
  /** Undefined where it must be given. */
  readonly default: unknown;
  /** What it may be, e.g. `number 0 to 1`, `"a" | "b"`. */
  readonly values: string;
  readonly description: string;
}

/** JSON Schema as zod writes it. */
export interface SchemaNode {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
  readonly items?: SchemaNode;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly default?: unknown;
  readonly description?: string;
}

/** The parameters of a router's schema, in its order; none where it is no object. */
export function describeParameters(schema: z.ZodType): ParameterInfo[] {
  const root = z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
    reused: "inline",
  }) as SchemaNode;
  return Object.entries(root.properties ?? {}).map(([name, node]) => ({
    name,
    default: node.default,
    values: valuesOf(node),
    description: node.description ?? "",
  }));
}

/** What a value may be, in words: `number above 0`, `"a" | "b"`. */
export function valuesOf(node: SchemaNode): string {
  if (node.const !== undefined) return JSON.stringify(node.const);
  if (node.enum !== undefined) return node.enum.map((value) => JSON.stringify(value)).join(" | ");
  const forms = node.anyOf ?? node.oneOf;
  if (forms !== undefined) return forms.map(valuesOf).join(" | ");
  switch (node.type) {
    case "number":
    case "integer":
      return `${node.type}${rangeOf(node)}`;
    case "array":
      return node.items === undefined ? "list" : `list of ${valuesOf(node.items)}`;
    case "object":
      return node.properties === undefined && typeof node.additionalProperties === "object"
        ? `map of ${valuesOf(node.additionalProperties)}`
        : `{ ${Object.keys(node.properties ?? {}).join(", ")} }`;
    default:
      return typeof node.type === "string" ? node.type : (node.type?.join(" | ") ?? "any");
  }
}

/** zod writes the safe integers as the bounds of an integer without any. */
function rangeOf({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: SchemaNode): string {
  const low = minimum === undefined || minimum === Number.MIN_SAFE_INTEGER ? undefined : minimum;
  const high = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (low !== undefined && high !== undefined) return ` ${low} to ${high}`;
  const bounds = [
    low === undefined ? undefined : `at least ${low}`,
    exclusiveMinimum === undefined ? undefined : `above ${exclusiveMinimum}`,
    high === undefined ? undefined : `at most ${high}`,
    exclusiveMaximum === undefined ? undefined : `below ${exclusiveMaximum}`,
  ].filter((bound) => bound !== undefined);
  return bounds.length === 0 ? "" : ` ${bounds.join(", ")}`;
}
