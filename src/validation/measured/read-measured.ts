import { UserError } from "../../errors.ts";
import { readTextFile } from "../../files.ts";
import { isMap, type JsonMap } from "./json.ts";
import type { MeasuredRun, Tool } from "./measured-run.ts";
import { aiperfMetrics, readAiperfRecords, readAiperfSummary } from "./read-aiperf.ts";
import { readGuidellm } from "./read-guidellm.ts";
import { readVllm } from "./read-vllm.ts";

const EXPECTED =
  "a result of vllm bench serve --save-result, guidellm's benchmarks.json, or aiperf's profile_export.jsonl or profile_export_aiperf.json";

export interface ReadMeasuredOptions {
  /** Which run of a file with several, from 1. */
  readonly run?: number | undefined;
}

/**
 * Reads a result of `vllm bench serve` (`--save-result`), guidellm (`benchmarks.json`) or aiperf (`profile_export.jsonl`,
 * `profile_export_aiperf.json`, and genai-perf's summary of the same layout). The tool is told from the content.
 *
 * @throws UserError CANOPY_BENCH_FORMAT for anything else, CANOPY_BENCH_CHOICE for one of several runs
 */
export async function readMeasured(path: string, options: ReadMeasuredOptions = {}): Promise<MeasuredRun> {
  const text = await readTextFile(path, "measured run");
  const where = `measured run ${path}`;
  if (text.trim() === "")
    throw new UserError("CANOPY_BENCH_FORMAT", `${where}: is empty, expected ${EXPECTED}`);
  const values = valuesOf(text, path);
  const [first] = values;
  if (first !== undefined && isMap(first["metadata"]) && isMap(first["metrics"])) {
    // Its lines are the requests of one run.
    chosen([first], options.run, where);
    return readAiperfRecords(values, where);
  }
  const tool = toolOf(first);
  if (tool === undefined) {
    throw new UserError(
      "CANOPY_BENCH_FORMAT",
      `${where}: its keys are ${
        Object.keys(first ?? {})
          .slice(0, 6)
          .join(", ") || "none"
      }, expected ${EXPECTED}`,
    );
  }
  if (tool === "guidellm") {
    const benchmarks = (first["benchmarks"] as unknown[]).filter(isMap);
    return readGuidellm(first, chosen(benchmarks, options.run, where), where);
  }
  const one = chosen(values, options.run, where);
  return tool === "vllm" ? readVllm(one, where) : readAiperfSummary(one, where);
}

function toolOf(value: JsonMap | undefined): Tool | undefined {
  if (value === undefined) return undefined;
  if (Array.isArray(value["benchmarks"])) return "guidellm";
  if (typeof value["request_throughput"] === "number" && "completed" in value) return "vllm";
  const stats = aiperfMetrics(value)["request_latency"];
  return isMap(stats) && typeof stats["unit"] === "string" && "avg" in stats ? "aiperf" : undefined;
}

function chosen(runs: readonly JsonMap[], run: number | undefined, where: string): JsonMap {
  if (runs.length === 1 && (run === undefined || run === 1)) return runs[0];
  const found = run === undefined ? undefined : runs[run - 1];
  if (found !== undefined) return found;
  throw new UserError(
    "CANOPY_BENCH_CHOICE",
    runs.length === 0
      ? `${where}: its list of runs is empty, expected ${EXPECTED}`
      : runs.length === 1
        ? `${where}: has one run, expected --run 1 or none`
        : `${where}: has ${runs.length} runs, expected --run with a number from 1 to ${runs.length}`,
  );
}

/** The one value of a file of JSON, those of a list in it, or the values of one with a value a line. */
function valuesOf(text: string, path: string): readonly JsonMap[] {
  const refuse = (line: number, why: string): never => {
    throw new UserError(
      "CANOPY_BENCH_FORMAT",
      `measured run ${path}:${line}: ${why}, expected a map of JSON`,
    );
  };
  let mistake = "";
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value) && value.every(isMap)) return value;
    return isMap(value) ? [value] : refuse(1, "is no map");
  } catch (error) {
    if (error instanceof UserError) throw error;
    mistake = (error as Error).message.split("\n")[0];
  }
  const values: JsonMap[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      // The first line of one value over many lines says nothing; NaN, which Python writes, stands somewhere in it.
      refuse(index + 1, values.length === 0 ? `is no JSON (${mistake})` : "is no JSON");
    }
    if (!isMap(value)) return refuse(index + 1, "is no map");
    values.push(value);
  }
  return values;
}
