/** Looking numbers up in tables that were measured at a few places. */

/** The neighbours of x among increasing `xs` and the weight of the upper; outside, the end itself. */
export function bracket(xs: readonly number[], x: number): [low: number, high: number, weight: number] {
  const first = xs[0];
  const last = xs[xs.length - 1];
  if (x <= first) return [first, first, 0];
  if (x >= last) return [last, last, 0];
  const i = xs.findIndex((value) => value >= x);
  if (xs[i] === x) return [x, x, 0];
  return [xs[i - 1], xs[i], (x - xs[i - 1]) / (xs[i] - xs[i - 1])];
}

/** A time by size, with sizes in increasing order. */
export interface Curve {
  readonly sizes: readonly number[];
  readonly times: ReadonlyMap<number, number>;
}

/** A curve in which no size takes longer than a larger one: isolated slow outliers go. */
export function monotoneCurve(measured: ReadonlyMap<number, number>): Curve {
  const sizes = [...measured.keys()].sort((a, b) => a - b);
  const times = new Map<number, number>();
  let best = Number.POSITIVE_INFINITY;
  for (const size of sizes.toReversed()) {
    best = Math.min(best, measured.get(size) as number);
    times.set(size, best);
  }
  return { sizes, times };
}

/** Linear between the sizes, held outside. */
export function timeAt({ sizes, times }: Curve, size: number): number {
  const [low, high, weight] = bracket(sizes, size);
  return (times.get(low) as number) * (1 - weight) + (times.get(high) as number) * weight;
}

export function lastOf(values: readonly number[]): number {
  return values[values.length - 1];
}
