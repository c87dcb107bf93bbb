/** Whether the words in a list of routers or planners name anything; files are not opened. */
import { resolve } from "node:path";
import { isDefinitionFile } from "../routers/load-definition.ts";
import { routerFile } from "../routers/load-router.ts";
import { findPlanner } from "../routers/planner-registry.ts";
import { findRouter } from "../routers/registry.ts";
import type { EpochExperiment } from "./epochs/epoch-schema.ts";
import { type LocatedTree, locationText, originAt } from "./located-tree.ts";
import type { Experiment } from "./schema.ts";

interface Placed<Of> {
  readonly experiment: Of;
  readonly tree: LocatedTree;
}

/** @throws UserError CANOPY_ROUTER_UNKNOWN for the first word that is no router, file or package */
export function refuseUnknownRouters({ experiment, tree }: Placed<Pick<Experiment, "routers">>): void {
  for (const [i, { router }] of experiment.routers.entries()) {
    const path = ["routers", i];
    const origin = originAt(tree, path);
    if (routerFile(router, resolve(origin.directory)) === null)
      findRouter(router, locationText(origin, path));
  }
}

/** @throws UserError CANOPY_ROUTER_UNKNOWN for the first word that is no planner or file */
export function refuseUnknownPlanners({ experiment, tree }: Placed<Pick<EpochExperiment, "planners">>): void {
  for (const [i, { planner }] of experiment.planners.entries()) {
    const path = ["planners", i];
    if (!isDefinitionFile(planner)) findPlanner(planner, locationText(originAt(tree, path), path));
  }
}
