import { quantileOf } from "../../numeric/quantile.ts";
import { mean, sampleStd, studentInterval } from "../../numeric/statistics.ts";
import { joulesOf } from "../measure/window-energy.ts";
import type { Profile } from "../schema.ts";
import { ttftMs } from "./prefill-curve.ts";
import type { PointRecord, RequestRecord, ServerRecords } from "./records.ts";
import { idleWattsPerGpu } from "./server-power.ts";
import { tokensPerChunk } from "./steps.ts";
import type { Trial } from "./trial.ts";

/**
 * A decode point over its trials.
 *
 * @param throttledWindows of all its trials, those left out among them
 */
export function pointOf(
  { power }: ServerRecords,
  trials: readonly Trial[],
  throttledWindows: number,
): NonNullable<Profile["points"]>[number] {
  const [{ point }] = trials;
  const milliseconds = trials.flatMap(({ steps }) => steps.steps.map(({ seconds }) => 1e3 * seconds));
  const means = trials.map(({ stepMs }) => stepMs);
  const interval = means.length < 2 ? null : studentInterval(means);
  const windowed = trials.flatMap(({ point: { requests, window } }) =>
    requests.filter(({ chunkSeconds }) => inWindow(chunkSeconds[0], window)),
  );
  const finished = trials.flatMap(({ point: { requests, window } }) =>
    requests.filter(
      ({ outcome, chunkSeconds }) =>
        outcome === "completed" && chunkSeconds.length > 1 && inWindow(chunkSeconds.at(-1), window),
    ),
  );
  const seconds = trials.reduce((sum, trial) => sum + trial.seconds, 0);
  const tokens = trials.reduce((sum, { steps }) => sum + steps.tokens, 0);
  const promptTokens = windowed.reduce((sum, request) => sum + request.promptTokens, 0);
  const joules = power === null ? null : sumOrNull(trials.map(({ energy }) => joulesOf(energy)));
  const gpus = power?.samples.gpus.length ?? 0;
  const idle = power === null ? null : idleWattsPerGpu(power);
  return {
    provenance: "measured",
    batch: point.concurrency,
    promptTokens: point.promptTokens,
    contextTokens: Math.round(mean(trials.map(({ contextTokens }) => contextTokens))),
    stepMs: {
      mean: mean(means),
      p50: quantileOf(milliseconds, 0.5),
      p90: quantileOf(milliseconds, 0.9),
      p99: quantileOf(milliseconds, 0.99),
      min: milliseconds.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY),
      max: milliseconds.reduce((most, value) => Math.max(most, value), 0),
      ciLow: interval?.low ?? null,
      ciHigh: interval?.high ?? null,
    },
    ttftMs: windowed.length === 0 ? null : mean(windowed.map(ttftMs)),
    tpotMs: finished.length === 0 ? null : mean(finished.map(tpotMs)),
    prefillTokensPerSecond: promptTokens / seconds,
    decodeTokensPerSecond: tokens / seconds,
    wattsPerGpu: joules === null ? null : joules / seconds / gpus,
    joulesPerToken: joules === null || tokens === 0 ? null : joules / tokens,
    joulesPerTokenNetOfIdle:
      joules === null || idle === null || tokens === 0 ? null : (joules - idle * gpus * seconds) / tokens,
    mbu: null,
    mfu: null,
    trials: trials.length,
    relativeStandardError: relativeStandardError(trials),
    throttledWindows,
    contaminated: trials.some(({ preempted, point: { metricsAfter, concurrency } }) => {
      return preempted || (metricsAfter?.running ?? 0) > concurrency;
    }),
  };
}

function inWindow(seconds: number | undefined, window: PointRecord["window"]): boolean {
  return (
    seconds !== undefined && window !== null && seconds >= window.fromSeconds && seconds < window.toSeconds
  );
}

function tpotMs(request: RequestRecord): number {
  const { chunkSeconds } = request;
  const last = chunkSeconds[chunkSeconds.length - 1];
  return (1e3 * (last - chunkSeconds[0])) / ((chunkSeconds.length - 1) * tokensPerChunk(request));
}

/** Of means over seconds: single steps of one batch are not independent. */
function relativeStandardError(trials: readonly Trial[]): number | null {
  const means: number[] = [];
  for (const { steps } of trials) {
    const bySecond = new Map<number, number[]>();
    for (const { atSeconds, seconds } of steps.steps) {
      const second = Math.floor(atSeconds);
      const of = bySecond.get(second);
      if (of === undefined) bySecond.set(second, [seconds]);
      else of.push(seconds);
    }
    for (const values of bySecond.values()) means.push(mean(values));
  }
  return means.length < 3 ? null : sampleStd(means) / Math.sqrt(means.length) / mean(means);
}

function sumOrNull(values: readonly (number | null)[]): number | null {
  return values.reduce<number | null>(
    (sum, value) => (sum === null || value === null ? null : sum + value),
    0,
  );
}
