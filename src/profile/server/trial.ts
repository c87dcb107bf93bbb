import { mean } from "../../numeric/statistics.ts";
import { energyOfWindow, type WindowEnergy } from "../measure/window-energy.ts";
import type { PointRecord, ServerRecords } from "./records.ts";
import { type PointSteps, stepsOf } from "./steps.ts";

/** A trial with fewer decode steps than this says nothing. */
const FEWEST_STEPS = 30;

/** One trial of one cell; `problem` says why it does not count. */
export interface Trial {
  readonly point: PointRecord;
  readonly steps: PointSteps;
  /** Length of its window; 0 without one. */
  readonly seconds: number;
  readonly stepMs: number;
  readonly contextTokens: number;
  readonly energy: WindowEnergy | null;
  readonly preempted: boolean;
  /** Heat or hardware held a clock down. */
  readonly throttled: boolean;
  readonly problem: string | undefined;
}

/** @param usualPerChunk tokens of a chunk where the server did not tell its count */
export function trialOf({ power }: ServerRecords, point: PointRecord, usualPerChunk: number): Trial {
  const steps = stepsOf(point, usualPerChunk);
  const { window, metricsBefore, metricsAfter } = point;
  const preemptions = (metricsAfter?.preemptions ?? 0) - (metricsBefore?.preemptions ?? 0);
  const energy =
    power === null || window === null
      ? null
      : energyOfWindow(power.samples, window.fromSeconds, window.toSeconds);
  return {
    point,
    steps,
    seconds: window === null ? 0 : window.toSeconds - window.fromSeconds,
    stepMs: 1e3 * mean(steps.steps.map(({ seconds }) => seconds)),
    contextTokens: mean(steps.steps.map(({ contextTokens }) => contextTokens)),
    energy,
    preempted: preemptions > 0,
    throttled: energy?.throttled ?? false,
    problem: problemOf(point, steps),
  };
}

function problemOf(point: PointRecord, { steps, mostDecoding }: PointSteps): string | undefined {
  const where = `concurrency ${point.concurrency}, prompts of ${point.promptTokens} tokens, trial ${point.trial + 1}`;
  if (point.window === null) {
    const failures = new Map<string, number>();
    for (const { message } of point.requests) {
      if (message !== "") failures.set(message, (failures.get(message) ?? 0) + 1);
    }
    const [worst] = [...failures].sort((a, b) => b[1] - a[1]);
    const why =
      worst === undefined ? "the first tokens were too long in coming" : `${worst[1]} x ${worst[0]}`;
    return `${where}: not every stream got a token (${why})`;
  }
  if (mostDecoding < point.concurrency) {
    return `${where}: only ${mostDecoding} streams decoded at once; the server may be limited to a smaller batch`;
  }
  if (steps.length < FEWEST_STEPS) {
    return `${where}: ${steps.length} steps without a prompt beside them in the window, expected ${FEWEST_STEPS}; give a longer --window or more --output-tokens`;
  }
  return undefined;
}
