import { readdir, stat } from "node:fs/promises";
import { basename, dirname, extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { z } from "zod";
import { nearest, UserError } from "../errors.ts";
import { enableUserModules } from "./user-modules.ts";

const EXTENSIONS = [".ts", ".mts", ".js", ".mjs"];

/** What a definition of a router or a planner has at least. */
interface Definition {
  readonly id: string;
  readonly parameters?: z.ZodType;
  readonly create: (...given: never[]) => unknown;
}

/** Whether a word in a list of routers or planners names a file instead of a registered one. */
export function isDefinitionFile(word: string): boolean {
  return EXTENSIONS.includes(extname(word));
}

/**
 * The definition that a user's file exports: by default, or under the name of its kind. `id` and `create` are there,
 * and `parameters` is a schema where it is given.
 *
 * @param path file, absolute or relative to `folder`
 * @throws UserError `CANOPY_ROUTER_FILE` (missing, cannot be run) or `CANOPY_ROUTER_EXPORT` (no definition in it)
 */
export async function loadDefinition<Of extends Definition>(
  kind: "router" | "planner",
  path: string,
  folder: string,
): Promise<Partial<Of> & Pick<Of, "id" | "create">> {
  const file = resolve(folder, path);
  await checkFile(kind, path, file);
  const module = await importModule(kind, path, file);
  const maker = kind === "router" ? "defineRouter" : "definePlanner";
  const candidate = module["default"] ?? module[kind];
  if (candidate === undefined) {
    const names = Object.keys(module);
    const found = names.length === 0 ? "it exports nothing" : `it exports ${names.join(", ")}`;
    throw new UserError(
      "CANOPY_ROUTER_EXPORT",
      `${kind} file ${path}: ${found}, expected a default export or one named ${kind}, made with ${maker}`,
    );
  }
  const problem = problemOf(candidate as Partial<Definition> | null);
  if (problem === undefined) return candidate as Of;
  throw new UserError(
    "CANOPY_ROUTER_EXPORT",
    `${kind} file ${path}: ${problem}, expected { id, create } made with ${maker}`,
  );
}

function problemOf(given: Partial<Definition> | null): string | undefined {
  if (typeof given !== "object" || given === null) {
    return `the export is ${given === null ? "null" : `a ${typeof given}`}`;
  }
  if (typeof given.id !== "string" || given.id === "") return "the definition has no id";
  if (typeof given.create !== "function") return "the definition has no create function";
  return given.parameters !== undefined && typeof given.parameters.safeParse !== "function"
    ? "its parameters are not a zod schema"
    : undefined;
}

async function checkFile(kind: string, path: string, file: string): Promise<void> {
  const status = await stat(file).catch(() => undefined);
  if (status?.isFile()) {
    if (isDefinitionFile(file)) return;
    throw new UserError(
      "CANOPY_ROUTER_FILE",
      `${kind} file ${path}: expected one that ends in ${EXTENSIONS.join(", ")}`,
    );
  }
  const names = await readdir(dirname(file)).catch(() => undefined);
  const near = names === undefined ? undefined : nearest(basename(file), names.filter(isDefinitionFile));
  const why =
    status !== undefined
      ? "is not a file"
      : names === undefined
        ? `the folder ${dirname(file)} does not exist`
        : `no such file${near === undefined ? "" : ` (did you mean "${near}"?)`}`;
  throw new UserError("CANOPY_ROUTER_FILE", `${kind} file ${path}: ${why}`);
}

async function importModule(kind: string, path: string, file: string): Promise<Record<string, unknown>> {
  const url = pathToFileURL(file).href;
  await enableUserModules();
  try {
    return (await import(url)) as Record<string, unknown>;
  } catch (cause) {
    const { code, message } = cause as { code?: string; message?: string };
    // Node before 22.18 reads no TypeScript by itself.
    const why =
      code === "ERR_UNKNOWN_FILE_EXTENSION"
        ? `Node ${process.versions.node} cannot read TypeScript, expected a .js file, Node 22.18 or later, or node --import tsx`
        : `cannot be loaded: ${firstSentence(String(message ?? cause))}`;
    throw new UserError("CANOPY_ROUTER_FILE", `${kind} file ${path}: ${why}`, { cause });
  }
}

/** The first line, and after a colon the one that it announces: where transformers of TypeScript name file and line. */
function firstSentence(message: string): string {
  const [first, second = ""] = message.split("\n");
  return first.endsWith(":") ? `${first} ${second.trim()}` : first;
}
