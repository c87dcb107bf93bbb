import type { ExperimentPlan, PlannedPoint } from "../experiment/expand.ts";
import type { ExperimentPoint } from "../experiment/load.ts";
import type { RunSpec } from "../experiment/run-spec.ts";
import { workloadOf } from "../experiment/shared-workload.ts";
import type { WorkloadConfig } from "../experiment/workload-schema.ts";

/** What a rate counts: sessions where later calls wait for earlier ones. */
export type RateUnit = "requests/s" | "sessions/s";

/**
 * A point with `factor` times the arrivals a second: generated ones by the rate of their process, those of a file by
 * compressing time, which keeps their pattern. Whatever else the workload fixes, its requests or its seconds, stays.
 *
 * @param planned the same point as it was planned: whether a synthetic workload stands in for the file
 */
export function atRate(point: ExperimentPoint, planned: PlannedPoint, factor: number): ExperimentPoint {
  if (factor === 1) return point;
  const { workload } = point.experiment;
  const standsIn = "trace" in workload && !("trace" in planned.inputs.experiment.workload);
  const scaled: WorkloadConfig =
    standsIn && workload.otherwise !== undefined
      ? { ...workload, otherwise: scale(workload.otherwise, factor) }
      : scale(workload, factor);
  return { ...point, experiment: { ...point.experiment, workload: scaled } };
}

function scale<W extends WorkloadConfig>(workload: W, factor: number): W {
  return "trace" in workload
    ? { ...workload, rateFactor: workload.rateFactor * factor }
    : { ...workload, arrival: { ...workload.arrival, ratePerS: workload.arrival.ratePerS * factor } };
}

/** Path of the value by which {@link atRate} changes the rate, as `--set` names it. */
export function rateAxis({ inputs }: PlannedPoint, { experiment }: ExperimentPoint): string {
  if (!("trace" in experiment.workload)) return "workload.arrival.ratePerS";
  return "trace" in inputs.experiment.workload
    ? "workload.rateFactor"
    : "workload.otherwise.arrival.ratePerS";
}

/** The override of `canopy run` that gives a run the same requests as {@link atRate}. */
export function rateOverride(planned: PlannedPoint, point: ExperimentPoint, factor: number): string {
  const axis = rateAxis(planned, point);
  const { workload } = atRate(point, planned, factor).experiment;
  if (axis === "workload.rateFactor" && "trace" in workload) return `${axis}=${workload.rateFactor}`;
  const generated = "trace" in workload ? workload.otherwise : workload;
  return `${axis}=${generated?.arrival.ratePerS}`;
}

/**
 * The experiment's own rate in a run: of a generated workload what its file says, outside bursts; of a trace the
 * arrivals up to the last over its time, NaN where all arrive at once.
 */
export function ownRate(
  { inputs }: PlannedPoint,
  run: RunSpec,
  plan: Pick<ExperimentPlan, "inputs">,
): { readonly perSecond: number; readonly unit: RateUnit } {
  const { workload } = inputs.experiment;
  if (!("trace" in workload)) {
    const unit = "sessions" in workload ? "sessions/s" : "requests/s";
    return { perSecond: workload.arrival.ratePerS, unit };
  }
  let arrivals = 0;
  let last = 0;
  let dependent = false;
  const cursor = workloadOf(run, plan.inputs).open();
  for (let chunk = cursor.next(); chunk !== undefined; chunk = cursor.next()) {
    for (let i = 0; i < chunk.count; i++) {
      const arrival = chunk.arrivalSeconds[i];
      if (Number.isNaN(arrival)) {
        dependent = true;
        continue;
      }
      arrivals++;
      if (arrival > last) last = arrival;
    }
  }
  return {
    perSecond: last > 0 ? arrivals / last : Number.NaN,
    unit: dependent ? "sessions/s" : "requests/s",
  };
}
