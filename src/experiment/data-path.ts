import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { UserError } from "../errors.ts";

const beside = fileURLToPath(new URL("../../../shared/data", import.meta.url));

/** Folder of the reference data: CANOPY_DATA, else `../shared/data` beside the package; undefined without. */
export function dataRoot(): string | undefined {
  const named = process.env["CANOPY_DATA"];
  if (named !== undefined && named !== "") return resolve(named);
  return existsSync(beside) ? beside : undefined;
}

/**
 * The file that a path of an experiment names: `data:FOLDER/FILE` lies in the folder of reference data, anything
 * else starts from the folder of the file it is written in. Undefined for `data:` where that folder is not there.
 *
 * @param root folder of the reference data, or undefined
 * @throws UserError CANOPY_EXPERIMENT_VALUE for a `data:` path that leaves the folder
 */
export function inputPath(path: string, directory: string, root: string | undefined): string | undefined {
  if (!path.startsWith("data:")) return resolve(directory, path);
  const inside = path.slice("data:".length);
  if (inside.startsWith("/") || inside.split(/[/\\]/).includes("..")) {
    throw new UserError(
      "CANOPY_EXPERIMENT_VALUE",
      `${path}: expected a path inside the folder of reference data`,
    );
  }
  return root === undefined ? undefined : resolve(root, inside);
}
