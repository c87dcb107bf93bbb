import { executeTraining } from "../experiment/execute-training.ts";
import type { TrainedArtefacts, TrainingSpec } from "../experiment/run-spec.ts";
import type { SharedInputs } from "../experiment/shared-inputs.ts";
import { failureOf, type Outcome } from "./messages.ts";

/** Executes a training; whatever it throws is its outcome. */
export async function trainTask(
  inputs: SharedInputs,
  spec: TrainingSpec,
): Promise<Outcome<TrainedArtefacts>> {
  try {
    return { state: "done", result: await executeTraining(spec, inputs) };
  } catch (error) {
    return { state: "failed", failure: failureOf(error) };
  }
}
