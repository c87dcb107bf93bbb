import { thinFront } from "../../numeric/pareto.ts";

/** Tchebycheff's scalar: the largest weighted distance from the ideal, max_j lambda_j (f_j - z_j). */
export function tchebycheff(
  metrics: ArrayLike<number>,
  weights: ArrayLike<number>,
  ideal: ArrayLike<number>,
): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let j = 0; j < weights.length; j++) {
    largest = Math.max(largest, weights[j] * (metrics[j] - ideal[j]));
  }
  return largest;
}

/**
 * Weights spread over the simplex: the smallest lattice of Das and Dennis (1998) with enough points, thinned by
 * crowding. The corners are among them.
 *
 * @param count at least `objectives`
 */
export function spreadWeights(count: number, objectives: number): Float64Array[] {
  for (let steps = 1; ; steps++) {
    const lattice = latticeOf(steps, objectives);
    if (lattice.length < count) continue;
    const points = lattice.map((parts) => Float64Array.from(parts, (part) => part / steps));
    return thinFront(points, count).map((i) => points[i]);
  }
}

/** For each weight the places of the `size` nearest, itself first. */
export function nearestWeights(weights: readonly Float64Array[], size: number): number[][] {
  const distance = (a: Float64Array, b: Float64Array) =>
    a.reduce((sum, value, j) => sum + (value - b[j]) ** 2, 0);
  return weights.map((own, i) => {
    const order = weights.map((other, k) => ({ k, far: k === i ? -1 : distance(own, other) }));
    order.sort((a, b) => a.far - b.far || a.k - b.k);
    return order.slice(0, size).map(({ k }) => k);
  });
}

/** All ways to divide `steps` among `parts`. */
function latticeOf(steps: number, parts: number): number[][] {
  if (parts === 1) return [[steps]];
  return Array.from({ length: steps + 1 }, (_, first) => first).flatMap((first) =>
    latticeOf(steps - first, parts - 1).map((rest) => [first, ...rest]),
  );
}
