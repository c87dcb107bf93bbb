import type { RecordColumns, RecordSink } from "../simulator/options.ts";

/** Hands everything to two sinks, in order. */
export class TeeSink implements RecordSink {
  readonly #first: RecordSink;
  readonly #second: RecordSink;

  constructor(first: RecordSink, second: RecordSink) {
    this.#first = first;
    this.#second = second;
  }

  begin(columns: RecordColumns): void {
    this.#first.begin(columns);
    this.#second.begin(columns);
  }

  placed(request: number, endpoint: number, atSeconds: number): void {
    this.#first.placed(request, endpoint, atSeconds);
    this.#second.placed(request, endpoint, atSeconds);
  }

  finished(request: number): void {
    this.#first.finished(request);
    this.#second.finished(request);
  }

  rejected(request: number, reason: string): void {
    this.#first.rejected(request, reason);
    this.#second.rejected(request, reason);
  }

  unfinished(request: number): void {
    this.#first.unfinished(request);
    this.#second.unfinished(request);
  }

  weights(requestClass: number, weights: Float64Array, atSeconds: number): void {
    this.#first.weights(requestClass, weights, atSeconds);
    this.#second.weights(requestClass, weights, atSeconds);
  }
}
