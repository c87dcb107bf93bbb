import { mean } from "../../numeric/statistics.ts";
import { interpolateDecodeMs, interpolatePrefillMs } from "../interpolate.ts";
import type { Profile } from "../schema.ts";
import type { Grids } from "./grids.ts";
import type { PointSummary } from "./summary.ts";

/** What steps with prompts and decoding sequences take, as the profile's rule and overhead. */
export type MixedRule = Pick<Profile, "mixed" | "overhead" | "overheadReason">;

/**
 * The rule that comes nearer to measured mixed steps: `max`, or `add` with the overhead that makes its relative errors
 * least in squares, which is the time that the sum counts twice. Each point counts as one, by the means of its steps.
 * Without such points `add`, of unknown overhead.
 */
export function mixedRuleOf(
  grids: Pick<Grids, "decode" | "prefill">,
  points: readonly Pick<PointSummary, "samples">[],
): MixedRule {
  const reason = "no step with both prompts and decoding sequences was measured";
  if (points.length === 0) return { mixed: { rule: "add" }, overhead: null, overheadReason: reason };
  const means = points.map(({ samples }) => ({
    measuredMs: mean(samples.map(({ seconds }) => 1e3 * seconds)),
    decodeMs: mean(
      samples.map(({ decodeSequences, contextTokens }) =>
        interpolateDecodeMs(grids, decodeSequences, contextTokens),
      ),
    ),
    prefillMs: mean(samples.map(({ prefillTokens }) => interpolatePrefillMs(grids, prefillTokens))),
  }));
  const most = Math.min(grids.decode.iterationMs[0][0], grids.prefill.latencyMs[0]);
  const weights = means.map(({ measuredMs }) => 1 / measuredMs ** 2);
  const counted = means.map(({ measuredMs, decodeMs, prefillMs }) => decodeMs + prefillMs - measuredMs);
  const leastSquares =
    counted.reduce((sum, value, i) => sum + weights[i] * value, 0) / weights.reduce((sum, w) => sum + w, 0);
  const overheadMs = Math.min(most, Math.max(0, leastSquares));
  const error = (predicted: (step: (typeof means)[number]) => number) =>
    mean(means.map((step) => Math.abs(predicted(step) / step.measuredMs - 1)));
  const add = error(({ decodeMs, prefillMs }) => decodeMs + prefillMs - overheadMs);
  const max = error(({ decodeMs, prefillMs }) => Math.max(decodeMs, prefillMs));
  if (max < add) {
    return {
      mixed: { rule: "max", provenance: "measured" },
      overhead: null,
      overheadReason: "the rule `max` needs none",
    };
  }
  return {
    mixed: { rule: "add", provenance: "measured" },
    overhead: { baseMs: overheadMs, perSequenceMs: 0 },
  };
}
