/**
 * Writes the pages of docs/reference that come from the code: `npm run docs:reference`.
 */
import { fileURLToPath } from "node:url";
import { writeFileAtomically } from "../src/files.ts";
import { referencePages } from "./reference/pages.ts";

for (const [name, text] of Object.entries(referencePages())) {
  await writeFileAtomically(fileURLToPath(new URL(`../docs/reference/${name}`, import.meta.url)), text);
}
