/** What vLLM's /metrics tells of its load; null where the server has no such figure. */
export interface ServerMetrics {
  readonly atSeconds: number;
  /** Requests in the batch. */
  readonly running: number | null;
  readonly waiting: number | null;
  /** Share of the KV cache in use, 0 to 1. */
  readonly kvCacheUsage: number | null;
  /** Since the server's start. */
  readonly preemptions: number | null;
  readonly kvCapacityTokens: number | null;
  /** Which of vLLM's two sets of names was found. */
  readonly generation: "v0" | "v1" | null;
}

/**
 * Reads Prometheus text. A figure with several label sets (one for each engine of a data-parallel server) is their sum;
 * shares are their mean.
 */
export function parseServerMetrics(text: string, atSeconds: number): ServerMetrics {
  const samples = new Map<string, { labels: string; value: number }[]>();
  for (const line of text.split("\n")) {
    const match = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+([^\s]+)/.exec(line);
    if (match === null) continue;
    const [, name, labels = "", value] = match;
    samples.set(name, [...(samples.get(name) ?? []), { labels, value: Number(value) }]);
  }
  const sum = (name: string) => samples.get(name)?.reduce((total, sample) => total + sample.value, 0) ?? null;
  const mean = (name: string) => {
    const total = sum(name);
    return total === null ? null : total / (samples.get(name)?.length ?? 1);
  };
  const usageV1 = mean("vllm:kv_cache_usage_perc");
  const usageV0 = mean("vllm:gpu_cache_usage_perc");
  let kvCapacityTokens: number | null = null;
  for (const { labels } of samples.get("vllm:cache_config_info") ?? []) {
    const blocks = Number(/num_gpu_blocks="(\d+)"/.exec(labels)?.[1]);
    const blockTokens = Number(/block_size="(\d+)"/.exec(labels)?.[1]);
    if (blocks * blockTokens > 0) kvCapacityTokens = (kvCapacityTokens ?? 0) + blocks * blockTokens;
  }
  return {
    atSeconds,
    running: sum("vllm:num_requests_running"),
    waiting: sum("vllm:num_requests_waiting"),
    kvCacheUsage: usageV1 ?? usageV0,
    preemptions: sum("vllm:num_preemptions_total") ?? sum("vllm:num_preemptions"),
    kvCapacityTokens,
    generation: usageV1 !== null ? "v1" : usageV0 !== null ? "v0" : null,
  };
}
