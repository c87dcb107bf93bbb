import type { RouterTraining } from "../routers/contract.ts";
import type { RecordSink } from "../simulator/options.ts";
import { simulate } from "../simulator/simulate.ts";
import { keepCheckpoint } from "./keep-checkpoint.ts";
import { definitionOf, resolveWith } from "./resolve.ts";
import type { TrainedArtefacts, TrainingSpec } from "./run-spec.ts";
import type { SharedInputs } from "./shared-inputs.ts";

/**
 * Trains a router: simulates the training requests under its learning form and takes what that has learned. The result
 * depends on the training and its inputs alone.
 *
 * @throws UserError from a router's file or parameters, or a series that does not cover the training
 */
export async function executeTraining(spec: TrainingSpec, shared: SharedInputs): Promise<TrainedArtefacts> {
  const definition = await definitionOf(spec.router);
  const training = definition.training as RouterTraining;
  const router = training.create(spec.router.parameters);
  const { options } = resolveWith(spec, shared, router, true);
  keepCheckpoint(shared, spec.key, () => simulate(options, NO_RECORDS));
  const learned = router.learned();
  const trained: Record<string, Uint8Array> = {};
  for (const name of spec.artefacts) {
    const bytes = learned.get(name);
    if (bytes === undefined) throw new Error(`the training of router ${spec.router.id} left no ${name}`);
    trained[name] = shareBytes(bytes);
  }
  return trained;
}

/** A copy on memory that threads share. */
export function shareBytes(bytes: Uint8Array): Uint8Array {
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  return shared;
}

export const NO_RECORDS: RecordSink = {
  begin() {},
  placed() {},
  finished() {},
  rejected() {},
  unfinished() {},
  weights() {},
};
