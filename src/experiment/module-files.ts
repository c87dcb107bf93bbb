/** The files that a user's module is made of. */
import { existsSync, realpathSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";

/** What may be an import of a file of the user's own. */
const OWN_IMPORT = /\b(?:from|import|require)\s*\(?\s*["'`][./#]/;
/** Imports of what is no code. */
const OTHERS = Object.fromEntries([".node", ".wasm", ".txt", ".csv"].map((kind) => [kind, "empty"] as const));

/**
 * The file, and after it those that it imports by relative paths, and those that these import; packages and what is
 * read by other means than an import are not among them. A file that cannot be followed stands alone: whoever loads it
 * says what is wrong.
 *
 * @param file absolute path
 * @returns absolute paths, the others sorted
 */
export async function moduleFiles(file: string): Promise<readonly string[]> {
  const others = OWN_IMPORT.test(await readFile(file, "utf8")) ? await importedBy(file) : [];
  const all = new Set([file, ...others].flatMap((path) => [path, ...typedTwin(path)]));
  all.delete(file);
  return [file, ...[...all].sort()];
}

async function importedBy(file: string): Promise<string[]> {
  const folder = realpathSync(dirname(file));
  const { build } = await import("esbuild");
  try {
    const { metafile } = await build({
      entryPoints: [file],
      absWorkingDir: folder,
      bundle: true,
      packages: "external",
      platform: "node",
      format: "esm",
      loader: OTHERS,
      metafile: true,
      write: false,
      outdir: folder,
      logLevel: "silent",
    });
    const own = realpathSync(file);
    return Object.keys(metafile.inputs)
      .map((path) => resolve(folder, path))
      .filter((path) => path !== own);
  } catch {
    return [];
  }
}

/** The TypeScript beside a script, which loaders of TypeScript take in its place. */
function typedTwin(path: string): string[] {
  const twin = path.replace(/\.(m?)js$/, ".$1ts");
  return twin !== path && existsSync(twin) ? [twin] : [];
}
