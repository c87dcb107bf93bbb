import type { ExperimentResult } from "./experiment/result.ts";
import type { FailedRun } from "./sweep/run-plans.ts";

export interface RunExperimentOptions {
  /** Overrides as on the command line: `fleet.0.replicas=8`. */
  readonly sets?: readonly string[];
  /** Worker threads; default 0: this thread. */
  readonly workers?: number;
  /** Ends the work; what is done by then is returned. */
  readonly signal?: AbortSignal;
}

/**
 * Runs an experiment file from a program: what `canopy run --format json` prints, and the runs that failed. Nothing is
 * read from or written to a store.
 *
 * @throws UserError when the experiment, or a file that it names, is wrong
 * @example
 * const { result } = await runExperiment("experiment.yaml", { sets: ["seeds=3"] });
 */
export async function runExperiment(
  file: string,
  options: RunExperimentOptions = {},
): Promise<{ readonly result: ExperimentResult; readonly failed: readonly FailedRun[] }> {
  const { planExperiment } = await import("./experiment/plan-experiment.ts");
  const { aggregate } = await import("./experiment/aggregate.ts");
  const { runPlans } = await import("./sweep/run-plans.ts");
  const plan = await planExperiment(file, { sets: options.sets ?? [] });
  const { results, failed } = await runPlans([{ plan, store: null }], {
    workers: options.workers ?? 0,
    signal: options.signal,
  });
  return { result: aggregate(plan, results), failed };
}
