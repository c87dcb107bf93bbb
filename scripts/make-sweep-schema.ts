/**
 * Writes `docs/schema/sweep.schema.json` from the schema in the code.
 *
 *   npx tsx scripts/make-sweep-schema.ts && npx biome check --write docs/schema
 */
import { fileURLToPath } from "node:url";
import { writeFileAtomically } from "../src/files.ts";
import { sweepJsonSchema } from "../src/sweep/file/sweep-schema.ts";

const path = fileURLToPath(new URL("../docs/schema/sweep.schema.json", import.meta.url));
await writeFileAtomically(path, `${JSON.stringify(sweepJsonSchema(), null, 2)}\n`);
