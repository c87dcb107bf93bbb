import type { RunOptions, RunTotals } from "../../src/simulator/options.ts";
import { optionsFrom, type RunConfig } from "./arbitrary.ts";
import { type RecordedRow, type RecordingSink, recordingSink, type Simulate } from "./build.ts";

/**
 * Energy, cost, carbon and water are sums whose terms the two implementations add in another order (the fast path takes
 * differences of running sums): equal to this relative error. Everything else must be the same bits.
 */
const METER_TOLERANCE = 1e-9;
const METERED: ReadonlySet<string> = new Set(["energyJoules", "costUsd", "carbonGrams", "waterLitres"]);
const COUNTS: ReadonlySet<string> = new Set([
  "iterations",
  "outsideIterations",
  "preemptions",
  "placed",
  "finished",
  "promptTokens",
  "outputTokens",
]);

interface Outcome {
  readonly sink: RecordingSink;
  readonly totals: RunTotals;
  readonly calls: readonly string[];
}

function outcomeOf(simulate: Simulate, options: (log: string[]) => RunOptions): Outcome | Error {
  const sink = recordingSink();
  const calls: string[] = [];
  try {
    return { sink, totals: simulate(options(calls), sink), calls };
  } catch (error) {
    return error as Error;
  }
}

/** The first difference between two implementations on a random run, or null. */
export function firstDifference(config: RunConfig, a: Simulate, b: Simulate): string | null {
  return differenceOf((log) => optionsFrom(config, log), a, b);
}

export function differenceOf(
  options: (log: string[]) => RunOptions,
  a: Simulate,
  b: Simulate,
): string | null {
  const x = outcomeOf(a, options);
  const y = outcomeOf(b, options);
  if (x instanceof Error || y instanceof Error) {
    const what = (outcome: Outcome | Error) =>
      outcome instanceof Error ? (outcome.stack ?? outcome.message) : "ran";
    return `one run failed: ${what(x)} / ${what(y)}`;
  }
  for (let i = 0; i < Math.max(x.calls.length, y.calls.length); i++) {
    if (x.calls[i] !== y.calls[i]) return `router call ${i}: ${x.calls[i]} / ${y.calls[i]}`;
  }
  return (
    rowDifference(x.sink, y.sink) ??
    placementDifference(x.sink, y.sink) ??
    totalsDifference(x.totals, y.totals)
  );
}

function rowDifference(a: RecordingSink, b: RecordingSink): string | null {
  if (a.rows.length !== b.rows.length) return `${a.rows.length} / ${b.rows.length} rows`;
  for (const row of [...a.rows].sort((p, q) => p.id - q.id)) {
    const other = b.row(row.id);
    if (row.status !== other.status)
      return `request ${row.id}: ${row.status} (${row.reason}) / ${other.status} (${other.reason})`;
    for (const name of Object.keys(row) as (keyof RecordedRow)[]) {
      if (name === "reason" || same(name, row[name] as number, other[name] as number)) continue;
      return `request ${row.id} ${name}: ${row[name]} / ${other[name]}`;
    }
  }
  return null;
}

function same(name: string, a: number, b: number): boolean {
  if (Object.is(a, b)) return true;
  return METERED.has(name) && near(a, b);
}

function near(a: number, b: number): boolean {
  return Math.abs(a - b) <= METER_TOLERANCE * Math.max(Math.abs(a), Math.abs(b), 1e-6);
}

function placementDifference(a: RecordingSink, b: RecordingSink): string | null {
  const x = JSON.stringify([a.placements, a.weightings]);
  const y = JSON.stringify([b.placements, b.weightings]);
  return x === y ? null : `placements or weights: ${x} / ${y}`;
}

function totalsDifference(a: RunTotals, b: RunTotals): string | null {
  const names = [
    "requests",
    "finished",
    "rejected",
    "unfinished",
    "truncated",
    "deferred",
    "horizonSeconds",
    "endSeconds",
  ] as const;
  for (const name of names) if (a[name] !== b[name]) return `total ${name}: ${a[name]} / ${b[name]}`;
  const [x, y] = [a, b].map(({ explanations }) => JSON.stringify(explanations));
  if (x !== y) return `explanations: ${x} / ${y}`;
  for (const [e, endpoint] of a.endpoints.entries()) {
    for (const [name, value] of Object.entries(endpoint) as [keyof typeof endpoint, number][]) {
      const other = b.endpoints[e][name];
      if (value !== other && (COUNTS.has(name) || !near(value, other)))
        return `endpoint ${e} ${name}: ${value} / ${other}`;
    }
  }
  return null;
}
