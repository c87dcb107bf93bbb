import { expect, test } from "vitest";
import { headCells, headColumns } from "../../src/report/row-heads.ts";
import { sampleResult } from "./sample-result.ts";

test("a row's head has six digits of a fraction and all of a whole number; axes of one name are told apart", async () => {
  const { result } = await sampleResult(["seeds=1", "workload.requests=20"]);
  const point = { "fleet.0.replicas": 12_345_678, "fleet.1.replicas": 2, telemetryIntervalS: 38.0963354821 };
  expect(headCells({ ...result.rows[0], point })).toMatchObject({
    "point.fleet.0.replicas": "12345678",
    "point.fleet.1.replicas": "2",
    "point.telemetryIntervalS": "38.0963",
  });
  expect(headColumns(result, Object.keys(point)).map(({ header }) => header)).toEqual([
    "fleet 0 replicas",
    "fleet 1 replicas",
    "telemetry interval",
    "router",
  ]);
});
