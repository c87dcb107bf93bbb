import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Folders and files of the package that a run's result can depend on; reports and commands are none of them. */
const PARTS = [
  "errors",
  "numeric",
  "native",
  "profile",
  "workload",
  "signal",
  "fleet",
  "datacenter",
  "learning",
  "routers",
  "simulator",
  "metrics",
  "experiment",
];

let known: string | undefined;

/**
 * SHA-256 over the names and texts of the code that makes results, as it runs: the sources from a clone, the built
 * files from an installed package. A run made by other code is another run.
 */
export function codeHash(): string {
  known ??= hashOfCode(fileURLToPath(new URL("../", import.meta.url)), import.meta.url.slice(-3));
  return known;
}

/**
 * @param extension `.ts` or `.js`: what the code is made of
 * @param parts folders and files under the root
 */
export function hashOfCode(root: string, extension: string, parts: readonly string[] = PARTS): string {
  const hash = createHash("sha256");
  for (const part of parts) {
    for (const name of codeFiles(root, part, extension)) {
      hash.update(`${name.replaceAll("\\", "/")}\n`);
      hash.update(readFileSync(join(root, name)));
      hash.update("\n");
    }
  }
  return hash.digest("hex");
}

function codeFiles(root: string, part: string, extension: string): string[] {
  if (existsSync(join(root, part + extension))) return [part + extension];
  if (!existsSync(join(root, part))) return [];
  return readdirSync(join(root, part), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(extension) && !entry.name.endsWith(".d.ts"))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length))
    .sort();
}
