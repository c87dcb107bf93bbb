/** What `canopy capacity` does. */
import { availableParallelism } from "node:os";
import { join, relative } from "node:path";
import { type CapacityPlan, findCapacity, planCapacity } from "../capacity/find-capacity.ts";
import type { CapacityResult } from "../capacity/result.ts";
import { rateAxis } from "../capacity/scale-rate.ts";
import { mostProbes } from "../capacity/search.ts";
import { axisNote, capacityTable, percent, searchesTable, searchText } from "../capacity/tables.ts";
import type { RunResult } from "../experiment/run-spec.ts";
import { RunStore } from "../sweep/store.ts";
import type { CapacityCommandOptions } from "./commands/capacity.ts";
import { interruptible } from "./interruptible.ts";
import { print } from "./output.ts";
import { ExitWith } from "./print-error.ts";
import { withoutOption, words } from "./shell-words.ts";
import { trainingFacts } from "./training-facts.ts";

/** Digits of a run's key that name it on the command line. */
const KEY_DIGITS = 12;

/** Searches and prints. Leaves with 1 where runs failed and with 130 after an interruption; finished runs are kept. */
export async function findCapacities(file: string, options: CapacityCommandOptions): Promise<void> {
  const startedAt = new Date();
  const { level: levels, tolerance, least, most, tier = null, out } = options;
  const sets = [...options.set, ...(options.seeds === undefined ? [] : [`seeds=${options.seeds}`])];
  const capacity = await planCapacity(file, sets, { levels, tolerance, least, most, tier });
  if (options.dryRun === true) return printPlan(capacity, options);
  const say = (text: string) => {
    if (options.quiet !== true) process.stderr.write(`${text}\n`);
  };
  // Its runs are those of `canopy run` at another rate: they are kept together.
  const store = new RunStore<RunResult>(join(out ?? ".", ".canopy", "store", capacity.loaded.id), {
    fresh: options.fresh === true,
  });
  let done = 0;
  let requests = 0;
  let result: CapacityResult;
  try {
    const again = () => words(["canopy", ...withoutOption(process.argv.slice(2), "--fresh")]);
    result = await interruptible(
      () =>
        `${store.size} finished runs are kept in ${relative(".", store.path)}; the same command does the rest:\n  ${again()}`,
      (signal) =>
        findCapacity(capacity, {
          workers: options.workers ?? availableParallelism(),
          store,
          signal,
          runEnded: (own) => {
            done++;
            requests += own;
          },
          searchEnded: (search) => say(searchText(search, capacity.unit)),
        }),
    );
  } finally {
    await store.close();
  }
  say(
    `${done} runs${result.runs > done ? `, ${result.runs - done} were done before` : ""}, ${requests} requests`,
  );
  const failed = result.searches.filter(({ failure }) => failure !== null);
  if (out !== undefined) {
    const { writeCapacity } = await import("../capacity/write-capacity.ts");
    const files = await writeCapacity(out, result, capacity, {
      command: ["canopy", ...process.argv.slice(2)],
      startedAt,
      endedAt: new Date(),
      requestsSimulated: requests,
      trainings: trainingFacts(capacity.plan, join(out, ".canopy", "store", capacity.loaded.id, "trained")),
      state: failed.length === 0 ? "complete" : "failed",
    });
    say(`${out}: ${files.join(", ")}`);
  }
  await print(options.format, {
    tables: [options.format === "csv" ? searchesTable(result) : capacityTable(result)],
    json: result as typeof result & Record<string, unknown>,
  });
  if (failed.length === 0) return;
  const lines = failed.flatMap(({ router, seed, failure }) => {
    if (failure === null) return [];
    const { code, message, override, run } = failure;
    const set = [...options.set, override].flatMap((text) => ["--set", text]);
    const seeds = options.seeds === undefined ? [] : ["--seeds", `${options.seeds}`];
    const repeat = words(["canopy", "run", file, ...set, ...seeds, "--only", run.slice(0, KEY_DIGITS)]);
    return [`  ${router}, seed ${seed}: ${code}: ${message}\n    ${repeat}\n`];
  });
  process.stderr.write(
    `error CANOPY_RUN_FAILED: ${failed.length} of ${result.searches.length} searches ended at a run that failed; finished runs are kept. Each such run again, alone:\n${lines.join("")}`,
  );
  throw new ExitWith(1);
}

async function printPlan(
  { plan, question, mostRuns, unit, rates }: CapacityPlan,
  options: CapacityCommandOptions,
) {
  const rows = plan.points.map((planned, place) => {
    const { point, routers, inputs } = planned;
    const runs = plan.runs.filter((run) => run.planned === place);
    return {
      point: Object.entries(point.labels)
        .map(([label, value]) => `${label}=${JSON.stringify(value)}`)
        .join(" "),
      routers: routers.map(({ label }) => label),
      seeds: point.experiment.seeds.length,
      starts: inputs.starts.length,
      axis: rateAxis(planned, point),
      ownRate: rates.get(runs[0]?.key ?? "") ?? null,
      searches: runs.length,
      mostRuns: runs.length * mostProbes(question.levels.length, question),
    };
  });
  const whole = (key: string, header: string) => ({ key, header, format: "integer" as const });
  const points = rows.some(({ point }) => point !== "");
  await print(options.format, {
    tables: [
      {
        title: "Searches",
        columns: [
          ...(points ? [{ key: "point", header: "point" }] : []),
          { key: "routers", header: "routers" },
          whole("seeds", "seeds"),
          whole("starts", "starts"),
          { key: "rate", header: "own rate", unit },
          whole("searches", "searches"),
          whole("mostRuns", "runs at most"),
        ],
        rows: rows.map(({ point, routers, ownRate, seeds, starts, searches, mostRuns }) => ({
          cells: {
            ...(points ? { point } : {}),
            ...{ routers: routers.join(", "), rate: ownRate, seeds, starts, searches, mostRuns },
          },
        })),
        notes: [
          axisNote(rows, unit),
          `A search finds ${question.levels.map(percent).join(", ")} in at most ${mostProbes(question.levels.length, question)} runs: doubling or halving from the experiment's own rate, then bisection, which the levels share. Most take half of that.`,
          `At most ${mostRuns} runs in all; those that canopy run or an earlier search has left are not done again.`,
        ],
      },
    ],
    json: { schema: "canopy/capacity-plan/1", points: rows, mostRuns },
  });
}
