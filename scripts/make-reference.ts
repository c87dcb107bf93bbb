/**
 * Writes the pages of docs/reference that come from the code, and the badges: `npm run docs:reference`.
 */
import { fileURLToPath } from "node:url";
import { writeFileAtomically } from "../src/files.ts";
import { badges } from "./reference/badges.ts";
import { referencePages } from "./reference/pages.ts";

for (const [folder, files] of [
  ["reference", referencePages()],
  ["badges", badges()],
] as const) {
  for (const [name, text] of Object.entries(files)) {
    await writeFileAtomically(fileURLToPath(new URL(`../docs/${folder}/${name}`, import.meta.url)), text);
  }
}
