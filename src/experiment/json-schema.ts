import { z } from "zod";
import { EXPERIMENT_SCHEMA_ID, experimentFileSchema } from "./schema.ts";

/** JSON Schema (2020-12) of the experiment file, published as `docs/schema/experiment.schema.json` for editors. */
export function experimentJsonSchema(): JsonSchemaNode {
  const { $schema, ...rest } = z.toJSONSchema(experimentFileSchema, { io: "input" });
  return {
    $schema,
    title: EXPERIMENT_SCHEMA_ID,
    description: "What Canopy runs: workload, fleet, signals, routers, points and seeds.",
    ...rest,
  } as JsonSchemaNode;
}

export interface JsonSchemaNode {
  readonly $ref?: string;
  readonly $defs?: Record<string, JsonSchemaNode>;
  readonly properties?: Record<string, JsonSchemaNode>;
  readonly additionalProperties?: JsonSchemaNode | boolean;
  readonly items?: JsonSchemaNode;
  readonly prefixItems?: readonly JsonSchemaNode[];
  readonly anyOf?: readonly JsonSchemaNode[];
  readonly oneOf?: readonly JsonSchemaNode[];
}

/** Names of the keys that the map at `path` may have, over all its forms; none where any name will do. */
export function keysAt(path: readonly PropertyKey[]): string[] {
  root ??= experimentJsonSchema();
  let nodes = forms(root);
  for (const key of path) {
    nodes = nodes.flatMap((node) => {
      const next =
        typeof key === "number"
          ? (node.items ?? node.prefixItems?.[key])
          : (node.properties?.[String(key)] ??
            (typeof node.additionalProperties === "object" ? node.additionalProperties : undefined));
      return next === undefined ? [] : forms(next);
    });
  }
  return [...new Set(nodes.flatMap((node) => Object.keys(node.properties ?? {})))];
}

let root: JsonSchemaNode | undefined;

function forms(node: JsonSchemaNode): JsonSchemaNode[] {
  const target = node.$ref === undefined ? node : root?.$defs?.[node.$ref.slice("#/$defs/".length)];
  const alternatives = target?.anyOf ?? target?.oneOf;
  if (alternatives === undefined) return target === undefined ? [] : [target];
  return alternatives.flatMap(forms);
}
