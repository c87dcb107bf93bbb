import type { PredictorRows } from "./training-rows.ts";

/** Where the parts of the rows end: training before `training`, validation before `validation`, then the test. */
export interface TimeSplit {
  readonly training: number;
  readonly validation: number;
}

/**
 * Splits rows in order of arrival 80/10/10. Rows that arrive at the same time stay together, so the parts share no
 * moment.
 */
export function splitByTime({
  count,
  arrivalSeconds,
}: Pick<PredictorRows, "count" | "arrivalSeconds">): TimeSplit {
  const boundary = (share: number) => {
    let row = Math.floor(share * count);
    while (row > 0 && row < count && arrivalSeconds[row] === arrivalSeconds[row - 1]) row++;
    return row;
  };
  return { training: boundary(0.8), validation: boundary(0.9) };
}
