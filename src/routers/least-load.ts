import type { TelemetryView } from "./contract.ts";

/** What counts as an endpoint's load: requests waiting and running, places used of the batch, or tokens. */
export type LoadMeasure = "outstanding" | "utilisation" | "tokens";

export function loadColumn(telemetry: TelemetryView, by: LoadMeasure): Float64Array {
  if (by === "outstanding") return telemetry.outstanding;
  return by === "tokens" ? telemetry.outstandingTokens : telemetry.utilisation;
}

/**
 * The candidate with the least load; ties by outstanding tokens, then by index. -1 when none is up and not
 * blocked. An endpoint without a serving replica looks idle in every column and is therefore asked last.
 */
export function leastLoadedOf(
  telemetry: TelemetryView,
  by: LoadMeasure,
  candidates: Int32Array,
  blocked: Uint8Array,
): number {
  const { up, replicas, outstandingTokens } = telemetry;
  const load = loadColumn(telemetry, by);
  let best = -1;
  let bestLoad = Number.POSITIVE_INFINITY;
  for (let i = 0; i < candidates.length; i++) {
    const e = candidates[i];
    if (up[e] === 0 || blocked[e] === 1) continue;
    const value = replicas[e] > 0 ? load[e] : Number.POSITIVE_INFINITY;
    const better =
      value < bestLoad || (value === bestLoad && outstandingTokens[e] < outstandingTokens[best]) || best < 0;
    if (!better) continue;
    best = e;
    bestLoad = value;
  }
  return best;
}
