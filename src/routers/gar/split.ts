import type { CalibrationExample } from "./calibration-file.ts";
import type { CalibrationParameters } from "./parameters.ts";

/** Examples wanted of each task type: for the regression, and held out. */
export interface Quotas {
  readonly fit: number;
  readonly held: readonly number[];
}

/** `total` shares the calibration split among the task types: 200 over six are 34, 34, 33, 33, 33, 33. */
export function quotasOf(
  taskTypes: number,
  parameters: Pick<CalibrationParameters, "fitSamples" | "calibrationSamples" | "calibrationSplit">,
): Quotas {
  const { calibrationSamples: all, calibrationSplit } = parameters;
  const held = Array.from({ length: taskTypes }, (_, j) =>
    calibrationSplit === "total" ? Math.floor(all / taskTypes) + (j < all % taskTypes ? 1 : 0) : all,
  );
  return { fit: parameters.fitSamples, held };
}

/**
 * Examples for the regression and held-out ones, each task type in the order of its examples: the regression's first.
 * Where there are fewer than wanted both get their proportion; beyond what is wanted none is used.
 */
export function splitExamples(
  examples: readonly CalibrationExample[],
  { fit, held }: Quotas,
): { readonly fit: CalibrationExample[]; readonly held: CalibrationExample[] } {
  const split = { fit: [] as CalibrationExample[], held: [] as CalibrationExample[] };
  for (const [j, wanted] of held.entries()) {
    const own = examples.filter((example) => example.taskType === j);
    const enough = own.length >= fit + wanted;
    const first = enough ? fit : Math.floor((own.length * fit) / (fit + wanted));
    split.fit.push(...own.slice(0, first));
    split.held.push(...own.slice(first, enough ? first + wanted : own.length));
  }
  return split;
}
