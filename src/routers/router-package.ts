import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { UserError } from "../errors.ts";

/** Names of packages: lower case, with or without a scope. */
const PACKAGE_NAME = /^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/;
/** Conditions of `exports` that hold for an import in Node. */
const CONDITIONS = ["node", "import", "default"];

/**
 * The file that importing a package gives, as Node finds packages: in `node_modules` of a folder or of one above it.
 *
 * @param folder e.g. that of the experiment file
 * @returns absolute path, or null where no package of that name is installed there
 * @throws UserError `CANOPY_ROUTER_FILE` for a package that is, without a file that can be imported
 */
export function findRouterPackage(name: string, folder: string): string | null {
  if (!PACKAGE_NAME.test(name)) return null;
  for (let at = folder; ; at = dirname(at)) {
    const root = join(at, "node_modules", name);
    if (existsSync(join(root, "package.json"))) return entryOf(root, name);
    if (dirname(at) === at) return null;
  }
}

function entryOf(root: string, name: string): string {
  const refuse = (why: string): never => {
    throw new UserError("CANOPY_ROUTER_FILE", `router package ${name} in ${root}: ${why}`);
  };
  let given: { exports?: unknown; main?: unknown };
  try {
    given = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as typeof given;
  } catch {
    return refuse("its package.json is no JSON, expected that of a package");
  }
  const main = typeof given.main === "string" ? given.main : "index.js";
  const entry = given.exports === undefined ? main : targetOf(given.exports);
  if (entry === undefined) {
    return refuse('its exports name no file for the package itself, expected one under "."');
  }
  const file = [entry, `${entry}.js`, join(entry, "index.js")].map((path) => join(root, path)).find(isFile);
  return file ?? refuse(`it has no file ${entry}, expected the one that its package.json names`);
}

/** What `exports` gives for the package itself. */
function targetOf(exports: unknown): string | undefined {
  if (typeof exports === "string") return exports;
  if (Array.isArray(exports)) return exports.map(targetOf).find((target) => target !== undefined);
  if (typeof exports !== "object" || exports === null) return undefined;
  const map = exports as Record<string, unknown>;
  if (Object.hasOwn(map, ".")) return targetOf(map["."]);
  for (const [condition, target] of Object.entries(map)) {
    if (!CONDITIONS.includes(condition)) continue;
    const found = targetOf(target);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
