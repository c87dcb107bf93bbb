import { UserError } from "../errors.ts";
import type { RequestChunk, RequestCursor, Workload } from "../workload/requests.ts";
import { AT, type RequestTable } from "./request-table.ts";

const NONE = -1;

/** Brings the workload's requests into the table, one session (or lone request) at a time. */
export class Intake {
  /** Arrival of the next session or request, Infinity at the end. */
  nextArrivalSeconds = Number.POSITIVE_INFINITY;
  /** Number of the next request. */
  nextId = 0;
  readonly #cursor: RequestCursor;
  readonly #table: RequestTable;
  readonly #slo: Float64Array;
  #chunk: RequestChunk | undefined;
  #row = 0;
  /** Arrival of the last request that arrives by itself. */
  #lastArrival = 0;

  /** @throws UserError CANOPY_WORKLOAD_ORDER, CANOPY_WORKLOAD_VALUE, also later, at the request that is wrong */
  constructor(workload: Workload, table: RequestTable) {
    this.#cursor = workload.open();
    this.#table = table;
    this.#slo = Float64Array.from(workload.tiers, (tier) => tier.sloSeconds);
    this.#chunk = this.#nextChunk();
    this.#peek();
  }

  /** Makes the next request, and the later steps of its session, and returns its slot. */
  take(): number {
    const first = this.#read();
    let last = first;
    while (this.#chunk !== undefined && Number.isNaN(this.#chunk.arrivalSeconds[this.#row])) {
      const step = this.#read();
      this.#table.at[step] = AT.future;
      this.#table.nextStep[last] = step;
      last = step;
    }
    this.#peek();
    return first;
  }

  /** A later step of a session arrives. */
  arrive(request: number, atSeconds: number): void {
    const table = this.#table;
    table.arrivalSeconds[request] = atSeconds;
    table.deadlineSeconds[request] = atSeconds + this.#slo[table.tier[request]];
  }

  #read(): number {
    const table = this.#table;
    const chunk = this.#chunk as RequestChunk;
    const row = this.#row;
    const slot = table.allocate();
    const arrival = chunk.arrivalSeconds[row];
    const tier = chunk.tier[row];
    if (!(chunk.promptTokens[row] >= 1))
      throw this.#wrong("promptTokens", chunk.promptTokens[row], "at least 1");
    if (!(chunk.outputTokens[row] >= 1))
      throw this.#wrong("outputTokens", chunk.outputTokens[row], "at least 1");
    if (tier >= this.#slo.length) throw this.#wrong("tier", tier, `below ${this.#slo.length}`);
    const think = chunk.thinkSeconds === undefined ? 0 : chunk.thinkSeconds[row];
    if (!(think >= 0 && think < Number.POSITIVE_INFINITY)) {
      throw this.#wrong("thinkSeconds", think, "a number of 0 or above");
    }
    table.id[slot] = this.nextId++;
    table.arrivalSeconds[slot] = arrival;
    table.deadlineSeconds[slot] = arrival + this.#slo[tier];
    table.promptTokens[slot] = chunk.promptTokens[row];
    table.outputTokens[slot] = chunk.outputTokens[row];
    table.tier[slot] = tier;
    table.needsLarge[slot] = chunk.needsLarge[row];
    table.taskType[slot] = chunk.taskType === undefined ? 0 : chunk.taskType[row];
    table.tenant[slot] = chunk.tenant === undefined ? NONE : chunk.tenant[row];
    table.turns[slot] = chunk.turns === undefined ? 1 : chunk.turns[row];
    table.difficulty[slot] = chunk.difficulty === undefined ? 0 : chunk.difficulty[row];
    table.session[slot] = chunk.session === undefined ? NONE : chunk.session[row];
    table.step[slot] = chunk.step === undefined ? 0 : chunk.step[row];
    table.thinkSeconds[slot] = think;
    table.prefixTokens[slot] = chunk.prefixTokens === undefined ? 0 : chunk.prefixTokens[row];
    table.recordedEndpoint[slot] = chunk.endpoint === undefined ? NONE : chunk.endpoint[row];
    this.#row++;
    if (this.#row === chunk.count) this.#chunk = this.#nextChunk();
    return slot;
  }

  #nextChunk(): RequestChunk | undefined {
    this.#row = 0;
    let chunk = this.#cursor.next();
    while (chunk !== undefined && chunk.count === 0) chunk = this.#cursor.next();
    return chunk;
  }

  #peek(): void {
    if (this.#chunk === undefined) {
      this.nextArrivalSeconds = Number.POSITIVE_INFINITY;
      return;
    }
    const arrival = this.#chunk.arrivalSeconds[this.#row];
    if (!(arrival >= this.#lastArrival && arrival < Number.POSITIVE_INFINITY)) {
      throw new UserError(
        "CANOPY_WORKLOAD_ORDER",
        `workload: request ${this.nextId}: arrivalSeconds is ${arrival}, expected a number of ${this.#lastArrival} or above, as arrivals are in order`,
      );
    }
    this.#lastArrival = arrival;
    this.nextArrivalSeconds = arrival;
  }

  #wrong(column: string, found: number, expected: string): UserError {
    return new UserError(
      "CANOPY_WORKLOAD_VALUE",
      `workload: request ${this.nextId}: ${column} is ${found}, expected ${expected}`,
    );
  }
}
