import { mean } from "../../numeric/statistics.ts";
import { interpolateDecodeMs, interpolatePrefillMs } from "../interpolate.ts";
import type { Profile } from "../schema.ts";
import type { Grids } from "./grids.ts";
import type { PointSummary } from "./summary.ts";

/** What steps with prompts and decoding sequences take, as the profile's rule and overhead. */
export type MixedRule = Pick<Profile, "mixed" | "overhead" | "overheadReason">;

/**
 * The rule that comes nearer to measured mixed steps: `max`, or `add` with the overhead that makes it right on average,
 * which is the time that the sum counts twice. Without such steps `add`, of unknown overhead.
 */
export function mixedRuleOf(grids: Pick<Grids, "decode" | "prefill">, point: PointSummary | null): MixedRule {
  const reason = "no step with both prompts and decoding sequences was measured";
  if (point === null) return { mixed: { rule: "add" }, overhead: null, overheadReason: reason };
  const steps = point.samples.map(({ seconds, decodeSequences, contextTokens, prefillTokens }) => ({
    measuredMs: 1e3 * seconds,
    decodeMs: interpolateDecodeMs(grids, decodeSequences, contextTokens),
    prefillMs: interpolatePrefillMs(grids, prefillTokens),
  }));
  const most = Math.min(grids.decode.iterationMs[0][0], grids.prefill.latencyMs[0]);
  const counted = mean(steps.map(({ measuredMs, decodeMs, prefillMs }) => decodeMs + prefillMs - measuredMs));
  const overheadMs = Math.min(most, Math.max(0, counted));
  const error = (predicted: (step: (typeof steps)[number]) => number) =>
    mean(steps.map((step) => Math.abs(predicted(step) / step.measuredMs - 1)));
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
