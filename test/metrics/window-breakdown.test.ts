import { expect, test } from "vitest";
import { WindowBreakdown } from "../../src/metrics/window-breakdown.ts";
import type { RecordColumns } from "../../src/simulator/options.ts";

const tiers = [
  { name: "HIGH", sloSeconds: 0.5, deferrable: false },
  { name: "LOW", sloSeconds: 5, deferrable: true },
];

test("requests count in the window of their arrival, placements in that of their time", () => {
  const sink = new WindowBreakdown(
    [
      { name: "early", fromSeconds: 0, toSeconds: 100 },
      { name: "late", fromSeconds: 100, toSeconds: 200 },
      { name: "none", fromSeconds: 500, toSeconds: 600 },
    ],
    { tiers, latency: "ttft", groupOf: [0, 1], groups: 2 },
  );
  const columns = {
    arrivalSeconds: Float64Array.of(10, 99.9, 100, 150, 250, 120),
    ttftSeconds: Float64Array.of(0.4, 0.6, 6, 0.1, 9, Number.NaN),
    tier: Uint8Array.of(0, 0, 1, 0, 0, 1),
    costUsd: Float64Array.of(1, 3, 5, 7, 100, 0),
    carbonGrams: Float64Array.of(10, 30, 50, 70, 1000, 0),
  };
  sink.begin(columns as unknown as RecordColumns);
  // Shares of the early window by interval: (1, 0), (0, 1), then carried: one step of two over ten intervals.
  sink.placed(0, 0, 10);
  sink.placed(1, 1, 20);
  for (let request = 0; request < 5; request++) sink.finished(request);
  sink.unfinished(5);
  const metrics = Object.fromEntries(sink.metrics());
  expect(metrics).toMatchObject({
    window_slo_violation_early: 1 / 2,
    window_tier_violation_HIGH_early: 1 / 2,
    window_tier_violation_LOW_early: Number.NaN,
    window_cost_usd_per_request_early: 2,
    window_carbon_g_per_request_early: 20,
    window_slo_violation_late: 2 / 3,
    window_tier_violation_HIGH_late: 0,
    window_tier_violation_LOW_late: 1,
    window_cost_usd_per_request_late: 6,
    window_carbon_g_per_request_late: 60,
    window_slo_violation_none: Number.NaN,
  });
  // Intervals 1 to 9 of the early window, eight transitions, one of them |1| + |1| over two groups.
  expect(metrics["window_oscillation_10s_early"]).toBeCloseTo(1 / 8, 12);
});
