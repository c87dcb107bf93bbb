import type { FleetChange, ReturnReason, Router, RouterHost, World } from "../contract.ts";
import { SlotLists } from "../ingress/slot-lists.ts";
import { type CostModel, TenantMeans } from "./cost-model.ts";
import type { CapsParameters } from "./parameters.ts";
import { PoolEvaluation } from "./pool-evaluation.ts";
import { PoolGates } from "./pool-gates.ts";
import { PoolQueues } from "./pool-queues.ts";
import { assignPools, BP, CP, LP, POOLS } from "./pools.ts";
import { PredictionQuality } from "./prediction-quality.ts";
import { AT, RequestNotes } from "./request-notes.ts";
import { Rooms } from "./rooms.ts";
import { ServiceCosts } from "./service-costs.ts";
import { TierRules } from "./tier-rules.ts";

/** Timers. One-shot ones cannot be taken back: each is set again when it fires and still has something to wait for. */
const POLL_TIMER = 0;
const WINDOW_TIMER = 1;
/** Plus the pool: a request that it holds may wait no longer. */
const DUE_TIMERS = 2;

/** What the keys of other classes lie behind in the order of the low-latency pool: seconds beyond any run's. */
const BEHIND_GOLD = 1e12;

/** What an ablation takes away. */
export interface CapsVariant {
  /** False: beta 0, the gate always open, the delay-tolerant pool never waits. */
  readonly carbon: boolean;
  /** False: every request counts as silver and may go to every pool. */
  readonly tenants: boolean;
  /** Makes the model of costs from what training left; undefined: the tenants' means, and no classifier. */
  readonly costs?: (world: World, host: RouterHost, parameters: CapsParameters) => CostModel;
}

/**
 * CAPS: three pools of GPUs, chosen by a score of goodput, carbon and risk from a prediction of each prompt's cost
 * (CAPS, sections 3 and 4; Algorithm 1 is an image, its loop is rebuilt from the text, see docs/caps.md).
 *
 * - Low-latency pool: first come first served, gold before all others; gold may pause the youngest request of
 *   another class, whose prompt is computed again.
 * - Low-carbon pool: requests wait while the grid is dirtier than the threshold, up to a bound.
 * - Delay-tolerant pool: requests are collected, and leave in low-carbon hours or when they may wait no longer, the
 *   shortest expected output first, up to a batch on each GPU.
 */
export class CapsRouter implements Router {
  readonly needs = { telemetry: "counts" as const, completions: true };
  readonly #p: CapsParameters;
  readonly #variant: CapsVariant;
  #world!: World;
  #host!: RouterHost;
  #pools!: readonly Int32Array[];
  #rooms!: Rooms;
  #costs!: CostModel;
  #rules!: TierRules;
  #gates!: PoolGates;
  #queues!: PoolQueues;
  #evaluation!: PoolEvaluation;
  #notes!: RequestNotes;
  #quality!: PredictionQuality;
  /** Requests on each endpoint of the low-latency pool that gold may pause, the youngest last. */
  #pausable!: SlotLists;
  /** True while a request is paused within a call: gold goes first. */
  #pausing = false;
  /** 1 for pools that may have the request asked about. */
  readonly #candidate = new Uint8Array(3);
  /** Times for which the timers of {@link DUE_TIMERS} are set, and the one of {@link WINDOW_TIMER}. */
  readonly #armed = new Float64Array(4);
  #explained!: Float64Array;
  readonly #placements = new Float64Array(3);
  #pauses = 0;

  constructor(parameters: CapsParameters, variant: CapsVariant) {
    this.#p = variant.carbon ? parameters : { ...parameters, beta: 0 };
    this.#variant = variant;
  }

  /**
   * Shares of the placements by pool, requests paused for gold, placements forced by the end of a wait, and how good
   * the predictions were on the requests that have ended and were asked about.
   */
  figures(): Readonly<Record<string, number>> {
    const placed = this.#placements.reduce((sum, count) => sum + count, 0);
    const figures: Record<string, number> = {
      gold_preemptions: this.#pauses,
      forced_starts: this.#queues.forced,
    };
    POOLS.forEach((pool, p) => {
      figures[`pool_share_${pool}`] = placed === 0 ? 0 : this.#placements[p] / placed;
    });
    const { maeTokens, mape, auroc } = this.#quality;
    if (Number.isFinite(maeTokens)) {
      figures["predictor_mae_tokens"] = maeTokens;
      figures["predictor_mape"] = mape;
    }
    if (Number.isFinite(auroc)) figures["predictor_auroc"] = auroc;
    return figures;
  }

