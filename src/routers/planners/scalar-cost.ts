/**
 * What planners that learn by rewards minimise: the weighted mean of the metrics, each in units of even shares' (0
 * where those have none).
 *
 * @param weights of sum 1; default: all alike
 */
export function scalarCost(
  metrics: ArrayLike<number>,
  uniform: ArrayLike<number>,
  weights?: ArrayLike<number>,
): number {
  let cost = 0;
  for (let j = 0; j < uniform.length; j++) {
    if (uniform[j] > 0) cost += ((weights?.[j] ?? 1 / uniform.length) * metrics[j]) / uniform[j];
  }
  return cost;
}
