/** A non-decreasing function of a score: linear between its points, constant beyond them. */
export interface IsotonicMap {
  readonly scores: Float64Array;
  readonly values: Float64Array;
}

/**
 * Isotonic regression of 0/1 labels on scores: the non-decreasing values nearest to the labels in the sum of squares
 * (pool adjacent violators). Equal scores share one value. With fewer than about thirty right answers it overfits.
 */
export function fitIsotonic(scores: Float64Array, labels: Uint8Array): IsotonicMap {
  const order = [...scores.keys()].sort((a, b) => scores[a] - scores[b]);
  const blocks: { from: number; to: number; sum: number; weight: number }[] = [];
  for (const i of order) {
    const last = blocks.at(-1);
    if (last !== undefined && last.to === scores[i]) {
      last.sum += labels[i];
      last.weight++;
    } else {
      blocks.push({ from: scores[i], to: scores[i], sum: labels[i], weight: 1 });
    }
  }
  const pooled: typeof blocks = [];
  for (const block of blocks) {
    let current = { ...block };
    for (let last = pooled.at(-1); last !== undefined; last = pooled.at(-1)) {
      if (last.sum * current.weight < current.sum * last.weight) break;
      pooled.pop();
      current = {
        from: last.from,
        to: current.to,
        sum: last.sum + current.sum,
        weight: last.weight + current.weight,
      };
    }
    pooled.push(current);
  }
  const points = pooled.flatMap(({ from, to, sum, weight }) =>
    from === to
      ? [[from, sum / weight]]
      : [
          [from, sum / weight],
          [to, sum / weight],
        ],
  );
  return {
    scores: Float64Array.from(points, ([score]) => score),
    values: Float64Array.from(points, ([, value]) => value),
  };
}

/** The value at a score. Allocates nothing; at least one point is expected. */
export function isotonicValue(map: IsotonicMap, score: number): number {
  const { scores, values } = map;
  let low = 0;
  let high = scores.length - 1;
  if (score <= scores[0]) return values[0];
  if (score >= scores[high]) return values[high];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (scores[middle] <= score) low = middle;
    else high = middle;
  }
  const share = (score - scores[low]) / (scores[high] - scores[low]);
  return values[low] + share * (values[high] - values[low]);
}
