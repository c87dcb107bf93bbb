/** Random runs under a blind router, and what came of them, for tests that compare a run with a changed one. */
import fc from "fast-check";
import { expect } from "vitest";
import type { RunOptions, RunTotals } from "../../src/simulator/options.ts";
import { simulate } from "../../src/simulator/simulate.ts";
import { arbitraryRun, optionsFrom, type RunConfig } from "../oracle/arbitrary.ts";
import { type RecordedRow, recordingSink } from "../oracle/build.ts";
import { type CycleOptions, cycleRouter } from "./cycle-router.ts";

export interface Outcome {
  /** In order of request number: the order of the ends depends on when the run looked. */
  readonly rows: readonly RecordedRow[];
  readonly totals: RunTotals;
}

export function outcomeOf(options: RunOptions): Outcome {
  const sink = recordingSink();
  const totals = simulate(options, sink);
  return { rows: [...sink.rows].sort((a, b) => a.id - b.id), totals };
}

/** The options of a random run with a router that knows nothing of time, load, signals and indices. */
export function blindly(config: RunConfig, router: CycleOptions = {}): RunOptions {
  return { ...optionsFrom(config), router: cycleRouter(router) };
}

export function forRandomRuns(check: (config: RunConfig) => void, numRuns = 30): void {
  fc.assert(fc.property(arbitraryRun, check), {
    numRuns,
    seed: 20,
    // Shrinking a failure may take minutes.
    interruptAfterTimeLimit: 20_000,
    markInterruptAsFailure: true,
  });
}

/** Columns that are points or lengths of time, and those that are charges. */
export const TIMES = [
  "arrivalSeconds",
  "deadlineSeconds",
  "dispatchedSeconds",
  "heldSeconds",
  "startedSeconds",
  "firstTokenSeconds",
  "finishedSeconds",
  "ttftSeconds",
  "e2eSeconds",
] as const;
export const CHARGES = ["energyJoules", "costUsd", "carbonGrams", "waterLitres"] as const;

/** A copy with some numbers of its own changed. */
export function changed<T extends object, K extends keyof T>(
  of: T,
  names: readonly K[],
  change: (value: number) => number,
): T {
  const copy = { ...of };
  for (const name of names) (copy[name] as number) = change(of[name] as number);
  return copy;
}

/** Requests carry what the replicas used: nothing is lost with a fault, nothing invented. */
export function expectBalance(rows: readonly RecordedRow[], totals: RunTotals): void {
  const { endpoints } = totals;
  const metered = {
    energyJoules: sumOf(endpoints, (e) => e.activeJoules),
    costUsd: sumOf(endpoints, (e) => e.busyUsd),
    carbonGrams: sumOf(endpoints, (e) => e.activeGrams),
  };
  for (const name of ["energyJoules", "costUsd", "carbonGrams"] as const) {
    const carried = sumOf(rows, (row) => row[name]);
    expect(Math.abs(carried - metered[name]), name).toBeLessThanOrEqual(1e-9 * metered[name]);
  }
}

export function sumOf<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((total, value) => total + of(value), 0);
}
