/**
 * Speed and memory of the simulator: `npm run bench:simulator [-- --format json]`.
 *
 * Every row is its own process, so that its peak memory is its own; within it the best of the repetitions
 * counts. Beside each row stands the ratio to a calibration loop timed in the same process: that ratio, not the
 * absolute figure, is what to compare between machines and versions.
 */
import { execFileSync } from "node:child_process";
import { cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type BenchRequest, type BenchRow, benchRow } from "./simulator-row.ts";

/** Four of the twelve endpoints each, one region each. */
const CAPS_POOLS = Object.fromEntries(
  ["lp", "cp", "bp"].map((pool, p) => [pool, [0, 3, 6, 9].map((i) => `endpoint-${i + p}`)]),
);

/** What is measured. Trace: made beforehand, in memory; stream: generated while simulating, in constant memory. */
const PLAN: readonly BenchRequest[] = [
  ...[10_000, 100_000, 1_000_000].flatMap((requests) =>
    ["round-robin", "cedar-heuristic"].map((router) => ({
      router,
      requests,
      replicas: 12,
      ratePerSecond: 100,
      source: "trace" as const,
    })),
  ),
  ...[1_000_000, 10_000_000].flatMap((requests) =>
    ["round-robin", "cedar-heuristic"].map((router) => ({
      router,
      requests,
      replicas: 12,
      ratePerSecond: 100,
      source: "stream" as const,
    })),
  ),
  ...(["caps", "gar-pd"] as const).map((router) => ({
    router,
    requests: 1_000_000,
    replicas: 12,
    ratePerSecond: 100,
    source: "trace" as const,
    ...(router === "caps" && { parameters: { pools: CAPS_POOLS } }),
  })),
  { router: "round-robin", requests: 1_000_000, replicas: 1000, ratePerSecond: 8000, source: "trace" },
  { router: "cedar-heuristic", requests: 200_000, replicas: 1000, ratePerSecond: 8000, source: "trace" },
];
const LONG: readonly BenchRequest[] = [
  { router: "round-robin", requests: 100_000_000, replicas: 12, ratePerSecond: 100, source: "stream" },
];

const { values } = parseArgs({
  options: {
    format: { type: "string", default: "table" },
    row: { type: "string" },
    long: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
  },
});

if (values.row !== undefined) {
  process.stdout.write(`${JSON.stringify(benchRow(JSON.parse(values.row) as BenchRequest))}\n`);
} else {
  const plan = values.long
    ? [...PLAN, ...LONG]
    : values.quick
      ? PLAN.filter((p) => p.requests <= 100_000)
      : PLAN;
  const loadBefore = loadavg()[0];
  const rows = plan.map(runRow);
  if (values.format === "json") {
    process.stdout.write(`${JSON.stringify({ rows, conditions: conditions(loadBefore) })}\n`);
  } else {
    printTable(rows, loadBefore);
  }
}

function runRow(request: BenchRequest): BenchRow {
  const output = execFileSync(
    process.execPath,
    [...process.execArgv, fileURLToPath(import.meta.url), "--row", JSON.stringify(request)],
    { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], maxBuffer: 1 << 20 },
  );
  return JSON.parse(output) as BenchRow;
}

function conditions(loadBefore: number) {
  return {
    node: process.version,
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    loadAverageBefore: loadBefore,
    loadAverageAfter: loadavg()[0],
    regime:
      "one replica per endpoint; vllm-v1, budget 2048, 256 requests, KV 400k tokens; iteration 7 ms + 20 us/sequence + 40 ns/context token + 40 us/prompt token; log-normal prompts (mean 984) and outputs (mean 249); CEDAR's tiers; summary metrics on",
  };
}

function printTable(rows: readonly BenchRow[], loadBefore: number): void {
  const header = [
    "router",
    "replicas",
    "source",
    "requests",
    "k req/s",
    "M it/s",
    "it/req",
    "peak MB",
    "B/req",
    "per calibration",
  ];
  const lines = rows.map((row) => [
    row.router,
    String(row.replicas),
    row.source,
    row.requests.toLocaleString("en"),
    (row.requestsPerSecond / 1e3).toFixed(0),
    (row.iterationsPerSecond / 1e6).toFixed(1),
    (row.iterations / row.requests).toFixed(2),
    (row.peakBytes / 1e6).toFixed(0),
    (row.peakBytes / row.requests).toFixed(1),
    row.requestsPerCalibration.toFixed(2),
  ]);
  const widths = header.map((h, i) => Math.max(h.length, ...lines.map((line) => line[i].length)));
  const format = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (i === 0 || i === 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
      .join("  ");
  const c = conditions(loadBefore);
  process.stdout.write(`${[format(header), ...lines.map(format)].join("\n")}\n\n`);
  process.stdout.write(
    `${c.cpu}, ${c.cores} cores, Node ${c.node}, load average ${c.loadAverageBefore.toFixed(2)} before and ${c.loadAverageAfter.toFixed(2)} after; best of ${rows[0].repetitions}; "per calibration": requests per 1,000 turns of the calibration loop\n${c.regime}\n`,
  );
}
