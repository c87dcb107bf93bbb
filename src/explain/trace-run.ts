import { UserError } from "../errors.ts";
import type { SharedInputs } from "../experiment/shared-inputs.ts";
import { workloadOf } from "../experiment/shared-workload.ts";
import { PowerBuckets } from "../metrics/power-buckets.ts";
import { formatShort } from "../report/format-number.ts";
import type { ChosenRun } from "./choose-run.ts";
import { type TraceEvent, traceEvents } from "./chrome-trace.ts";
import { describeRun, type ExplainedRun } from "./explain-request.ts";
import { watchRun } from "./watch-run.ts";
import type { WatchedRequest } from "./watched-request.ts";

/** Part of a run. */
export interface TraceWindow {
  readonly fromSeconds: number;
  /** Default: the end of the run. */
  readonly toSeconds?: number | undefined;
  /** Requests at most: the window ends where one more would come. */
  readonly most: number;
}

export interface RunTrace {
  readonly experiment: string;
  readonly run: ExplainedRun;
  readonly fromSeconds: number;
  readonly toSeconds: number;
  /** Requests in the window. */
  readonly requests: number;
  /** Whether the window ends early for the number of its requests. */
  readonly cut: boolean;
  readonly events: readonly TraceEvent[];
}

/** Buckets of the power of a window whose end is known, and the width of those of one that is not. */
const BUCKETS = 512;
const FIRST_WIDTH_SECONDS = 0.05;

/**
 * Runs a run again and makes a trace of a window of it.
 *
 * @throws UserError CANOPY_EXPLAIN_WINDOW for a window with no request in it
 */
export async function traceRun(
  chosen: ChosenRun,
  inputs: SharedInputs,
  { fromSeconds, toSeconds = Number.POSITIVE_INFINITY, most }: TraceWindow,
): Promise<RunTrace> {
  const { plan, run } = chosen;
  const workload = workloadOf(run, inputs);
  let end = toSeconds;
  let cut = false;
  let onTheWay = 0;
  const kept: WatchedRequest[] = [];
  const span = toSeconds - fromSeconds;
  const power = new PowerBuckets(
    fromSeconds,
    Number.isFinite(span) ? span / BUCKETS : FIRST_WIDTH_SECONDS,
    BUCKETS,
  );
  const { fleet, totals } = await watchRun(run, inputs, {
    wants: (_, arrivalSeconds) => {
      // A later step of a session that is rejected with an earlier one never arrives.
      if (!(arrivalSeconds <= end)) return false;
      if (kept.length + onTheWay >= most) {
        cut = true;
        end = arrivalSeconds;
        return false;
      }
      onTheWay++;
      return true;
    },
    ended: (request) => {
      onTheWay--;
      if ((request.timeline.at(-1)?.atSeconds ?? Number.NaN) >= fromSeconds) kept.push(request);
    },
    power: (endpoint, from, to, watts) => power.add(endpoint, from, Math.min(to, end), watts),
  });
  const to = Math.min(end, totals.endSeconds);
  if (!(to > fromSeconds) || kept.length === 0) {
    throw new UserError(
      "CANOPY_EXPLAIN_WINDOW",
      cut
        ? `--most ${most}: more requests than that are on their way at ${fromSeconds} s already, expected a larger number or an earlier window`
        : `--from ${fromSeconds}${Number.isFinite(toSeconds) ? ` --to ${toSeconds}` : ""}: no request is on its way then, the run lasts ${formatShort(totals.endSeconds, 6)} s`,
    );
  }
  kept.sort((a, b) => a.id - b.id);
  const events = traceEvents({
    fleet,
    router: run.router.label,
    fromSeconds,
    toSeconds: to,
    requests: kept,
    power,
    hasCarbon: Object.keys(inputs.points[run.point].carbon).length > 0,
  });
  return {
    experiment: plan.loaded.id,
    run: describeRun(chosen, workload.requests),
    fromSeconds,
    toSeconds: to,
    requests: kept.length,
    cut,
    events,
  };
}

/** The trace as a file, an event on each line. */
export function traceText({ events, experiment, run, fromSeconds, toSeconds, requests }: RunTrace): string {
  const about = {
    schema: "canopy/trace/1",
    experiment,
    router: run.router,
    seed: run.seed,
    start: run.start,
    run: run.key,
    from_s: fromSeconds,
    to_s: toSeconds,
    requests,
  };
  const lines = events.map((event) => JSON.stringify(event)).join(",\n");
  return `{"displayTimeUnit":"ms","otherData":${JSON.stringify(about)},"traceEvents":[\n${lines}\n]}\n`;
}
