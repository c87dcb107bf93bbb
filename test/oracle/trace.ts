/** Workloads from row objects. */
import type { RequestChunk, Tier, Workload } from "../../src/workload/requests.ts";

export interface TraceRow {
  /** Absent for a dependent step, which follows the step it depends on. */
  readonly arrival?: number;
  readonly prompt: number;
  readonly output: number;
  readonly tier?: number;
  readonly needsLarge?: boolean;
  readonly taskType?: number;
  readonly session?: number;
  readonly step?: number;
  readonly think?: number;
  readonly prefix?: number;
  readonly tenant?: number;
  readonly turns?: number;
  readonly difficulty?: number;
  /** Name of the recorded endpoint. */
  readonly endpoint?: string;
}

export interface TraceParts {
  readonly tiers?: readonly Tier[];
  readonly taskTypes?: readonly string[];
  /** Rows of a chunk at least (sessions are not split); default all. */
  readonly chunkRows?: number;
}

/** A workload from rows, read in chunks that overwrite one another as in a stream. */
export function traceOf(rows: readonly TraceRow[], parts: TraceParts = {}): Workload {
  const names = [...new Set(rows.flatMap((row) => row.endpoint ?? []))].sort();
  const chunks = chunksOf(rows, parts.chunkRows ?? rows.length);
  const capacity = Math.max(1, ...chunks.map((chunk) => chunk.length));
  const mean = (of: (row: TraceRow) => number) => rows.reduce((sum, row) => sum + of(row), 0) / rows.length;
  return {
    name: "rows",
    tiers: parts.tiers ?? [{ name: "only", sloSeconds: 10, deferrable: false }],
    taskTypes: parts.taskTypes ?? ["any"],
    endpointNames: names,
    requests: rows.length,
    meanPromptTokens: mean((row) => row.prompt),
    meanOutputTokens: mean((row) => row.output),
    open() {
      const chunk = newChunk(capacity);
      let next = 0;
      return {
        next() {
          if (next === chunks.length) return undefined;
          fillChunk(chunk, chunks[next++], names);
          return chunk;
        },
      };
    },
  };
}

function chunksOf(rows: readonly TraceRow[], size: number): TraceRow[][] {
  const chunks: TraceRow[][] = [];
  for (const row of rows) {
    const last = chunks[chunks.length - 1];
    if (last === undefined || (last.length >= size && row.arrival !== undefined)) chunks.push([row]);
    else last.push(row);
  }
  return chunks;
}

function newChunk(capacity: number): Required<RequestChunk> {
  return {
    count: 0,
    arrivalSeconds: new Float64Array(capacity),
    promptTokens: new Int32Array(capacity),
    outputTokens: new Int32Array(capacity),
    tier: new Uint8Array(capacity),
    needsLarge: new Uint8Array(capacity),
    taskType: new Uint8Array(capacity),
    session: new Float64Array(capacity),
    step: new Int32Array(capacity),
    thinkSeconds: new Float64Array(capacity),
    prefixTokens: new Int32Array(capacity),
    endpoint: new Int32Array(capacity),
    tenant: new Int32Array(capacity),
    turns: new Int32Array(capacity),
    difficulty: new Float64Array(capacity),
  };
}

function fillChunk(chunk: Required<RequestChunk>, rows: readonly TraceRow[], names: readonly string[]): void {
  chunk.count = rows.length;
  rows.forEach((row, i) => {
    chunk.arrivalSeconds[i] = row.arrival ?? Number.NaN;
    chunk.promptTokens[i] = row.prompt;
    chunk.outputTokens[i] = row.output;
    chunk.tier[i] = row.tier ?? 0;
    chunk.needsLarge[i] = row.needsLarge ? 1 : 0;
    chunk.taskType[i] = row.taskType ?? 0;
    chunk.session[i] = row.session ?? -1;
    chunk.step[i] = row.step ?? 0;
    chunk.thinkSeconds[i] = row.think ?? 0;
    chunk.prefixTokens[i] = row.prefix ?? 0;
    chunk.tenant[i] = row.tenant ?? -1;
    chunk.turns[i] = row.turns ?? 1;
    chunk.difficulty[i] = row.difficulty ?? 0;
    chunk.endpoint[i] = row.endpoint === undefined ? -1 : names.indexOf(row.endpoint);
  });
}
