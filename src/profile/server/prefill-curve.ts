import { quantileOf } from "../../numeric/quantile.ts";
import type { PointRecord, RequestRecord } from "./records.ts";

/** Prompts of one length that have to come through. */
const FEWEST_PREFILLS = 3;

/** Prompts alone: median time to the first token by length. */
export interface PrefillCurve {
  readonly promptTokens: readonly number[];
  readonly latencyMs: readonly number[];
  /** The point of the longest prompts, which the power of prefill is read from. */
  readonly longest: PointRecord | undefined;
  /** Lengths that could not be measured, and why. */
  readonly dropped: readonly string[];
}

export function prefillOf(points: readonly PointRecord[]): PrefillCurve {
  const promptTokens: number[] = [];
  const latencyMs: number[] = [];
  const dropped: string[] = [];
  let longest: PointRecord | undefined;
  for (const point of points
    .filter(({ kind }) => kind === "prefill")
    .sort((a, b) => a.promptTokens - b.promptTokens)) {
    const counted = countedPrefills(point);
    if (counted.length < FEWEST_PREFILLS) {
      const [failure] = point.requests.filter(({ message }) => message !== "");
      dropped.push(
        `prefill of ${point.promptTokens} tokens: ${counted.length} of ${FEWEST_PREFILLS} prompts came through${failure === undefined ? "" : ` (${failure.message})`}`,
      );
      continue;
    }
    longest = point;
    promptTokens.push(point.promptTokens);
    latencyMs.push(quantileOf(counted.map(ttftMs), 0.5));
  }
  return { promptTokens, latencyMs, longest, dropped };
}

/** Those inside the window with a first token. */
function countedPrefills({ requests, window }: PointRecord): RequestRecord[] {
  return requests.filter(
    ({ sentSeconds, chunkSeconds }) => chunkSeconds.length > 0 && sentSeconds >= (window?.fromSeconds ?? 0),
  );
}

export function ttftMs({ chunkSeconds, sentSeconds }: RequestRecord): number {
  return 1e3 * (chunkSeconds[0] - sentSeconds);
}
