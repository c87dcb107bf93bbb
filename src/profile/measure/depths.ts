import { UserError } from "../../errors.ts";
import type { PointSummary } from "./summary.ts";

/** Two points noisier than this give no line. */
const MOST_NOISE = 0.03;

/** A time and its standard error, in ms. */
export interface Estimate {
  readonly meanMs: number;
  readonly standardErrorMs: number;
}

/**
 * The time at a depth that was not run, by the line through two that were: embedding, head and launches once, layers in
 * proportion.
 *
 * @throws UserError CANOPY_MEASURE_DEPTHS where one of the two is noisy or the deeper model is not the slower one
 */
export function atDepth(shallow: PointSummary, deep: PointSummary, layers: number): Estimate {
  const n1 = shallow.key.layers;
  const n2 = deep.key.layers;
  for (const point of [shallow, deep]) {
    const noise = point.standardErrorMs / point.meanMs;
    if (noise <= MOST_NOISE && !point.contaminated) continue;
    const why = point.contaminated
      ? "others worked on the host meanwhile"
      : `its standard error is ${(100 * noise).toFixed(1)} %, expected ${100 * MOST_NOISE} %`;
    throw new UserError(
      "CANOPY_MEASURE_DEPTHS",
      `${nameOf(point)} with ${point.key.layers} layers is too noisy to extrapolate from: ${why}; measure again on a quiet host`,
      { exitCode: 1 },
    );
  }
  if (deep.meanMs <= shallow.meanMs) {
    throw new UserError(
      "CANOPY_MEASURE_DEPTHS",
      `${nameOf(deep)}: ${n2} layers take ${deep.meanMs.toPrecision(4)} ms, no longer than the ${shallow.meanMs.toPrecision(4)} ms of ${n1}: expected depths that lie further apart`,
      { exitCode: 1 },
    );
  }
  const share = (layers - n1) / (n2 - n1);
  return {
    meanMs: shallow.meanMs + share * (deep.meanMs - shallow.meanMs),
    standardErrorMs: Math.hypot((1 - share) * shallow.standardErrorMs, share * deep.standardErrorMs),
  };
}

/** A point in words. */
export function nameOf({ key }: Pick<PointSummary, "key">): string {
  return key.kind === "prefill"
    ? `prefill of ${key.promptTokens} tokens`
    : `batch ${key.batch} at context ${key.contextTokens}`;
}
