import { resolve } from "node:path";
import { z } from "zod";
import { UserError } from "../errors.ts";
import type { RouterDefinition } from "./contract.ts";
import { isDefinitionFile, loadDefinition } from "./load-definition.ts";
import { isRegistered } from "./registry.ts";
import { findRouterPackage } from "./router-package.ts";

/** Whether a word in a list of routers names a file instead of a registered router. */
export function isRouterFile(word: string): boolean {
  return isDefinitionFile(word);
}

/**
 * The file behind a word in a list of routers: a file of the user's, or the entry of a package that is installed beside
 * them. A registered router goes before a package of its name.
 *
 * @param folder that a path is relative to, and from which packages are looked for
 * @returns absolute path, or null for a registered router and for a word that is none of the three
 * @throws UserError `CANOPY_ROUTER_FILE` for a package without a file that can be imported
 */
export function routerFile(word: string, folder: string): string | null {
  if (isRouterFile(word)) return resolve(folder, word);
  return isRegistered(word) ? null : findRouterPackage(word, folder);
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
  const given = await loadDefinition<RouterDefinition>("router", path, folder);
  for (const name of [given.id, ...(given.aliases ?? [])]) {
    if (isRegistered(name)) {
      throw new UserError(
        "CANOPY_ROUTER_CLASH",
        `router file ${path}: the id "${name}" is taken by a router of Canopy, expected another, e.g. "my-${name}"`,
      );
    }
  }
  const { id, create } = given;
  return {
    family: "user",
    group: "user",
    status: "ours",
    source: path,
    summary: `From ${path}`,
    parameters: z.strictObject({}),
    ...given,
    id,
    create: (parameters, folder) => create.call(given, parameters, folder),
  };
}
