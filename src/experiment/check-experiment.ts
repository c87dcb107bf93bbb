/** Rules between the keys of an experiment that need no other file. */
import { nearest } from "../errors.ts";
import { endpointNames } from "../fleet/endpoint-names.ts";
import { FLOORS } from "../workload/classes.ts";
import { type Add, checkContenders, checkResults, hint, unique } from "./check-results.ts";
import { laidOn } from "./lay-batching.ts";
import type { TreePath } from "./located-tree.ts";
import { routerLabel } from "./router-label.ts";
import type { Experiment } from "./schema.ts";
import { parseInstant } from "./schema-parts.ts";
import type { Problem } from "./schema-problems.ts";
import type { RegimeConfig } from "./workload-schema.ts";

/** Everything that is wrong, in the order of the file's keys; paths are those of the experiment. */
export function checkExperiment(experiment: Experiment): Problem[] {
  const problems: Problem[] = [];
  const add: Add = (path, message) => problems.push({ code: "CANOPY_EXPERIMENT_VALUE", path, message });
  checkWorkload(experiment, add);
  checkTiers(experiment, add);
  checkFloors(experiment, add);
  checkFleet(experiment, add);
  checkRegions(experiment, add);
  checkFaults(experiment, add);
  checkStarts(experiment, add);
  const routers = { key: "routers", labels: experiment.routers.map(routerLabel) } as const;
  checkContenders(experiment, routers, add);
  checkTraining(experiment, add);
  checkResults(experiment, routers, add);
  return problems;
}

function checkWorkload({ workload, end, horizon, tiers }: Experiment, add: Add): void {
  if (end === "cut" && horizon === "last-finish") {
    add(["horizon"], "is last-finish, expected seconds or auto: end cut needs a time to cut at");
  }
  if ("trace" in workload) return;
  if (workload.arrival.process === "gamma" && workload.arrival.cv === undefined) {
    add(["workload", "arrival"], "has no cv, expected one: process gamma needs it");
  }
  if ("regimes" in workload) checkRegimes(workload.regimes, tiers, ["workload", "regimes"], add);
  const limited = workload.requests !== undefined || workload.durationS !== undefined;
  if ("sessions" in workload) {
    const { count, independent } = workload.sessions;
    if (!limited && count === undefined) {
      add(["workload"], "has no end, expected requests, durationS or sessions.count");
    }
    if (end === "cut" && horizon === "auto" && !independent) {
      add(
        ["end"],
        "is cut, but when the last call of a session arrives depends on the run: expected horizon in seconds",
      );
    }
    return;
  }
  if (!limited) add(["workload"], "has neither requests nor durationS, expected one of them");
  const { total, taskTypes = [] } = workload;
  const given = (part: "prompt" | "output") =>
    workload[part] !== undefined ||
    (taskTypes.length > 0 && taskTypes.every((type) => type[part] !== undefined));
  const complete =
    total === undefined
      ? given("prompt") && given("output")
      : workload.prompt === undefined && workload.output === undefined;
  if (!complete) add(["workload"], "expected its lengths as prompt and output, or as total alone");
}

/** Shares of the tiers by regime: of all tiers, of no others, sum 1. */
function checkRegimes(
  regimes: readonly RegimeConfig[] | undefined,
  tiers: Experiment["tiers"],
  path: TreePath,
  add: Add,
): void {
  const names = (tiers ?? []).map(({ name }) => name);
  for (const [i, { tierShares }] of (regimes ?? []).entries()) {
    if (tierShares === undefined) continue;
    const at = [...path, i, "tierShares"];
    for (const name of Object.keys(tierShares)) {
      if (!names.includes(name)) add([...at, name], `there is no tier "${name}"${hint(name, names)}`);
    }
    const sum = Object.values(tierShares).reduce((total, share) => total + share, 0);
    if (Math.abs(sum - 1) > 1e-6) add(at, `sum to ${Number(sum.toPrecision(9))}, expected 1`);
  }
}

