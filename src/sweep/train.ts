/** The trainings that runs wait for: those of a cache are read, the others are done on the worker pool, and kept. */
import type { TrainedArtefacts, TrainingSpec } from "../experiment/run-spec.ts";
import type { SharedInputs } from "../experiment/shared-inputs.ts";
import { readTrained, writeTrained } from "./artefact-cache.ts";
import type { TaskKind, TaskOptions } from "./host/open-pool.ts";
import { runTasks } from "./host/run-tasks.ts";
import type { RunFailure } from "./messages.ts";

/** A training, and the folders that keep it. */
export interface WantedTraining {
  readonly spec: TrainingSpec;
  readonly folders: readonly string[];
}

export interface TrainingOutcome {
  /** By key of the training. */
  readonly trained: Readonly<Record<string, TrainedArtefacts>>;
  readonly failed: ReadonlyMap<string, RunFailure>;
}

/**
 * Does the trainings, each once.
 *
 * @throws UserError CANOPY_STORE_WRITE where one cannot be kept
 */
export async function train(
  wanted: readonly WantedTraining[],
  inputs: SharedInputs,
  options: TaskOptions,
): Promise<TrainingOutcome> {
  const trained: Record<string, TrainedArtefacts> = {};
  const failed = new Map<string, RunFailure>();
  const tasks: WantedTraining[] = [];
  for (const training of wanted) {
    const { spec, folders } = training;
    const known = firstDefined(folders, (folder) => readTrained(folder, spec.key, spec.artefacts));
    if (known === undefined) tasks.push(training);
    else trained[spec.key] = known;
  }
  const specs = tasks.map(({ spec }) => spec);
  await runTasks(trainings, inputs, specs, options, (index, outcome) => {
    const { spec, folders } = tasks[index];
    if (outcome.state === "failed") {
      failed.set(spec.key, outcome.failure);
      return;
    }
    trained[spec.key] = outcome.result;
    for (const folder of folders) writeTrained(folder, spec.key, outcome.result);
  });
  return { trained, failed };
}

const trainings: TaskKind<SharedInputs, TrainingSpec, TrainedArtefacts> = {
  workerFile: new URL(
    `./worker/training-worker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`,
    import.meta.url,
  ),
  prepare: async (inputs) => {
    const { trainTask } = await import("./training-task.ts");
    return (task) => trainTask(inputs, task);
  },
};

function firstDefined<T, R>(values: readonly T[], of: (value: T) => R | undefined): R | undefined {
  for (const value of values) {
    const result = of(value);
    if (result !== undefined) return result;
  }
  return undefined;
}
