/** What `canopy run` does. */
import { availableParallelism } from "node:os";
import { dirname, join, relative } from "node:path";
import { UserError } from "../errors.ts";
import { aggregate } from "../experiment/aggregate.ts";
import { planExperiment } from "../experiment/plan-experiment.ts";
import type { ExperimentResult } from "../experiment/result.ts";
import type { RunPlan } from "../experiment/run-plan.ts";
import type { RunResult, RunSpec } from "../experiment/run-spec.ts";
import { workloadOf } from "../experiment/shared-workload.ts";
import { resultTables } from "../report/result-table.ts";
import type { Table } from "../report/table.ts";
import { isoTime } from "../signal/series.ts";
import { Progress } from "../sweep/progress.ts";
import { RequestRecords } from "../sweep/request-records.ts";
import { type FailedRun, type PlansOutcome, runPlans, type StoredPlan } from "../sweep/run-plans.ts";
import { finishedKeys, RunStore } from "../sweep/store.ts";
import type { RunCommandOptions } from "./commands/run.ts";
import { heedingInterrupts } from "./interruptible.ts";
import { print, renderTable, writeOut } from "./output.ts";
import { ExitWith } from "./print-error.ts";
import { reportMistakes } from "./report-mistakes.ts";
import { roundTripsOf, roundTripsTable } from "./round-trips.ts";
import { withoutOption, words } from "./shell-words.ts";
import { trainingFacts, trainingTable } from "./training-facts.ts";

/** Digits of a run's key that name it on the command line. */
const KEY_DIGITS = 12;

/**
 * Loads, runs and prints experiments. Leaves with 1 after failed runs, with 2 where all of them failed by what the user
 * gave, and with 130 after an interruption; what was finished is kept in all cases.
 */
export async function runExperiments(files: readonly string[], options: RunCommandOptions): Promise<void> {
  const startedAt = new Date();
  const plans = await makePlans(files, options);
  if (options.dryRun === true) return printPlans(plans, options);
  refuseRecords(plans, options);
  const stores = openStores(plans, options);
  try {
    const records =
      options.requestsOut === undefined ? undefined : await RequestRecords.create(options.requestsOut);
    try {
      const outcome = await runInterruptibly(stores, options, records);
      if (records !== undefined) await records.assemble(distinctRuns(plans, outcome));
      await printResults(plans, outcome, { startedAt, options });
    } finally {
      await records?.discard();
    }
  } finally {
    for (const { store } of stores) await store.close();
  }
}

/** Planners have no requests of their own that could be written. */
function refuseRecords(plans: readonly RunPlan[], { requestsOut }: RunCommandOptions): void {
  const ofEpochs = plans.find(({ kind }) => kind === "epochs");
  if (requestsOut === undefined || ofEpochs === undefined) return;
  throw new UserError(
    "CANOPY_OPTION_VALUE",
    `--requests-out ${requestsOut}: ${ofEpochs.loaded.source} has planners, whose epochs hold counts and no requests`,
  );
}

async function makePlans(files: readonly string[], options: RunCommandOptions): Promise<RunPlan[]> {
  const sets = [...options.set, ...(options.seeds === undefined ? [] : [`seeds=${options.seeds}`])];
  const plans: RunPlan[] = [];
  for (const file of files) {
    const plan = await planExperiment(file, { sets });
    const twin = plans.find(({ loaded }) => loaded.id === plan.loaded.id);
    if (twin !== undefined) {
      throw new UserError(
        "CANOPY_RUN_SAME_ID",
        `${file}: its experiment is called ${plan.loaded.id}, like that of ${twin.loaded.source}; run them one at a time, or rename one`,
      );
    }
    plans.push(plan);
  }
  return options.only === undefined ? plans : selectRun(plans, options.only);
}

/** The plan that has the run, with that run alone. */
function selectRun(plans: readonly RunPlan[], key: string): RunPlan[] {
  const selected = plans.flatMap((plan) => {
    const runs = plan.runs.filter((run) => run.key.startsWith(key));
    return runs.length === 0 ? [] : [{ ...plan, runs }];
  });
  const keys = new Set(selected.flatMap(({ runs }) => runs.map((run) => run.key)));
  if (keys.size === 1) return selected.slice(0, 1);
  throw new UserError(
    "CANOPY_RUN_UNKNOWN",
    keys.size === 0
      ? `--only ${key}: no run has a key that begins so; it changes with the inputs, the code and the version of Node`
      : `--only ${key}: ${keys.size} runs have a key that begins so, give more of it`,
  );
}

type OpenPlan = StoredPlan & { readonly store: RunStore<RunResult> };

