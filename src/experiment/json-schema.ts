import { z } from "zod";
import { EPOCHS_SCHEMA_ID, epochFileSchema } from "./epochs/epoch-schema.ts";
import { EXPERIMENT_SCHEMA_ID, experimentFileSchema } from "./schema.ts";

/** JSON Schema (2020-12) of the experiment file, published as `docs/schema/experiment.schema.json` for editors. */
export function experimentJsonSchema(): JsonSchemaNode {
  return jsonSchema(
    experimentFileSchema,
    EXPERIMENT_SCHEMA_ID,
    "What Canopy runs: workload, fleet, signals, routers, points and seeds.",
  );
}

/** The same of a file with planners: `docs/schema/epoch-experiment.schema.json`. */
export function epochsJsonSchema(): JsonSchemaNode {
  return jsonSchema(
    epochFileSchema,
    EPOCHS_SCHEMA_ID,
    "What Canopy runs of planners: sites, setting, planners, points and seeds.",
  );
}

function jsonSchema(schema: z.ZodType, title: string, description: string): JsonSchemaNode {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: "input" });
  return { $schema, title, description, ...rest } as JsonSchemaNode;
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
  requestsRoot ??= experimentJsonSchema();
  return keysUnder(requestsRoot, path);
}

/** {@link keysAt} of a file with planners. */
export function epochKeysAt(path: readonly PropertyKey[]): string[] {
  epochsRoot ??= epochsJsonSchema();
  return keysUnder(epochsRoot, path);
}

let requestsRoot: JsonSchemaNode | undefined;
let epochsRoot: JsonSchemaNode | undefined;

function keysUnder(root: JsonSchemaNode, path: readonly PropertyKey[]): string[] {
  let nodes = forms(root, root);
  for (const key of path) {
    nodes = nodes.flatMap((node) => {
      const next =
        typeof key === "number"
          ? (node.items ?? node.prefixItems?.[key])
          : (node.properties?.[String(key)] ??
            (typeof node.additionalProperties === "object" ? node.additionalProperties : undefined));
      return next === undefined ? [] : forms(next, root);
    });
  }
  return [...new Set(nodes.flatMap((node) => Object.keys(node.properties ?? {})))];
}

function forms(node: JsonSchemaNode, root: JsonSchemaNode): JsonSchemaNode[] {
  const target = node.$ref === undefined ? node : root.$defs?.[node.$ref.slice("#/$defs/".length)];
  const alternatives = target?.anyOf ?? target?.oneOf;
  if (alternatives === undefined) return target === undefined ? [] : [target];
  return alternatives.flatMap((alternative) => forms(alternative, root));
}
