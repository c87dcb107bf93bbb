import { hashUniform } from "../numeric/counter-hash.ts";
import { hashWords } from "../numeric/random.ts";
import type { RequestChunk, RequestCursor, Workload } from "./requests.ts";

/**
 * The workload with a `difficulty` for every request: a standard normal draw that depends on the seed and the number
 * of the request alone. A workload that has difficulties keeps them.
 */
export function withDifficulty(workload: Workload, seed: number | string): Workload {
  const word = hashWords(`${seed}\u0000workload/difficulty`)[0];
  return {
    name: workload.name,
    tiers: workload.tiers,
    taskTypes: workload.taskTypes,
    endpointNames: workload.endpointNames,
    requests: workload.requests,
    meanPromptTokens: workload.meanPromptTokens,
    meanOutputTokens: workload.meanOutputTokens,
    open: () => new DifficultyCursor(workload.open(), word),
  };
}

class DifficultyCursor implements RequestCursor {
  readonly #cursor: RequestCursor;
  readonly #seed: number;
  #column = new Float64Array(0);
  #row = 0;

  constructor(cursor: RequestCursor, seed: number) {
    this.#cursor = cursor;
    this.#seed = seed;
  }

  next(): RequestChunk | undefined {
    const chunk = this.#cursor.next();
    if (chunk === undefined || chunk.difficulty !== undefined) return chunk;
    const { count } = chunk;
    if (this.#column.length < count) this.#column = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      // Box and Muller's method; the middle of one of 2^32 equal parts is never 0.
      const distance = hashUniform(this.#seed, this.#row, 1) + 2 ** -33;
      const angle = 2 * Math.PI * hashUniform(this.#seed, this.#row, 2);
      this.#column[i] = Math.sqrt(-2 * Math.log(distance)) * Math.cos(angle);
      this.#row++;
    }
    return { ...chunk, difficulty: this.#column };
  }
}
