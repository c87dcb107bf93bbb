import { repeat } from "../workload/repeat.ts";
import type { RequestCursor, Tier, Workload } from "../workload/requests.ts";
import { materialize, Trace } from "../workload/trace.ts";
import { type ArrivalSpan, arrivalSpan, generatedParameters, generatedWorkload } from "./resolve-workload.ts";
import type { RunSpec } from "./run-spec.ts";
import type { SharedInputs, SharedWorkload } from "./shared-inputs.ts";

export interface ShareOptions {
  /** Longest workload that is held in memory, in requests; a longer one is generated in chunks where it is run. */
  readonly mostRequests?: number;
  /** Requests held in memory over all workloads. */
  readonly mostInAll?: number;
}

/**
 * Generates the workloads of some runs once, on memory that the workers share. The result is the same without: a run
 * whose workload is not there generates it by itself.
 *
 * @returns the inputs with those workloads; traces stay
 */
export function shareWorkloads(
  inputs: SharedInputs,
  runs: readonly RunOfWorkload[],
  { mostRequests = 2_000_000, mostInAll = 10_000_000 }: ShareOptions = {},
): SharedInputs {
  const workloads: Record<string, SharedWorkload> = { ...inputs.workloads };
  let left = mostInAll;
  const seen = new Set(Object.keys(workloads));
  for (const run of runs) {
    if (seen.has(run.workload)) continue;
    seen.add(run.workload);
    const workload = generatedOf(run, inputs);
    const { requests } = workload;
    if (requests > mostRequests || requests > left) continue;
    left -= requests;
    workloads[run.workload] = {
      requests: materialize(workload).toShared(),
      repeat: 1,
      meanPromptTokens: workload.meanPromptTokens,
      meanOutputTokens: workload.meanOutputTokens,
    };
  }
  return { ...inputs, workloads };
}

/** The requests of a run: shared ones, or a generator. */
export function workloadOf(run: RunOfWorkload, inputs: SharedInputs): Workload {
  const shared = inputs.workloads[run.workload];
  return shared === undefined ? generatedOf(run, inputs) : new SharedRequests(shared);
}

type RunOfWorkload = Pick<RunSpec, "workload" | "point" | "seed" | "start">;

function generatedOf(run: RunOfWorkload, inputs: SharedInputs): Workload {
  const { workload, tiers, floors } = inputs.points[run.point].experiment;
  const { seed, start } = run;
  const generated = generatedParameters(workload, { tiers, floors, seed, start });
  if (generated === undefined) throw new Error(`the trace ${run.workload} is not among the shared inputs`);
  return generatedWorkload(generated);
}

/** Traces already checked in this thread, and when their requests arrive. */
const traces = new WeakMap<SharedWorkload, { readonly played: Workload; readonly span: ArrivalSpan }>();

/** When the requests of a run arrive, as far as that is known before it. */
export function spanOf(workload: Workload): ArrivalSpan {
  return workload instanceof SharedRequests ? workload.span : arrivalSpan(workload);
}

/** A shared trace with the means that its generator states, so that sharing changes nothing a router sees. */
class SharedRequests implements Workload {
  readonly name: string;
  readonly tiers: readonly Tier[];
  readonly taskTypes: readonly string[];
  readonly endpointNames: readonly string[];
  readonly requests: number;
  readonly meanPromptTokens: number;
  readonly meanOutputTokens: number;
  readonly span: ArrivalSpan;
  readonly #played: Workload;

  constructor(shared: SharedWorkload) {
    let known = traces.get(shared);
    if (known === undefined) {
      const trace = Trace.fromShared(shared.requests);
      const played = shared.repeat === 1 ? trace : repeat(trace, shared.repeat);
      known = { played, span: arrivalSpan(played) };
      traces.set(shared, known);
    }
    const { played, span } = known;
    this.#played = played;
    this.span = span;
    this.name = played.name;
    this.tiers = played.tiers;
    this.taskTypes = played.taskTypes;
    this.endpointNames = played.endpointNames;
    this.requests = played.requests;
    this.meanPromptTokens = shared.meanPromptTokens;
    this.meanOutputTokens = shared.meanOutputTokens;
  }

  open(): RequestCursor {
    return this.#played.open();
  }
}
