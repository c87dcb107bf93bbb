import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../errors.ts";
import { experimentJsonSchema } from "../experiment/json-schema.ts";
import { writeFileAtomically } from "../files.ts";

const HARNESS = new URL("../../harness/", import.meta.url);
const SCHEMA_FILE = "experiment.schema.json";

/**
 * Writes an experiment with comments, a router of the user's own, and the schema by which editors check the experiment.
 *
 * @returns paths of the files, the experiment first
 * @throws UserError CANOPY_INIT_EXISTS, before anything is written, when one of them is there
 */
export async function writeStarter(folder: string): Promise<string[]> {
  const experiment = await readFile(new URL("starter/experiment.yaml", HARNESS), "utf8");
  const files = [
    ["experiment.yaml", experiment.replace(/(\$schema=)\S+/, `$1./${SCHEMA_FILE}`)],
    ["my-router.ts", await readFile(new URL("examples/my-router.ts", HARNESS), "utf8")],
    [SCHEMA_FILE, `${JSON.stringify(experimentJsonSchema(), null, 2)}\n`],
  ].map(([name, text]) => ({ path: join(folder, name), text }));
  const there = files.find(({ path }) => existsSync(path));
  if (there !== undefined) {
    throw new UserError(
      "CANOPY_INIT_EXISTS",
      `${there.path} is there already; name another folder, e.g. canopy init my-study`,
    );
  }
  for (const { path, text } of files) await writeFileAtomically(path, text);
  return files.map(({ path }) => path);
}
