import type { FleetChange } from "../contract.ts";
import { leastLoadedOf, loadColumn } from "../least-load.ts";
import { PlacingRouter } from "../placing-router.ts";
import { RandomIndex } from "../random-index.ts";
import { EndpointChoice } from "./choice.ts";
import { FIXED, PROMPT, ROW, STEP, WAIT } from "./coefficients.ts";
import { WeightController } from "./controller.ts";
import { ServiceEstimate } from "./estimate.ts";
import type { CedarParameters } from "./parameters.ts";
import { FALLBACK, HEURISTIC, LEARNED, type MakePilot, type Pilot, ROUND_ROBIN } from "./pilot.ts";
import { RealisedShares } from "./realised-shares.ts";
import { ReplicaScaling } from "./scaling.ts";
import { BUDGET, EndpointScore, OUTPUTS, type ScoreOptions, TOKENS } from "./score.ts";
import { ViolationWindow } from "./violation-window.ts";

const CONTROL_TIMER = 1;

/** Seconds of a bucket of realised shares, of a full queue, between dispatches; weight h. */
const BUCKET = 0;
const FULL = 1;
const DISPATCH = 2;
const STEADY = 3;

/** What an ablation takes away. */
export interface CedarVariant {
  /** False: no slack, no backlog, no deferral; FIFO inside a tier; estimates from the utilisation. */
  readonly queue: boolean;
  /** True: estimate, cost and energy of every endpoint are the fleet's means over the models. */
  readonly meanModel: boolean;
  /** With `meanModel`: draw the model uniformly among those of the chosen region. */
  readonly uniformWithinRegion: boolean;
  /** Another policy that may act in the heuristic's place. */
  readonly pilot?: MakePilot;
}

/**
 * CEDAR's heuristic policy: virtual queues per tier, earliest deadline first, a weighted score per endpoint, and a
 * controller of target weights every ten seconds (CEDAR section 3.6 and Algorithm 1; the paper names a "validated
 * heuristic" and does not give it: the score is ours, see docs/routers.md).
 *
 * A deferrable request whose endpoint is full stays in its queue as long as one more interval and the estimate fit
 * before its deadline. While a tier breaks its budget of violations, requests go to the least loaded endpoint.
 */
export class CedarRouter extends PlacingRouter {
  override readonly needs = { telemetry: true, completions: true };
  readonly #parameters: CedarParameters;
  readonly #variant: CedarVariant;
  #estimate!: ServiceEstimate;
  #score!: EndpointScore;
  #choice!: EndpointChoice;
  #shares!: RealisedShares;
  #violations!: ViolationWindow;
  #controller!: WeightController;
  #scaling: ReplicaScaling | undefined;
  /**
   * At {@link BUCKET}, {@link FULL}, {@link DISPATCH} and {@link STEADY}: what decisions read, in an array because a
   * field that two kinds of objects hold as a number gets boxed when read.
   */
  readonly #numbers = new Float64Array(4);
  /** Best endpoint of each model in a region, and its score. */
  #bestOfModel!: Int32Array;
  #leastOfModel!: Float64Array;
  #random!: RandomIndex;
  #intervals = 0;
  #fallbackIntervals = 0;
  #pilot: Pilot | undefined;

  constructor(parameters: CedarParameters, variant: CedarVariant) {
    super({
      queue: "tiers",
      order: variant.queue ? "edf" : "fifo",
      retrySeconds: parameters.dispatchSeconds,
    });
    this.#parameters = parameters;
    this.#variant = variant;
  }

  /** `fallback_fraction`: share of the control intervals that began in fallback; 0 before the first. */
  figures(): Readonly<Record<string, number>> {
    return {
      fallback_fraction: this.#intervals === 0 ? 0 : this.#fallbackIntervals / this.#intervals,
      ...this.#pilot?.figures(),
    };
  }

  notes(): readonly string[] {
    return this.#pilot?.notes() ?? [];
  }

