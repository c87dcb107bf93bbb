import type { World } from "../contract.ts";
import type { CostModel } from "./cost-model.ts";
import type { CapsParameters } from "./parameters.ts";
import type { PoolGates } from "./pool-gates.ts";
import { PoolLoads } from "./pool-load.ts";
import type { PoolQueues } from "./pool-queues.ts";
import { BP, POOLS } from "./pools.ts";
import { relativeWatts } from "./power-curve.ts";
import type { Clock } from "./prompt-row.ts";
import type { Rooms } from "./rooms.ts";
import { carbonTerm, loadRisk } from "./score.ts";
import type { ServiceCosts } from "./service-costs.ts";

/** Steps of the tabulated power curve. */
const POWER_STEPS = 1024;

/** Seconds of a request: what is ahead, and network; prompt; GPU seconds at the reference batch; all of it; its share. */
const WAIT = 0;
const PREFILL = 1;
const COST = 2;
const ELAPSED = 3;
const SHARE = 4;

/**
 * CAPS's score of a request in each pool: goodput, carbon and risk at the pool's endpoint with the fewest outstanding
 * requests. What the router keeps for the pool is ahead of the request there. Waiting on purpose is no waiting here: the objective of a deferred request counts from the end of its
 * wait, and its carbon is that of its planned start.
 */
export class PoolEvaluation {
  /** Question, set before {@link best}: prompt tokens to compute, seconds of slack, latest start of a deferred request. */
  promptTokens = 0;
  readonly slackSeconds = new Float64Array(1);
  readonly latestSeconds = new Float64Array(1);
  /** Output tokens expected. */
  readonly outputs = new Float64Array(1);
  /** Of the pools asked about last: tokens a second, risk, carbon, score. */
  readonly rate = new Float64Array(3);
  readonly risk = new Float64Array(3);
  readonly carbon = new Float64Array(3);
  readonly score = new Float64Array(3);
  readonly #world: World;
  readonly #clock: Clock;
  readonly #pools: readonly Int32Array[];
  readonly #rooms: Rooms;
  readonly #gates: PoolGates;
  readonly #queues: PoolQueues;
  readonly #service: ServiceCosts;
  readonly #costs: CostModel;
  readonly #p: CapsParameters;
  readonly #power: Float64Array;
  /** P(u) / P_peak of the delay-tolerant pool's planned utilisation. */
  readonly #batchPower = new Float64Array(1);
  /** Seconds of the request at the endpoint looked at. */
  readonly #times = new Float64Array(5);
  readonly #intensity = new Float64Array(1);
  /** Highest rate of the pools asked about. */
  readonly #fastest = new Float64Array(1);
  readonly #loads: readonly PoolLoads[];
  /** Scores without risk, which no score exceeds: alpha and lambda are not negative. */
  readonly #bound = new Float64Array(3);
  /** alpha, beta, lambda. */
  readonly #weights: Float64Array;
  readonly #noRisk = new Float64Array(3);

  constructor(
    world: World,
    clock: Clock,
    pools: readonly Int32Array[],
    rooms: Rooms,
    gates: PoolGates,
    queues: PoolQueues,
    service: ServiceCosts,
    costs: CostModel,
    p: CapsParameters,
  ) {
    this.#world = world;
    this.#clock = clock;
    this.#pools = pools;
    this.#rooms = rooms;
    this.#gates = gates;
    this.#queues = queues;
    this.#service = service;
    this.#costs = costs;
    this.#p = p;
    this.#weights = Float64Array.of(p.alpha, p.beta, p.lambda);
    this.#loads = pools.map(() => new PoolLoads(world));
    this.#power = relativeWatts({ ...p, exponent: p.powerExponent }, POWER_STEPS);
    this.#batchPower[0] = this.#power[Math.round(p.batchUtilisation * POWER_STEPS)];
  }

  /**
   * Pool of the highest score; ties go to the first. Allocates nothing. The risk is dear where it is learned: a pool
   * whose score would not win without any is not asked for its own, and its score is NaN.
   *
   * @param candidate 1 for the pools asked about, each with an endpoint that is up and may serve the request
   * @param all also where a pool cannot win
   */
  best(candidate: Uint8Array, needsLarge: number, all: boolean): number {
    const scores = this.score;
    this.#fastest[0] = 0;
    for (let pool = 0; pool < POOLS.length; pool++) {
      scores[pool] = Number.NaN;
      if (candidate[pool] === 0) continue;
      this.#evaluate(pool, needsLarge);
      if (this.rate[pool] > this.#fastest[0]) this.#fastest[0] = this.rate[pool];
    }
    const bound = this.#bound;
    let lead = -1;
    for (let pool = 0; pool < POOLS.length; pool++) {
      if (candidate[pool] === 0) continue;
      this.#weigh(pool, this.#noRisk, bound);
      if (lead < 0 || bound[pool] > bound[lead]) lead = pool;
    }
    this.#judge(lead);
    let best = -1;
    for (let pool = 0; pool < POOLS.length; pool++) {
      if (candidate[pool] === 0) continue;
      if (pool !== lead) {
        if (!all && bound[pool] < scores[lead]) continue;
        this.#judge(pool);
      }
      if (best < 0 || scores[pool] > scores[best]) best = pool;
    }
    return best;
  }

  /**
   * Seconds until the objective of the request asked about is met at an endpoint: its backlog, and the prompt (TTFT)
   * or all of the service.
   */
  latencySeconds(e: number): number {
    const { telemetry, endpoints, latency } = this.#world;
    const replicas = Math.max(1, telemetry.replicas[e]);
    const factor = telemetry.timeFactor[e];
    const perToken = this.#service.promptSeconds[e] * factor;
    const wait = (telemetry.queuedPrefillTokens[e] / replicas) * perToken + endpoints.roundTripSeconds[e];
    const prefill = this.promptTokens * perToken;
    if (latency === "ttft") return wait + prefill;
    const steps = this.#service.stepSeconds[e];
    const batch = Math.min(steps.length - 1, Math.floor(telemetry.decoding[e] / replicas) + 1);
    return wait + prefill + this.outputs[0] * steps[batch] * factor;
  }

  /** Writes a pool's score with its risk. */
  #judge(pool: number): void {
    if (this.#costs.classifies) this.#costs.risk(this.#loads[pool], this.risk, pool);
    this.#weigh(pool, this.risk, this.score);
  }

  #weigh(pool: number, risk: Float64Array, out: Float64Array): void {
    // `score` of `goodputTerm`, written out: calls that are not inlined would box their fractions.
    const weights = this.#weights;
    const fastest = this.#fastest[0];
    const share = fastest > 0 ? Math.min(1, this.rate[pool] / fastest) : 1;
    out[pool] =
      weights[0] * ((1 - risk[pool]) * share) - weights[1] * this.carbon[pool] - weights[2] * risk[pool];
  }

