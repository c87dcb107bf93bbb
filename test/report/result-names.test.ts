import { expect, test } from "vitest";
import { pointHeader, pointText } from "../../src/report/result-names.ts";

test.each([
  ["telemetryIntervalS", { text: "telemetry interval", unit: "s" }],
  ["workload.arrival.ratePerS", { text: "rate per s" }],
  ["routers.0.epsilon", { text: "epsilon" }],
  ["fleet.*.replicas", { text: "replicas" }],
  // An index says nothing without the list that it is of.
  ["routers.1", { text: "routers 1" }],
  ["fleet.*", { text: "fleet" }],
])("an axis over %s is called %j", (label, header) => {
  expect(pointHeader(label)).toEqual(header);
});

test("axes that would have one name are told from each other", () => {
  const labels = ["fleet.*.replicas", "fleet.0.replicas", "tiers.0.sloS", "tiers.1.sloS", "floors"];
  expect(labels.map((label) => pointHeader(label, labels))).toEqual([
    { text: "fleet replicas" },
    { text: "fleet 0 replicas" },
    { text: "tiers 0 slo", unit: "s" },
    { text: "tiers 1 slo", unit: "s" },
    { text: "floors" },
  ]);
  expect(pointText({ "tiers.0.sloS": 1, "tiers.1.sloS": 2, point: "a" })).toBe(
    "tiers 0 slo 1 s, tiers 1 slo 2 s, a",
  );
});