  protected override prepare(): void {
    const { world, host } = this;
    const p = this.#parameters;
    const { queue, meanModel } = this.#variant;
    const options: ScoreOptions = { ...p, slack: queue, meanModel };
    this.#estimate = new ServiceEstimate(world, { queue, meanModel });
    this.#score = new EndpointScore(world, this.#estimate, this.all, this.blocked, options);
    this.#choice = new EndpointChoice(this.#score);
    this.#controller = new WeightController(world, this.#score, [this.all, this.large], p);
    const buckets = Math.max(1, Math.round(p.shareWindowSeconds / p.dispatchSeconds));
    this.#numbers.set([
      p.shareWindowSeconds / buckets,
      p.queueFullSeconds,
      p.dispatchSeconds,
      p.oscillationWeight,
    ]);
    this.#shares = new RealisedShares(world.tiers.length, world.groups.length, buckets);
    this.#violations = new ViolationWindow(
      world.tiers.length,
      Math.max(1, Math.round(p.violationWindowSeconds / p.controlSeconds)),
      p.epsilon === "off" ? Number.POSITIVE_INFINITY : p.epsilon,
      { enterAfter: p.fallbackAfterIntervals, leaveAfter: p.recoverAfterIntervals },
    );
    this.#scaling = p.scaling ? new ReplicaScaling(world, host, this.#estimate, p) : undefined;
    const models = 1 + world.endpoints.model.reduce((a, b) => Math.max(a, b), 0);
    this.#bestOfModel = new Int32Array(models);
    this.#random = new RandomIndex(world.random);
    this.#leastOfModel = new Float64Array(models);
    this.#intervals = 0;
    this.#fallbackIntervals = 0;
    this.#pilot = this.#variant.pilot?.({
      scaling: this.#scaling,
      world,
      host,
      score: this.#score,
      controller: this.#controller,
      violations: this.#violations,
      blocked: this.blocked,
      queued: (tier) => this.queues.countOf(tier),
    });
    host.every(CONTROL_TIMER, p.controlSeconds);
  }

  completion(request: number): void {
    this.#estimate.completed();
    this.#violations.record(this.world.requests.tier[request], this.world.completed.sloMet);
    this.#pilot?.completed(request, this.world.requests.tier[request]);
  }

  signal(_region: number): void {
    this.#score.refreshCarbon();
  }

  fleet(_endpoint: number, _change: FleetChange): void {
    this.#estimate.refreshAll();
  }

  protected override arrived(request: number): void {
    this.#controller.arrived(request);
  }

  protected override pick(request: number): number {
    const { tier, needsLarge } = this.world.requests;
    this.#estimate.refresh();
    this.#ask(request);
    const pilot = this.#pilot;
    pilot?.asks(request, needsLarge[request]);
    const by = this.#placesNow();
    if (pilot !== undefined && by !== HEURISTIC && by !== FALLBACK) {
      return pilot.pick(request, this.candidatesOf(request));
    }
    if (by === FALLBACK) {
      const candidates = this.candidatesOf(request);
      return leastLoadedOf(this.world.telemetry, this.#parameters.fallbackBy, candidates, this.blocked);
    }
    this.#penalise(tier[request]);
    const { uniformWithinRegion } = this.#variant;
    if (!uniformWithinRegion && !this.host.explaining) {
      return this.#choice.choose(needsLarge[request], tier[request]);
    }
    const candidates = this.candidatesOf(request);
    const endpoint = this.#score.rank(candidates, this.blocked, tier[request]);
    return uniformWithinRegion && endpoint >= 0 ? this.#drawModel(candidates, endpoint) : endpoint;
  }

  protected override availabilityChanged(endpoint: number): void {
    this.#score.classes.update(endpoint);
  }

  protected override postpones(request: number, endpoint: number): boolean {
    if (!this.#variant.queue) return false;
    const { requests, tiers, telemetry } = this.world;
    if (!tiers[requests.tier[request]].deferrable) return false;
    const numbers = this.#numbers;
    const { table, query } = this.#score;
    const row = ROW * endpoint;
    const waitSeconds = telemetry.queuedPrefillTokens[endpoint] * table[row + WAIT];
    if (waitSeconds <= numbers[FULL]) return false;
    // The estimate, written out: a call that is not inlined would box its result.
    const seconds =
      table[row + FIXED] +
      waitSeconds +
      query[TOKENS] * table[row + PROMPT] +
      query[OUTPUTS] * table[row + STEP];
    return this.host.now + numbers[DISPATCH] + seconds <= requests.deadlineSeconds[request];
  }

  protected override placed(tier: number, endpoint: number): void {
    this.#score.classes.update(endpoint);
    this.#shares.advanceTo(Math.floor(this.host.now / this.#numbers[BUCKET]));
    this.#shares.add(tier, this.world.endpoints.group[endpoint]);
    this.#pilot?.placed(tier, endpoint, this.#placesNow());
  }

  protected override tick(_id: number): void {
    if (this.host.now === 0) return;
    this.#intervals++;
    if (this.#violations.active) this.#fallbackIntervals++;
    this.#violations.close();
    this.#estimate.refreshAll();
    const pilot = this.#pilot;
    pilot?.close(this.#violations.active);
    const by = this.#placesNow();
    if (pilot !== undefined && by === LEARNED) pilot.steer();
    else this.#controller.update(this.#estimate.meanOutput[0], this.#violations.active);
    for (let tier = 0; tier < this.world.tiers.length; tier++) {
      this.host.setWeights(tier, this.#controller.targets[tier]);
    }
    if (pilot !== undefined && by === LEARNED) this.#scaling?.follow(pilot.levels);
    // The fleet that round robin is measured on is the one at the start.
    else if (by !== ROUND_ROBIN) this.#scaling?.update();
  }

  protected override reason(request: number, endpoint: number): string {
    const { telemetry, endpoints } = this.world;
    const { rivals, rivalCount } = this.#score;
    const { fallbackBy } = this.#parameters;
    const name = endpoints.names[endpoint];
    const by = this.#placesNow();
    if (this.#pilot !== undefined && by !== HEURISTIC && by !== FALLBACK) {
      return this.#pilot.reason(endpoint, this.explained);
    }
    if (!this.#violations.active && rivalCount > 0) {
      for (let i = 0; i < rivalCount; i++) this.explained[rivals[i]] = this.#score.scoreOf(i);
      return `lowest score at ${name}`;
    }
    const load = loadColumn(telemetry, fallbackBy);
    for (const e of this.candidatesOf(request)) {
      if (telemetry.up[e] === 0 || this.blocked[e] === 1) continue;
      this.explained[e] = this.#violations.active ? load[e] : this.#score.estimateOf(e);
    }
    return this.#violations.active
      ? `fallback, a tier is beyond epsilon: least ${fallbackBy} at ${name}`
      : `no endpoint leaves the slack: lowest estimate in seconds at ${name}`;
  }

  /** Whose choice a placement is at present. */
  #placesNow(): number {
    const acting = this.#pilot?.acting ?? HEURISTIC;
    return this.#violations.active && acting !== ROUND_ROBIN ? FALLBACK : acting;
  }

  /** Writes the question about a request that {@link EndpointScore.rank} answers. */
  #ask(request: number): void {
    const { promptTokens, producedTokens, deadlineSeconds } = this.world.requests;
    const { query } = this.#score;
    const produced = producedTokens[request];
    query[TOKENS] = promptTokens[request] + produced;
    query[OUTPUTS] = Math.max(1, this.#estimate.meanOutput[0] - produced);
    query[BUDGET] = deadlineSeconds[request] - this.host.now;
  }

  /** h * max(0, realised - target) of every group, for a tier. */
  #penalise(tier: number): void {
    const { penalty } = this.#score;
    const { counts, totals, groups } = this.#shares;
    this.#shares.advanceTo(Math.floor(this.host.now / this.#numbers[BUCKET]));
    const h = this.#numbers[STEADY];
    const target = this.#controller.targets[tier];
    const total = totals[tier];
    for (let g = 0; g < groups; g++) {
      const above = total > 0 ? counts[tier * groups + g] / total - target[g] : 0;
      penalty[g] = above > 0 ? h * above : 0;
    }
  }

  /** An endpoint of the chosen one's region, its model drawn uniformly, the best one of that model. */
  #drawModel(candidates: Int32Array, chosen: number): number {
    const { region, model } = this.world.endpoints;
    const { up } = this.world.telemetry;
    const { rivals, rivalCount } = this.#score;
    const byScore = rivalCount > 0;
    const among = byScore ? rivals : candidates;
    const count = byScore ? rivalCount : candidates.length;
    this.#bestOfModel.fill(-1);
    let models = 0;
    for (let i = 0; i < count; i++) {
      const e = among[i];
      if (region[e] !== region[chosen] || up[e] === 0 || this.blocked[e] === 1) continue;
      const m = model[e];
      const value = byScore ? this.#score.scoreOf(i) : this.#score.estimateOf(e);
      if (this.#bestOfModel[m] < 0) models++;
      else if (value >= this.#leastOfModel[m]) continue;
      this.#bestOfModel[m] = e;
      this.#leastOfModel[m] = value;
    }
    let left = this.#random.below(models);
    for (let m = 0; m < this.#bestOfModel.length; m++) {
      if (this.#bestOfModel[m] >= 0 && left-- === 0) return this.#bestOfModel[m];
    }
    return chosen;
  }
}
