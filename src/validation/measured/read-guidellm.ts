import { UserError } from "../../errors.ts";
import { isMap, type JsonMap, numberAt, secondsAt, tokensAt, valueAt } from "./json.ts";
import type { MeasuredRequest, MeasuredRun } from "./measured-run.ts";
import { summarise } from "./summarise.ts";

/** Where releases have the model's name: in the report, newest first, and in a benchmark. */
const MODEL_IN_REPORT = [
  ["config", "spec", "backend", "model"],
  ["args", "model"],
] as const;
const MODEL_IN_BENCHMARK = [
  ["benchmarker", "backend", "model"],
  ["worker", "backend_model"],
] as const;

/**
 * A benchmark of guidellm's `benchmarks.json` (`GenerativeRequestStats`; up to release 0.3
 * `GenerativeTextResponseStats`): start times in Unix seconds, latencies in seconds or, where the name says so,
 * milliseconds.
 */
export function readGuidellm(report: JsonMap, benchmark: JsonMap, where: string): MeasuredRun {
  const { requests } = benchmark;
  const successful = isMap(requests) ? requests["successful"] : undefined;
  if (!isMap(requests) || !Array.isArray(successful)) {
    throw new UserError(
      "CANOPY_BENCH_FORMAT",
      `${where}: a benchmark has no list requests.successful, expected guidellm's benchmarks.json with its requests`,
    );
  }
  const lengthOf = (name: string) => (Array.isArray(requests[name]) ? requests[name].length : 0);
  const read: MeasuredRequest[] = [];
  let unusable = 0;
  for (const [i, value] of successful.entries()) {
    const request = isMap(value) ? readRequest(value, `${where}, request ${i}`) : undefined;
    if (request === undefined) unusable++;
    else read.push(request);
  }
  const model = [
    ...MODEL_IN_REPORT.map((path) => valueAt(report, path)),
    ...MODEL_IN_BENCHMARK.map((path) => valueAt(benchmark, path)),
  ].find((name) => typeof name === "string");
  return {
    tool: "guidellm",
    model: typeof model === "string" ? model : null,
    requests: read,
    failed: lengthOf("incomplete") + lengthOf("errored"),
    finished: read.length,
    summary: summarise(read),
    notes: [
      ...(unusable === 0 ? [] : [`${unusable} requests without token counts or times are left out`]),
      "guidellm may have kept a sample of the requests alone: rates are of those in the file",
    ],
  };
}

function readRequest(stats: JsonMap, where: string): MeasuredRequest | undefined {
  const promptTokens = tokensAt(stats, "prompt_tokens", where);
  const outputTokens = tokensAt(stats, "output_tokens", where);
  const e2eSeconds = numberAt(stats, "request_latency", where);
  if (promptTokens === undefined || outputTokens === undefined || e2eSeconds === undefined) return undefined;
  if (outputTokens <= 0) return undefined;
  return {
    startSeconds: startOf(stats, where) ?? null,
    promptTokens,
    outputTokens,
    ttftSeconds: secondsAt(stats, "time_to_first_token_ms", where) ?? null,
    e2eSeconds,
  };
}

/** `start_time` up to release 0.3; between it and `request_start_time` the scheduler's times alone had it. */
function startOf(stats: JsonMap, where: string): number | undefined {
  const timings = valueAt(stats, ["scheduler_info", "request_timings"]);
  return (
    numberAt(stats, "request_start_time", where) ??
    numberAt(stats, "start_time", where) ??
    (isMap(timings) ? numberAt(timings, "request_start", where) : undefined)
  );
}
