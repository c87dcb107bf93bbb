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
    if (inputs.epochPoints[spec.point] === undefined) {
      const result = await executeRun(spec, inputs, recordsPath === null ? {} : { recordsPath });
      return { state: "done", result };
    }
    // Planners and what they plan with are a third of the modules, for workers that mostly have routers to run.
    const { executeEpochRun } = await import("../experiment/epochs/execute-epoch-run.ts");
    const result = await executeEpochRun(spec, inputs);
    return { state: "done", result };
  } catch (error) {
    return { state: "failed", failure: failureOf(error) };
  }
}