function checkTiers({ tiers, workload }: Experiment, add: Add): void {
  if (tiers === undefined) return;
  unique(
    tiers.map((tier) => tier.name),
    (i) => ["tiers", i, "name"],
    add,
  );
  const shares = tiers.filter((tier) => tier.share !== undefined);
  const drawn = !("trace" in workload) || workload.drawTiers === true || workload.otherwise !== undefined;
  if (shares.length < tiers.length) {
    const without = tiers.findIndex((tier) => tier.share === undefined);
    if (drawn || shares.length > 0)
      add(["tiers", without, "share"], "is missing, expected a number from 0 to 1");
    return;
  }
  const sum = tiers.reduce((total, tier) => total + (tier.share ?? 0), 0);
  if (Math.abs(sum - 1) > 1e-6) {
    const terms = tiers.map((tier) => `${tier.name} ${tier.share}`).join(" + ");
    add(["tiers"], `have shares that sum to ${Number(sum.toPrecision(9))} (${terms}), expected 1`);
  }
}

function checkFloors({ floors, tiers, fleet }: Experiment, add: Add): void {
  const names = tiers?.map((tier) => tier.name) ?? ["default"];
  const shares = typeof floors === "string" ? FLOORS[floors] : floors;
  for (const name of Object.keys(shares)) {
    if (names.includes(name)) continue;
    const path = typeof floors === "string" ? ["floors"] : ["floors", name];
    add(path, `there is no tier "${name}"${hint(name, names)}`);
  }
  const needed = floors === "all-large" || Object.values(shares).some((share) => share > 0);
  if (needed && !fleet.some((endpoint) => endpoint.large)) {
    add(
      ["floors"],
      "ask for a large model, but no endpoint may serve such requests: expected large: true on one",
    );
  }
}

function checkFleet({ fleet, batching }: Experiment, add: Add): void {
  const owners: number[] = [];
  const names = fleet.flatMap((endpoint, i) => {
    const own = endpointNames(endpoint.endpoint, endpoint.count);
    owners.push(...own.map(() => i));
    return own;
  });
  unique(names, (i) => ["fleet", owners[i], "endpoint"], add);
  for (const [i, endpoint] of fleet.entries()) {
    const { scaling, replicas, price, gpusPerInstance, powerCurve } = endpoint;
    if (endpoint.gpus !== undefined && (endpoint.count !== 1 || replicas !== 1)) {
      add(["fleet", i, "gpus"], "is given beside count or replicas, which it stands for: expected it alone");
    }
    if (powerCurve !== undefined && powerCurve.peakW < powerCurve.idleW) {
      add(
        ["fleet", i, "powerCurve", "peakW"],
        `is ${powerCurve.peakW}, expected at least idleW (${powerCurve.idleW})`,
      );
    }
    if (scaling !== undefined && !(scaling.min <= replicas && replicas <= scaling.max)) {
      add(
        ["fleet", i, "replicas"],
        `is ${replicas}, expected a number from scaling.min to scaling.max (${scaling.min} to ${scaling.max})`,
      );
    }
    if (price?.usdPerInstanceHour !== undefined && gpusPerInstance === undefined) {
      add(["fleet", i, "price", "usdPerInstanceHour"], "is given without gpusPerInstance, expected both");
    }
    const merged = laidOn(batching, endpoint.batching);
    if (merged.prefixReuse && merged.policy !== "vllm-v1") {
      add(
        ["fleet", i, "batching", "prefixReuse"],
        `needs policy vllm-v1, but the policy is ${merged.policy}`,
      );
    }
    if (endpoint.role === "decode" && merged.policy !== "vllm-v1") {
      add(["fleet", i, "role"], `decode needs batching policy vllm-v1, but the policy is ${merged.policy}`);
    }
  }
  const prefill = fleet.findIndex((endpoint) => endpoint.role === "prefill");
  if (prefill >= 0 && !fleet.some((endpoint) => endpoint.role === "decode")) {
    add(["fleet", prefill, "role"], "is prefill, but no endpoint decodes: expected one of role decode");
  }
}

