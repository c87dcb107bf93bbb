import { type RequestBounds, requestBounds } from "../metrics/request-bound.ts";
import type { Router } from "../routers/contract.ts";
import { resolveWith } from "./resolve.ts";
import type { RunPlan } from "./run-plan.ts";

/** Never decides: the requests, fleet and signals of a run are the same under any router. */
const IDLE: Router = { start: () => undefined, arrival: () => undefined };

/** The lower bounds of a run's requests. */
export interface PlannedBounds {
  readonly planned: number;
  readonly seed: number;
  readonly start: number | null;
  readonly bounds: RequestBounds;
}

/**
 * Lower bounds of every point, seed and start of a plan, whichever router serves them (`request-bound.ts`). Metrics that
 * the experiment leaves unknown (no price, no carbon) are null.
 *
 * @param withinSeconds the bounds hold for runs in which every request ends this long after its arrival and the hold
 *   that its tier allows
 */
export function planBounds(plan: RunPlan, withinSeconds: number): PlannedBounds[] {
  const seen = new Set<string>();
  const found: PlannedBounds[] = [];
  for (const run of plan.runs) {
    const key = JSON.stringify([run.planned, run.seed, run.start]);
    if (seen.has(key)) continue;
    seen.add(key);
    const { options, metrics } = resolveWith(run, plan.inputs, IDLE, false);
    const { fleet, workload, horizonSeconds } = options;
    const bounds = requestBounds(fleet, workload, { withinSeconds, horizonSeconds });
    const { carbon, price } = metrics.unknown;
    const known = { ...bounds.metrics };
    const reasons = { ...bounds.reasons };
    if (carbon !== undefined) {
      for (const metric of ["carbon_g_per_request", "carbon_server_g_per_request"] as const) {
        known[metric] = null;
        reasons[metric] = carbon;
      }
    }
    if (price !== undefined) {
      known.cost_usd_per_request = null;
      reasons.cost_usd_per_request = price;
    }
    const { planned, seed, start } = run;
    found.push({ planned, seed, start, bounds: { ...bounds, metrics: known, reasons } });
  }
  return found;
}
