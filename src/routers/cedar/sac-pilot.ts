import { actionsOfPlan, planOfActions } from "../../learning/sac/simplex-actions.ts";
import { Stream } from "../../numeric/random.ts";
import { limitStep } from "../../numeric/simplex.ts";
import { SmoothWeightedRoundRobin } from "../weighted-round-robin.ts";
import { FIXED, PROMPT, ROW, STEP, WAIT } from "./coefficients.ts";
import { HandOver, type RewardWindow } from "./hand-over.ts";
import { IntervalReward } from "./interval-reward.ts";
import { Observation } from "./observation.ts";
import { type Cockpit, FALLBACK, HEURISTIC, LEARNED, type Pilot, ROUND_ROBIN } from "./pilot.ts";
import { PolicyLearner } from "./policy-learner.ts";
import { type RequestFlight, RequestTransitions } from "./request-transitions.ts";
import { HEURISTIC as HEURISTIC_LINE, RewardCurve, SAC as SAC_LINE } from "./reward-curve.ts";
import type { HandOverParameters } from "./sac-parameters.ts";
import { OUTPUTS, TOKENS } from "./score.ts";

/** `train`: the phases of training; `forced`: SAC steers always; `hand-over`: the rule decides. */
export type PilotMode = "train" | "forced" | "hand-over";

const NAMES = {
  [HEURISTIC]: "heuristic",
  [LEARNED]: "sac",
  [FALLBACK]: "fallback",
  [ROUND_ROBIN]: "reference",
};

/**
 * CEDAR's learned policy (CEDAR section 3.7; specification section 5). An action is a weight for each tier and group;
 * requests follow the weights of their tier by smooth weighted round robin over the groups that may serve them, and
 * go to the endpoint of the group with the lowest estimate. With `scaling` it has a level of replicas for each group
 * too. A transition is one control interval, or a request from its dispatch to its completion.
 */
export class SacPilot implements Pilot {
  acting = HEURISTIC;
  readonly learner: PolicyLearner;
  readonly handOver: HandOver;
  readonly curve = new RewardCurve();
  readonly reward: IntervalReward;
  readonly observation: Observation;
  readonly levels: Float64Array;
  readonly #cockpit: Cockpit;
  readonly #p: HandOverParameters;
  readonly #mode: PilotMode;
  readonly #random: Stream;
  readonly #duals: Float64Array;
  /** By [2 tier + needsLarge]. */
  readonly #turns: readonly SmoothWeightedRoundRobin[];
  /** By group, for the request at hand: whether it may take it, its endpoint of the lowest estimate. */
  readonly #open: Uint8Array;
  readonly #best: Int32Array;
  readonly #least: Float64Array;
  readonly #state: Float32Array;
  readonly #action: Float32Array;
  readonly #plan: Float64Array;
  readonly #shares: Float64Array;
  /** Where transitions are of requests and something learns from them. */
  readonly #flights: RequestTransitions | undefined;
  readonly #queued: (tier: number) => number;
  #request = 0;
  #needsLarge = 0;
  #group = 0;
  #turn = 0;
  #begun = false;
  /** Whether {@link #state} and {@link #action} are those of the interval under way. */
  #recording = false;
  #intervals = 0;
  #block = 0;
  /** Who acts in the block under way, and intervals since another policy acted. */
  #drawn = HEURISTIC;
  #settled = 0;
  /** Whether the heuristic's block under way follows one on trial. */
  #isPaired = false;
  readonly #placements = new Int32Array(4);
  /** Sum of the rewards of the intervals with a placement, and how many there were. */
  readonly #rewards = new Float64Array(1);
  #rewarded = 0;
  #calibrated = false;

