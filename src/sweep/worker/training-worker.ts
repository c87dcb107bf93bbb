/** What a worker thread runs: one training for each task that the pool hands it. */
import { workerData } from "piscina";
import type { TrainedArtefacts, TrainingSpec } from "../../experiment/run-spec.ts";
import type { SharedInputs } from "../../experiment/shared-inputs.ts";
import type { Outcome } from "../messages.ts";
import { trainTask } from "../training-task.ts";

// piscina takes the default export for the task.
export default (task: TrainingSpec): Promise<Outcome<TrainedArtefacts>> =>
  trainTask(workerData as SharedInputs, task);
