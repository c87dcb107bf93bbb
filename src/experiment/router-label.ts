import { basename, extname } from "node:path";
import { isRouterFile } from "../routers/load-router.ts";
import type { PlannerConfig, RouterConfig } from "./head-schema.ts";

/** The label of a router in results: `as`, else its id, else the stem of its file. */
export function routerLabel({ router, as }: Pick<RouterConfig, "router" | "as">): string {
  return as ?? wordLabel(router);
}

/** The same of a planner. */
export function plannerLabel({ planner, as }: Pick<PlannerConfig, "planner" | "as">): string {
  return as ?? wordLabel(planner);
}

function wordLabel(word: string): string {
  return isRouterFile(word) ? basename(word, extname(word)) : word;
}
