import { Stream } from "../numeric/random.ts";
import type { RecordedTrace } from "./records.ts";

/** Lengths are log-uniform between these. */
const PROMPT_TOKENS = [16, 128] as const;
const OUTPUT_TOKENS = [4, 48] as const;

/** Longest sequence that a trace holds. */
export const LONGEST_TOKENS = PROMPT_TOKENS[1] + OUTPUT_TOKENS[1];

/**
 * A Poisson trace.
 *
 * @param requestsPerSecond Infinity: all arrive at once
 */
export function makeTrace(
  seed: string,
  purpose: string,
  requests: number,
  requestsPerSecond: number,
): RecordedTrace {
  const gaps = new Stream(seed, `${purpose}-arrivals`);
  const lengths = new Stream(seed, `${purpose}-lengths`);
  const arrivalNs = new Float64Array(requests);
  const promptTokens = new Int32Array(requests);
  const outputTokens = new Int32Array(requests);
  let seconds = 0;
  for (let i = 0; i < requests; i++) {
    seconds += -Math.log(1 - gaps.uniform()) / requestsPerSecond;
    arrivalNs[i] = Math.round(1e9 * seconds);
    promptTokens[i] = logUniform(PROMPT_TOKENS, lengths);
    outputTokens[i] = logUniform(OUTPUT_TOKENS, lengths);
  }
  return { arrivalNs, promptTokens, outputTokens };
}

/** Requests per second in the middle half of the ends of a run that began with all its requests. */
export function capacityOf(finishNs: Float64Array): number {
  const sorted = finishNs.slice().sort();
  const low = Math.floor(sorted.length / 4);
  const high = Math.floor((3 * sorted.length) / 4);
  return ((high - low) * 1e9) / (sorted[high] - sorted[low]);
}

function logUniform([low, high]: readonly [number, number], stream: Stream): number {
  return Math.min(high, Math.floor(low * ((high + 1) / low) ** stream.uniform()));
}
