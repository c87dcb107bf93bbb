/** Work space of `projectSimplex`, grown on demand; the calls are synchronous and never nest. */
let work = new Float64Array(16);

/**
 * Euclidean projection onto the probability simplex: the point of {w >= 0, sum w = 1} nearest to `values`, by the
 * sort-and-threshold rule (Held, Wolfe and Crowder 1974; Duchi et al. 2008, figure 1).
 *
 * @param out receives the projection; may be `values` itself
 * @returns `out`
 * @throws RangeError if there are no values or one is not finite
 */
export function projectSimplex(
  values: ArrayLike<number>,
  out: Float64Array = new Float64Array(values.length),
): Float64Array {
  const n = values.length;
  if (n === 0) throw new RangeError("projectSimplex: there are no values");
  if (work.length < n) work = new Float64Array(2 * n);
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < n; i++) {
    if (!Number.isFinite(values[i])) throw new RangeError(`projectSimplex: value ${i} is ${values[i]}`);
    if (values[i] > largest) largest = values[i];
  }
  // A common shift leaves the projection where it is, and keeps the 1 from drowning in large values.
  const depths = work.subarray(0, n);
  for (let i = 0; i < n; i++) depths[i] = largest - values[i];
  depths.sort();
  let sum = 1;
  let threshold = 1;
  for (let k = 1; k < n; k++) {
    sum += depths[k];
    const candidate = sum / (k + 1);
    if (depths[k] >= candidate) break;
    threshold = candidate;
  }
  for (let i = 0; i < n; i++) out[i] = Math.max(0, threshold - (largest - values[i]));
  return out;
}

/**
 * Weights proportional to exp(-score / temperature): the lower the score, the greater the weight.
 *
 * A score of `Infinity` (an endpoint that is not admissible) gets weight 0. Temperature 0 gives all weight to the
 * lowest score, shared equally by ties.
 *
 * @param temperature in the unit of the scores, at least 0
 * @param out receives the weights, which sum to 1; may be `scores` itself
 * @returns false, with `out` unchanged, when no score is finite and hence no weights exist
 * @throws RangeError if a score is NaN or -Infinity, or the temperature is negative or NaN
 */
export function softmin(scores: ArrayLike<number>, temperature: number, out: Float64Array): boolean {
  if (!(temperature >= 0)) throw new RangeError(`softmin: temperature ${temperature}, expected at least 0`);
  const n = scores.length;
  let lowest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < n; i++) {
    if (Number.isNaN(scores[i]) || scores[i] === Number.NEGATIVE_INFINITY) {
      throw new RangeError(`softmin: score ${i} is ${scores[i]}`);
    }
    if (scores[i] < lowest) lowest = scores[i];
  }
  if (lowest === Number.POSITIVE_INFINITY) return false;
  let total = 0;
  for (let i = 0; i < n; i++) {
    const above = scores[i] - lowest;
    out[i] = above === 0 ? 1 : Math.exp(-above / temperature);
    total += out[i];
  }
  for (let i = 0; i < n; i++) out[i] /= total;
  return true;
}

/**
 * Moves weights towards a target by at most `limit` in any one weight: w = previous + s (target - previous) with
 * s = min(1, limit / max |target - previous|) (CEDAR's heuristic controller, specification section 5). A blend of
 * two points of the simplex, so the sum of the weights is kept.
 *
 * @param out receives the weights; may be `previous` or `target` itself
 * @returns s, the share of the way that was gone, in 0..1
 */
export function limitStep(
  previous: ArrayLike<number>,
  target: ArrayLike<number>,
  limit: number,
  out: Float64Array,
): number {
  let largest = 0;
  for (let i = 0; i < previous.length; i++) {
    largest = Math.max(largest, Math.abs(target[i] - previous[i]));
  }
  const share = largest <= limit ? 1 : limit / largest;
  for (let i = 0; i < previous.length; i++) {
    out[i] = share === 1 ? target[i] : previous[i] + share * (target[i] - previous[i]);
  }
  return share;
}
