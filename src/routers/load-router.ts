import { readdir, stat } from "node:fs/promises";
import { basename, dirname, extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { z } from "zod";
import { nearest, UserError } from "../errors.ts";
import type { RouterDefinition } from "./contract.ts";
import { isRegistered } from "./registry.ts";
import { enableUserModules } from "./user-modules.ts";

const EXTENSIONS = [".ts", ".mts", ".js", ".mjs"];

/** Whether a word in a list of routers names a file instead of a registered router. */
export function isRouterFile(word: string): boolean {
  return EXTENSIONS.includes(extname(word));
}

/**
 * Loads a router from a user's file: its default export, or its export named `router`, has to be a definition
 * (`defineRouter`). Of a definition only `id` and `create` are needed; the rest is filled in, and a router without
 * a parameter schema has no parameters.
 *
 * @param path file, absolute or relative to `folder`
 * @param folder that the path is relative to, e.g. that of the experiment file
 * @throws UserError `CANOPY_ROUTER_FILE` (missing, cannot be run), `CANOPY_ROUTER_EXPORT` (no definition in it) or
 * `CANOPY_ROUTER_CLASH` (its id is a registered one)
 */
export async function loadRouter(path: string, folder = process.cwd()): Promise<RouterDefinition> {
  const file = resolve(folder, path);
  await checkFile(path, file);
  const module = await importModule(path, file);
  const candidate = module["default"] ?? module["router"];
  if (candidate === undefined) {
    const names = Object.keys(module);
    const found = names.length === 0 ? "it exports nothing" : `it exports ${names.join(", ")}`;
    throw new UserError(
      "CANOPY_ROUTER_EXPORT",
      `router file ${path}: ${found}, expected a default export or one named router, made with defineRouter`,
    );
  }
  const definition = complete(path, candidate);
  for (const name of [definition.id, ...(definition.aliases ?? [])]) {
    if (isRegistered(name)) {
      throw new UserError(
        "CANOPY_ROUTER_CLASH",
        `router file ${path}: the id "${name}" is taken by a router of Canopy, expected another, e.g. "my-${name}"`,
      );
    }
  }
  return definition;
}

async function checkFile(path: string, file: string): Promise<void> {
  const status = await stat(file).catch(() => undefined);
  if (status?.isFile()) {
    if (isRouterFile(file)) return;
    throw new UserError(
      "CANOPY_ROUTER_FILE",
      `router file ${path}: expected one that ends in ${EXTENSIONS.join(", ")}`,
    );
  }
  const names = await readdir(dirname(file)).catch(() => undefined);
  const near = names === undefined ? undefined : nearest(basename(file), names.filter(isRouterFile));
  const why =
    status !== undefined
      ? "is not a file"
      : names === undefined
        ? `the folder ${dirname(file)} does not exist`
        : `no such file${near === undefined ? "" : ` (did you mean "${near}"?)`}`;
  throw new UserError("CANOPY_ROUTER_FILE", `router file ${path}: ${why}`);
}

async function importModule(path: string, file: string): Promise<Record<string, unknown>> {
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
        : `cannot be loaded: ${String(message ?? cause).split("\n")[0]}`;
    throw new UserError("CANOPY_ROUTER_FILE", `router file ${path}: ${why}`, { cause });
  }
}

function complete(path: string, candidate: unknown): RouterDefinition {
  const given = candidate as Partial<RouterDefinition> | null;
  const problem =
    typeof given !== "object" || given === null
      ? `the export is ${given === null ? "null" : `a ${typeof given}`}`
      : typeof given.id !== "string" || given.id === ""
        ? "the definition has no id"
        : typeof given.create !== "function"
          ? "the definition has no create function"
          : given.parameters !== undefined && typeof given.parameters.safeParse !== "function"
            ? "its parameters are not a zod schema"
            : undefined;
  if (problem !== undefined) {
    throw new UserError(
      "CANOPY_ROUTER_EXPORT",
      `router file ${path}: ${problem}, expected { id, create } made with defineRouter`,
    );
  }
  const { id, create } = given as RouterDefinition;
  return {
    family: "user",
    group: "user",
    status: "ours",
    source: path,
    summary: `From ${path}`,
    parameters: z.strictObject({}),
    ...given,
    id,
    create: (parameters) => create.call(given, parameters),
  };
}
