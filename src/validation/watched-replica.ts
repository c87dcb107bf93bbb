import { Replica } from "../simulator/replica.ts";
import { RequestTable } from "../simulator/request-table.ts";
import { engineEndpoint, NOWHERE } from "./engine-endpoint.ts";
import { RecordedLaw } from "./recorded-law.ts";
import type { EngineLimits } from "./records.ts";

/** A chunk of a prompt, or of a prompt and outputs after a preemption. */
export type Chunk = readonly [request: number, tokens: number];

/** What a step is made of. Requests by their number in the trace. */
export interface StepComposition {
  readonly start: number;
  /** In the order of their preemption. */
  readonly preempted: readonly number[];
  readonly admitted: readonly number[];
  readonly chunks: readonly Chunk[];
  readonly decodeSequences: number;
  /** Prompt and outputs produced, over the decoding requests. */
  readonly contextTokens: number;
  /** During the step. */
  readonly freeBlocks: number;
}

/**
 * The simulator's own replica, step by step: durations are given from outside, and what each step is made of is told.
 * Times are numbers of any unit; whole nanoseconds stay exact.
 */
export class WatchedReplica {
  readonly #law: RecordedLaw;
  readonly #replica: TellingReplica;
  readonly #table = new RequestTable();
  readonly #finishedRequest: (id: number, firstToken: number) => void;
  #finished: number[] = [];

  /** @param finishedRequest told each request that finishes, and when its first token came */
  constructor(limits: EngineLimits, finishedRequest: (id: number, firstToken: number) => void) {
    this.#finishedRequest = finishedRequest;
    this.#law = new RecordedLaw(limits.maxRequests);
    const owner = {
      finished: (_: Replica, request: number) => {
        const id = this.#table.id[request];
        this.#finished.push(id);
        this.#finishedRequest(id, this.#table.firstTokenSeconds[request]);
        this.#table.release(request);
      },
      prefilled: () => undefined,
      takenBack: () => undefined,
    };
    const endpoint = engineEndpoint(this.#law, limits);
    const end = Number.POSITIVE_INFINITY;
    this.#replica = new TellingReplica(0, endpoint, NOWHERE, this.#table, owner, end);
    this.#replica.switchOn(0, "serving");
  }

  /** End of the step before, or the arrival that ended idleness: where the next step starts. */
  get now(): number {
    return this.#replica.now;
  }

  /** Requests that wait or run. */
  get outstanding(): number {
    return this.#replica.outstanding;
  }

  /** A request reaches the replica at `time`, which is not before `now`, nor after the end of the step in progress. */
  arrive(id: number, promptTokens: number, outputTokens: number, time: number): void {
    const table = this.#table;
    this.#replica.advance(time);
    const request = table.allocate();
    table.id[request] = id;
    table.promptTokens[request] = promptTokens;
    table.outputTokens[request] = outputTokens;
    table.arrivalSeconds[request] = time;
    table.deadlineSeconds[request] = time;
    table.reachedOrder[request] = id;
    table.session[request] = -1;
    table.prefixTokens[request] = 0;
    this.#replica.enqueue(request, time);
  }

  /** Starts a step now that will last `duration`, above 0. */
  start(duration: number): StepComposition {
    const replica = this.#replica;
    const start = replica.now;
    this.#law.duration = duration;
    replica.preempted = [];
    replica.admitted = [];
    replica.startAt(start);
    const { heldOffset, id } = this.#table;
    const chunks = Array.from(
      { length: replica.batchPrompts },
      (_, i): Chunk => [id[replica.batchRequests[i]], replica.batchChunks[i]],
    );
    let contextTokens = replica.contextTokens;
    for (let i = 0; i < replica.stalledCount; i++) {
      contextTokens -= heldOffset[replica.stalled[i]] + replica.steps;
    }
    return {
      start,
      preempted: replica.preempted,
      admitted: replica.admitted,
      chunks,
      decodeSequences: replica.batchDecoding,
      contextTokens: replica.batchDecoding === 0 ? 0 : contextTokens,
      freeBlocks: replica.freeBlocks,
    };
  }

  /** Ends the step in progress; those that finished with it, by number. */
  end(): readonly number[] {
    this.#finished = [];
    this.#replica.advance(this.#replica.endAt);
    return this.#finished.sort((a, b) => a - b);
  }
}

/** Tells who enters and who is preempted while a batch is formed. */
class TellingReplica extends Replica {
  preempted: number[] = [];
  admitted: number[] = [];

  override preempt(request: number): void {
    this.preempted.push(this.table.id[request]);
    super.preempt(request);
  }

  override admit(request: number): void {
    this.admitted.push(this.table.id[request]);
    super.admit(request);
  }
}
