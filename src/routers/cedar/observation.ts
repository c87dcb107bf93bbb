import type { RouterHost, World } from "../contract.ts";
import { FIXED, NETWORK, PROMPT, ROW, STEP, WAIT } from "./coefficients.ts";
import type { ReplicaScaling } from "./scaling.ts";
import { BUDGET, type EndpointScore, OUTPUTS, TOKENS } from "./score.ts";

export interface ObservationOptions {
  readonly controlSeconds: number;
  readonly waitWindowSeconds: number;
  readonly backlogScale: number;
  readonly observeWeights: boolean;
}

/** Carbon intensity that counts as 1, in g/kWh. */
const CARBON_SCALE = 500;
/** Waits are counted in bins of this share of the objective, up to {@link WAIT_LIMIT} objectives. */
const WAIT_BIN = 1 / 16;
const WAIT_LIMIT = 2;
const BINS = WAIT_LIMIT / WAIT_BIN;

/** Places of the observation's numbers. */
const OPENED = 0;
const CARRIED = 1;

/** Seconds since the start of the run. */
type Clock = Pick<RouterHost, "now">;
const AT_START: Clock = { now: 0 };

/**
 * What CEDAR's learned policy sees at the end of a control interval (specification section 5), or within one where
 * transitions are of requests, in this order, scaled to about [0, 1]:
 *
 * - by tier: requests in the router's queue n / (n + backlogScale); 95th percentile of the wait over the objective,
 *   at most 2 (upper end of its bin); mean slack of the placements over the objective, within [-1, 1];
 * - by group of endpoints: prompt and output tokens of what ended, over what its prefill could do; utilisation of the
 *   batches; KV memory in use; means over endpoints that are up;
 * - by region: carbon intensity over 500 g/kWh; by group: price over the dearest;
 * - with `observeWeights`, by tier and group: the weights in force; and where the policy scales, by group: where the
 *   replicas ordered lie between the fewest and the most.
 *
 * The wait of a request is its time to first token less the network and its own prompt at the prefill rate: what a
 * gateway can tell of the queues in front of it and at the endpoint.
 */
export class Observation {
  readonly size: number;
  readonly state: Float32Array;
  readonly #world: World;
  readonly #score: EndpointScore;
  readonly #options: ObservationOptions;
  readonly #slots: number;
  /** Waits by [slot, tier, bin]; the slot of the present interval. */
  readonly #waits: Int32Array;
  #slot = 0;
  /** By tier: sum of the slacks over the objective, placements; the last mean. */
  readonly #slack: Float64Array;
  readonly #placed: Int32Array;
  readonly #meanSlack: Float64Array;
  readonly #tokens: Float64Array;
  /** Slack, placements and tokens of the interval before. */
  readonly #lastSlack: Float64Array;
  readonly #lastPlaced: Int32Array;
  readonly #lastTokens: Float64Array;
  /**
   * When the interval began, in seconds; share of the last interval that counts beside the present one. In an array: a
   * number that is handed to a call which is not inlined gets boxed.
   */
  readonly #numbers = new Float64Array(2);
  readonly #scaling: ReplicaScaling | undefined;
  /** Prefill tokens per second of a replica, and price over the dearest, by endpoint and by group. */
  readonly #rate: Float64Array;
  readonly #price: Float64Array;

  /** @param scaling where the policy scales: its replicas are seen */
  constructor(world: World, score: EndpointScore, options: ObservationOptions, scaling?: ReplicaScaling) {
    this.#world = world;
    this.#scaling = scaling;
    this.#score = score;
    this.#options = options;
    const tiers = world.tiers.length;
    const groups = world.groups.length;
    const inForce = tiers * groups + (scaling === undefined ? 0 : groups);
    this.size =
      3 * tiers + 4 * groups + world.signals.regions.length + (options.observeWeights ? inForce : 0);
    this.state = new Float32Array(this.size);
    this.#slots = Math.max(1, Math.round(options.waitWindowSeconds / options.controlSeconds));
    this.#waits = new Int32Array(this.#slots * tiers * BINS);
    this.#slack = new Float64Array(tiers);
    this.#placed = new Int32Array(tiers);
    this.#meanSlack = new Float64Array(tiers).fill(1);
    this.#tokens = new Float64Array(groups);
    this.#lastSlack = new Float64Array(tiers);
    this.#lastPlaced = new Int32Array(tiers);
    this.#lastTokens = new Float64Array(groups);
    const { group, law, usdPerReplicaSecond } = world.endpoints;
    this.#rate = Float64Array.from(law, ({ prefillTokensPerSecond }) => prefillTokensPerSecond);
    const dearest = Math.max(...usdPerReplicaSecond);
    const members = new Float64Array(groups);
    this.#price = new Float64Array(groups);
    for (let e = 0; e < group.length; e++) {
      members[group[e]]++;
      if (dearest > 0) this.#price[group[e]] += usdPerReplicaSecond[e] / dearest;
    }
    for (let g = 0; g < groups; g++) if (members[g] > 0) this.#price[g] /= members[g];
  }

  /** The request that {@link EndpointScore.query} asks about went to an endpoint. Allocates nothing. */
  placed(tier: number, endpoint: number): void {
    const { query, table } = this.#score;
    const row = ROW * endpoint;
    // Written out: a call that is not inlined would box its result.
    const seconds =
      table[row + FIXED] +
      this.#world.telemetry.queuedPrefillTokens[endpoint] * table[row + WAIT] +
      query[TOKENS] * table[row + PROMPT] +
      query[OUTPUTS] * table[row + STEP];
    const slack = query[BUDGET] - seconds - table[row + NETWORK];
    this.#slack[tier] += Math.max(-1, Math.min(1, slack / this.#world.tiers[tier].sloSeconds));
    this.#placed[tier]++;
  }

