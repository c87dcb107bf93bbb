import type { RunSpec } from "../experiment/run-spec.ts";
import type { SharedInputs, SharedWorkload } from "../experiment/shared-inputs.ts";
import { shareWorkloads } from "../experiment/shared-workload.ts";
import type { Outcome } from "./messages.ts";
import { simulateTask } from "./simulation-task.ts";

/** One run of a sweep, with its point: the shared inputs of a sweep leave points out, for there may be thousands. */
export interface CellTask {
  readonly spec: RunSpec;
  readonly point: SharedInputs["points"][string];
  /** In its place, of a planner. */
  readonly epochPoint?: SharedInputs["epochPoints"][string];
  /** Other runs have the same requests. */
  readonly shared: boolean;
  /** Requests of a file that the shared inputs leave out too. */
  readonly workload?: SharedWorkload;
}

/** A result as the journal keeps it, how many requests the run had, and how long it took. */
export interface CellResult {
  readonly text: string;
  readonly requests: number;
  readonly seconds: number;
}

/** Longest workload that is kept for the next run of it, in requests. */
const MOST_KEPT = 1_000_000;

/**
 * Executes runs of a sweep, and keeps the requests of the last one where the next may have them too.
 *
 * @param inputs without their points
 */
export function createCellRunner(inputs: SharedInputs): (task: CellTask) => Promise<Outcome<CellResult>> {
  let kept: { readonly key: string; readonly workload: SharedWorkload | undefined } | undefined;
  return async ({ spec, point, epochPoint, shared, workload }) => {
    const began = performance.now();
    const workloads =
      workload === undefined ? inputs.workloads : { ...inputs.workloads, [spec.workload]: workload };
    let own: SharedInputs = {
      ...inputs,
      points: { [spec.point]: point },
      epochPoints: epochPoint === undefined ? {} : { [spec.point]: epochPoint },
      workloads,
    };
    if (shared && workloads[spec.workload] === undefined) {
      if (kept?.key !== spec.workload) {
        try {
          const made = shareWorkloads(own, [spec], { mostRequests: MOST_KEPT }).workloads;
          kept = { key: spec.workload, workload: made[spec.workload] };
        } catch {
          // The run itself says what is wrong with its requests.
          kept = { key: spec.workload, workload: undefined };
        }
      }
      if (kept.workload !== undefined) {
        own = { ...own, workloads: { ...workloads, [spec.workload]: kept.workload } };
      }
    }
    const outcome = await simulateTask(own, { spec, recordsPath: null });
    if (outcome.state === "failed") return outcome;
    const { metrics } = outcome.result;
    const requests = (metrics["finished"] ?? 0) + (metrics["rejected"] ?? 0) + (metrics["unfinished"] ?? 0);
    const text = JSON.stringify(outcome.result);
    return { state: "done", result: { text, requests, seconds: (performance.now() - began) / 1000 } };
  };
}
