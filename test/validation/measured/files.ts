/**
 * Made-up runs in the layouts of three tools, all of the same three requests: sent at 0, 0.5 and 1.5 s, prompts of 100,
 * 200 and 300 tokens, outputs of 3, 5 and 1, first tokens after 0.1, 0.2 and 0.3 s, whole after 0.3, 0.6 and 0.3 s. A
 * fourth failed.
 */
const START = 1_700_000_000;

export const vllm = {
  date: "20260101-120000",
  endpoint_type: "openai",
  backend: "openai",
  label: null,
  model_id: "meta-llama/Meta-Llama-3-8B",
  tokenizer_id: "meta-llama/Meta-Llama-3-8B",
  num_prompts: 4,
  request_rate: 2,
  burstiness: 1,
  max_concurrency: null,
  duration: 2,
  completed: 3,
  failed: 1,
  total_input_tokens: 600,
  total_output_tokens: 9,
  request_throughput: 1.5,
  request_goodput: null,
  output_throughput: 4.5,
  total_token_throughput: 304.5,
  input_lens: [100, 200, 300, 400],
  output_lens: [3, 5, 1, 0],
  ttfts: [0.1, 0.2, 0.3, 0],
  itls: [[0.05, 0.15], [0.1, 0.1, 0.1, 0.1], [], []],
  start_times: [50, 50.5, 51.5, 51.6],
  generated_texts: ["a b c", "d e f g h", "i", ""],
  errors: ["", "", "", "Bad Gateway"],
  mean_ttft_ms: 200,
  median_ttft_ms: 200,
  std_ttft_ms: 81.6,
  p99_ttft_ms: 298,
  mean_tpot_ms: 100,
  median_tpot_ms: 100,
  p99_tpot_ms: 100,
  mean_itl_ms: 100,
};

const { input_lens: _, output_lens: __, ttfts: ___, itls: ____, errors: _____, ...aggregates } = vllm;
/** Without `--save-detailed`. */
export const vllmAggregates = { ...aggregates, start_times: undefined, generated_texts: undefined };

const guidellmRequest = (
  id: number,
  at: number,
  prompt: number,
  output: number,
  ttft: number,
  e2e: number,
) => ({
  type_: "generative_request_stats",
  request_id: `r${id}`,
  request_start_time: START + at,
  request_end_time: START + at + e2e,
  request_latency: e2e,
  prompt_tokens: prompt,
  output_tokens: output,
  total_tokens: prompt + output,
  time_to_first_token_ms: 1000 * ttft,
  time_per_output_token_ms: (1000 * e2e) / output,
  inter_token_latency_ms: output > 1 ? (1000 * (e2e - ttft)) / (output - 1) : null,
});

export const guidellm = {
  args: { target: "http://localhost:8000", model: "llama-3-8b" },
  benchmarks: [
    {
      type_: "generative_benchmark",
      requests: {
        successful: [
          guidellmRequest(2, 1.5, 300, 1, 0.3, 0.3),
          guidellmRequest(0, 0, 100, 3, 0.1, 0.3),
          guidellmRequest(1, 0.5, 200, 5, 0.2, 0.6),
        ],
        incomplete: [],
        errored: [{ request_id: "r3", prompt_tokens: 400 }],
        total: null,
      },
      start_time: START,
      end_time: START + 2,
      duration: 2,
    },
  ],
};

/** The same in the layout up to release 0.3, and in that between it and today's. */
const [{ requests, ...rest }] = guidellm.benchmarks;
type Request = (typeof requests.successful)[number];
const restated = (state: (request: Request) => object, benchmark: object) => ({
  benchmarks: [
    {
      ...rest,
      ...benchmark,
      requests: { ...requests, successful: requests.successful.map((one) => ({ ...one, ...state(one) })) },
    },
  ],
});
const UNSAID = { request_start_time: undefined, request_end_time: undefined };

export const guidellmOld = restated(
  ({ request_start_time: at, request_latency: e2e, time_to_first_token_ms: ttft }) => ({
    ...UNSAID,
    type_: "generative_text_response",
    start_time: at,
    end_time: at + e2e,
    first_token_time: at + ttft / 1000,
    last_token_time: at + e2e,
  }),
  { worker: { backend_type: "openai_http", backend_model: "llama-3-8b" } },
);

export const guidellmBetween = restated(
  ({ request_start_time: at, request_latency: e2e }) => ({
    ...UNSAID,
    scheduler_info: { request_timings: { request_start: at, request_end: at + e2e } },
  }),
  { benchmarker: { backend: { model: "llama-3-8b" } } },
);

const aiperfRecord = (id: number, at: number, prompt: number, output: number, ttft: number, e2e: number) => ({
  metadata: {
    session_num: id,
    x_request_id: `r${id}`,
    x_correlation_id: `s${id}`,
    turn_index: 0,
    request_start_ns: Math.round((START + at) * 1e9),
    request_end_ns: Math.round((START + at + e2e) * 1e9),
    benchmark_phase: "profiling",
    was_cancelled: false,
  },
  metrics: {
    input_sequence_length: { value: prompt, unit: "tokens" },
    output_sequence_length: { value: output, unit: "tokens" },
    time_to_first_token: { value: 1000 * ttft, unit: "ms" },
    request_latency: { value: 1000 * e2e, unit: "ms" },
  },
  error: null,
});

export const aiperf = [
  aiperfRecord(0, 0, 100, 3, 0.1, 0.3),
  aiperfRecord(1, 0.5, 200, 5, 0.2, 0.6),
  aiperfRecord(2, 1.5, 300, 1, 0.3, 0.3),
  {
    metadata: {
      session_num: 3,
      request_start_ns: START * 1e9,
      request_end_ns: START * 1e9,
      benchmark_phase: "profiling",
      was_cancelled: true,
    },
    metrics: { error_isl: { value: 400, unit: "tokens" } },
    error: { code: 499, type: "RequestCancellationError", message: "cancelled" },
  },
];

export const aiperfLines = aiperf.map((record) => JSON.stringify(record)).join("\n");

export const aiperfSummary = {
  schema_version: "1.0",
  input_config: { endpoint: { model_names: ["llama-3-8b"] } },
  request_throughput: { unit: "requests/sec", avg: 1.5 },
  request_latency: { unit: "ms", avg: 400, p50: 300, p90: 540, p95: 570, p99: 594, count: 3 },
  request_count: { unit: "requests", avg: 3 },
  time_to_first_token: { unit: "ms", avg: 200, p50: 200, p90: 280, p95: 290, p99: 298 },
  inter_token_latency: { unit: "ms", avg: 100, p50: 100 },
  output_token_throughput: { unit: "tokens/sec", avg: 4.5 },
  error_request_count: { unit: "requests", avg: 1 },
};

/** The layout of aiperf's first releases. */
const { schema_version: ______, input_config, ...records } = aiperfSummary;
export const aiperfSummaryOld = { input_config, records, was_cancelled: false };
