import { readTrace } from "../workload/read/read-trace.ts";
import { hashOfJson } from "./canonical-json.ts";
import { inputPath } from "./data-path.ts";
import type { ExperimentPoint } from "./load.ts";
import { directoryOf, type InputTables, noReferenceData, once } from "./read-inputs.ts";
import { tiersOf } from "./resolve-workload.ts";

/**
 * Reads the trace of a point, changes it as the experiment asks, and puts it among the shared workloads.
 *
 * @returns its key there
 * @throws UserError CANOPY_TRACE_*, CANOPY_FILE_*, CANOPY_EXPERIMENT_DATA
 */
export async function readTraceWorkload(
  point: ExperimentPoint,
  _seed: number,
  _start: number | null,
  tables: InputTables,
): Promise<string> {
  const { workload, tiers } = point.experiment;
  if (!("trace" in workload)) throw new Error("the workload is no trace");
  const file = inputPath(workload.trace, directoryOf(point, ["workload", "trace"]));
  if (file === undefined) throw noReferenceData(workload.trace);
  return once(tables, hashOfJson(["trace", file, workload, tiers ?? null]), async () => {
    const trace = await readTrace(file, {
      ...(workload.name === undefined ? {} : { name: workload.name }),
      ...(tiers === undefined ? {} : { tiers: tiersOf(tiers) }),
      ...(workload.columns === undefined ? {} : { columns: workload.columns }),
    });
    const { meanPromptTokens, meanOutputTokens } = trace;
    const requests = { ...trace.toShared(), sha256: trace.sha256 };
    tables.workloads[trace.sha256] = { requests, meanPromptTokens, meanOutputTokens };
    return trace.sha256;
  });
}
