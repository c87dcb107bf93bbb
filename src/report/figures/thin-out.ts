/** Columns of a series: points in rising order of x, and its ribbon where it has one. */
export interface SeriesColumns {
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
  readonly low?: ArrayLike<number>;
  readonly high?: ArrayLike<number>;
}

/** One point of a line; a y that is not finite breaks the line. */
export interface LinePoint {
  readonly x: number;
  readonly y: number;
  readonly low: number;
  readonly high: number;
}

/**
 * The points to draw: all of a short series; of a long one, for each of `buckets` equal parts of the index,
 * the points of least and greatest y, in order, so that no peak is lost. A bucket's ribbon spans all of it.
 */
export function thinOut(series: SeriesColumns, buckets = 700): LinePoint[] {
  const n = series.x.length;
  const pointAt = (i: number, low: number, high: number): LinePoint => ({
    x: series.x[i],
    y: series.y[i],
    low,
    high,
  });
  const lowAt = (i: number): number => series.low?.[i] ?? series.y[i];
  const highAt = (i: number): number => series.high?.[i] ?? series.y[i];
  if (n <= 2 * buckets) return Array.from({ length: n }, (_, i) => pointAt(i, lowAt(i), highAt(i)));
  const points: LinePoint[] = [];
  for (let b = 0; b < buckets; b++) {
    const from = Math.floor((b * n) / buckets);
    const to = Math.floor(((b + 1) * n) / buckets);
    let least = from;
    let greatest = from;
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (let i = from; i < to; i++) {
      if (series.y[i] < series.y[least]) least = i;
      if (series.y[i] > series.y[greatest]) greatest = i;
      low = Math.min(low, lowAt(i));
      high = Math.max(high, highAt(i));
    }
    const [first, second] = least < greatest ? [least, greatest] : [greatest, least];
    points.push(pointAt(first, low, high));
    if (second !== first) points.push(pointAt(second, low, high));
  }
  return points;
}
