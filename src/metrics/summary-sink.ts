import { GrowingFloat64, QuantileStore } from "../numeric/quantile-store.ts";
import type { RecordColumns, RecordSink } from "../simulator/options.ts";
import { allowedHoldSeconds, type Tier } from "../workload/requests.ts";
import { dispatchLatency, type ServiceClock } from "../workload/service-clock.ts";
import { AccuracyCounter } from "./accuracy-counter.ts";
import { ShareOscillation, TargetOscillation } from "./oscillation.ts";
import { PlacementSketcher } from "./placement-sketch.ts";
import { TimeBuckets } from "./time-buckets.ts";

export interface SummaryOptions {
  readonly tiers: readonly Tier[];
  /** Which latency the objectives bound. */
  readonly latency: "ttft" | "e2e";
  /** From when that latency counts; default: arrival. */
  readonly clock?: ServiceClock;
  /** Number of task types where answers are right or wrong; default: that is not modelled. */
  readonly answeredTypes?: number | null;
  /** Group of each endpoint, and how many groups there are. */
  readonly groupOf: ArrayLike<number>;
  readonly groups: number;
  /** Requests with a smaller number are left out of latencies and service level. */
  readonly firstCounted: number;
  /** Keep placements by group over time. */
  readonly timeline: boolean;
  /** Quantiles from sketches from the start, for runs whose memory must not grow. Default: exact first. */
  readonly sketch?: boolean;
}

/** Length of CEDAR's routing and control intervals, in seconds. */
const SHORT_INTERVAL = 0.1;
const LONG_INTERVAL = 10;

/**
 * What a run's metrics need of its requests, in memory that does not grow with the run beyond the exact quantiles
 * (then a sketch). Allocates nothing per request; ask it after {@link SummarySink.close}.
 */
export class SummarySink implements RecordSink {
  readonly options: SummaryOptions;
  readonly ttft: QuantileStore;
  readonly e2e: QuantileStore;
  /** Deliberate waits of the requests that had one. */
  readonly held: QuantileStore;
  /** Requests counted and those of them above their objective, by tier. */
  readonly counted: Float64Array;
  /** On the clock that counts, and on each clock. */
  readonly violated: Float64Array;
  readonly violatedOn: { readonly arrival: Float64Array; readonly dispatch: Float64Array };
  readonly answers: AccuracyCounter | undefined;
  /** Output tokens of all finished requests, and of those that met their objective. */
  outputTokens = 0;
  goodTokens = 0;
  /** Sum and number of times per output token. */
  tpotSum = 0;
  tpotCount = 0;
  firstArrivalSeconds = Number.POSITIVE_INFINITY;
  lastFinishSeconds = Number.NEGATIVE_INFINITY;
  readonly rejections = new Map<string, number>();
  readonly shortOscillation: ShareOscillation;
  readonly longOscillation: ShareOscillation;
  readonly placements = new PlacementSketcher();
  readonly timeline: TimeBuckets | undefined;
  readonly #targets: TargetOscillation[] = [];
  /** Arrival and first-token latency (NaN without one) of unfinished requests. */
  readonly #unfinished = new GrowingFloat64();
  #columns: RecordColumns | undefined;
  readonly #allowedHold: Float64Array;
  readonly #mode: "sketch" | "auto";
  /** First-token latency from dispatch, once a request was held on purpose: up to then it is that from arrival. */
  #dispatchTtft: QuantileStore | undefined;

  constructor(options: SummaryOptions) {
    this.options = options;
    const mode = options.sketch === true ? "sketch" : "auto";
    this.ttft = new QuantileStore({ mode });
    this.e2e = new QuantileStore({ mode });
    this.held = new QuantileStore({ mode });
    this.counted = new Float64Array(options.tiers.length);
    const { tiers, clock = "arrival", answeredTypes = null } = options;
    this.violatedOn = {
      arrival: new Float64Array(tiers.length),
      dispatch: new Float64Array(tiers.length),
    };
    this.violated = this.violatedOn[clock];
    this.#allowedHold = Float64Array.from(tiers, allowedHoldSeconds);
    this.#mode = mode;
    this.answers = answeredTypes === null ? undefined : new AccuracyCounter(answeredTypes);
    this.shortOscillation = new ShareOscillation(options.groups, SHORT_INTERVAL);
    this.longOscillation = new ShareOscillation(options.groups, LONG_INTERVAL);
    this.timeline = options.timeline ? new TimeBuckets(options.groups) : undefined;
  }

  begin(columns: RecordColumns): void {
    this.#columns = columns;
  }

  placed(request: number, endpoint: number, atSeconds: number): void {
    const columns = this.#of();
    const group = this.options.groupOf[endpoint];
    this.shortOscillation.count(atSeconds, group);
    this.longOscillation.count(atSeconds, group);
    this.timeline?.count(atSeconds, group);
    if (columns.dispatchedSeconds[request] === atSeconds)
      this.placements.place(columns.id[request], endpoint);
  }

