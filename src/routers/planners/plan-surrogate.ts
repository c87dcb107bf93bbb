import type { Forest } from "../../learning/trees/forest.ts";
import { trainForest } from "../../learning/trees/train-forest.ts";

export interface SurrogateOptions {
  readonly trees: number;
  readonly depth: number;
  readonly minRows: number;
}

/** What boosted trees make of plans: a forest for each metric, of the metric's logarithm. */
export class PlanSurrogate {
  readonly #forests: readonly Forest[];

  /** @param metrics of each plan, above 0 (less counts as a billionth) */
  constructor(
    plans: readonly Float64Array[],
    metrics: readonly ArrayLike<number>[],
    { trees, depth, minRows }: SurrogateOptions,
  ) {
    const names = Array.from(plans[0], (_, i) => `share ${i}`);
    const columns = names.map((_, i) => Float64Array.from(plans, (plan) => plan[i]));
    this.#forests = Array.from(metrics[0], (_, j) => {
      // Beyond capacity waits grow a thousandfold: squared errors of the metric itself would see nothing else.
      const labels = Float64Array.from(metrics, (row) => Math.log(Math.max(1e-9, row[j])));
      return trainForest(names, { columns, labels }, { loss: "squared", trees, depth, minRows }).forest;
    });
  }

  predict(plan: Float64Array, out: Float64Array): void {
    for (const [j, forest] of this.#forests.entries()) out[j] = Math.exp(forest.predict(plan));
  }
}
