import { dirname, join } from "node:path";
import type { RunPlan } from "../experiment/run-plan.ts";
import type { RunResult, RunSpec } from "../experiment/run-spec.ts";
import type { SharedInputs } from "../experiment/shared-inputs.ts";
import type { TaskKind } from "./host/open-pool.ts";
import { runTasks } from "./host/run-tasks.ts";
import type { RunFailure } from "./messages.ts";
import type { SimulationTask } from "./simulation-task.ts";
import type { RunStore } from "./store.ts";
import { train, type WantedTraining } from "./train.ts";

/** A plan and where its finished runs are kept. */
export interface StoredPlan {
  readonly plan: RunPlan;
  /** Null: nothing is kept. */
  readonly store: RunStore<RunResult> | null;
}

export interface RunPlansOptions {
  /** Worker threads; 0: none, in this thread, where the signal is heeded between runs. */
  readonly workers: number;
  readonly signal?: AbortSignal | undefined;
  /** Folder for the request records of each run, as `KEY.csv`. Runs that were done before are run again for them. */
  readonly recordsFolder?: string | undefined;
  readonly progress?: ProgressListener | undefined;
}

/** Hears how the work goes on. */
export interface ProgressListener {
  /** @param total runs to do; @param reused runs that were found done */
  begin(total: number, reused: number): void;
  /** @param requests that the run had; 0 where it failed */
  ended(requests: number, failed: boolean): void;
  end(): void;
}

export interface FailedRun {
  readonly spec: RunSpec;
  readonly failure: RunFailure;
}

export interface PlansOutcome {
  /** By key of the run. */
  readonly results: ReadonlyMap<string, RunResult>;
  /** In the order of the plans: also runs whose training failed. */
  readonly failed: readonly FailedRun[];
  /** Runs that were found done. */
  readonly reused: number;
  /** Runs not begun or not ended when the work was stopped. */
  readonly remaining: number;
  readonly requestsSimulated: number;
}

/**
 * Does the runs of the plans that their stores do not hold yet, each distinct run once, and keeps every result in the
 * stores of all plans that have the run. Failed runs are not kept: they are tried again next time.
 *
 * Closes no store; what is done is flushed before it returns, also when it throws.
 *
 * @throws UserError CANOPY_STORE_WRITE when results cannot be kept
 */
export async function runPlans(
  plans: readonly StoredPlan[],
  options: RunPlansOptions,
): Promise<PlansOutcome> {
  const owners = new Map<string, { spec: RunSpec; stores: RunStore<RunResult>[] }>();
  for (const { plan, store } of plans) {
    for (const spec of plan.runs) {
      const entry = owners.get(spec.key) ?? { spec, stores: [] };
      if (store !== null && !entry.stores.includes(store)) entry.stores.push(store);
      owners.set(spec.key, entry);
    }
  }
  const results = new Map<string, RunResult>();
  const tasks: SimulationTask[] = [];
  for (const [key, { spec, stores }] of owners) {
    const known = stores.map((store) => store.get(key)).find((result) => result !== undefined);
    if (known !== undefined && options.recordsFolder === undefined) {
      results.set(key, known);
      for (const store of stores) if (store.get(key) === undefined) store.put(key, known);
    } else tasks.push({ spec, recordsPath: recordsPathOf(options.recordsFolder, key) });
  }
  const reused = results.size;
  const failures: (FailedRun | undefined)[] = [];
  let requestsSimulated = 0;
  let ended = 0;
  options.progress?.begin(tasks.length, reused);
  try {
    const inputs = mergeInputs(plans);
    const learned = await train(wantedTrainings(plans, tasks), inputs, taskOptions(options));
    const ready: number[] = [];
    for (const [index, { spec }] of tasks.entries()) {
      const failure = spec.router.training === null ? undefined : learned.failed.get(spec.router.training);
      if (failure === undefined) ready.push(index);
      else {
        failures[index] = { spec, failure: { ...failure, message: `training: ${failure.message}` } };
        ended++;
        options.progress?.ended(0, true);
      }
    }
    const runs = ready.map((index) => tasks[index]);
    const all = { ...inputs, trained: learned.trained };
    await runTasks(simulations, all, runs, taskOptions(options), (place, outcome) => {
      const index = ready[place];
      const { spec } = tasks[index];
      ended++;
      if (outcome.state === "failed") {
        failures[index] = { spec, failure: outcome.failure };
        options.progress?.ended(0, true);
        return;
      }
      const { result } = outcome;
      results.set(spec.key, result);
      for (const store of owners.get(spec.key)?.stores ?? []) store.put(spec.key, result);
      const requests = requestsOf(result);
      requestsSimulated += requests;
      options.progress?.ended(requests, false);
    });
  } finally {
    options.progress?.end();
    for (const store of new Set(plans.map(({ store }) => store))) await store?.flush();
  }
  return {
    results,
    failed: failures.filter((failure) => failure !== undefined),
    reused,
    remaining: tasks.length - ended,
    requestsSimulated,
  };
}

/** Trainings of the runs still to do, each once, with the folders beside the results of the plans that have them. */
function wantedTrainings(plans: readonly StoredPlan[], tasks: readonly SimulationTask[]): WantedTraining[] {
  const needed = new Set(tasks.map(({ spec }) => spec.router.training));
  const wanted = new Map<string, WantedTraining & { readonly folders: string[] }>();
  for (const { plan, store } of plans) {
    for (const spec of plan.trainings) {
      if (!needed.has(spec.key)) continue;
      const entry = wanted.get(spec.key) ?? { spec, folders: [] };
      if (store !== null) entry.folders.push(join(dirname(store.path), "trained"));
      wanted.set(spec.key, entry);
    }
  }
  return [...wanted.values()];
}

/** Where {@link runPlans} has the records of a run written. */
export function recordsPathOf(folder: string, key: string): string;
export function recordsPathOf(folder: string | undefined, key: string): string | null;
export function recordsPathOf(folder: string | undefined, key: string): string | null {
  return folder === undefined ? null : `${folder}/${key}.csv`;
}

const simulations: TaskKind<SharedInputs, SimulationTask, RunResult> = {
  workerFile: new URL(
    `./worker/simulation-worker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`,
    import.meta.url,
  ),
  prepare: async (inputs) => {
    const { simulateTask } = await import("./simulation-task.ts");
    return (task) => simulateTask(inputs, task);
  },
};

function taskOptions({ workers, signal }: RunPlansOptions) {
  return { threads: workers, signal };
}

/** One set of tables for all plans: their keys are content hashes, so equal keys hold equal things. */
function mergeInputs(plans: readonly StoredPlan[]): SharedInputs {
  const tables = plans.map(({ plan }) => plan.inputs);
  const store = plans.find((one) => one.store !== null)?.store ?? null;
  return {
    points: Object.assign({}, ...tables.map(({ points }) => points)),
    epochPoints: Object.assign({}, ...tables.map(({ epochPoints }) => epochPoints)),
    profiles: Object.assign({}, ...tables.map(({ profiles }) => profiles)),
    series: Object.assign({}, ...tables.map(({ series }) => series)),
    workloads: Object.assign({}, ...tables.map(({ workloads }) => workloads)),
    artefacts: Object.assign({}, ...tables.map(({ artefacts }) => artefacts)),
    trained: {},
    ...(store === null ? {} : { diverged: join(dirname(store.path), "diverged") }),
  };
}

function requestsOf({ metrics }: RunResult): number {
  return (metrics["finished"] ?? 0) + (metrics["rejected"] ?? 0) + (metrics["unfinished"] ?? 0);
}
