import { expandEpochs } from "./epochs/expand-epochs.ts";
import { type ExpandOptions, expandExperiment } from "./expand.ts";
import { type LoadOptions, loadAnyExperiment } from "./load.ts";
import type { RunPlan } from "./run-plan.ts";

/**
 * The plan of an experiment file of either kind: routers over requests, or planners over epochs.
 *
 * @throws UserError when the experiment, or a file that it names, is wrong
 */
export async function planExperiment(
  path: string,
  options: LoadOptions & ExpandOptions = {},
): Promise<RunPlan> {
  const any = await loadAnyExperiment(path, options);
  return any.kind === "epochs" ? expandEpochs(any.loaded, options) : expandExperiment(any.loaded, options);
}
