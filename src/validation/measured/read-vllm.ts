import { UserError } from "../../errors.ts";
import { type JsonMap, known, numberAt, numberIn, secondsAt, tokensIn } from "./json.ts";
import type { LatencySummary, MeasuredRequest, MeasuredRun } from "./measured-run.ts";
import { summarise } from "./summarise.ts";

/** Lists of single requests, which `--save-detailed` leaves in. */
const LISTS = ["input_lens", "output_lens", "ttfts", "itls", "errors"] as const;

/**
 * A result of `vllm bench serve` (vllm/benchmarks/serve.py): times in seconds in the lists, in milliseconds in the
 * aggregates. Releases that write `start_times` tell when each request was sent, those that write `latencies` what
 * the first token and the gaps add up to.
 */
export function readVllm(result: JsonMap, where: string): MeasuredRun {
  const model = result["model_id"];
  const single = "input_lens" in result ? readRequests(result, where) : undefined;
  const requests = single?.requests ?? [];
  const completed = numberIn(result, "completed", where);
  const latency = (name: string): LatencySummary =>
    known({
      mean: secondsAt(result, `mean_${name}_ms`, where),
      p50: secondsAt(result, `median_${name}_ms`, where),
      p90: secondsAt(result, `p90_${name}_ms`, where),
      p95: secondsAt(result, `p95_${name}_ms`, where),
      p99: secondsAt(result, `p99_${name}_ms`, where),
    });
  const aggregates = {
    ttft: latency("ttft"),
    tpot: latency("tpot"),
    e2e: latency("e2el"),
    requestsPerSecond: numberIn(result, "request_throughput", where),
    outputTokensPerSecond: numberAt(result, "output_throughput", where) ?? null,
  };
  const made = summarise(requests);
  const hasTimes = requests.length > 0 && requests[0].startSeconds !== null;
  return {
    tool: "vllm",
    model: typeof model === "string" ? model : null,
    requests,
    failed: single === undefined ? (numberAt(result, "failed", where) ?? 0) : single.failed + single.empty,
    finished: single === undefined ? completed : requests.length,
    summary:
      single === undefined
        ? aggregates
        : hasTimes
          ? made
          : {
              ...made,
              requestsPerSecond: aggregates.requestsPerSecond,
              outputTokensPerSecond: aggregates.outputTokensPerSecond,
            },
    notes:
      single === undefined ? ["aggregates alone: --save-detailed keeps the requests"] : emptyNote(single),
  };
}

interface SingleRequests {
  readonly requests: readonly MeasuredRequest[];
  /** With an error. */
  readonly failed: number;
  /** Without an error and without a token, which vLLM counts as completed. */
  readonly empty: number;
}

function emptyNote({ empty }: SingleRequests): readonly string[] {
  if (empty === 0) return [];
  const which = empty === 1 ? "1 request that ended" : `${empty} requests that ended`;
  return [`${which} without an error and without a token ${empty === 1 ? "counts" : "count"} as failed`];
}

function readRequests(result: JsonMap, where: string): SingleRequests {
  const count = Array.isArray(result["input_lens"]) ? result["input_lens"].length : 0;
  for (const name of LISTS) {
    const list = result[name];
    if (Array.isArray(list) && list.length === count) continue;
    const got = Array.isArray(list) ? `${list.length} entries` : "no list";
    throw new UserError(
      "CANOPY_BENCH_FORMAT",
      `${where}: ${name} has ${got}, expected ${count} as input_lens has`,
    );
  }
  const times = result["start_times"];
  const latencies = result["latencies"];
  const requests: MeasuredRequest[] = [];
  let failed = 0;
  let empty = 0;
  for (let i = 0; i < count; i++) {
    const at = (name: string) => (result[name] as unknown[])[i];
    const where_ = `${where}, request ${i}`;
    // What failed has an error and no tokens.
    if (at("errors") !== "" && at("errors") !== null) {
      failed++;
      continue;
    }
    const outputTokens = tokensIn({ output_lens: at("output_lens") }, "output_lens", where_);
    if (outputTokens === 0) {
      empty++;
      continue;
    }
    const gaps = at("itls");
    if (!Array.isArray(gaps) || !gaps.every((gap) => typeof gap === "number" && gap >= 0)) {
      throw new UserError("CANOPY_BENCH_FORMAT", `${where_}: itls is no list of numbers from 0 on`);
    }
    const ttftSeconds = numberIn({ ttfts: at("ttfts") }, "ttfts", where_);
    requests.push({
      startSeconds: Array.isArray(times) ? numberIn({ start_times: times[i] }, "start_times", where_) : null,
      promptTokens: tokensIn({ input_lens: at("input_lens") }, "input_lens", where_),
      outputTokens,
      ttftSeconds,
      e2eSeconds: Array.isArray(latencies)
        ? numberIn({ latencies: latencies[i] }, "latencies", where_)
        : ttftSeconds + (gaps as number[]).reduce((sum, gap) => sum + gap, 0),
    });
  }
  return { requests, failed, empty };
}
