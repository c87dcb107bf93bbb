import { UserError } from "../errors.ts";
import type { EpochState } from "./epoch-state.ts";
import type { EpochPlanner, PlanBudget } from "./simulate-epochs.ts";
import { type DatacenterWorld, planRowName, planRowsOf } from "./world.ts";

/** How far the sum of a row may be from 1. */
export const PLAN_TOLERANCE = 1e-6;

/**
 * Has a planner plan an epoch, and checks what it gave. The plan of the epoch before is gone when it is asked: a share
 * that it leaves out is no number.
 *
 * @throws UserError as {@link checkPlan}; CANOPY_PLAN_SHAPE for a planner that returns something else than that plan
 */
export function askPlanner(
  world: DatacenterWorld,
  planner: EpochPlanner,
  epoch: number,
  { state, budget, plan }: { state: EpochState; budget: PlanBudget; plan: Float64Array },
): void {
  plan.fill(Number.NaN);
  const returned: unknown = planner.plan(state, budget, plan);
  if (returned !== undefined && returned !== plan) {
    const what =
      Array.isArray(returned) || ArrayBuffer.isView(returned)
        ? `${(returned as unknown as ArrayLike<unknown>).length} numbers`
        : `a value of type ${typeof returned}`;
    const rows = planRowsOf(world);
    throw new UserError(
      "CANOPY_PLAN_SHAPE",
      `planner ${planner.name}, epoch ${epoch}: it returned ${what}; expected ${plan.length} shares, ${rows} rows of ${world.sites.length} sites, written into the plan that it is given`,
    );
  }
  checkPlan(world, planner.name, epoch, plan);
}

/**
 * Checks what a planner gave: as many numbers as the world needs, none negative or not finite, every row with sum 1.
 *
 * @param planner name for messages
 * @throws UserError CANOPY_PLAN_ROW naming planner, row and sum or entry; CANOPY_PLAN_SHAPE for another length
 */
export function checkPlan(world: DatacenterWorld, planner: string, epoch: number, plan: Float64Array): void {
  const sites = world.sites.length;
  const rows = planRowsOf(world);
  if (plan.length !== rows * sites) {
    throw new UserError(
      "CANOPY_PLAN_SHAPE",
      `planner ${planner}, epoch ${epoch}: a plan of ${plan.length} numbers; expected ${rows * sites}: ${rows} rows of ${sites} sites`,
    );
  }
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let d = 0; d < sites; d++) {
      const value = plan[row * sites + d];
      if (!(value >= 0) || value === Number.POSITIVE_INFINITY) {
        throw new UserError(
          "CANOPY_PLAN_ROW",
          `planner ${planner}, epoch ${epoch}: row ${planRowName(world, row)} has ${value} for site ${world.sites[d].name}; expected a share of at least 0`,
        );
      }
      sum += value;
    }
    if (Math.abs(sum - 1) > PLAN_TOLERANCE) {
      throw new UserError(
        "CANOPY_PLAN_ROW",
        `planner ${planner}, epoch ${epoch}: row ${planRowName(world, row)} sums to ${Number(sum.toPrecision(9))}; expected 1 (within ${PLAN_TOLERANCE})`,
      );
    }
  }
}
