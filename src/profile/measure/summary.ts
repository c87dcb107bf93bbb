import { quantileOf } from "../../numeric/quantile.ts";
import { mean, sampleStd, studentInterval } from "../../numeric/statistics.ts";
import type { PointKey, Protocol, TrialRecord } from "./records.ts";
import { isClean, type JudgedWindow, judgedWindows } from "./trial-windows.ts";
import { relativeStandardError, type Sample } from "./windows.ts";

/** What the trials of one point amount to. */
export interface PointSummary {
  readonly key: PointKey;
  readonly trials: number;
  /** Every sample that counts. */
  readonly samples: readonly Sample[];
  /** Mean of the trials' means, of a step or of a prompt. */
  readonly meanMs: number;
  /** The larger of that within and that between trials; never below what clocks resolve. */
  readonly standardErrorMs: number;
  /** Of the windows within trials; null for fewer than two. */
  readonly relativeStandardError: number | null;
  /** 95 % by trials; null for one. */
  readonly interval: { readonly low: number; readonly high: number } | null;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly leastMs: number;
  readonly mostMs: number;
  /** Mean over the samples; of a sequence. */
  readonly contextTokens: number;
  /** Windows in which others worked are among those that count: there were too few others. */
  readonly contaminated: boolean;
  readonly throttledWindows: number;
  readonly discardedWindows: number;
  readonly energy: PointEnergy | null;
}

/** Over the windows whose energy the meters tell. */
export interface PointEnergy {
  readonly joules: number;
  readonly seconds: number;
  readonly samples: number;
  /** By each method; null where it tells of no window. */
  readonly countedWatts: number | null;
  readonly integratedWatts: number | null;
}

/** Clean windows of a trial below which all of them count, and the point is marked. */
const FEWEST_CLEAN = 3;
/** Where a single window says nothing of its scatter. */
const UNKNOWN_ERROR = 0.05;
/** Shares of a mean below which clocks and rounding decide. */
const LEAST_ERROR = 1e-4;

/** @returns null where no trial has a whole window */
export function summaryOf(
  trials: readonly TrialRecord[],
  protocol: Pick<Protocol, "windowSeconds">,
  threads: number,
): PointSummary | null {
  const used: JudgedWindow[][] = [];
  let discardedWindows = 0;
  let throttledWindows = 0;
  for (const trial of trials) {
    const windows = judgedWindows(trial, protocol.windowSeconds, threads);
    const clean = windows.filter(isClean);
    const counted = clean.length >= FEWEST_CLEAN ? clean : windows;
    if (counted.length === 0) continue;
    used.push(counted);
    discardedWindows += windows.length - counted.length;
    throttledWindows += windows.filter(({ throttled }) => throttled).length;
  }
  if (used.length === 0) return null;
  const samples = used.flatMap((windows) => windows.flatMap((window) => window.samples));
  const milliseconds = samples.map(({ seconds }) => 1e3 * seconds);
  const means = used.map(meanMsOf);
  const meanMs = mean(means);
  const within = withinTrials(used);
  const between = means.length < 2 ? 0 : sampleStd(means) / Math.sqrt(means.length) / meanMs;
  const [first] = trials;
  return {
    key: {
      kind: first.kind,
      layers: first.layers,
      batch: first.batch,
      contextTokens: first.contextTokens,
      promptTokens: first.promptTokens,
      outputTokens: first.outputTokens,
    },
    trials: used.length,
    samples,
    meanMs,
    standardErrorMs: meanMs * Math.max(within ?? UNKNOWN_ERROR, between, LEAST_ERROR),
    relativeStandardError: within,
    interval: means.length < 2 ? null : studentInterval(means),
    p50: quantileOf(milliseconds, 0.5),
    p90: quantileOf(milliseconds, 0.9),
    p99: quantileOf(milliseconds, 0.99),
    leastMs: milliseconds.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY),
    mostMs: milliseconds.reduce((most, value) => Math.max(most, value), 0),
    contextTokens: mean(samples.map(({ contextTokens }) => contextTokens)),
    contaminated: used.some((windows) => windows.some(({ contaminated }) => contaminated)),
    throttledWindows,
    discardedWindows,
    energy: energyOf(used.flat()),
  };
}

function meanMsOf(windows: readonly JudgedWindow[]): number {
  const samples = windows.flatMap((window) => window.samples);
  return (1e3 * samples.reduce((sum, { seconds }) => sum + seconds, 0)) / samples.length;
}

/** Relative standard error of the mean over trials, from the scatter of windows inside each. */
function withinTrials(trials: readonly (readonly JudgedWindow[])[]): number | null {
  const errors = trials.map(relativeStandardError);
  if (errors.some((error) => error === null)) return null;
  return Math.hypot(...(errors as number[])) / errors.length;
}

/** By the counter where it tells the energy of windows at all, else by the integral. */
function energyOf(windows: readonly JudgedWindow[]): PointEnergy | null {
  const counted = sumOver(windows, ({ energy }) => energy?.countedJoules ?? null);
  const integrated = sumOver(windows, ({ energy }) => energy?.integratedJoules ?? null);
  const used = counted ?? integrated;
  if (used === null) return null;
  return {
    ...used,
    countedWatts: counted === null ? null : counted.joules / counted.seconds,
    integratedWatts: integrated === null ? null : integrated.joules / integrated.seconds,
  };
}

/** Over the windows that tell; a counter does not tell that of the last, after which it changed no more. */
function sumOver(windows: readonly JudgedWindow[], joulesOf: (window: JudgedWindow) => number | null) {
  let joules = 0;
  let seconds = 0;
  let samples = 0;
  for (const window of windows) {
    const inWindow = joulesOf(window);
    if (inWindow === null) continue;
    joules += inWindow;
    seconds += window.to - window.from;
    samples += window.samples.length;
  }
  return seconds === 0 ? null : { joules, seconds, samples };
}