function openStores(plans: readonly RunPlan[], { out, fresh }: RunCommandOptions): OpenPlan[] {
  const opened: OpenPlan[] = [];
  try {
    for (const plan of plans) {
      const store = new RunStore<RunResult>(storeFolder(plan, out), { fresh: fresh === true });
      opened.push({ plan, store });
    }
  } catch (error) {
    for (const { store } of opened) void store.close();
    throw error;
  }
  return opened;
}

function storeFolder({ loaded }: RunPlan, out: string | undefined): string {
  return join(out ?? ".", ".canopy", "store", loaded.id);
}

/** Runs the plans until they are done or the user interrupts. */
async function runInterruptibly(
  stores: readonly OpenPlan[],
  options: RunCommandOptions,
  records: RequestRecords | undefined,
): Promise<PlansOutcome> {
  const heard = () => say(options, "interrupted: stopping the runs that are under way");
  const outcome = await heedingInterrupts(heard, (signal) =>
    runPlans(stores, {
      workers: options.workers ?? availableParallelism(),
      signal,
      recordsFolder: records?.folder,
      progress: options.quiet === true ? undefined : new Progress(),
    }),
  );
  if (outcome.remaining === 0) return outcome;
  const [{ store }] = stores;
  const kept = stores.length === 1 ? store.path : dirname(dirname(store.path));
  process.stderr.write(
    `${outcome.results.size} finished runs are kept in ${relative(".", kept)}; the other ${outcome.remaining + outcome.failed.length} are done by the same command:\n  ${commandLine(withoutOption(process.argv.slice(2), "--fresh"))}\n`,
  );
  throw new ExitWith(130);
}

async function printResults(
  plans: readonly RunPlan[],
  outcome: PlansOutcome,
  { startedAt, options }: { startedAt: Date; options: RunCommandOptions },
): Promise<void> {
  const failedRuns = outcome.failed.map((run) => describeFailure(run, plans, options));
  type Printed = ExperimentResult & {
    failed?: typeof failedRuns;
    roundTrips?: ReturnType<typeof roundTripsOf>;
  };
  const printed: { result: Printed; tables: Table[] }[] = [];
  for (const plan of plans) {
    const own = new Set(plan.runs.map(({ key }) => key));
    const failed = failedRuns.filter(({ run }) => own.has(run));
    const result = { ...aggregate(plan, outcome.results), ...(failed.length === 0 ? {} : { failed }) };
    const roundTrips = roundTripsOf(plan, outcome.results);
    const waits = roundTripsTable(roundTrips);
    printed.push({
      result: waits === undefined ? result : { ...result, roundTrips },
      tables: [...resultTables(result), ...(waits === undefined ? [] : [waits])],
    });
    if (options.out === undefined) continue;
    const { writeResult } = await import("../report/write-result.ts");
    const folder = plans.length === 1 ? options.out : join(options.out, plan.loaded.id);
    const files = await writeResult(folder, result, plan, {
      command: ["canopy", ...process.argv.slice(2)],
      startedAt,
      endedAt: new Date(),
      requestsSimulated: outcome.requestsSimulated,
      trainings: trainingFacts(plan, join(storeFolder(plan, options.out), "trained")),
      roundTrips,
      state: failed.length === 0 ? "complete" : "failed",
    });
    say(options, `${folder}: ${files.join(", ")}`);
    const { undrawnNotes } = await import("../report/result-figures.ts");
    for (const note of undrawnNotes(result, files)) say(options, note);
  }
  if (options.format === "json") {
    const results = printed.map(({ result }) => result);
    await writeOut(`${JSON.stringify(results.length === 1 ? results[0] : results, null, 2)}\n`);
  } else {
    const { format } = options;
    const texts: string[] = [];
    for (const { tables } of printed) {
      for (const table of tables) texts.push(await renderTable(table, format));
    }
    await writeOut(texts.join("\n"));
  }
  if (failedRuns.length === 0) return;
  reportMistakes(failedRuns, outcome.results.size + failedRuns.length);
  const lines = failedRuns.map(
    ({ router, seed, start, code, message, repeat }) =>
      `  ${router}, seed ${seed}${start === null ? "" : `, start ${start}`}: ${code}: ${message}\n    ${repeat}\n`,
  );
  process.stderr.write(
    `error CANOPY_RUN_FAILED: ${failedRuns.length} of ${outcome.results.size + failedRuns.length} runs failed; the others are kept. Each again, alone:\n${lines.join("")}`,
  );
  throw new ExitWith(1);
}

