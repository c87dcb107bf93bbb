import { executeEpochRun } from "../experiment/epochs/execute-epoch-run.ts";
import { executeRun } from "../experiment/execute-run.ts";
import type { RunResult, RunSpec } from "../experiment/run-spec.ts";
import type { SharedInputs } from "../experiment/shared-inputs.ts";
import { failureOf, type Outcome } from "./messages.ts";

/** One run, and where its request records go. */
export interface SimulationTask {
  readonly spec: RunSpec;
  readonly recordsPath: string | null;
}

/** Executes a run; whatever it throws is its outcome. */
export async function simulateTask(
  inputs: SharedInputs,
  { spec, recordsPath }: SimulationTask,
): Promise<Outcome<RunResult>> {
  try {
    const result =
      inputs.epochPoints[spec.point] === undefined
        ? await executeRun(spec, inputs, recordsPath === null ? {} : { recordsPath })
        : await executeEpochRun(spec, inputs);
    return { state: "done", result };
  } catch (error) {
    return { state: "failed", failure: failureOf(error) };
  }
}
