import { suggestion, UserError } from "../../errors.ts";
import type { CalibrationView } from "./calibration-view.ts";
import type { GarFixedParameters, GarTargetParameters } from "./parameters.ts";

/** Accuracy floors by task type. */
export interface Floors {
  readonly values: Float64Array;
  /** 1 where the cap of coverage, not the accuracy aimed at, decided (GAR-Target). */
  readonly capped: Uint8Array;
}

/**
 * GAR-Fixed: one constant, or one for each data set.
 * @throws UserError `CANOPY_ROUTER_PARAMETER`: a data set that the workload does not have
 */
export function fixedFloors(
  router: string,
  taskTypes: readonly string[],
  { floor, floors }: Pick<GarFixedParameters, "floor" | "floors">,
): Floors {
  for (const name of Object.keys(floors)) {
    if (taskTypes.includes(name)) continue;
    throw new UserError(
      "CANOPY_ROUTER_PARAMETER",
      `router ${router}: parameter floors names the data set "${name}", which the workload does not have${suggestion(name, taskTypes)}`,
    );
  }
  return uncapped(
    Float64Array.from(taskTypes, (name) => (Object.hasOwn(floors, name) ? floors[name] : floor)),
  );
}

/** GAR-eps: the best accuracy on the calibration split, as estimated there, less epsilon; at least 0. */
export function epsilonFloors(view: CalibrationView, epsilon: number): Floors {
  return uncapped(
    Float64Array.from({ length: view.taskTypes }, (_, j) => Math.max(0, view.bestEstimate(j) - epsilon)),
  );
}

/**
 * GAR-Target: by bisection on the calibration split, the smallest floor under which the least-carbon choice is right
 * at least as often as the best model less delta; and at most the largest floor that some endpoint meets for a share
 * kappa of the examples. The cap of coverage wins.
 */
export function targetFloors(
  view: CalibrationView,
  { delta, kappa, bisectionSteps }: Pick<GarTargetParameters, "delta" | "kappa" | "bisectionSteps">,
): Floors {
  const values = new Float64Array(view.taskTypes);
  const capped = new Uint8Array(view.taskTypes);
  for (let j = 0; j < view.taskTypes; j++) {
    // Shares of a few hundred examples: a rounding error must not count as an example short.
    const wanted = view.bestAccuracy(j) - delta - 1e-9;
    const reached = bisect(bisectionSteps, (floor) => view.realisedAccuracy(j, floor) >= wanted).above;
    const cap = bisect(bisectionSteps, (floor) => view.coverage(j, floor) < kappa).below;
    values[j] = Math.min(reached, cap);
    capped[j] = cap < reached ? 1 : 0;
  }
  return { values, capped };
}

function uncapped(values: Float64Array): Floors {
  return { values, capped: new Uint8Array(values.length) };
}

/** The end points of an interval of [0, 1] around where `holds` begins to hold; 0 twice if it holds everywhere. */
function bisect(
  steps: number,
  holds: (floor: number) => boolean,
): { readonly below: number; readonly above: number } {
  if (holds(0)) return { below: 0, above: 0 };
  let below = 0;
  let above = 1;
  for (let step = 0; step < steps; step++) {
    const middle = (below + above) / 2;
    if (holds(middle)) above = middle;
    else below = middle;
  }
  return { below, above };
}
