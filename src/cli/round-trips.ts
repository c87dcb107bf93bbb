import type { RunPlan } from "../experiment/run-plan.ts";
import type { RunResult } from "../experiment/run-spec.ts";
import type { ManifestRoundTrips } from "../report/manifest.ts";
import type { Table } from "../report/table.ts";

/** What the decisions of routers that ask another process waited for, over the runs of a plan; by label. */
export function roundTripsOf(plan: RunPlan, results: ReadonlyMap<string, RunResult>): ManifestRoundTrips[] {
  const rows = new Map<string, { decisions: number; microseconds: number; worst: number }>();
  for (const { key, router } of plan.runs) {
    const trips = results.get(key)?.roundTrips;
    if (trips === undefined) continue;
    const row = rows.get(router.label) ?? { decisions: 0, microseconds: 0, worst: 0 };
    row.decisions += trips.count;
    row.microseconds += trips.count * trips.meanMicroseconds;
    row.worst = Math.max(row.worst, trips.p99Microseconds);
    rows.set(router.label, row);
  }
  return [...rows].map(([router, { decisions, microseconds, worst }]) => ({
    router,
    decisions,
    meanMicroseconds: decisions === 0 ? 0 : microseconds / decisions,
    p99Microseconds: worst,
  }));
}

/** The same as a table; undefined where there is nothing to show. */
export function roundTripsTable(rows: readonly ManifestRoundTrips[]): Table | undefined {
  if (rows.length === 0) return undefined;
  return {
    title: "Round trips to external routers",
    columns: [
      { key: "router", header: "router" },
      { key: "decisions", header: "frames", format: "integer" },
      { key: "mean_us", header: "mean", unit: "us" },
      { key: "p99_us", header: "p99", unit: "us" },
    ],
    rows: rows.map(({ router, decisions, meanMicroseconds, p99Microseconds }) => ({
      cells: { router, decisions, mean_us: meanMicroseconds, p99_us: p99Microseconds },
    })),
    notes: [
      "by the wall clock of this machine, from a frame's first byte to the whole answer; the p99 is that of the slowest run; no part of the figures above, since simulated time stands still meanwhile",
    ],
  };
}
