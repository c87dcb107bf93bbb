import { contaminatedStretches } from "./host-load.ts";
import type { StepColumns, TrialRecord } from "./records.ts";
import { energyOfWindow, type WindowEnergy } from "./window-energy.ts";
import { samplesOf, type Window, windowsOf } from "./windows.ts";

/** A window of a trial, and what speaks against it. */
export interface JudgedWindow extends Window {
  readonly contaminated: boolean;
  readonly throttled: boolean;
  readonly energy: WindowEnergy | null;
}

export function judgedWindows(
  trial: Pick<TrialRecord, "kind" | "promptTokens" | "steps" | "host" | "power">,
  windowSeconds: number,
  threads: number,
): JudgedWindow[] {
  const bad = contaminatedStretches(trial.host, threads);
  return windowsOf(samplesOf(trial.kind, trial.promptTokens, trial.steps), windowSeconds).map((window) => {
    const energy = trial.power === null ? null : energyOfWindow(trial.power, window.from, window.to);
    return {
      ...window,
      contaminated: bad.some(({ from, to }) => from < window.to && to > window.from),
      throttled: energy?.throttled ?? false,
      energy,
    };
  });
}

export function isClean({ contaminated, throttled }: JudgedWindow): boolean {
  return !contaminated && !throttled;
}

/** Steps of consecutive stretches as one. */
export function joinSteps(parts: readonly StepColumns[]): StepColumns {
  const rows = parts.reduce((sum, { startSeconds }) => sum + startSeconds.length, 0);
  const joined: StepColumns = {
    startSeconds: new Float64Array(rows),
    endSeconds: new Float64Array(rows),
    prefillTokens: new Int32Array(rows),
    decodeSequences: new Int32Array(rows),
    contextTokens: new Int32Array(rows),
    deviceMs: new Float64Array(rows),
    steady: new Uint8Array(rows),
  };
  let at = 0;
  for (const part of parts) {
    for (const key of Object.keys(joined) as (keyof StepColumns)[]) joined[key].set(part[key], at);
    at += part.startSeconds.length;
  }
  return joined;
}
