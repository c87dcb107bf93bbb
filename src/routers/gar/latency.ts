import type { RouterHost, World } from "../contract.ts";
import { LatencyQuantiles } from "./latency-quantiles.ts";
import type { LatencyParameters } from "./parameters.ts";

/** Bins of the expected outputs, in powers of two, and of the load. */
const OUTPUT_BINS = 17;
const LOAD_BINS = 7;
/** Estimate of an endpoint that has no serving replica: it is asked last, never divided by zero. */
const NO_REPLICA_SECONDS = 1e6;

/**
 * Tail latency of a request at each endpoint: the quantile of the latencies completed there under the same bin of
 * expected outputs and of load (requests outstanding over places, when the request was placed), else of all completed
 * there; and at least what the profile's law needs for the backlog and the expected outputs, since completions tell of
 * a queue only once it is over. Latency is what the objectives bound.
 */
export class LatencyEstimate {
  readonly #world: World;
  readonly #host: RouterHost;
  readonly #cells: LatencyQuantiles;
  readonly #wholes: LatencyQuantiles;
  readonly #maxAge: number;
  readonly #secondsPerPromptToken: Float64Array;
  /** Step seconds by batch at the mean context; endpoint e's begin at #stepStart[e]. */
  readonly #step: Float64Array;
  readonly #stepStart: Int32Array;
  readonly #batches: Int32Array;
  /** Cell under which a placed request's latency is filed, by request; -1 for none. */
  #filed = new Int32Array(0);

  constructor(world: World, host: RouterHost, parameters: LatencyParameters) {
    const { endpoints } = world;
    const { latencyQuantile, latencySamples, latencyMinSamples, latencyAgeSeconds } = parameters;
    const make = (cells: number) =>
      new LatencyQuantiles(cells, latencyQuantile, latencySamples, latencyMinSamples);
    this.#world = world;
    this.#host = host;
    this.#cells = make(endpoints.count * OUTPUT_BINS * LOAD_BINS);
    this.#wholes = make(endpoints.count);
    this.#maxAge = latencyAgeSeconds;
    this.#secondsPerPromptToken = Float64Array.from(endpoints.law, (law) => 1 / law.prefillTokensPerSecond);
    const context = world.meanPromptTokens + world.meanOutputTokens / 2;
    const steps: number[] = [];
    this.#stepStart = new Int32Array(endpoints.count);
    this.#batches = new Int32Array(endpoints.count);
    for (let e = 0; e < endpoints.count; e++) {
      const law = endpoints.law[e];
      this.#stepStart[e] = steps.length;
      this.#batches[e] = Math.min(law.maxSequences, endpoints.maxRequests[e]);
      for (let b = 1; b <= this.#batches[e]; b++) steps.push(law.decodeSeconds(b, b * context));
    }
    this.#step = Float64Array.from(steps);
  }

  /**
   * Writes the estimates of the candidates.
   *
   * @param outputs whole number of outputs expected
   */
  estimate(into: Float64Array, candidates: Int32Array, tokens: number, outputs: number): void {
    const now = this.#host.now;
    const bin = outputBin(outputs);
    const { values, takenAt } = this.#cells;
    const { values: wholes, takenAt: wholesTakenAt } = this.#wholes;
    const { telemetry, endpoints, latency } = this.#world;
    const { replicas, queuedPrefillTokens, decoding, timeFactor } = telemetry;
    const { roundTripSeconds } = endpoints;
    const perToken = this.#secondsPerPromptToken;
    const step = this.#step;
    const stepStart = this.#stepStart;
    const batches = this.#batches;
    const decodes = latency === "e2e";
    const oldest = now - this.#maxAge;
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      const serving = replicas[e];
      if (serving === 0) {
        into[e] = NO_REPLICA_SECONDS;
        continue;
      }
      let seconds = (queuedPrefillTokens[e] / serving + tokens) * perToken[e];
      if (decodes) {
        const batch = Math.min(batches[e], 1 + Math.floor(decoding[e] / serving));
        seconds += outputs * step[stepStart[e] + batch - 1];
      }
      seconds = roundTripSeconds[e] + seconds * timeFactor[e];
      const cell = (e * OUTPUT_BINS + bin) * LOAD_BINS + this.#loadBin(e);
      if (values[cell] >= 0 && takenAt[cell] >= oldest) {
        if (values[cell] > seconds) seconds = values[cell];
      } else if (wholes[e] > seconds && wholesTakenAt[e] >= oldest) seconds = wholes[e];
      into[e] = seconds;
    }
  }

  /** Notes where and under which load the request is about to be placed. */
  note(request: number, endpoint: number, outputs: number): void {
    if (request >= this.#filed.length) this.#grow(request);
    this.#filed[request] =
      (endpoint * OUTPUT_BINS + outputBin(outputs)) * LOAD_BINS + this.#loadBin(endpoint);
  }

  /** Files the latency of the completion being reported. */
  completed(request: number): void {
    const { completed, latency } = this.#world;
    const cell = request < this.#filed.length ? this.#filed[request] : -1;
    if (cell < 0) return;
    this.#filed[request] = -1;
    const seconds = latency === "ttft" ? completed.ttftSeconds : completed.e2eSeconds;
    this.#cells.add(cell, seconds, this.#host.now);
    this.#wholes.add(completed.endpoint, seconds, this.#host.now);
  }

  /** Seconds of the law of an endpoint with nothing on it. */
  unloadedSeconds(e: number, tokens: number, outputs: number): number {
    const decode = this.#world.latency === "e2e" ? outputs * this.#step[this.#stepStart[e]] : 0;
    return this.#world.endpoints.roundTripSeconds[e] + tokens * this.#secondsPerPromptToken[e] + decode;
  }

  /** 0 when idle; then up to 1/16, 1/8, 1/4, 1/2, 1 of the places, and beyond. */
  #loadBin(e: number): number {
    const { outstanding, replicas } = this.#world.telemetry;
    const places = replicas[e] * this.#world.endpoints.maxRequests[e];
    const sixteenths = 16 * outstanding[e];
    if (sixteenths === 0) return 0;
    if (sixteenths <= places) return 1;
    if (sixteenths <= 2 * places) return 2;
    if (sixteenths <= 4 * places) return 3;
    if (sixteenths <= 8 * places) return 4;
    return sixteenths <= 16 * places ? 5 : 6;
  }

  #grow(request: number): void {
    const { tier } = this.#world.requests;
    const grown = new Int32Array(Math.max(request + 1, tier.length, 2 * this.#filed.length)).fill(-1);
    grown.set(this.#filed);
    this.#filed = grown;
  }
}

function outputBin(outputs: number): number {
  return outputs < 2 ? 0 : Math.min(OUTPUT_BINS - 1, 31 - Math.clz32(outputs));
}