  /** The request of {@link World.completed} has ended. Allocates nothing. */
  completed(tier: number): void {
    const { completed, endpoints, tiers } = this.#world;
    const { endpoint, ttftSeconds, promptTokens, outputTokens } = completed;
    this.#tokens[endpoints.group[endpoint]] += promptTokens + outputTokens;
    const row = ROW * endpoint;
    const { table } = this.#score;
    const wait = ttftSeconds - table[row + NETWORK] - promptTokens * table[row + PROMPT];
    const bin = Math.floor(Math.max(0, wait) / tiers[tier].sloSeconds / WAIT_BIN);
    this.#waits[(this.#slot * tiers.length + tier) * BINS + Math.min(BINS - 1, bin)]++;
  }

  /**
   * Ends a control interval: fills {@link state}.
   *
   * @param queued requests of a tier in the router's queue
   * @param weights in force, by tier
   * @param clock for {@link read}
   */
  close(queued: (tier: number) => number, weights: readonly Float64Array[], clock: Clock = AT_START): void {
    for (let q = 0; q < this.#placed.length; q++) {
      if (this.#placed[q] > 0) this.#meanSlack[q] = this.#slack[q] / this.#placed[q];
    }
    this.#numbers[CARRIED] = 0;
    this.#fill(this.state, queued, weights);
    this.#open();
    this.#numbers[OPENED] = clock.now;
  }

  /**
   * Fills a state as of now, within a control interval: tokens and slack are those of the interval so far and of that
   * part of the last one which lies less than an interval back; waits those of the window of which the last interval is
   * the present one so far. At the end of an interval it is what {@link close} gives. Allocates nothing.
   */
  read(
    queued: (tier: number) => number,
    weights: readonly Float64Array[],
    clock: Clock,
    state: Float32Array,
  ): void {
    const passed = (clock.now - this.#numbers[OPENED]) / this.#options.controlSeconds;
    this.#numbers[CARRIED] = Math.max(0, Math.min(1, 1 - passed));
    this.#fill(state, queued, weights);
  }

  #fill(state: Float32Array, queued: (tier: number) => number, weights: readonly Float64Array[]): void {
    const carried = this.#numbers[CARRIED];
    const { telemetry, endpoints, signals, tiers, groups } = this.#world;
    const { backlogScale, controlSeconds, observeWeights } = this.#options;
    let at = 0;
    for (let q = 0; q < tiers.length; q++) {
      const backlog = queued(q);
      const placed = carried * this.#lastPlaced[q] + this.#placed[q];
      const slack = carried * this.#lastSlack[q] + this.#slack[q];
      state[at++] = backlog / (backlog + backlogScale);
      state[at++] = this.#wait95(q);
      state[at++] = placed > 0 ? slack / placed : this.#meanSlack[q];
    }
    for (let g = 0; g < groups.length; g++) {
      let up = 0;
      let rate = 0;
      let utilisation = 0;
      let memory = 0;
      for (let e = 0; e < endpoints.count; e++) {
        if (endpoints.group[e] !== g || telemetry.up[e] === 0) continue;
        up++;
        rate += this.#rate[e] * telemetry.replicas[e];
        utilisation += telemetry.utilisation[e];
        memory += telemetry.kvFraction[e];
      }
      const tokens = carried * this.#lastTokens[g] + this.#tokens[g];
      state[at++] = rate > 0 ? Math.min(1, tokens / controlSeconds / rate) : 0;
      state[at++] = up > 0 ? utilisation / up : 0;
      state[at++] = up > 0 ? memory / up : 0;
    }
    for (let r = 0; r < signals.regions.length; r++) {
      const intensity = signals.carbon[r];
      state[at++] = Number.isFinite(intensity) ? intensity / CARBON_SCALE : 0;
    }
    for (let g = 0; g < groups.length; g++) state[at++] = this.#price[g];
    if (observeWeights) {
      for (let q = 0; q < tiers.length; q++) {
        for (let g = 0; g < groups.length; g++) state[at++] = weights[q][g];
      }
      if (this.#scaling !== undefined) {
        for (let g = 0; g < groups.length; g++) state[at++] = this.#scaling.levelOf(g);
      }
    }
  }

  #open(): void {
    this.#lastSlack.set(this.#slack);
    this.#lastPlaced.set(this.#placed);
    this.#lastTokens.set(this.#tokens);
    this.#slack.fill(0);
    this.#placed.fill(0);
    this.#tokens.fill(0);
    this.#slot = (this.#slot + 1) % this.#slots;
    const width = this.#world.tiers.length * BINS;
    this.#waits.fill(0, this.#slot * width, (this.#slot + 1) * width);
  }

  /** Upper end of the bin of the 95th percentile (nearest rank), in objectives; 0 where nothing ended. */
  #wait95(tier: number): number {
    const tiers = this.#world.tiers.length;
    let total = 0;
    for (let s = 0; s < this.#slots; s++) {
      const from = (s * tiers + tier) * BINS;
      for (let b = 0; b < BINS; b++) total += this.#waits[from + b];
    }
    if (total === 0) return 0;
    const rank = Math.ceil(0.95 * total);
    let seen = 0;
    for (let b = 0; b < BINS; b++) {
      for (let s = 0; s < this.#slots; s++) seen += this.#waits[(s * tiers + tier) * BINS + b];
      if (seen >= rank) return (b + 1) * WAIT_BIN;
    }
    return WAIT_LIMIT;
  }
}
