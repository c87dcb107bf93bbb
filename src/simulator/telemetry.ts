import type { TelemetryView } from "../routers/contract.ts";
import type { EndpointState } from "./endpoint-state.ts";
import type { RequestTable } from "./request-table.ts";

/** The router's picture of the endpoints: a snapshot, corrected by its own placements since. */
export class Telemetry implements TelemetryView {
  takenAtSeconds = 0;
  readonly up: Uint8Array;
  readonly replicas: Int32Array;
  readonly running: Float64Array;
  readonly waiting: Float64Array;
  readonly outstanding: Float64Array;
  readonly queuedPrefillTokens: Float64Array;
  readonly outstandingTokens: Float64Array;
  readonly contextTokens: Float64Array;
  readonly decoding: Float64Array;
  readonly kvFraction: Float64Array;
  readonly utilisation: Float64Array;
  readonly timeFactor: Float64Array;
  /** 1 where the last snapshot found work, or something was placed since. */
  readonly #busy: Uint8Array;
  /** Until then nothing of an endpoint that is shown changes by itself; where only counts are shown. */
  readonly #quietUntil: Float64Array;
  readonly #showsTokens: boolean;
  readonly #table: RequestTable;
  #snapshots = 0;

  /** @param showsTokens false: the columns of tokens held stay NaN */
  constructor(endpoints: readonly EndpointState[], table: RequestTable, showsTokens: boolean) {
    const n = endpoints.length;
    this.#table = table;
    this.#showsTokens = showsTokens;
    this.#quietUntil = new Float64Array(n).fill(Number.NEGATIVE_INFINITY);
    this.up = new Uint8Array(n).fill(1);
    this.replicas = Int32Array.from(endpoints, (e) => e.servingReplicas);
    this.running = new Float64Array(n);
    this.waiting = new Float64Array(n);
    this.outstanding = new Float64Array(n);
    this.queuedPrefillTokens = new Float64Array(n);
    this.outstandingTokens = new Float64Array(n);
    this.contextTokens = new Float64Array(n);
    this.decoding = new Float64Array(n);
    this.kvFraction = new Float64Array(n);
    this.utilisation = new Float64Array(n);
    this.timeFactor = Float64Array.from(endpoints, (e) => e.timeFactor);
    this.#busy = new Uint8Array(n);
    if (showsTokens) return;
    for (const column of [this.outstandingTokens, this.contextTokens, this.kvFraction])
      column.fill(Number.NaN);
  }

  get snapshots(): number {
    return this.#snapshots;
  }

  /**
   * Takes the state of every endpoint at `t`. Endpoints without work, then and now, stay as they are, and so do those
   * of which nothing that is shown has changed.
   */
  snapshot(endpoints: readonly EndpointState[], t: number): void {
    this.takenAtSeconds = t;
    this.#snapshots++;
    for (let e = 0; e < endpoints.length; e++) {
      const endpoint = endpoints[e];
      if (t < this.#quietUntil[e] || (endpoint.outstanding === 0 && this.#busy[e] === 0)) continue;
      endpoint.advance(t);
      this.#refresh(e, endpoint);
      this.#busy[e] = endpoint.outstanding > 0 ? 1 : 0;
      if (!this.#showsTokens) this.#quietUntil[e] = endpoint.quietUntil();
    }
  }

  /** Accounts for a placement made since the snapshot. */
  placed(e: number, tokens: number): void {
    this.waiting[e]++;
    this.outstanding[e]++;
    this.queuedPrefillTokens[e] += tokens;
    this.outstandingTokens[e] += tokens;
    this.touch(e);
  }

  /** The endpoint's state changed from outside (fault, scaling, a request taken back): look at it at the next snapshot. */
  touch(e: number): void {
    this.#busy[e] = 1;
    this.#quietUntil[e] = Number.NEGATIVE_INFINITY;
  }

  #refresh(e: number, endpoint: EndpointState): void {
    const { promptTokens, producedTokens, next, transferred } = this.#table;
    const { batching } = endpoint.definition;
    let running = 0;
    let queuedPrefill = 0;
    let tokens = 0;
    let context = 0;
    let decoding = 0;
    let blocks = 0;
    let kvBlocks = 0;
    let serving = 0;
    for (let i = 0; i < endpoint.replicas.length; i++) {
      const replica = endpoint.replicas[i];
      if (replica.phase !== "serving" && replica.phase !== "draining") continue;
      if (replica.phase === "serving") serving++;
      running += replica.places;
      queuedPrefill += replica.queuedPrefillTokens;
      tokens += replica.outstandingTokens;
      context += replica.contextTokens;
      decoding += replica.decoding;
      blocks += batching.kvBlocks - replica.freeBlocks;
      kvBlocks += batching.kvBlocks;
    }
    let waiting = endpoint.outstanding;
    for (let i = 0; i < endpoint.replicas.length; i++) waiting -= endpoint.replicas[i].running.length;
    for (let request = endpoint.network.head; request !== -1; request = next[request]) {
      queuedPrefill += promptTokens[request] + producedTokens[request];
      tokens += promptTokens[request] + producedTokens[request];
    }
    for (let request = endpoint.queue.head; request !== -1; request = next[request]) {
      if (transferred[request] === 0) queuedPrefill += promptTokens[request] + producedTokens[request];
      tokens += promptTokens[request] + producedTokens[request];
    }
    for (let request = endpoint.kv.head; request !== -1; request = next[request]) {
      tokens += promptTokens[request] + producedTokens[request];
    }
    this.timeFactor[e] = endpoint.timeFactor;
    this.running[e] = running;
    this.waiting[e] = waiting;
    this.outstanding[e] = running + waiting;
    this.queuedPrefillTokens[e] = queuedPrefill;
    this.decoding[e] = decoding;
    if (this.#showsTokens) {
      this.outstandingTokens[e] = tokens;
      this.contextTokens[e] = context;
      this.kvFraction[e] = kvBlocks === 0 ? 0 : blocks / kvBlocks;
    }
    this.utilisation[e] = serving === 0 ? 0 : running / (serving * batching.maxRequests);
  }
}
