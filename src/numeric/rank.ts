/** Ranks from 1 of the values in ascending order; equal values share the mean of their ranks. */
export function ranks(values: ArrayLike<number>): Float64Array {
  const order = Array.from({ length: values.length }, (_, i) => i).sort((a, b) => values[a] - values[b]);
  const out = new Float64Array(values.length);
  for (let from = 0; from < order.length; ) {
    let to = from + 1;
    while (to < order.length && values[order[to]] === values[order[from]]) to++;
    for (let k = from; k < to; k++) out[order[k]] = (from + 1 + to) / 2;
    from = to;
  }
  return out;
}

/**
 * Kendall's tau-b of pairs (x[i], y[i]), corrected for ties: 1 for the same order, -1 for the reverse; NaN when all
 * x or all y are equal or there are fewer than two pairs. O(n^2), meant for tables.
 *
 * @param counts leaves out the comparison of pairs i and j where it says false; default: none
 * @throws RangeError if the lengths differ
 */
export function kendallTau(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  counts: (i: number, j: number) => boolean = () => true,
): number {
  if (x.length !== y.length) throw new RangeError(`kendallTau: ${x.length} values against ${y.length}`);
  let score = 0;
  let untiedX = 0;
  let untiedY = 0;
  for (let i = 0; i < x.length; i++) {
    for (let j = i + 1; j < x.length; j++) {
      if (!counts(i, j)) continue;
      const dx = Math.sign(x[i] - x[j]);
      const dy = Math.sign(y[i] - y[j]);
      score += dx * dy;
      untiedX += dx * dx;
      untiedY += dy * dy;
    }
  }
  return score / Math.sqrt(untiedX * untiedY);
}

/** Pairs (i, j) with a[i] > b[j], an equal pair counted half: the U statistic of `a`. */
export function winsOver(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const both = new Float64Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  const rank = ranks(both);
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += rank[i];
  return sum - (a.length * (a.length + 1)) / 2;
}

/**
 * Cliff's delta: how much likelier a value of `a` is above one of `b` than below it, from -1 to 1 (Cliff 1993).
 * NaN when a sample is empty.
 */
export function cliffsDelta(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return (2 * winsOver(a, b)) / (a.length * b.length) - 1;
}
