/** What tests of planners share: a fleet of four sites whose states differ, and a few epochs of requests. */
import { expect } from "vitest";
import {
  type Arrivals,
  drawArrivals,
  sliceArrivals,
  syntheticShape,
} from "../../../src/datacenter/arrivals.ts";
import { checkPlan } from "../../../src/datacenter/check-plan.ts";
import { makeConditions } from "../../../src/datacenter/conditions.ts";
import { scaleToPeak } from "../../../src/datacenter/scaling.ts";
import {
  type EpochPlanner,
  type EpochsResult,
  simulateEpochs,
} from "../../../src/datacenter/simulate-epochs.ts";
import { siteSeries } from "../../../src/datacenter/site-series.ts";
import { SITES } from "../../../src/datacenter/sites.ts";
import type { WorldOptions } from "../../../src/datacenter/world.ts";
import { paperWorld } from "../../datacenter/worlds.ts";

const START = Date.UTC(2024, 6, 1) / 1000;
const HISTORY = 40;

export type PlannerRun = (
  planner: EpochPlanner,
  options?: Partial<Parameters<typeof simulateEpochs>[0]>,
) => EpochsResult;

/** A function that runs a planner over `epochs` from ten in the morning; the busiest takes 60 % of the fleet. */
export async function plannerRun(epochs: number, options: Partial<WorldOptions> = {}) {
  const world = paperWorld(4, options);
  const sites = SITES.slice(0, 4);
  const series = await siteSeries(sites, { seed: 1, startSeconds: START, endSeconds: START + 86_400 });
  const conditions = makeConditions(sites, series, { startSeconds: START, epochs });
  const raw = sliceArrivals(drawArrivals(syntheticShape(1), world.mix, 1), 0, HISTORY + epochs);
  const arrivals: Arrivals = scaleToPeak(world, raw, 0.6).arrivals;
  const run: PlannerRun = (planner, more = {}) =>
    simulateEpochs({ world, planner, arrivals, conditions, history: HISTORY, ...more });
  return { world, run };
}

/** Mean over the metrics of a run's totals in units of another's. */
export function relativeCost(result: EpochsResult, reference: EpochsResult): number {
  const keys = ["ttft", "carbon", "water", "cost"] as const;
  return keys.reduce((sum, key) => sum + result.totals[key] / reference.totals[key], 0) / keys.length;
}

/** Plans are on the simplex, and the same seed gives the same numbers. */
export function expectSound(
  { world, run }: Awaited<ReturnType<typeof plannerRun>>,
  make: () => EpochPlanner,
): EpochsResult {
  const result = run(make());
  const again = run(make());
  for (const [e, record] of result.epochs.entries()) {
    checkPlan(world, result.planner, e, record.plan);
    expect(again.epochs[e].plan).toEqual(record.plan);
    expect(again.epochs[e].calls).toBe(record.calls);
  }
  return result;
}
