import type { RecordColumns } from "../simulator/options.ts";

/** Bins of equal width of the expected calibration error. */
const BINS = 10;
/** Answers of one data set over which the realised accuracy is compared with the floor. */
export const FLOOR_WINDOW = 100;
/** In a column of flags: nothing is known. */
const UNTOLD = 255;

/**
 * What a run's answers were worth, by task type, and what its router believed of them. Simulated correctness: there is
 * no ground truth in it.
 *
 * A request that ends without an answer counts as wrong. Floors: consecutive windows of 100 ended requests of a task
 * type that had a floor; a window whose realised accuracy is below the mean of its floors is violated.
 */
export class AccuracyCounter {
  /** Requests and right answers by task type. */
  readonly asked: Float64Array;
  readonly right: Float64Array;
  /** Requests of which the router said whether some endpoint met all it asks for, and those for which one did. */
  told = 0;
  feasible = 0;
  windows = 0;
  violatedWindows = 0;
  readonly #predictions = new Float64Array(BINS);
  readonly #predicted = new Float64Array(BINS);
  readonly #realised = new Float64Array(BINS);
  /** The open window of each task type: requests, right answers, sum of floors. */
  readonly #inWindow: Float64Array;
  readonly #rightInWindow: Float64Array;
  readonly #floorSum: Float64Array;

  /** @param taskTypes how many; a workload without any counts as one */
  constructor(taskTypes: number) {
    const types = Math.max(1, taskTypes);
    this.asked = new Float64Array(types);
    this.right = new Float64Array(types);
    this.#inWindow = new Float64Array(types);
    this.#rightInWindow = new Float64Array(types);
    this.#floorSum = new Float64Array(types);
  }

  /** A request that has ended, with an answer or without. */
  count(columns: RecordColumns, request: number): void {
    const type = columns.taskType[request];
    const right = columns.correct[request] === 1 ? 1 : 0;
    this.asked[type]++;
    this.right[type] += right;
    if (columns.feasible[request] !== UNTOLD) {
      this.told++;
      this.feasible += columns.feasible[request];
    }
    const predicted = columns.predictedAccuracy[request];
    if (!Number.isNaN(predicted) && columns.correct[request] !== UNTOLD) {
      const bin = Math.min(BINS - 1, Math.max(0, Math.floor(predicted * BINS)));
      this.#predictions[bin]++;
      this.#predicted[bin] += predicted;
      this.#realised[bin] += right;
    }
    const floor = columns.accuracyFloor[request];
    if (!Number.isNaN(floor)) this.#countFloor(type, right, floor);
  }

  #countFloor(type: number, right: number, floor: number): void {
    this.#rightInWindow[type] += right;
    this.#floorSum[type] += floor;
    if (++this.#inWindow[type] < FLOOR_WINDOW) return;
    this.windows++;
    // The sum of floors is one of decimals: 100 x 0.7 is not 70.
    if (this.#rightInWindow[type] < this.#floorSum[type] - 1e-9 * FLOOR_WINDOW) this.violatedWindows++;
    this.#inWindow[type] = 0;
    this.#rightInWindow[type] = 0;
    this.#floorSum[type] = 0;
  }

  /** Expected calibration error: mean distance of predicted from realised accuracy over 10 bins; NaN without any. */
  get calibrationError(): number {
    let total = 0;
    let distance = 0;
    for (let bin = 0; bin < BINS; bin++) {
      total += this.#predictions[bin];
      distance += Math.abs(this.#predicted[bin] - this.#realised[bin]);
    }
    return total === 0 ? Number.NaN : distance / total;
  }
}
