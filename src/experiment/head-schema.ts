/** The keys that experiments of both kinds have: what a file is called, which points and seeds it has. */
import { z } from "zod";
import { calibratedSchema, comparableSchema, outputsSchema, publishedSchema } from "./output-schema.ts";
import { count, name } from "./schema-parts.ts";

/** What stands beside the name of a router of requests or a planner of epochs. */
function settings(kind: "router" | "planner") {
  return {
    as: name.optional().describe("label in results; default: the id"),
    artefacts: z
      .record(name, name)
      .optional()
      .describe(`files that training left, by the name the ${kind} asks for`),
    parameters: z
      .record(name, z.json())
      .optional()
      .describe(`parameters, which may also stand beside ${kind}`),
  };
}

const named = name.describe("id in the registry, or path of a file that defines one");
const namedOrPackage = name.describe(
  "id in the registry, or a file or an installed package that defines one",
);

interface Settings {
  readonly as?: string | undefined;
  readonly artefacts?: Record<string, string> | undefined;
  readonly parameters?: Record<string, z.core.util.JSONType> | undefined;
}

function settingsOf({ as, artefacts, parameters, ...more }: Settings) {
  return {
    ...(as === undefined ? {} : { as }),
    artefacts: artefacts ?? {},
    parameters: { ...parameters, ...(more as Record<string, z.core.util.JSONType>) },
  };
}

export const routerSchema = z
  .union([
    name,
    z
      .object({ router: namedOrPackage, ...settings("router") })
      .catchall(z.json())
      .describe("a router and its parameters"),
  ])
  .transform((given) => {
    const { router, ...rest } = typeof given === "string" ? { router: given } : given;
    return { router, ...settingsOf(rest) };
  });
export type RouterConfig = z.infer<typeof routerSchema>;

export const plannerSchema = z
  .union([
    name,
    z
      .object({ planner: named, ...settings("planner") })
      .catchall(z.json())
      .describe("a planner and its parameters"),
  ])
  .transform((given) => {
    const { planner, ...rest } = typeof given === "string" ? { planner: given } : given;
    return { planner, ...settingsOf(rest) };
  });
export type PlannerConfig = z.infer<typeof plannerSchema>;

export const seedsSchema = z
  .union([count, z.array(z.int().min(0)).min(1)])
  .default(1)
  .transform((seeds) => (typeof seeds === "number" ? Array.from({ length: seeds }, (_, i) => i + 1) : seeds))
  .describe("how many seeds (1, 2, …), or a list of them");

export const pointSchema = z.strictObject({
  name,
  set: z.record(name, z.json()).default({}).describe("path: value; as --set"),
  note: z.string().optional(),
});
export type PointConfig = z.infer<typeof pointSchema>;

/** Keys that make several points of one file; the rest describes one point. */
export const pointKeys = {
  points: z.array(pointSchema).default([]).describe("named variants"),
  axes: z
    .record(name, z.array(z.json()).min(1))
    .default({})
    .describe("path: values; every combination is run, for every point"),
};

/** The beginning of a file. */
export const headKeys = {
  $schema: z.string().optional().describe("for editors"),
  experiment: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, "expected letters, digits, dot, dash or underscore")
    .describe("id, in results and file names"),
  description: z.string().optional(),
  paper: z.string().optional().describe("what it reproduces, e.g. cedar/table-1"),
};

/** What is shown of the results, and what they are compared with. */
export const resultKeys = {
  outputs: outputsSchema,
  baseline: name
    .optional()
    .describe("label of the router that the others are compared with; default: the first"),
  published: publishedSchema,
  calibrated: calibratedSchema,
  comparable: comparableSchema,
};

export const extendsKey = z
  .union([name, z.array(name).min(1)])
  .optional()
  .describe(
    "files this one is laid on, later ones on earlier ones: maps merge, null removes, the rest replaces",
  );

const resultHead = z.object({ ...headKeys, seeds: seedsSchema, ...resultKeys });
/** What results need of an experiment of either kind. */
export type ResultHead = z.infer<typeof resultHead>;
