import { expect, test } from "vitest";
import { roundTripsTable } from "../../src/cli/round-trips.ts";
import { renderCsv } from "../../src/report/render-csv.ts";
import type { Table } from "../../src/report/table.ts";

test("round trips in CSV have their unit in the name", () => {
  const row = { router: "mine", decisions: 3, meanMicroseconds: 120.5, p99Microseconds: 400 };
  expect(renderCsv(roundTripsTable([row]) as Table)).toBe(
    "router,decisions,mean_us,p99_us\nmine,3,120.5,400\n",
  );
  expect(roundTripsTable([])).toBeUndefined();
});
