/** The files that a user's module is made of. */
import { readFileSync, statSync } from "node:fs";
import { dirname, extname, join } from "node:path";

const CODE = [".ts", ".mts", ".cts", ".js", ".mjs", ".cjs"];
/** What an import may leave out, in the order in which loaders try it. */
const ENDINGS = ["", ...CODE, ".json", ...CODE.map((ending) => `/index${ending}`)];
const COMMENT = String.raw`(?:/\*[\s\S]*?\*/\s*)?`;
/** `from`, `import` or `require`, and a relative path. */
const IMPORT = new RegExp(
  String.raw`\b(?:from|import|\w*[rR]equire)\s*${COMMENT}\(?\s*${COMMENT}(["'\x60])(\.{1,2}(?:/.*?)?)\1`,
  "g",
);

/**
 * The file, and after it those that it imports by relative paths, and those that these import. Read off the text: an
 * import in a comment counts too, one whose path is put together does not; nor do packages, and what is read by other
 * means than an import.
 *
 * @param file absolute path
 * @returns absolute paths, the others sorted
 */
export function moduleFiles(file: string): readonly string[] {
  const known = new Set<string>();
  const follow = (path: string): void => {
    if (known.has(path)) return;
    known.add(path);
    for (const twin of typedTwin(path)) follow(twin);
    if (!CODE.includes(extname(path))) return;
    for (const [, , named] of readFileSync(path, "utf8").matchAll(IMPORT)) {
      const found = importedFile(join(dirname(path), named));
      if (found !== undefined) follow(found);
    }
  };
  follow(file);
  known.delete(file);
  return [file, ...[...known].sort()];
}

/** Undefined where there is none: whoever loads the module says so, if it is loaded at all. */
function importedFile(path: string): string | undefined {
  const plain = path.replace(/[?#].*$/, "").replace(/\/$/, "");
  const scripts = ENDINGS.map((ending) => plain + ending);
  return [path, ...scripts, ...typedNames(plain)].find(isFile);
}

/** The TypeScript beside a script, which loaders of TypeScript take in its place. */
function typedTwin(path: string): string[] {
  return typedNames(path).filter(isFile);
}

function typedNames(path: string): string[] {
  return /\.[cm]?js$/.test(path) ? [path.replace(/js$/, "ts")] : [];
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