  finished(request: number): void {
    const columns = this.#of();
    const tokens = columns.producedTokens[request];
    const ttft = columns.ttftSeconds[request];
    const e2e = columns.e2eSeconds[request];
    this.#arrival(columns.arrivalSeconds[request]);
    if (columns.finishedSeconds[request] > this.lastFinishSeconds) {
      this.lastFinishSeconds = columns.finishedSeconds[request];
    }
    this.outputTokens += tokens;
    const held = columns.heldSeconds[request];
    if (held > 0) this.held.add(held);
    if (columns.id[request] < this.options.firstCounted) return;
    const tier = columns.tier[request];
    if (held > 0 && this.#dispatchTtft === undefined) {
      this.#dispatchTtft = new QuantileStore({ mode: this.#mode });
      this.#dispatchTtft.merge(this.ttft);
    }
    this.ttft.add(ttft);
    this.e2e.add(e2e);
    this.#dispatchTtft?.add(dispatchLatency(ttft, held, this.#allowedHold[tier]));
    if (tokens > 1) {
      this.tpotSum += (columns.finishedSeconds[request] - columns.firstTokenSeconds[request]) / (tokens - 1);
      this.tpotCount++;
    }
    this.counted[tier]++;
    const latency = this.options.latency === "ttft" ? ttft : e2e;
    const limit = this.options.tiers[tier].sloSeconds;
    const isGood = latency <= limit;
    const isGoodFromDispatch =
      held > 0 ? dispatchLatency(latency, held, this.#allowedHold[tier]) <= limit : isGood;
    if (!isGood) this.violatedOn.arrival[tier]++;
    if (!isGoodFromDispatch) this.violatedOn.dispatch[tier]++;
    if (this.options.clock === "dispatch" ? isGoodFromDispatch : isGood) this.goodTokens += tokens;
    this.answers?.count(columns, request);
  }

  rejected(request: number, reason: string): void {
    const columns = this.#of();
    this.rejections.set(reason, (this.rejections.get(reason) ?? 0) + 1);
    if (!Number.isNaN(columns.arrivalSeconds[request])) this.#arrival(columns.arrivalSeconds[request]);
    if (columns.id[request] < this.options.firstCounted) return;
    this.#countUnserved(columns, request);
  }

  unfinished(request: number): void {
    const columns = this.#of();
    const arrival = columns.arrivalSeconds[request];
    if (!Number.isNaN(arrival)) this.#arrival(arrival);
    if (columns.id[request] < this.options.firstCounted) return;
    this.#countUnserved(columns, request);
    if (Number.isNaN(arrival)) return;
    this.#unfinished.push(arrival);
    this.#unfinished.push(columns.ttftSeconds[request]);
  }

  weights(requestClass: number, weights: Float64Array, atSeconds: number): void {
    this.#targets[requestClass] ??= new TargetOscillation(weights.length, LONG_INTERVAL);
    this.#targets[requestClass].announce(atSeconds, weights);
  }

  /** Ends the run: unfinished requests enter with the time from their arrival to the horizon. */
  close(horizonSeconds: number, endSeconds: number): void {
    const end = Math.max(endSeconds, 0);
    this.shortOscillation.finish(end);
    this.longOscillation.finish(end);
    for (const target of this.#targets) target?.finish(end);
    const pairs = this.#unfinished.view();
    for (let i = 0; i < pairs.length; i += 2) {
      const waited = Math.max(0, Math.max(horizonSeconds, endSeconds) - pairs[i]);
      const first = Number.isNaN(pairs[i + 1]) ? waited : pairs[i + 1];
      this.e2e.add(waited);
      this.ttft.add(first);
      this.#dispatchTtft?.add(first);
    }
  }

  /** First-token latency from the end of a deliberate hold that the tier allows. */
  get dispatchTtft(): QuantileStore {
    return this.#dispatchTtft ?? this.ttft;
  }

  /** Oscillation of the announced weights, the mean over classes of requests; null without any. */
  get targetOscillation(): number | null {
    const values = this.#targets.flatMap((target) => target?.value ?? []);
    return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
  }

  #countUnserved(columns: RecordColumns, request: number): void {
    const tier = columns.tier[request];
    this.counted[tier]++;
    this.violatedOn.arrival[tier]++;
    this.violatedOn.dispatch[tier]++;
    this.answers?.count(columns, request);
  }

  #arrival(seconds: number): void {
    if (seconds < this.firstArrivalSeconds) this.firstArrivalSeconds = seconds;
  }

  #of(): RecordColumns {
    if (this.#columns === undefined) throw new Error("a sink got a record before begin");
    return this.#columns;
  }
}