/** A map by region that names one region of the fleet names them all: a gap is more often a slip than a wish. */
function checkRegions({ fleet, regions, network, signals }: Experiment, add: Add): void {
  const used = [...new Set(fleet.map((endpoint) => endpoint.region))];
  const maps: [TreePath, Record<string, unknown>][] = [
    [["regions"], regions],
    [["signals", "carbon"], signals.carbon],
    [["signals", "price"], signals.price],
  ];
  if (fleet.some((endpoint) => endpoint.roundTripMs === undefined)) {
    maps.push([["network", "roundTripMs"], network.roundTripMs]);
  }
  for (const [path, map] of maps) {
    const given = Object.keys(map);
    if (given.length === 0) continue;
    const missing = used.find((region) => !Object.hasOwn(map, region));
    if (missing === undefined) continue;
    const near = nearest(
      missing,
      given.filter((name) => !used.includes(name)),
    );
    const what = near === undefined ? "" : ` (is "${near}" it?)`;
    add(path, `has no entry for the region ${missing} of the fleet${what}, expected one for each region`);
  }
}

function checkFaults({ faults, fleet }: Experiment, add: Add): void {
  const names = fleet.flatMap((endpoint) => endpointNames(endpoint.endpoint, endpoint.count));
  for (const [i, fault] of faults.entries()) {
    // How many endpoints gpus make, only the profile tells: the fleet is checked again once it is known.
    if (!names.includes(fault.endpoint) && fleet.every((endpoint) => endpoint.gpus === undefined)) {
      add(
        ["faults", i, "endpoint"],
        `there is no endpoint "${fault.endpoint}"${hint(fault.endpoint, names)}`,
      );
    }
    if (fault.kind === "notice" && fault.noticeS === undefined)
      add(["faults", i], "is a notice without noticeS");
    if (fault.kind === "slow" && fault.timeFactor === undefined)
      add(["faults", i], "is slow without timeFactor");
  }
}

function checkStarts({ starts }: Experiment, add: Add): void {
  if (starts === undefined || Array.isArray(starts)) return;
  const from = parseInstant(starts.from) ?? 0;
  const to = parseInstant(starts.to) ?? 0;
  if (to <= from) {
    add(["starts", "to"], `is ${starts.to}, expected a time after from (${starts.from})`);
    return;
  }
  const days = Math.floor((to - from) / 86_400);
  if (starts.days > days)
    add(["starts", "days"], `is ${starts.days}, expected at most the ${days} days of the range`);
}

function checkTraining({ training, seeds, workload, tiers, fleet }: Experiment, add: Add): void {
  if (training === undefined) return;
  checkRegimes(training.regimes, tiers, ["training", "regimes"], add);
  if (training.regimes !== undefined && ("trace" in workload || "sessions" in workload)) {
    add(["training", "regimes"], "are given, but only requests drawn from distributions have regimes");
  }
  const regions = [...new Set(fleet.map(({ region }) => region))];
  for (const region of Object.keys(training.carbon ?? {})) {
    if (!regions.includes(region)) {
      add(["training", "carbon", region], `there is no region "${region}"${hint(region, regions)}`);
    }
  }
  const path = ["training"];
  if (seeds.includes(training.seed)) {
    add([...path, "seed"], `is ${training.seed}, a seed of the evaluated runs, expected another`);
  }
  if ("trace" in workload && (training.requests !== undefined || training.durationS === undefined)) {
    add(path, "expected durationS alone: a trace is divided by time, training first");
  } else if (training.requests === undefined && training.durationS === undefined) {
    add(path, "has neither durationS nor requests, expected one of them");
  }
}
