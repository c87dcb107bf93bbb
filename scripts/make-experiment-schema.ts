/**
 * Writes `docs/schema/experiment.schema.json` and `docs/schema/epoch-experiment.schema.json` from the schemas in the
 * code.
 *
 *   npx tsx scripts/make-experiment-schema.ts && npx biome check --write docs/schema
 */
import { fileURLToPath } from "node:url";
import { epochsJsonSchema, experimentJsonSchema } from "../src/experiment/json-schema.ts";
import { writeFileAtomically } from "../src/files.ts";

for (const [name, schema] of [
  ["experiment", experimentJsonSchema()],
  ["epoch-experiment", epochsJsonSchema()],
] as const) {
  const path = fileURLToPath(new URL(`../docs/schema/${name}.schema.json`, import.meta.url));
  await writeFileAtomically(path, `${JSON.stringify(schema, null, 2)}\n`);
}
