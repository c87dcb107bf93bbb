/**
 * Writes `docs/schema/experiment.schema.json` from the schema in the code.
 *
 *   npx tsx scripts/make-experiment-schema.ts && npx biome check --write docs/schema
 */
import { fileURLToPath } from "node:url";
import { experimentJsonSchema } from "../src/experiment/json-schema.ts";
import { writeFileAtomically } from "../src/files.ts";

const path = fileURLToPath(new URL("../docs/schema/experiment.schema.json", import.meta.url));
await writeFileAtomically(path, `${JSON.stringify(experimentJsonSchema(), null, 2)}\n`);
