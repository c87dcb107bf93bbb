import { UserError } from "../../errors.ts";
import type { MeasuredRun } from "./measured-run.ts";

/**
 * The requests of a measured run as a trace in the generic layout (CSV), in order of their start, the first at 0.
 *
 * @throws UserError CANOPY_BENCH_DETAIL where the file has no single requests, or not when they were sent
 */
export function traceCsv({ tool, requests }: MeasuredRun, path: string): string {
  const starts = requests.map(({ startSeconds }) => startSeconds);
  if (requests.length === 0 || starts.some((start) => start === null)) {
    const remedy = {
      vllm: "a result of vllm bench serve --save-detailed, of a release that writes start_times",
      guidellm: "a benchmarks.json whose requests have request_start_time",
      aiperf: "profile_export.jsonl",
    }[tool];
    const lacks = requests.length === 0 ? "has no single requests" : "does not say when requests were sent";
    throw new UserError("CANOPY_BENCH_DETAIL", `measured run ${path}: ${lacks}, expected ${remedy}`);
  }
  // Not spread into Math.min: of a long run there are more than a call takes.
  const first = (starts as number[]).reduce(
    (least, start) => Math.min(least, start),
    Number.POSITIVE_INFINITY,
  );
  const rows = requests
    .map((request) => ({ ...request, at: (request.startSeconds as number) - first }))
    .sort((a, b) => a.at - b.at)
    .map(({ at, promptTokens, outputTokens }) => `${Number(at.toFixed(6))},${promptTokens},${outputTokens}`);
  return `arrival_s,prompt_tokens,output_tokens\n${rows.join("\n")}\n`;
}