  start(world: World, host: RouterHost): void {
    const p = this.#p;
    const { carbon, tenants, costs } = this.#variant;
    this.#world = world;
    this.#host = host;
    this.#pools = assignPools(world, p.pools);
    const inBp = new Set(this.#pools[BP]);
    const { count, maxRequests } = world.endpoints;
    this.#rooms = new Rooms(world, (e) => (inBp.has(e) ? p.batchRequests : maxRequests[e]));
    const service = new ServiceCosts(world, p.referenceBatch);
    this.#rules = new TierRules(world, p, tenants, (pool) =>
      meanServiceSeconds(world, service, this.#pools[pool]),
    );
    this.#costs = costs?.(world, host, p) ?? new TenantMeans(world);
    this.#gates = new PoolGates(world, this.#pools, p, carbon);
    this.#notes = new RequestNotes();
    this.#queues = new PoolQueues(
      world,
      host,
      this.#pools,
      this.#rooms,
      this.#notes,
      this.#gates.open,
      p.forcedStart === "batch",
      p.ownQueue,
      (request, slot, pool, endpoint) => this.#placed(request, slot, pool, endpoint),
    );
    this.#evaluation = new PoolEvaluation(
      world,
      host,
      this.#pools,
      this.#rooms,
      this.#gates,
      this.#queues,
      service,
      this.#costs,
      p,
    );
    this.#quality = new PredictionQuality();
    this.#pausable = new SlotLists(count);
    this.#explained = new Float64Array(count);
    this.#armed.fill(-1);
    this.#placements.fill(0);
    this.#pauses = 0;
    if (this.#rooms.polls) host.every(POLL_TIMER, p.pollSeconds, true);
  }

  arrival(request: number): void {
    const { arrivalSeconds, needsLarge } = this.#world.requests;
    if (needsLarge[request] === 1 && !this.#serves(LP, 1) && !this.#serves(CP, 1) && !this.#serves(BP, 1)) {
      this.#host.reject(request, "needs the large model and no endpoint has it");
      return;
    }
    const slot = this.#notes.begin(request, arrivalSeconds[request]);
    // The number may be that of a request that ended unseen, because its endpoint refused it for good.
    this.#pausable.remove(slot);
    this.#route(request, slot);
    this.#settle();
  }

