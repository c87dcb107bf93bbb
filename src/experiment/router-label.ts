import { basename } from "node:path";
import type { RouterConfig } from "./schema.ts";

/** Whether a router is named by a file (of the user's) and not by its id. */
export function isRouterFile(name: string): boolean {
  return (
    /\.[cm]?[jt]s$/.test(name) || name.startsWith("./") || name.startsWith("../") || name.startsWith("/")
  );
}

/** The label of a router in results: `as`, else its id, else the stem of its file. */
export function routerLabel({ router, as }: Pick<RouterConfig, "router" | "as">): string {
  if (as !== undefined) return as;
  return isRouterFile(router) ? basename(router).replace(/\.[cm]?[jt]s$/, "") : router;
}
