/** Rules between the keys of an experiment with planners that need no other file. */
import { SITES } from "../../datacenter/sites.ts";
import { type Add, checkContenders, checkResults, hint, unique } from "../check-results.ts";
import { plannerLabel } from "../router-label.ts";
import type { Problem } from "../schema-problems.ts";
import type { EpochExperiment } from "./epoch-schema.ts";

/** Everything that is wrong, in the order of the file's keys. */
export function checkEpochs(experiment: EpochExperiment): Problem[] {
  const problems: Problem[] = [];
  const add: Add = (path, message) => problems.push({ code: "CANOPY_EXPERIMENT_VALUE", path, message });
  checkSites(experiment, add);
  if (new Set(experiment.starts).size < experiment.starts.length) {
    add(["starts"], "name a time twice, expected different ones");
  }
  const planners = { key: "planners", labels: experiment.planners.map(plannerLabel) } as const;
  checkContenders(experiment, planners, add);
  checkResults(experiment, planners, add);
  return problems;
}

function checkSites({ sites }: EpochExperiment, add: Add): void {
  if (typeof sites === "number") {
    if (sites > SITES.length) add(["sites"], `is ${sites}, expected at most ${SITES.length}, or a list`);
    return;
  }
  const known = SITES.map((site) => site.name);
  unique(
    sites.map(({ site }) => site),
    (i) => ["sites", i],
    add,
  );
  for (const [i, { site, latitude, longitude }] of sites.entries()) {
    if (known.includes(site) || (latitude !== undefined && longitude !== undefined)) continue;
    add(
      ["sites", i],
      `there is no site "${site}"${hint(site, known)}; one of your own has latitude and longitude`,
    );
  }
}
