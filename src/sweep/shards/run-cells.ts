import type { RunSpec, TrainingSpec } from "../../experiment/run-spec.ts";
import type { SharedInputs } from "../../experiment/shared-inputs.ts";
import type { CellResult, CellTask } from "../cell-task.ts";
import type { TaskKind } from "../host/open-pool.ts";
import { runTasks } from "../host/run-tasks.ts";
import type { FailedRun, ProgressListener } from "../run-plans.ts";
import { train } from "../train.ts";

export interface RunCellsOptions {
  /** Worker threads; 0: none, in this thread, where the signal is heeded between runs. */
  readonly workers: number;
  readonly signal?: AbortSignal | undefined;
  /** Heap of a worker in MiB; default: what the machine, or the batch system, leaves for each. */
  readonly workerHeapMiB?: number | undefined;
  /** Folder that keeps what is trained. */
  readonly trainedFolder: string;
  readonly progress?: ProgressListener | undefined;
  /** Runs that were found done. */
  readonly reused?: number;
}

/** What runs of a sweep are made from. */
export interface CellInputs {
  readonly inputs: SharedInputs;
  readonly trainings: readonly TrainingSpec[];
}

export interface CellsOutcome {
  readonly failed: readonly FailedRun[];
  readonly done: number;
  /** Not begun or not ended when the work was stopped. */
  readonly remaining: number;
  readonly requestsSimulated: number;
}

/**
 * Does runs of a sweep and hands each result over as the text that journals keep: none is held.
 *
 * @param keep called in this thread as runs end, in any order; what it throws ends the work
 * @throws UserError CANOPY_STORE_WRITE when what is trained cannot be kept
 */
export async function runCells(
  runs: readonly RunSpec[],
  { inputs, trainings }: CellInputs,
  options: RunCellsOptions,
  keep: (spec: RunSpec, result: CellResult) => void,
): Promise<CellsOutcome> {
  const { workers, signal, workerHeapMiB, progress } = options;
  const taskOptions = { threads: workers, signal, workerHeapMiB };
  const failed: FailedRun[] = [];
  let done = 0;
  let requestsSimulated = 0;
  progress?.begin(runs.length, options.reused ?? 0);
  try {
    const needed = new Set(runs.map(({ router }) => router.training));
    const wanted = trainings
      .filter(({ key }) => needed.has(key))
      .map((spec) => ({ spec, folders: [options.trainedFolder] }));
    const learned = await train(wanted, inputs, taskOptions);
    const ready: RunSpec[] = [];
    for (const spec of runs) {
      const failure = spec.router.training === null ? undefined : learned.failed.get(spec.router.training);
      if (failure === undefined) ready.push(spec);
      else {
        failed.push({ spec, failure: { ...failure, message: `training: ${failure.message}` } });
        progress?.ended(0, true);
      }
    }
    const tasks = tasksOf(ready, inputs);
    const common: SharedInputs = { ...inputs, points: {}, epochPoints: {}, trained: learned.trained };
    await runTasks(cells, common, tasks, taskOptions, (place, outcome) => {
      const spec = ready[place];
      if (outcome.state === "failed") {
        failed.push({ spec, failure: outcome.failure });
        progress?.ended(0, true);
        return;
      }
      keep(spec, outcome.result);
      done++;
      requestsSimulated += outcome.result.requests;
      progress?.ended(outcome.result.requests, false);
    });
  } finally {
    progress?.end();
  }
  return { failed, done, remaining: runs.length - done - failed.length, requestsSimulated };
}

/** One run with its point, in workers or here. */
export const cells: TaskKind<SharedInputs, CellTask, CellResult> = {
  workerFile: new URL(
    `../worker/cell-worker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`,
    import.meta.url,
  ),
  prepare: async (inputs) => (await import("../cell-task.ts")).createCellRunner(inputs),
};

function tasksOf(runs: readonly RunSpec[], { points, epochPoints }: SharedInputs): CellTask[] {
  const users = new Map<string, number>();
  for (const { workload } of runs) users.set(workload, (users.get(workload) ?? 0) + 1);
  return runs.map((spec) => ({
    spec,
    point: points[spec.point],
    ...(epochPoints[spec.point] === undefined ? {} : { epochPoint: epochPoints[spec.point] }),
    shared: epochPoints[spec.point] === undefined && (users.get(spec.workload) ?? 0) > 1,
  }));
}
