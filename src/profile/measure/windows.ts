import { mean, sampleStd } from "../../numeric/statistics.ts";
import type { Protocol, StepColumns, StopReason, TrialKind } from "./records.ts";

/** One thing that was timed: a decode step, a prompt alone, or a step with both. */
export interface Sample {
  readonly from: number;
  readonly to: number;
  /** Seconds that it took; `to - from` but for prompts, whose steps need not touch. */
  readonly seconds: number;
  readonly prefillTokens: number;
  readonly decodeSequences: number;
  /** Mean of the decoding sequences. */
  readonly contextTokens: number;
}

/** Consecutive samples, at least a window's length together. */
export interface Window {
  readonly from: number;
  readonly to: number;
  readonly samples: readonly Sample[];
  /** Mean of its samples. */
  readonly seconds: number;
}

/**
 * What the steps of a trial time. Decode: the steady steps. Prefill: one for each prompt, the sum of the steps that read
 * it; one cut off by the end is left out. Mixed: the steps that do both.
 */
export function samplesOf(kind: TrialKind, promptTokens: number, steps: StepColumns): Sample[] {
  const samples: Sample[] = [];
  let from = 0;
  let tokens = 0;
  let seconds = 0;
  for (let i = 0; i < steps.startSeconds.length; i++) {
    const duration = steps.endSeconds[i] - steps.startSeconds[i];
    const decodeSequences = steps.decodeSequences[i];
    const prefillTokens = steps.prefillTokens[i];
    const contextTokens = decodeSequences === 0 ? 0 : steps.contextTokens[i] / decodeSequences;
    const of = { to: steps.endSeconds[i], decodeSequences, contextTokens };
    if (kind === "prefill") {
      if (tokens === 0) from = steps.startSeconds[i];
      tokens += prefillTokens;
      seconds += duration;
      if (tokens < promptTokens) continue;
      samples.push({ ...of, from, seconds, prefillTokens: tokens });
      tokens = 0;
      seconds = 0;
      continue;
    }
    const counts = kind === "decode" ? steps.steady[i] === 1 : prefillTokens > 0 && decodeSequences > 0;
    if (counts) samples.push({ ...of, from: steps.startSeconds[i], seconds: duration, prefillTokens });
  }
  return samples;
}

/** Groups samples into windows; what is left at the end and does not fill one is dropped. */
export function windowsOf(samples: readonly Sample[], windowSeconds: number): Window[] {
  const windows: Window[] = [];
  let first = 0;
  let seconds = 0;
  for (let i = 0; i < samples.length; i++) {
    seconds += samples[i].seconds;
    // Sums of step times may miss the length by rounding alone.
    if (seconds < windowSeconds * (1 - 1e-9)) continue;
    const inside = samples.slice(first, i + 1);
    windows.push({
      from: inside[0].from,
      to: samples[i].to,
      samples: inside,
      seconds: seconds / inside.length,
    });
    first = i + 1;
    seconds = 0;
  }
  return windows;
}

/** Of the windows' means, which are nearly independent where steps are not; null for fewer than two. */
export function relativeStandardError(windows: readonly Window[]): number | null {
  if (windows.length < 2) return null;
  const means = windows.map(({ seconds }) => seconds);
  return sampleStd(means) / Math.sqrt(means.length) / mean(means);
}

/** Windows that have to agree before the measurement begins, and how well. */
const SETTLED_WINDOWS = 3;
const SETTLED_SPREAD = 0.02;

/** Whether the last three windows lie within 2 %: caches, clocks and allocators have settled. */
export function isSettled(windows: readonly Window[]): boolean {
  if (windows.length < SETTLED_WINDOWS) return false;
  const last = windows.slice(-SETTLED_WINDOWS).map(({ seconds }) => seconds);
  return Math.max(...last) <= (1 + SETTLED_SPREAD) * Math.min(...last);
}

/**
 * Why a trial may end: `error` once the windows tell the mean well enough, `time` at the limit; null to go on.
 *
 * @param windows that count: clean ones
 * @param elapsedSeconds since the measurement began
 */
export function stopReasonOf(
  windows: readonly Window[],
  elapsedSeconds: number,
  protocol: Pick<Protocol, "leastWindows" | "leastSteps" | "targetError" | "mostSeconds">,
): StopReason | null {
  const steps = windows.reduce((sum, { samples }) => sum + samples.length, 0);
  const error = relativeStandardError(windows);
  if (
    windows.length >= protocol.leastWindows &&
    steps >= protocol.leastSteps &&
    error !== null &&
    error < protocol.targetError
  ) {
    return "error";
  }
  return elapsedSeconds >= protocol.mostSeconds ? "time" : null;
}
