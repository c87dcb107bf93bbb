import type { RequestChunk, Workload } from "../../src/workload/requests.ts";
import type { SyntheticParameters } from "../../src/workload/synthetic.ts";

/** Every column of a workload as plain arrays, read chunk by chunk. */
export function columnsOf(
  workload: Workload,
  cursor = workload.open(),
): Record<Exclude<keyof RequestChunk, "count">, number[]> {
  const columns: Record<string, number[]> = {};
  for (let chunk = cursor.next(); chunk !== undefined; chunk = cursor.next()) {
    for (const [name, values] of Object.entries(chunk)) {
      if (typeof values === "number") continue;
      columns[name] ??= [];
      for (let i = 0; i < chunk.count; i++) columns[name].push(values[i]);
    }
  }
  return columns as Record<Exclude<keyof RequestChunk, "count">, number[]>;
}

/** CEDAR's setting H at a size for tests. */
export const cedar: SyntheticParameters = {
  seed: 1,
  requests: 10_000,
  arrival: {
    process: "poisson",
    ratePerSecond: 50,
    burst: { factor: 3, durationSeconds: 10, periodSeconds: 300, firstAtSeconds: 60 },
  },
  prompt: { dist: "lognormal", mu: 6.5, sigma: 1.2 },
  output: { dist: "lognormal", mu: 5.02, sigma: 0.86 },
  tiers: [
    { name: "HIGH", sloSeconds: 0.5, deferrable: false, share: 0.3 },
    { name: "MED", sloSeconds: 2, deferrable: false, share: 0.3 },
    { name: "LOW", sloSeconds: 5, deferrable: true, share: 0.4 },
  ],
  floors: "mixed",
  taskTypes: [
    { name: "completion", share: 0.4 },
    { name: "refactor", share: 0.2 },
    { name: "analysis", share: 0.2 },
    { name: "testgen", share: 0.2 },
  ],
};

export function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

export function standardDeviation(values: readonly number[]): number {
  const mean = average(values);
  return Math.sqrt(average(values.map((value) => (value - mean) ** 2)));
}
