import type { Profile } from "./schema.ts";

/**
 * Milliseconds of one decode step of `batch` sequences of `contextTokens` mean context, bilinear in the
 * profile's grid: held at the first batch and context below the grid, the last cell's plane continued above.
 */
export function interpolateDecodeMs(
  { decode }: { readonly decode: Pick<Profile["decode"], "batch" | "contextTokens" | "iterationMs"> },
  batch: number,
  contextTokens: number,
): number {
  const { iterationMs } = decode;
  const [b0, b1, u] = neighbours(decode.batch, batch);
  const [c0, c1, v] = neighbours(decode.contextTokens, contextTokens);
  return (
    (1 - u) * (1 - v) * iterationMs[b0][c0] +
    (1 - u) * v * iterationMs[b0][c1] +
    u * (1 - v) * iterationMs[b1][c0] +
    u * v * iterationMs[b1][c1]
  );
}

/** Milliseconds of a prefill alone: piecewise linear, held below the grid, the last slope continued above. */
export function interpolatePrefillMs(
  { prefill }: { readonly prefill: Pick<Profile["prefill"], "promptTokens" | "latencyMs"> },
  promptTokens: number,
): number {
  const [low, high, share] = neighbours(prefill.promptTokens, promptTokens);
  return (1 - share) * prefill.latencyMs[low] + share * prefill.latencyMs[high];
}

/** Watts of one GPU while `batch` sequences decode: linear between the points, end values held outside. */
export function interpolateDecodeWatts(power: NonNullable<Profile["power"]>, batch: number): number {
  const points = power.decode;
  const [low, high, share] = neighbours(
    points.map((point) => point.batch),
    Math.min(batch, points[points.length - 1].batch),
  );
  return (1 - share) * points[low].wattsPerGpu + share * points[high].wattsPerGpu;
}

/** Indices around x in increasing `xs` and the weight of the upper: 0 below the range, above 1 beyond it. */
function neighbours(xs: readonly number[], x: number): [low: number, high: number, weight: number] {
  if (xs.length === 1 || x <= xs[0]) return [0, 0, 0];
  const above = xs.findIndex((value) => value >= x);
  const high = above === -1 ? xs.length - 1 : above;
  return [high - 1, high, (x - xs[high - 1]) / (xs[high] - xs[high - 1])];
}
