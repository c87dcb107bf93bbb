import { quantileOf } from "../../numeric/quantile.ts";
import type { LatencySummary, MeasuredRequest, MeasuredSummary } from "./measured-run.ts";

/** Figures of single requests: percentiles of type 7, rates from the first start to the last end. */
export function summarise(requests: readonly MeasuredRequest[]): MeasuredSummary {
  const ttft = requests.flatMap(({ ttftSeconds }) => ttftSeconds ?? []);
  const tpot = requests.flatMap(({ ttftSeconds, e2eSeconds, outputTokens }) =>
    ttftSeconds === null || outputTokens < 2 ? [] : (e2eSeconds - ttftSeconds) / (outputTokens - 1),
  );
  const seconds = spanSeconds(requests);
  const outputs = requests.reduce((sum, { outputTokens }) => sum + outputTokens, 0);
  return {
    ttft: latency(ttft),
    tpot: latency(tpot),
    e2e: latency(requests.map(({ e2eSeconds }) => e2eSeconds)),
    requestsPerSecond: seconds === null ? null : requests.length / seconds,
    outputTokensPerSecond: seconds === null ? null : outputs / seconds,
  };
}

/** From the first start to the last end; null without times. */
function spanSeconds(requests: readonly MeasuredRequest[]): number | null {
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  for (const { startSeconds, e2eSeconds } of requests) {
    if (startSeconds === null) return null;
    first = Math.min(first, startSeconds);
    last = Math.max(last, startSeconds + e2eSeconds);
  }
  return last > first ? last - first : null;
}

function latency(values: readonly number[]): LatencySummary {
  if (values.length === 0) return {};
  const at = (q: number) => quantileOf(values, q);
  return {
    mean: values.reduce((sum, value) => sum + value, 0) / values.length,
    p50: at(0.5),
    p90: at(0.9),
    p95: at(0.95),
    p99: at(0.99),
  };
}
