import { sha256OfFile } from "../files.ts";
import { moduleFiles } from "./module-files.ts";
import type { RouterSpec } from "./run-spec.ts";

/** By what the files of a user's router or planner are found. */
export type CodeOf = { readonly file: string | null; readonly own?: RouterSpec["own"] | undefined };

/**
 * The files of a user's router: its own with those that it imports, or those that it says it depends on; none of a
 * registered one.
 */
export async function routerFiles({ file, own }: CodeOf): Promise<readonly string[]> {
  return file === null ? (own?.files ?? []) : moduleFiles(file);
}

/** By which code is named in a run's key. */
export type RouterCode = string | readonly string[] | null;

/**
 * What names the code of a user's router in the key of a run: the hash of its file, or of several the hashes. Null for
 * a registered router.
 */
export async function routerCode(router: CodeOf): Promise<RouterCode> {
  if (router.file === null && router.own === undefined) return null;
  const hashes = await Promise.all((await routerFiles(router)).map((path) => sha256OfFile(path)));
  return router.file !== null && hashes.length === 1 ? hashes[0] : hashes;
}
