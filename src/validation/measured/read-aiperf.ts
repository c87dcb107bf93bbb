import { UserError } from "../../errors.ts";
import { isMap, type JsonMap, known, numberAt, numberIn, tokensIn, valueAt } from "./json.ts";
import type { LatencySummary, MeasuredRequest, MeasuredRun } from "./measured-run.ts";
import { summarise } from "./summarise.ts";

/** Seconds of a unit that aiperf writes. */
const UNITS: Readonly<Record<string, number>> = { ns: 1e-9, us: 1e-6, ms: 1e-3, s: 1, sec: 1 };

/** Lines of aiperf's `profile_export.jsonl` (`MetricRecordInfo`): times in Unix nanoseconds. */
export function readAiperfRecords(records: readonly JsonMap[], where: string): MeasuredRun {
  const requests: MeasuredRequest[] = [];
  let failed = 0;
  let warmUp = 0;
  for (const [i, record] of records.entries()) {
    const at = `${where}, record ${i + 1}`;
    const { metadata, metrics, error } = record;
    if (!isMap(metadata)) throw new UserError("CANOPY_BENCH_FORMAT", `${at}: has no metadata`);
    if (metadata["benchmark_phase"] !== undefined && metadata["benchmark_phase"] !== "profiling") warmUp++;
    else if ((error !== undefined && error !== null) || !isMap(metrics)) failed++;
    else requests.push(readRecord(metadata, metrics, at));
  }
  return {
    tool: "aiperf",
    model: null,
    requests,
    failed,
    finished: requests.length,
    summary: summarise(requests),
    notes: warmUp === 0 ? [] : [`${warmUp} requests of the warm-up are left out`],
  };
}

function readRecord(metadata: JsonMap, metrics: JsonMap, where: string): MeasuredRequest {
  return {
    // A double rounds nanoseconds since 1970 to some 200 ns.
    startSeconds: numberIn(metadata, "request_start_ns", where) / 1e9,
    promptTokens: tokensOf(metrics, "input_sequence_length", where),
    outputTokens: tokensOf(metrics, "output_sequence_length", where),
    ttftSeconds:
      metrics["time_to_first_token"] === undefined ? null : secondsOf(metrics, "time_to_first_token", where),
    e2eSeconds: secondsOf(metrics, "request_latency", where),
  };
}

function metricOf(metrics: JsonMap, name: string, where: string): JsonMap {
  const metric = metrics[name];
  if (isMap(metric)) return metric;
  throw new UserError("CANOPY_BENCH_FORMAT", `${where}: has no metric ${name}, expected { value, unit }`);
}

function tokensOf(metrics: JsonMap, name: string, where: string): number {
  return tokensIn(metricOf(metrics, name, where), "value", `${where}, ${name}`);
}

function secondsOf(metrics: JsonMap, name: string, where: string): number {
  const metric = metricOf(metrics, name, where);
  return numberIn(metric, "value", `${where}, ${name}`) * unitOf(metric, `${where}, ${name}`);
}

function unitOf({ unit }: JsonMap, where: string): number {
  const seconds = typeof unit === "string" ? UNITS[unit] : undefined;
  if (seconds !== undefined) return seconds;
  throw new UserError(
    "CANOPY_BENCH_FORMAT",
    `${where}: its unit is ${JSON.stringify(unit)}, expected one of ${Object.keys(UNITS).join(", ")}`,
  );
}

/** The statistics of each metric: of the first releases under `records`, later at the top. */
export function aiperfMetrics(summary: JsonMap): JsonMap {
  const { records } = summary;
  return isMap(records) ? records : summary;
}

/** aiperf's `profile_export_aiperf.json`, and genai-perf's summary: a map of statistics for each metric. */
export function readAiperfSummary(result: JsonMap, where: string): MeasuredRun {
  const summary = aiperfMetrics(result);
  const models = valueAt(result, ["input_config", "endpoint", "model_names"]);
  const latency = (name: string): LatencySummary => {
    const stats = summary[name];
    if (!isMap(stats)) return {};
    const unit = unitOf(stats, `${where}, ${name}`);
    const at = (key: string) => {
      const value = numberAt(stats, key, `${where}, ${name}`);
      return value === undefined ? undefined : value * unit;
    };
    return known({ mean: at("avg"), p50: at("p50"), p90: at("p90"), p95: at("p95"), p99: at("p99") });
  };
  const scalar = (name: string): number | undefined => {
    const stats = summary[name];
    return isMap(stats) ? numberAt(stats, "avg", `${where}, ${name}`) : undefined;
  };
  return {
    tool: "aiperf",
    model: Array.isArray(models) && models.length > 0 ? models.join(", ") : null,
    requests: [],
    failed: scalar("error_request_count") ?? 0,
    finished: scalar("request_count") ?? 0,
    summary: {
      ttft: latency("time_to_first_token"),
      tpot: latency("inter_token_latency"),
      e2e: latency("request_latency"),
      requestsPerSecond: scalar("request_throughput") ?? null,
      outputTokensPerSecond: scalar("output_token_throughput") ?? null,
    },
    notes: ["aggregates alone: profile_export.jsonl has the requests"],
  };
}
