import { expectCount, expectParameter } from "./check.ts";
import { CHUNK_ROWS } from "./columns.ts";
import type { RequestChunk, RequestCursor, Tier, Workload } from "./requests.ts";
import type { Trace } from "./trace.ts";
import { periodSeconds } from "./transform.ts";

/**
 * A trace played again and again, without holding more than the trace: round k is shifted by k periods, and its
 * sessions have numbers of their own.
 *
 * @param times rounds
 * @param period seconds from the start of a round to the start of the next, at least the span of the arrivals;
 *   default {@link periodSeconds}
 */
export function repeat(trace: Trace, times: number, period: number = periodSeconds(trace)): Workload {
  expectCount(times, "repeat");
  const span = spanSeconds(trace);
  expectParameter(period >= span, "periodSeconds", `at least the trace's ${span} s`, period);
  return new RepeatedTrace(trace, times, period);
}

class RepeatedTrace implements Workload {
  readonly name: string;
  readonly tiers: readonly Tier[];
  readonly taskTypes: readonly string[];
  readonly endpointNames: readonly string[];
  readonly requests: number;
  readonly meanPromptTokens: number;
  readonly meanOutputTokens: number;
  readonly #trace: Trace;
  readonly #times: number;
  readonly #period: number;
  /** Sessions numbered from 0, by row: their numbers in the file may be too large to count on from. */
  readonly #sessions: Float64Array | undefined;
  readonly #sessionCount: number;

  constructor(trace: Trace, times: number, period: number) {
    this.name = trace.name;
    this.tiers = trace.tiers;
    this.taskTypes = trace.taskTypes;
    this.endpointNames = trace.endpointNames;
    this.requests = trace.requests * times;
    this.meanPromptTokens = trace.meanPromptTokens;
    this.meanOutputTokens = trace.meanOutputTokens;
    this.#trace = trace;
    this.#times = times;
    this.#period = period;
    const numbers = new Map<number, number>();
    this.#sessions = trace.columns.session?.map((session) => {
      if (session < 0) return -1;
      if (!numbers.has(session)) numbers.set(session, numbers.size);
      return numbers.get(session) as number;
    });
    this.#sessionCount = numbers.size;
  }

  open(chunkRows: number = CHUNK_ROWS): RequestCursor {
    const trace = this.#trace;
    const sessions = this.#sessions;
    let round = 0;
    let row = 0;
    let cursor = trace.open(chunkRows);
    let arrivals = new Float64Array(chunkRows);
    let renumbered = new Float64Array(sessions === undefined ? 0 : chunkRows);
    const next = (): RequestChunk | undefined => {
      let chunk = cursor.next();
      if (chunk === undefined) {
        if (++round >= this.#times || trace.requests === 0) return undefined;
        cursor = trace.open(chunkRows);
        row = 0;
        chunk = cursor.next() as RequestChunk;
      }
      const { count } = chunk;
      if (count > arrivals.length) {
        arrivals = new Float64Array(count);
        if (sessions !== undefined) renumbered = new Float64Array(count);
      }
      const offset = round * this.#period;
      for (let i = 0; i < count; i++) arrivals[i] = chunk.arrivalSeconds[i] + offset;
      chunk.arrivalSeconds = arrivals;
      if (sessions !== undefined) {
        const added = round * this.#sessionCount;
        for (let i = 0; i < count; i++) {
          const session = sessions[row + i];
          renumbered[i] = session < 0 ? -1 : session + added;
        }
        chunk.session = renumbered;
      }
      row += count;
      return chunk;
    };
    return { next };
  }
}

/** From the first arrival to the last. */
function spanSeconds(trace: Trace): number {
  const times = trace.columns.arrivalSeconds;
  for (let i = times.length - 1; i > 0; i--) if (!Number.isNaN(times[i])) return times[i] - times[0];
  return 0;
}
