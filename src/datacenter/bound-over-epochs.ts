import { type BoundOptions, boundByFilling, type Relaxation } from "./bound.ts";
import { boundByHighs } from "./bound-by-highs.ts";
import { setConditions } from "./conditions.ts";
import { EpochModel, METRICS } from "./epoch-model.ts";
import { emptyState } from "./epoch-state.ts";
import type { SimulateEpochsOptions } from "./simulate-epochs.ts";

export interface BoundOverEpochs {
  /** Least of each metric by itself: TTFT as mean over requests, the rest as sums. No one plan has all four. */
  readonly least: Readonly<Record<(typeof METRICS)[number], number>>;
  /** What the bounds' own plans reach in the model: the truth lies between the two. */
  readonly reached: Readonly<Record<(typeof METRICS)[number], number>>;
  /** Mean over epochs of the weighted sum of metrics over those of the uniform plan. */
  readonly weighted: number;
  readonly weightedReached: number;
  /** Metrics of the uniform plan with nothing to boot, index epoch * 4 + metric: what `weighted` is relative to. */
  readonly uniform: Float64Array;
  /** All that was relaxed in some epoch. */
  readonly relaxations: readonly Relaxation[];
}

export interface BoundOverEpochsOptions extends BoundOptions {
  /** Weights of the metrics in the sum (default: equal). */
  readonly weights?: readonly number[];
}

/**
 * The clairvoyant bound of a horizon: every epoch's by itself, with true counts and nothing to boot or load. What an
 * epoch leaves to the next, nodes that are on, only costs plans more.
 */
export async function boundOverEpochs(
  { world, arrivals, conditions, history = 0 }: Omit<SimulateEpochsOptions, "planner">,
  options: BoundOverEpochsOptions = {},
): Promise<BoundOverEpochs> {
  const model = new EpochModel(world);
  const state = emptyState(world, arrivals.epochSeconds);
  const shares = options.weights ?? METRICS.map(() => 1 / METRICS.length);
  const uniform = new Float64Array(model.planLength).fill(1 / state.sites);
  const metrics = new Float64Array(METRICS.length);
  const least = [0, 0, 0, 0];
  const reached = [0, 0, 0, 0];
  const relaxations = new Set<Relaxation>();
  let weighted = 0;
  let weightedReached = 0;
  let requests = 0;
  const epochs = arrivals.epochs - history;
  const relativeTo = new Float64Array(epochs * METRICS.length);
  const bound = (weights: readonly number[]) =>
    world.planRows === "models"
      ? boundByFilling(model, state, weights, options)
      : boundByHighs(model, state, weights, options);
  for (let e = 0; e < epochs; e++) {
    setConditions(conditions, e, state);
    let count = 0;
    for (let v = 0; v < state.models; v++) {
      state.expectedRequests[v] = arrivals.counts[(history + e) * state.models + v];
      count += state.expectedRequests[v];
    }
    requests += count;
    for (let j = 0; j < METRICS.length; j++) {
      const one = await bound(METRICS.map((_, i) => (i === j ? 1 : 0)));
      for (const relaxation of one.relaxations) relaxations.add(relaxation);
      model.evaluate(state, one.plan, metrics);
      const scale = j === 0 ? count : 1;
      least[j] += scale * one.value;
      reached[j] += scale * metrics[j];
    }
    model.evaluate(state, uniform, metrics);
    relativeTo.set(metrics, e * METRICS.length);
    // An epoch without requests has no metrics to compare with.
    const weights = shares.map((share, j) => (metrics[j] > 0 ? share / metrics[j] : 0));
    const all = await bound(weights);
    for (const relaxation of all.relaxations) relaxations.add(relaxation);
    weighted += all.value / epochs;
    model.evaluate(state, all.plan, metrics);
    for (const [j, weight] of weights.entries()) weightedReached += (weight * metrics[j]) / epochs;
  }
  const named = ([ttft, carbon, water, cost]: readonly number[]) => ({
    ttft: requests > 0 ? ttft / requests : 0,
    carbon,
    water,
    cost,
  });
  return {
    least: named(least),
    reached: named(reached),
    weighted,
    weightedReached,
    uniform: relativeTo,
    relaxations: [...relaxations],
  };
}
