import { sha256OfFile } from "../files.ts";
import type { RouterSpec } from "./run-spec.ts";

/**
 * What names the code of a user's router in the key of a run: the hash of its file, or those of the files that it says
 * it depends on. Null for a registered router.
 */
export async function routerCode({
  file,
  own,
}: Pick<RouterSpec, "file" | "own">): Promise<string | readonly string[] | null> {
  if (file !== null) return sha256OfFile(file);
  return own === undefined ? null : Promise.all(own.files.map((path) => sha256OfFile(path)));
}
