/** What a worker thread runs: one simulation for each task that the pool hands it. */
import { workerData } from "piscina";
import type { RunResult } from "../../experiment/run-spec.ts";
import type { SharedInputs } from "../../experiment/shared-inputs.ts";
import type { Outcome } from "../messages.ts";
import { type SimulationTask, simulateTask } from "../simulation-task.ts";

// piscina takes the default export for the task.
export default (task: SimulationTask): Promise<Outcome<RunResult>> =>
  simulateTask(workerData as SharedInputs, task);
