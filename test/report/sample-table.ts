import type { Table } from "../../src/report/table.ts";

/** Every kind of cell in three rows: interval, paper, verdict, mark, missing value with its reason. */
export const sampleTable: Table = {
  title: "Routers & ratios",
  caption: "Setting H, 5 seeds",
  columns: [
    { key: "router", header: "router" },
    { key: "ttft_p95_s", header: "p95", unit: "s" },
    { key: "carbon_g", header: "carbon", unit: "gCO₂/request" },
    { key: "replicas", header: "replicas", format: "integer" },
  ],
  rows: [
    {
      style: "marked",
      cells: {
        router: "cedar",
        ttft_p95_s: { value: 0.612, ci: [0.59, 0.641], paper: 0.88, verdict: "agrees" },
        carbon_g: { value: null, reason: "profile without power" },
        replicas: 12,
      },
    },
    {
      style: "reference",
      cells: {
        router: "round_robin",
        ttft_p95_s: { value: 12.04, ci: [11.1, 13.2], paper: 1.58, verdict: "disagrees", mark: "*" },
        carbon_g: 0.0871,
        replicas: 8,
      },
    },
    { cells: { router: "edf", ttft_p95_s: { value: 0.0000312 }, carbon_g: 1.5 } },
  ],
  notes: ["* 100 % of requests"],
};
