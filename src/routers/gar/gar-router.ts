import type { CalibrationView } from "./calibration-view.ts";
import { EstimatingRouter } from "./estimating-router.ts";
import type { Floors } from "./floors.ts";
import type { EstimatingParameters } from "./parameters.ts";

/** How a variant comes to its floors. */
export type FloorRule = (taskTypes: readonly string[], view: CalibrationView) => Floors;

/**
 * GAR's heuristics: the least carbon among the endpoints whose predicted accuracy and latency meet floor and
 * objective; where none does, the least relative violation (specification gar.md section 4).
 */
export class GarRouter extends EstimatingRouter {
  readonly #floorRule: FloorRule;

  constructor(id: string, parameters: EstimatingParameters, floorRule: FloorRule) {
    super(id, parameters);
    this.#floorRule = floorRule;
  }

  /** `coverage_capped`: share of the data sets whose floor the cap of coverage decided. */
  figures(): Readonly<Record<string, number>> {
    const { capped } = this.floors;
    return { coverage_capped: capped.reduce((sum, bit) => sum + bit, 0) / capped.length };
  }

  protected override floorsOf(taskTypes: readonly string[], view: CalibrationView): Floors {
    return this.#floorRule(taskTypes, view);
  }

  protected override choose(_request: number, candidates: Int32Array): number {
    const endpoint = this.choice.leastCarbonFeasible(candidates);
    this.feasible = endpoint >= 0;
    return this.feasible ? endpoint : this.choice.leastViolation(candidates);
  }
}
