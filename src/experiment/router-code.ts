import { sha256OfFile } from "../files.ts";
import { moduleFiles } from "./module-files.ts";
import type { RouterSpec } from "./run-spec.ts";

/** By what the files of a user's router or planner are found. */
export type CodeOf = { readonly file: string | null; readonly own?: RouterSpec["own"] | undefined };

/** By which code is named in a run's key. */
export type RouterCode = string | readonly string[] | null;

/** The file of a user's router with those that it imports, and those that it says it depends on. */
export function routerFiles({ file, own }: CodeOf): readonly string[] {
  return [...(file === null ? [] : moduleFiles(file)), ...(own?.files ?? [])];
}

/** The files of all of them, each once. */
export function filesOfRouters(routers: Iterable<CodeOf>): readonly string[] {
  const made = new Map<string, CodeOf>();
  for (const { file, own } of routers) made.set(JSON.stringify([file, own?.files]), { file, own });
  return [...new Set([...made.values()].flatMap(routerFiles))];
}

/**
 * What names the code of a user's router in the key of a run: the hash of its file, or of several the hashes. Null for
 * a registered router.
 */
export async function routerCode(router: CodeOf): Promise<RouterCode> {
  if (router.file === null && router.own === undefined) return null;
  const hashes = await Promise.all(routerFiles(router).map((path) => sha256OfFile(path)));
  return router.file !== null && hashes.length === 1 ? hashes[0] : hashes;
}