  #evaluate(pool: number, needsLarge: number): void {
    const queues = this.#queues;
    this.#loads[pool].read(this.#pools[pool], queues.aheadOf(pool), queues.aheadTokens, pool);
    this.#time(pool, this.#rooms.leastOutstanding(this.#pools[pool], needsLarge, true));
    this.rate[pool] = this.outputs[0] / (this.#times[WAIT] + this.#times[ELAPSED]);
    this.#weighCarbon(pool);
    if (!this.#costs.classifies) this.#judgeLoad(pool);
  }

  /** What the request takes at an endpoint of a pool. */
  #time(pool: number, e: number): void {
    const { telemetry, endpoints } = this.#world;
    const { batchUtilisation, batchRequests, tau } = this.#p;
    const times = this.#times;
    const replicas = Math.max(1, telemetry.replicas[e]);
    const factor = telemetry.timeFactor[e];
    const perToken = this.#service.promptSeconds[e] * factor;
    const prefill = this.promptTokens * perToken;
    const outputs = this.outputs[0];
    const cost = prefill + outputs * this.#service.outputSeconds[e] * factor;
    const load = this.#loads[pool];
    const steps = this.#service.stepSeconds[e];
    // Prompts at the endpoint, the endpoint's part of those that the router keeps, and the outputs that end before a
    // place in a batch is free.
    const prompts =
      telemetry.queuedPrefillTokens[e] / replicas +
      this.#queues.aheadTokens[pool] / Math.max(1, load.replicas);
    times[WAIT] = prompts * perToken + endpoints.roundTripSeconds[e];
    const most = pool === BP ? Math.min(batchRequests, endpoints.maxRequests[e]) : endpoints.maxRequests[e];
    const places = most * load.replicas;
    if (load.outstanding >= places) {
      const full = Math.min(steps.length - 1, most);
      const outputSeconds = this.#world.meanOutputTokens * steps[full] * factor;
      times[WAIT] += ((load.outstanding + 1 - places) / Math.max(1, places)) * outputSeconds;
    }
    times[PREFILL] = prefill;
    times[COST] = cost;
    times[ELAPSED] = cost;
    times[SHARE] = cost;
    if (tau === "literal") return;
    const planned =
      pool === BP
        ? Math.round(batchUtilisation * batchRequests)
        : Math.floor(telemetry.decoding[e] / replicas) + 1;
    const batch = Math.max(1, Math.min(steps.length - 1, planned));
    times[ELAPSED] = prefill + outputs * steps[batch] * factor;
    times[SHARE] = prefill + (outputs * steps[batch] * factor) / batch;
  }

  #weighCarbon(pool: number): void {
    const gates = this.#gates;
    const load = this.#loads[pool];
    const times = this.#times;
    const used = load.places > 0 ? Math.min(1, (load.outstanding + 1) / load.places) : 1;
    const power = pool === BP ? this.#batchPower[0] : this.#power[Math.round(used * POWER_STEPS)];
    const ratio = times[COST] > 0 ? times[SHARE] / times[COST] : 1;
    this.#intensity[0] = gates.intensity[pool];
    // Its wait ends before the window opens: what counts is the hour of that.
    if (pool === BP && this.latestSeconds[0] < gates.windowStart[0]) {
      this.#intensity[0] = gates.intensityAt(BP, this.#clock.now, this.latestSeconds[0]);
    }
    this.carbon[pool] = carbonTerm(this.#intensity[0], gates.meanIntensity[0], power, ratio);
  }

  #judgeLoad(pool: number): void {
    const times = this.#times;
    const untilFirstToken = this.#world.latency === "ttft" && this.#p.tau === "split";
    const late = times[WAIT] + (untilFirstToken ? times[PREFILL] : times[ELAPSED]);
    this.risk[pool] = loadRisk(late, this.slackSeconds[0]);
  }
}
