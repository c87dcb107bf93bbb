/** What a worker thread runs: one run of a sweep for each task that the pool hands it. */
import { workerData } from "piscina";
import type { SharedInputs } from "../../experiment/shared-inputs.ts";
import { createCellRunner } from "../cell-task.ts";

// piscina takes the default export for the task.
export default createCellRunner(workerData as SharedInputs);
