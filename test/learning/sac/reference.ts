import type { MlpShape } from "../../../src/learning/dense/dense.ts";

/** Outputs of a network for one row, from the formula in double. */
export function reference(
  shape: MlpShape,
  parameters: ArrayLike<number>,
  inputs: readonly number[],
): number[] {
  let x = [...inputs];
  let at = 0;
  shape.activations.forEach((activation, layer) => {
    const [n, m] = [shape.sizes[layer], shape.sizes[layer + 1]];
    const below = x;
    const begin = at;
    x = Array.from({ length: m }, (_, j) => {
      const sum = below.reduce(
        (s, value, i) => s + value * parameters[begin + i * m + j],
        parameters[begin + n * m + j],
      );
      return activation === "relu" ? Math.max(0, sum) : activation === "tanh" ? Math.tanh(sum) : sum;
    });
    at += (n + 1) * m;
  });
  return x;
}

/** Central differences of a function of some numbers. */
export function differences(of: ArrayLike<number>, value: (moved: Float64Array) => number): number[] {
  const moved = Float64Array.from(of);
  return Array.from(moved, (at, i) => {
    moved[i] = at + 1e-6;
    const above = value(moved);
    moved[i] = at - 1e-6;
    const below = value(moved);
    moved[i] = at;
    return (above - below) / 2e-6;
  });
}

/** |a - b| over |b|, both taken as vectors. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [miss, size] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    miss += (a[i] - b[i]) ** 2;
    size += b[i] ** 2;
  }
  return Math.sqrt(miss / size);
}