  returned(request: number, reason: ReturnReason): void {
    const found = this.#notes.slots.find(request);
    const slot =
      found >= 0 ? found : this.#notes.begin(request, this.#world.requests.arrivalSeconds[request]);
    // A place that was given back outside of a batch's end is not reported as room.
    const endpoint = this.#pausable.listOf(slot);
    if (endpoint >= 0) this.#rooms.free(endpoint);
    this.#pausable.remove(slot);
    this.#notes.at[slot] = AT.router;
    if (reason === "lost") {
      this.#route(request, slot);
    } else {
      this.#pauses++;
      if (this.#host.explaining) this.#host.explain(request, "paused for gold: back to the low-latency pool");
      this.#enqueue(request, slot, LP);
      if (this.#pausing) return;
      this.#queues.drain(LP);
    }
    this.#settle();
  }

  capacity(endpoint: number): void {
    this.#rooms.free(endpoint);
    this.#drainAll();
  }

  fleet(endpoint: number, _change: FleetChange): void {
    this.#rooms.free(endpoint);
    for (let pool = 0; pool < POOLS.length; pool++) {
      if (this.#isUp(pool, 0)) continue;
      // Nobody is left to draw from this queue: its requests look for another pool.
      for (let left = this.#queues.countOf(pool); left > 0; left--) {
        const slot = this.#queues.take(pool);
        this.#route(this.#notes.slots.requestOf[slot], slot);
      }
    }
    this.#drainAll();
  }

  signal(region: number): void {
    if (region !== this.#world.signals.regions.length - 1) return;
    this.#gates.observe(this.#host.now);
    this.#drainAll();
  }

  timer(id: number): void {
    if (id === POLL_TIMER) this.#rooms.forget();
    else if (id === WINDOW_TIMER) this.#gates.look(this.#host.now);
    this.#drainAll();
  }

  completion(request: number): void {
    const { outputTokens, sloMet } = this.#world.completed;
    this.#costs.completed(request, outputTokens, !sloMet);
    const slot = this.#notes.slots.find(request);
    if (slot < 0) return;
    const { outputs, risk } = this.#notes;
    if (outputs[slot] >= 0) this.#quality.length(outputs[slot], outputTokens);
    if (risk[slot] >= 0) this.#quality.risk(risk[slot], !sloMet);
    this.#pausable.remove(slot);
    this.#notes.slots.release(request);
  }

  /** Chooses a pool for a request that is with the router, and sends it there. */
  #route(request: number, slot: number): void {
    const { requests } = this.#world;
    const tier = this.#rules.countsAs[requests.tier[request]];
    this.#ask(request, slot, tier);
    const pool = this.#choose(request, slot, tier);
    if (this.#host.explaining) this.#explain(request, pool);
    const isGold = pool === LP && this.#rules.isGold[tier] === 1;
    if (isGold && this.#p.preempt === "late") this.#makeTime(request);
    if (this.#queues.sendPast(request, slot, pool)) return;
    this.#enqueue(request, slot, pool);
    this.#queues.drain(pool);
    if (this.#notes.at[slot] !== AT.queued) return;
    if (isGold && this.#p.preempt !== "off") this.#makeRoom(request);
    this.#queues.hold(request, slot, pool);
  }

  /** Writes what the evaluation has to know of a request. */
  #ask(request: number, slot: number, tier: number): void {
    const { promptTokens, producedTokens, arrivalSeconds } = this.#world.requests;
    const { sloSeconds, holdSeconds } = this.#rules;
    const evaluation = this.#evaluation;
    evaluation.promptTokens = promptTokens[request] + producedTokens[request];
    evaluation.slackSeconds[0] = this.#notes.eligibleSeconds[slot] + sloSeconds[tier] - this.#host.now;
    evaluation.latestSeconds[0] = arrivalSeconds[request] + holdSeconds[3 * tier + BP];
    evaluation.outputs[0] = this.#world.meanOutputTokens;
  }

  #choose(request: number, slot: number, tier: number): number {
    const notes = this.#notes;
    const needsLarge = this.#world.requests.needsLarge[request];
    const candidates = this.#findCandidates(tier, needsLarge);
    notes.risk[slot] = -1;
    if (candidates === 1) {
      const only = this.#candidate.indexOf(1);
      // The delay-tolerant pool's order is by expected output; elsewhere nobody asks.
      if (only === BP) this.#costs.expect(request, tier, notes.outputs, slot);
      return only;
    }
    this.#costs.expect(request, tier, notes.outputs, slot);
    this.#evaluation.outputs[0] = notes.outputs[slot];
    const pool = this.#evaluation.best(this.#candidate, needsLarge, this.#host.explaining);
    if (this.#costs.classifies) notes.risk[slot] = this.#evaluation.risk[pool];
    return pool;
  }

  /** Marks the pools that may have a request of a tier; how many. */
  #findCandidates(tier: number, needsLarge: number): number {
    const candidate = this.#candidate;
    let count = 0;
    for (let pool = 0; pool < 3; pool++) {
      candidate[pool] = this.#rules.may[3 * tier + pool] === 1 && this.#isUp(pool, needsLarge) ? 1 : 0;
      count += candidate[pool];
    }
    if (count > 0) return count;
    for (let pool = 0; pool < 3; pool++) {
      candidate[pool] = this.#isUp(pool, needsLarge) ? 1 : 0;
      count += candidate[pool];
    }
    if (count > 0) return count;
    // Everything is down: it waits in the first pool that can serve it.
    for (let pool = 0; pool < 3; pool++) candidate[pool] = 0;
    candidate[this.#serves(LP, needsLarge) ? LP : this.#serves(CP, needsLarge) ? CP : BP] = 1;
    return 1;
  }

  /** Pauses the youngest request of another class where gold would be late behind it. */
  #makeTime(request: number): void {
    const needsLarge = this.#world.requests.needsLarge[request];
    const endpoint = this.#rooms.leastOutstanding(this.#pools[LP], needsLarge, false);
    if (endpoint < 0) return;
    if (this.#evaluation.latencySeconds(endpoint) <= this.#evaluation.slackSeconds[0]) return;
    const slot = this.#youngest(endpoint);
    if (slot >= 0) this.#pause(slot);
  }

  /** Pauses the youngest request of another class in the pool where no endpoint has room for gold. */
  #makeRoom(request: number): void {
    const needsLarge = this.#world.requests.needsLarge[request];
    const { up } = this.#world.telemetry;
    const { large } = this.#world.endpoints;
    const { placement } = this.#notes;
    const pool = this.#pools[LP];
    let youngest = -1;
    for (let i = 0; i < pool.length; i++) {
      const e = pool[i];
      if (up[e] === 0 || large[e] < needsLarge) continue;
      const slot = this.#youngest(e);
      if (slot >= 0 && (youngest < 0 || placement[slot] > placement[youngest])) youngest = slot;
    }
    if (youngest < 0) return;
    this.#pause(youngest);
    this.#queues.drain(LP);
  }

  /** Slot of the request placed last at an endpoint among those that may be paused; -1 for none. */
  #youngest(endpoint: number): number {
    const { at, pauses } = this.#notes;
    const most = this.#p.preemptionsPerRequest;
    let slot = this.#pausable.lastOf(endpoint);
    while (slot >= 0 && (pauses[slot] >= most || at[slot] !== AT.placed)) slot = this.#pausable.before(slot);
    return slot;
  }

  #pause(slot: number): void {
    const { at, pauses, slots } = this.#notes;
    pauses[slot]++;
    at[slot] = AT.leaving;
    this.#pausing = true;
    this.#host.preempt(slots.requestOf[slot]);
    this.#pausing = false;
  }

  #enqueue(request: number, slot: number, pool: number): void {
    const { tier, arrivalSeconds } = this.#world.requests;
    const notes = this.#notes;
    const counted = this.#rules.countsAs[tier[request]];
    const arrival = arrivalSeconds[request];
    notes.latestSeconds[slot] = arrival + this.#rules.holdSeconds[3 * counted + pool];
    if (pool === BP) notes.key[slot] = notes.outputs[slot];
    else notes.key[slot] = pool === LP && this.#rules.isGold[counted] === 0 ? arrival + BEHIND_GOLD : arrival;
    this.#queues.push(request, slot, pool);
  }

  #placed(request: number, slot: number, pool: number, endpoint: number): void {
    const notes = this.#notes;
    notes.at[slot] = AT.placed;
    this.#placements[pool]++;
    if (pool !== LP) return;
    notes.placement[slot] = this.#placements[LP];
    const tier = this.#rules.countsAs[this.#world.requests.tier[request]];
    if (this.#rules.isGold[tier] === 0) this.#pausable.append(endpoint, slot);
  }

  #drainAll(): void {
    for (let pool = 0; pool < POOLS.length; pool++) this.#queues.drain(pool);
    this.#settle();
  }

  /** After every call: watches for room while something waits for it, and sets the timers of what is held. */
  #settle(): void {
    const { count } = this.#queues;
    this.#host.watchCapacity(count > 0);
    if (count === 0) {
      this.#rooms.forget();
      return;
    }
    for (let pool = CP; pool <= BP; pool++) {
      if (this.#queues.countOf(pool) === 0 || this.#gates.open[pool] === 1) continue;
      this.#arm(DUE_TIMERS + pool, pool, this.#queues.dueSeconds(pool));
      if (pool === BP) this.#arm(WINDOW_TIMER, 3, this.#gates.windowStart[0]);
    }
  }

  /** Sets a timer unless it is set already for a time that is not later. */
  #arm(timer: number, at: number, seconds: number): void {
    const { now } = this.#host;
    if (seconds <= now || (this.#armed[at] > now && this.#armed[at] <= seconds)) return;
    this.#armed[at] = seconds;
    this.#host.at(timer, seconds);
  }

  /** Whether a pool has an endpoint that may serve the request, up or not. */
  #serves(pool: number, needsLarge: number): boolean {
    const { large } = this.#world.endpoints;
    const members = this.#pools[pool];
    for (let i = 0; i < members.length; i++) if (large[members[i]] >= needsLarge) return true;
    return false;
  }

  #isUp(pool: number, needsLarge: number): boolean {
    const { large } = this.#world.endpoints;
    const { up } = this.#world.telemetry;
    const members = this.#pools[pool];
    for (let i = 0; i < members.length; i++) {
      if (up[members[i]] === 1 && large[members[i]] >= needsLarge) return true;
    }
    return false;
  }

  /** Says why a pool was chosen: the score of each pool, on each of its endpoints. */
  #explain(request: number, chosen: number): void {
    const scores = this.#explained;
    scores.fill(Number.NaN);
    const only = this.#candidate.reduce((sum, one) => sum + one, 0) === 1;
    POOLS.forEach((_, pool) => {
      if (this.#candidate[pool] === 0) return;
      for (const e of this.#pools[pool]) scores[e] = only ? 0 : this.#evaluation.score[pool];
    });
    const why = only ? "the only pool for it" : "highest score";
    const held = this.#gates.open[chosen] === 0 ? ", which waits for a cleaner grid" : "";
    this.#host.explain(request, `${why}: ${POOLS[chosen]}${held}`, scores);
  }
}

/** What the mean request takes on an idle endpoint of a pool until its objective is met, in seconds; the slowest. */
function meanServiceSeconds(world: World, service: ServiceCosts, pool: Int32Array): number {
  let slowest = 0;
  for (const e of pool) {
    const prefill = world.meanPromptTokens * service.promptSeconds[e] + world.endpoints.roundTripSeconds[e];
    const decode = world.latency === "e2e" ? world.meanOutputTokens * service.stepSeconds[e][1] : 0;
    slowest = Math.max(slowest, prefill + decode);
  }
  return slowest;
}