  constructor(cockpit: Cockpit, parameters: HandOverParameters, mode: PilotMode) {
    const { world, score, scaling } = cockpit;
    this.#cockpit = cockpit;
    this.#queued = (tier) => cockpit.queued(tier);
    this.#p = parameters;
    this.#mode = mode;
    const tiers = world.tiers.length;
    const groups = world.groups.length;
    this.#random = new Stream(parameters.seed, "cedar blocks");
    this.#duals = new Float64Array(tiers);
    this.reward = new IntervalReward(world, score, parameters, scaling);
    this.observation = new Observation(world, score, parameters, scaling);
    this.handOver = new HandOver(parameters);
    this.learner = new PolicyLearner(world, this.observation.size, parameters, parameters.lossWindow, {
      reference: this.reward.reference,
      handOver: this.handOver,
      curve: this.curve,
      duals: this.#duals,
    });
    this.#turns = Array.from(
      { length: 2 * tiers },
      () => new SmoothWeightedRoundRobin(new Float64Array(groups)),
    );
    this.#open = new Uint8Array(groups);
    this.#best = new Int32Array(groups);
    this.#least = new Float64Array(groups);
    this.#state = new Float32Array(this.observation.size);
    this.#action = new Float32Array(this.learner.size);
    this.levels = new Float64Array(groups);
    if (parameters.transition === "request" && (mode === "train" || parameters.online)) {
      const sizes = { stateSize: this.observation.size, actionSize: this.learner.size };
      this.#flights = new RequestTransitions(
        { ...sizes, share: parameters.requestShare },
        new Stream(parameters.seed, "cedar requests"),
      );
    }
    this.#plan = new Float64Array(tiers * groups);
    this.#shares = new Float64Array(groups);
    if (mode === "train" && parameters.referenceIntervals > 0) this.acting = ROUND_ROBIN;
    else if (mode === "forced") this.acting = LEARNED;
  }

  /**
   * Takes what training left.
   *
   * @throws UserError CANOPY_CHECKPOINT_FORMAT, CANOPY_CHECKPOINT_SHAPE
   */
  load(bytes: Uint8Array): void {
    this.learner.load(bytes, "policy");
    this.#calibrated = true;
    if (this.#mode !== "hand-over") return;
    this.handOver.judge(false, this.learner.health());
    if (this.handOver.inCharge) this.acting = LEARNED;
  }

  pick(request: number, candidates: Int32Array): number {
    if (!this.#begun) this.#begin();
    const { world, score, blocked } = this.#cockpit;
    const { up, queuedPrefillTokens } = world.telemetry;
    const { group } = world.endpoints;
    const { table, query } = score;
    if (this.acting === ROUND_ROBIN) return this.#nextInTurn(candidates);
    this.#open.fill(0);
    this.#least.fill(Number.POSITIVE_INFINITY);
    let fastest = -1;
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      if (up[e] === 0 || blocked[e] === 1) continue;
      const g = group[e];
      this.#open[g] = 1;
      const row = ROW * e;
      // Written out: a call that is not inlined would box its result.
      const seconds =
        table[row + FIXED] +
        queuedPrefillTokens[e] * table[row + WAIT] +
        query[TOKENS] * table[row + PROMPT] +
        query[OUTPUTS] * table[row + STEP];
      if (fastest < 0 || seconds < this.#least[group[fastest]]) fastest = e;
      if (seconds >= this.#least[g]) continue;
      this.#least[g] = seconds;
      this.#best[g] = e;
    }
    if (fastest < 0) return -1;
    this.#turn = 2 * world.requests.tier[request] + this.#needsLarge;
    this.#group = this.#turns[this.#turn].peek(this.#open);
    // No weight on any group that is there: the lowest estimate.
    return this.#group < 0 ? fastest : this.#best[this.#group];
  }

  reason(endpoint: number, scores: Float64Array): string {
    const { world, score } = this.#cockpit;
    const name = world.endpoints.names[endpoint];
    for (let g = 0; g < this.#open.length; g++) {
      if (this.#open[g] === 1) scores[this.#best[g]] = score.estimateOf(this.#best[g]);
    }
    scores[endpoint] = score.estimateOf(endpoint);
    return this.#group < 0
      ? `learned policy: no group with a weight is there, lowest estimate in seconds at ${name}`
      : `learned policy: turn of ${world.groups[this.#group]}, lowest estimate in seconds there at ${name}`;
  }

  placed(tier: number, endpoint: number, by: number): void {
    this.#placements[by]++;
    if (by === LEARNED && this.#group >= 0) this.#turns[this.#turn].take(this.#group, this.#open);
    if (this.#flights !== undefined) this.#dispatched(this.#flights, by);
    this.reward.placed(tier, endpoint, this.#needsLarge);
    this.observation.placed(tier, endpoint);
  }

  asks(request: number, needsLarge: number): void {
    this.#request = request;
    this.#needsLarge = needsLarge;
    this.#cockpit.score.classes.sync();
  }

  completed(request: number, tier: number): void {
    this.reward.completed(tier);
    this.observation.completed(tier);
    const flight = this.#flights?.find(request);
    if (flight === undefined) return;
    const { host, controller } = this.#cockpit;
    this.observation.read(this.#queued, controller.targets, host, flight.nextState);
    flight.reward[0] = this.#requestReward(tier);
    this.#flights?.end(request, this.#take);
  }

  close(fallback: boolean): void {
    const { controller, host, violations } = this.#cockpit;
    const { reward, observation, learner, handOver } = this;
    this.#intervals++;
    reward.close();
    const { terms } = reward;
    // Where nothing was placed, what ends is the tail of a run: its cost and carbon are nobody's merit.
    const isBusy = reward.placedCount > 0;
    if (isBusy) {
      this.#rewards[0] += terms.reward;
      this.#rewarded++;
    }
    const by = this.acting;
    observation.close(this.#queued, controller.targets, host);
    const known = by === HEURISTIC || by === LEARNED;
    if (this.#recording && known && isBusy) {
      if (by === HEURISTIC) this.#actionDone();
      if (this.#p.transition === "request") this.#flights?.acted(this.#action, this.#take);
      else learner.push(this.#state, this.#action, this.#learnersReward(), observation.state);
      this.#moveDuals();
    }
    this.#settled++;
    if (isBusy) this.#count(by, terms.reward);
    const every = this.#mode === "train" ? this.#p.updateEvery : this.#p.onlineUpdateEvery;
    // Requests may fill the replay long before the heuristic's intervals are over.
    const learns = this.#mode === "train" ? this.#phase() >= 0 : this.#p.online;
    if (learns && this.#intervals % every === 0) learner.update();
    reward.open();
    if (this.#mode === "hand-over") handOver.judge(violations.broken, learner.health());
    const next = this.#next();
    if (next !== by) this.#settled = 0;
    this.acting = next;
    this.#recording = !fallback && next !== ROUND_ROBIN;
    if (fallback) this.#settled = 0;
    this.#state.set(observation.state);
  }

  steer(): void {
    const { world, controller } = this.#cockpit;
    this.#choose();
    const groups = world.groups.length;
    for (let q = 0; q < world.tiers.length; q++) {
      for (let g = 0; g < groups; g++) this.#shares[g] = this.#plan[q * groups + g];
      limitStep(controller.targets[q], this.#shares, this.#p.weightStep, controller.targets[q]);
    }
    this.#takeWeights();
  }

  figures(): Readonly<Record<string, number>> {
    const placed = this.#placements.reduce((sum, count) => sum + count, 0);
    const figures: Record<string, number> = {};
    for (const by of [HEURISTIC, LEARNED, FALLBACK] as const) {
      figures[`${NAMES[by]}_decision_share`] = placed === 0 ? 0 : this.#placements[by] / placed;
    }
    figures["interval_reward"] = this.#rewarded === 0 ? 0 : this.#rewards[0] / this.#rewarded;
    figures["policy_updates"] = this.learner.updates;
    if (this.#mode === "hand-over") {
      figures["sac_takeovers"] = this.handOver.takeovers;
      figures["sac_reverts"] = this.handOver.reverts;
    }
    return figures;
  }

  notes(): readonly string[] {
    const notes = [`CEDAR's learned policy on dense kernels: ${this.learner.backend}`];
    if (this.#cockpit.scaling?.hasRoom === false) {
      notes.push("scaling is on, but no endpoint of the fleet has bounds between which replicas may change");
    }
    if (this.#mode !== "hand-over") return notes;
    const { takeovers, sac, heuristic, lead } = this.handOver;
    const records = (name: string, { mean, length }: RewardWindow) =>
      `${name} ${length === 0 ? "none" : `${mean.toFixed(4)} over ${length}`}`;
    if (takeovers === 0) {
      const why = Number.isNaN(lead)
        ? `too few evaluation intervals of both policies`
        : `it leads by ${lead.toFixed(2)} standard errors, more than ${this.#p.qualifyErrors} wanted`;
      const stable = this.handOver.isStable(this.learner.health()) ? "" : "; the learner has not settled";
      notes.push(
        `SAC never qualified, the heuristic decided all that it was not tried on: ${why}${stable} (mean reward of ${records("SAC", sac)}, of ${records("the heuristic", heuristic)} intervals)`,
      );
    }
    return notes;
  }

  /** The first weights of a run: there is none before them that the step could be bounded by. */
  #begin(): void {
    this.#begun = true;
    if (this.acting !== LEARNED || this.#intervals > 0) return;
    const { world, controller } = this.#cockpit;
    this.observation.close(this.#queued, controller.targets, this.#cockpit.host);
    this.#state.set(this.observation.state);
    this.#choose();
    const groups = world.groups.length;
    for (let q = 0; q < world.tiers.length; q++) {
      controller.targets[q].set(this.#plan.subarray(q * groups, (q + 1) * groups));
    }
    this.#takeWeights();
    this.#recording = true;
  }

  #choose(): void {
    const explores = this.#mode === "train" ? !this.#evaluates() : this.#p.explore;
    this.learner.act(explores ? "explore" : "mean", this.#state, this.#action);
    const { tiers, groups } = this.#cockpit.world;
    planOfActions(this.#action, tiers.length, groups.length, this.#plan, this.#p.kappa);
    if (this.#cockpit.scaling === undefined) return;
    const first = this.#plan.length;
    for (let g = 0; g < groups.length; g++) this.levels[g] = (1 + this.#action[first + g]) / 2;
  }

  #takeWeights(): void {
    const { targets } = this.#cockpit.controller;
    for (let turn = 0; turn < this.#turns.length; turn++) this.#turns[turn].weights.set(targets[turn >> 1]);
  }

  /**
   * The action that stands for what the heuristic did: the realised shares of the interval by tier, those in force
   * where nothing of a tier was placed, within what the policy can say; and the replicas ordered, as levels.
   */
  #actionDone(): void {
    const { world, controller, scaling } = this.#cockpit;
    const groups = world.groups.length;
    const { placedBy } = this.reward;
    for (let q = 0; q < world.tiers.length; q++) {
      let total = 0;
      for (let g = 0; g < groups; g++) total += placedBy[q * groups + g];
      for (let g = 0; g < groups; g++) {
        this.#plan[q * groups + g] = total > 0 ? placedBy[q * groups + g] / total : controller.targets[q][g];
      }
    }
    actionsOfPlan(this.#plan, world.tiers.length, groups, this.#action, this.#p.kappa);
    if (scaling !== undefined) {
      const first = this.#plan.length;
      for (let g = 0; g < groups; g++) this.#action[first + g] = 2 * scaling.levelOf(g) - 1;
    }
    for (let i = 0; i < this.#action.length; i++) {
      this.#action[i] = Math.max(-1, Math.min(1, this.#action[i]));
    }
  }

  /** The reward that is learned from: under the Lagrangian constraint less the duals times the tiers' excess. */
  #learnersReward(): number {
    const { terms, ended, violated } = this.reward;
    let reward = terms.reward;
    for (let q = 0; q < ended.length; q++) {
      if (ended[q] > 0) reward -= this.#dualPrice(q, violated[q] / ended[q]);
    }
    return reward;
  }

  /** The same of the request that has ended. */
  #requestReward(tier: number): number {
    this.reward.request(tier);
    const { sloMet } = this.#cockpit.world.completed;
    return this.reward.requestTerms.reward - this.#dualPrice(tier, sloMet ? 0 : 1);
  }

  /** What a share of violations costs beside the reward; 0 without the Lagrangian constraint. */
  #dualPrice(tier: number, share: number): number {
    const { constraint, epsilon } = this.#p;
    return constraint === "penalty" || epsilon === "off" ? 0 : this.#duals[tier] * (share - epsilon);
  }

  /** Moves the duals by the interval's violations. */
  #moveDuals(): void {
    const { constraint, epsilon, dualLearningRate } = this.#p;
    if (constraint === "penalty" || epsilon === "off") return;
    const { ended, violated } = this.reward;
    for (let q = 0; q < ended.length; q++) {
      if (ended[q] === 0) continue;
      const excess = violated[q] / ended[q] - epsilon;
      this.#duals[q] = Math.max(0, this.#duals[q] + dualLearningRate * excess);
    }
  }

  /** The request at hand was placed: notes state and action where its transition is kept. */
  #dispatched(flights: RequestTransitions, by: number): void {
    flights.forget(this.#request);
    if (!this.#recording || by !== this.acting) return;
    const flight = flights.begin(this.#request);
    if (flight === undefined) return;
    const { host, controller } = this.#cockpit;
    this.observation.read(this.#queued, controller.targets, host, flight.state);
    // What the heuristic does in this interval is known at its end.
    if (by !== LEARNED) return;
    flight.action.set(this.#action);
    flight.knowsAction = true;
  }

  readonly #take = ({ state, action, reward, nextState }: RequestFlight): void => {
    this.learner.push(state, action, reward[0], nextState);
  };

  /** Counts the interval's reward for its policy, once that has steered long enough. */
  #count(by: number, reward: number): void {
    const { handOver, curve } = this;
    const isTraining = this.#mode === "train";
    const counts =
      this.#recording &&
      (by === HEURISTIC || by === LEARNED) &&
      (!this.#isMixed() || this.#settled > this.#p.settleIntervals);
    if (isTraining) curve.add(!counts ? -1 : by === LEARNED ? SAC_LINE : HEURISTIC_LINE, reward);
    if (!counts || (isTraining && !this.#evaluates())) return;
    if (!isTraining && by === HEURISTIC && !this.#isPaired) return;
    (by === LEARNED ? handOver.sac : handOver.heuristic).push(reward);
  }

  /** Whether policies take turns, so that the first intervals of a block show the other's work. */
  #isMixed(): boolean {
    return this.#mode === "train" ? this.#phase() > 0 : this.#p.probe > 0;
  }

  /** Intervals since the heuristic's own; 0 or less before SAC interacts. */
  #phase(): number {
    return this.#intervals - this.#p.referenceIntervals - this.#p.minBuffer;
  }

  /** Whether training is past its ramp: SAC acts by its mean, in turns with the heuristic. */
  #evaluates(): boolean {
    return this.#phase() > this.#p.rampIntervals;
  }

  #next(): number {
    if (this.#mode === "forced") return LEARNED;
    if (this.#mode === "hand-over") return this.#nextInRun();
    if (this.#intervals < this.#p.referenceIntervals) return ROUND_ROBIN;
    if (!this.#calibrated) {
      this.#calibrated = true;
      this.reward.calibrate();
    }
    const phase = this.#phase();
    if (phase <= 0) return HEURISTIC;
    if (phase === 1 || ++this.#block >= this.#p.blockIntervals) {
      this.#block = 0;
      const isRamp = phase <= this.#p.rampIntervals;
      const share = phase / Math.max(1, this.#p.rampIntervals);
      const other = this.#drawn === LEARNED ? HEURISTIC : LEARNED;
      this.#drawn = !isRamp ? other : this.#random.uniform() < share ? LEARNED : HEURISTIC;
    }
    return this.#drawn;
  }

  /** Each block on trial is followed by one of the heuristic that counts: the records are of the same times. */
  #nextInRun(): number {
    if (this.handOver.inCharge) {
      this.#drawn = HEURISTIC;
      this.#isPaired = false;
      return LEARNED;
    }
    if (this.#p.probe === 0) return HEURISTIC;
    if (++this.#block >= this.#p.blockIntervals) {
      this.#block = 0;
      this.#isPaired = this.#drawn === LEARNED;
      this.#drawn = !this.#isPaired && this.#random.uniform() < this.#p.probe ? LEARNED : HEURISTIC;
    }
    return this.#drawn;
  }

  #nextInTurn(candidates: Int32Array): number {
    const { world, blocked } = this.#cockpit;
    const { up } = world.telemetry;
    this.#group = -1;
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[(this.#turn + i) % candidates.length];
      if (up[e] === 0 || blocked[e] === 1) continue;
      this.#turn = (this.#turn + i + 1) % candidates.length;
      return e;
    }
    return -1;
  }
}
