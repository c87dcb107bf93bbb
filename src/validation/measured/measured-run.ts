/** A run of a serving benchmark against a real server, whichever tool made it. */

export type Tool = "vllm" | "guidellm" | "aiperf";

/** A request that was answered whole. */
export interface MeasuredRequest {
  /** On the tool's own clock; null where its file has no times. */
  readonly startSeconds: number | null;
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** From the request's start, as the client saw it; null for answers that were not streamed. */
  readonly ttftSeconds: number | null;
  readonly e2eSeconds: number;
}

/** Mean and percentiles of a latency in seconds; only what is known. */
export type LatencySummary = Readonly<Partial<Record<"mean" | "p50" | "p90" | "p95" | "p99", number>>>;

export interface MeasuredSummary {
  readonly ttft: LatencySummary;
  /** (last - first token) / (outputs - 1) of a request. */
  readonly tpot: LatencySummary;
  readonly e2e: LatencySummary;
  readonly requestsPerSecond: number | null;
  readonly outputTokensPerSecond: number | null;
}

export interface MeasuredRun {
  readonly tool: Tool;
  /** Model as the tool names it; null where the file does not say. */
  readonly model: string | null;
  /** Empty where the file has aggregates alone. */
  readonly requests: readonly MeasuredRequest[];
  /** Requests that failed, were cancelled or not answered whole: in no figure. */
  readonly failed: number;
  readonly finished: number;
  readonly summary: MeasuredSummary;
  /** What a reader has to know. */
  readonly notes: readonly string[];
}
