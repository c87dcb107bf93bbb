/**
 * How a quantile is read off n sorted values x[1..n]:
 * `linear` interpolates at h = (n - 1) q from the first value (type 7 of Hyndman and Fan 1996, NumPy's default);
 * `nearest` is x[ceil(q n)], an observed value.
 */
export type QuantileMethod = "linear" | "nearest";

/**
 * Quantile of values sorted in ascending order; NaN when there are none.
 *
 * @param q in 0..1
 * @throws RangeError if q is outside 0..1
 */
export function quantileSorted(
  sorted: ArrayLike<number>,
  q: number,
  method: QuantileMethod = "linear",
): number {
  checkQuantile(q);
  const n = sorted.length;
  if (n === 0) return Number.NaN;
  if (method === "nearest") return sorted[nearestRank(n, q)];
  const h = (n - 1) * q;
  const low = Math.floor(h);
  return interpolate(sorted[low], sorted[Math.min(low + 1, n - 1)], h - low);
}

/**
 * Quantile of values in any order, by selection on a copy: O(n) on average; NaN when there are none. For several
 * quantiles of the same values sort once and call `quantileSorted`.
 *
 * @param q in 0..1
 * @throws RangeError if q is outside 0..1
 */
export function quantileOf(values: ArrayLike<number>, q: number, method: QuantileMethod = "linear"): number {
  checkQuantile(q);
  const n = values.length;
  if (n === 0) return Number.NaN;
  const copy = values instanceof Float64Array ? values.slice() : Float64Array.from(values);
  if (method === "nearest") return select(copy, nearestRank(n, q));
  const h = (n - 1) * q;
  const low = Math.floor(h);
  const lower = select(copy, low);
  if (h === low) return lower;
  let upper = Number.POSITIVE_INFINITY;
  for (let i = low + 1; i < n; i++) if (copy[i] < upper) upper = copy[i];
  return interpolate(lower, upper, h - low);
}

/** @throws RangeError if q is not in 0..1 */
export function checkQuantile(q: number): void {
  if (!(q >= 0 && q <= 1)) throw new RangeError(`quantile ${q} is outside 0..1`);
}

/** `low` + `fraction` of the way to `high`, without NaN between equal infinities. */
export function interpolate(low: number, high: number, fraction: number): number {
  return low === high || fraction === 0 ? low : low + (high - low) * fraction;
}

/**
 * Place from 0 of x[ceil(q n)]. The product is lowered by a few units in the last place, since q is rarely a
 * binary fraction: 0.07 * 100 is 7.000000000000001, whose ceiling is not the seventh value.
 */
function nearestRank(n: number, q: number): number {
  return Math.min(n, Math.max(1, Math.ceil(q * n * (1 - 4 * Number.EPSILON)))) - 1;
}

/**
 * The value that sorting would put at `place` (Hoare's selection with the median of three). Afterwards what lies
 * before `place` is not greater and what lies behind it not smaller.
 */
function select(values: Float64Array, place: number): number {
  let from = 0;
  let to = values.length - 1;
  while (from < to) {
    const pivot = medianOfThree(values[from], values[(from + to) >> 1], values[to]);
    let i = from;
    let j = to;
    while (i <= j) {
      while (values[i] < pivot) i++;
      while (values[j] > pivot) j--;
      if (i <= j) {
        const swapped = values[i];
        values[i++] = values[j];
        values[j--] = swapped;
      }
    }
    if (place <= j) to = j;
    else if (place >= i) from = i;
    else break;
  }
  return values[place];
}

function medianOfThree(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}