function describeFailure(
  { spec, failure }: FailedRun,
  plans: readonly RunPlan[],
  { set, seeds }: RunCommandOptions,
) {
  const plan = plans.find(({ runs }) => runs.some(({ key }) => key === spec.key));
  const sets = [
    ...set.flatMap((text) => ["--set", text]),
    ...(seeds === undefined ? [] : ["--seeds", `${seeds}`]),
  ];
  const only = spec.key.slice(0, KEY_DIGITS);
  return {
    run: spec.key,
    router: spec.router.label,
    point: spec.labels,
    seed: spec.seed,
    start: spec.start === null ? null : isoTime(spec.start),
    code: failure.code,
    message: failure.message.split("\n")[0],
    repeat: commandLine(["run", plan?.loaded.source ?? "", ...sets, "--only", only]),
  };
}

/** Runs of the plans in their order, each once, without those that failed. */
function distinctRuns(plans: readonly RunPlan[], { results }: PlansOutcome): RunSpec[] {
  const runs = new Map(plans.flatMap((plan) => plan.runs.map((run) => [run.key, run] as const)));
  return [...runs.values()].filter(({ key }) => results.has(key));
}

async function printPlans(plans: readonly RunPlan[], options: RunCommandOptions): Promise<void> {
  const rows = plans.flatMap((plan) => {
    const done = options.fresh === true ? new Set() : finishedKeys(storeFolder(plan, options.out));
    return plan.points.map(({ point, routers, inputs }, index) => {
      const runs = plan.runs.filter(({ planned }) => planned === index);
      return {
        experiment: plan.loaded.id,
        point: Object.entries(point.labels)
          .map(([label, value]) => `${label}=${JSON.stringify(value)}`)
          .join(" "),
        routers: routers.map(({ label }) => label),
        seeds: point.experiment.seeds.length,
        starts: inputs.starts.length,
        runs: runs.length,
        done: runs.filter(({ key }) => done.has(key)).length,
        requests: requestsLeft(
          plan,
          runs.filter(({ key }) => !done.has(key)),
        ),
      };
    });
  });
  const requests = rows.reduce((sum, row) => sum + (row.requests ?? 0), 0);
  const whole = (key: string, header: string) => ({ key, header, format: "integer" as const });
  const trainings = plans.flatMap((plan) => trainingFacts(plan, null));
  const trained = trainingTable(trainings);
  await print(options.format, {
    tables: [
      {
        title: "Plan",
        columns: [
          { key: "experiment", header: "experiment" },
          ...(rows.some(({ point }) => point !== "") ? [{ key: "point", header: "point" }] : []),
          { key: "routers", header: plans.every(({ kind }) => kind === "epochs") ? "planners" : "routers" },
          whole("seeds", "seeds"),
          whole("starts", "starts"),
          whole("runs", "runs"),
          whole("done", "done before"),
          ...(rows.some((row) => row.requests !== null) ? [whole("requests", "requests to simulate")] : []),
        ],
        rows: rows.map(({ point, routers, requests: left, ...row }) => ({
          cells: {
            ...row,
            routers: routers.join(", "),
            ...(point === "" ? {} : { point }),
            ...(left === null ? {} : { requests: left }),
          },
        })),
        notes: requests === 0 ? [] : [durationText(requests)],
      },
      ...(trained === undefined ? [] : [trained]),
    ],
    json: { schema: "canopy/plan/1", points: rows, requests, trainings },
  });
}

/** Requests of some runs of a plan; null for planners, whose epochs hold counts. */
function requestsLeft({ kind, inputs }: RunPlan, runs: readonly RunSpec[]): number | null {
  if (kind === "epochs") return null;
  const counts = new Map<string, number>();
  let sum = 0;
  for (const run of runs) {
    const count = counts.get(run.workload) ?? workloadOf(run, inputs).requests;
    counts.set(run.workload, count);
    sum += count;
  }
  return sum;
}

/** Requests that a core simulates in a second at twelve endpoints: on a machine of our own, and on a busy one. */
const QUICK_RATE = 100_000;
const BUSY_RATE = 20_000;

function durationText(requests: number): string {
  const hours = (rate: number) => Number((requests / rate / 3600).toPrecision(2));
  return `About ${hours(QUICK_RATE)} to ${hours(BUSY_RATE)} core-hours, at ${QUICK_RATE} requests a second on an idle core and ${BUSY_RATE} on a busy one; training, planning and large fleets come on top.`;
}

function say({ quiet }: RunCommandOptions, text: string): void {
  if (quiet !== true) process.stderr.write(`${text}\n`);
}

function commandLine(args: readonly string[]): string {
  return words(["canopy", ...args]);
}
