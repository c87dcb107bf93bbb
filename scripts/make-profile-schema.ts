/**
 * Writes `docs/schema/profile.schema.json` from the schema in the code.
 *
 *   npx tsx scripts/make-profile-schema.ts && npx biome check --write docs/schema
 */
import { fileURLToPath } from "node:url";
import { writeFileAtomically } from "../src/files.ts";
import { profileJsonSchema } from "../src/profile/json-schema.ts";

const path = fileURLToPath(new URL("../docs/schema/profile.schema.json", import.meta.url));
await writeFileAtomically(path, `${JSON.stringify(profileJsonSchema(), null, 2)}\n`);
