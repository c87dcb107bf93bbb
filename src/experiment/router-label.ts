import { basename, extname } from "node:path";
import { isRouterFile } from "../routers/load-router.ts";
import type { RouterConfig } from "./schema.ts";

/** The label of a router in results: `as`, else its id, else the stem of its file. */
export function routerLabel({ router, as }: Pick<RouterConfig, "router" | "as">): string {
  if (as !== undefined) return as;
  return isRouterFile(router) ? basename(router, extname(router)) : router;
}
