import type { ClairvoyantWorld, Router } from "../contract.ts";
import { PlacingRouter } from "../placing-router.ts";
import { RandomIndex } from "../random-index.ts";
import { answersRightly, pickAtRandom } from "./calibration-collector.ts";
import { readCalibration, taskTypesOf } from "./calibration-file.ts";
import type { CalibrationView } from "./calibration-view.ts";
import { Choice } from "./choice.ts";
import { CorrectnessEstimate } from "./correctness.ts";
import { EnergyEstimate } from "./energy.ts";
import { EstimatingRouter } from "./estimating-router.ts";
import { epsilonFloors, type Floors } from "./floors.ts";
import { LatencyEstimate } from "./latency.ts";
import { sizeRanks } from "./model-sizes.ts";
import type {
  CostMinParameters,
  EnergyParameters,
  LatencyParameters,
  ThresholdParameters,
} from "./parameters.ts";
import { quotasOf, splitExamples } from "./split.ts";

/** A router whose choice is one column of a {@link Choice} or its order of sizes. */
abstract class ColumnRouter extends PlacingRouter {
  override readonly needs: NonNullable<Router["needs"]> = { telemetry: "counts" };
  protected choice!: Choice;

  constructor(retrySeconds: number) {
    super({ queue: "arrival", retrySeconds });
  }

  protected override prepare(): void {
    this.choice = new Choice(this.world.endpoints.count);
  }

  /** Marks which candidates take requests. */
  protected mark(candidates: Int32Array): void {
    const { up, replicas, outstanding } = this.world.telemetry;
    const { choice, blocked } = this;
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      choice.usable[e] = up[e] === 1 && blocked[e] === 0 && replicas[e] > 0 ? 1 : 0;
      choice.outstanding[e] = outstanding[e];
    }
  }

  /** Scores of the endpoints of the model picked: what decides between them. */
  protected explainOutstanding(request: number, endpoint: number): void {
    const { model } = this.world.endpoints;
    for (const e of this.candidatesOf(request)) {
      if (this.choice.usable[e] === 1 && model[e] === model[endpoint])
        this.explained[e] = this.choice.outstanding[e];
    }
  }
}

/** The largest (or smallest) model that may serve the request, the least loaded endpoint of it. */
export class SizeRouter extends ColumnRouter {
  readonly #id: string;
  readonly #modelsBySize: readonly string[];
  readonly #sign: 1 | -1;
  #rank!: Float64Array;

  constructor(
    id: string,
    parameters: { readonly modelsBySize: readonly string[]; readonly retrySeconds: number },
    prefers: "largest" | "smallest",
  ) {
    super(parameters.retrySeconds);
    this.#id = id;
    this.#modelsBySize = parameters.modelsBySize;
    this.#sign = prefers === "largest" ? -1 : 1;
  }

  protected override prepare(): void {
    super.prepare();
    const ranks = sizeRanks(this.world, this.#id, this.#modelsBySize);
    this.#rank = Float64Array.from(ranks, (rank) => this.#sign * rank);
  }

  protected override pick(request: number): number {
    const candidates = this.candidatesOf(request);
    this.mark(candidates);
    return this.choice.lowest(candidates, this.#rank);
  }

  protected override reason(request: number, endpoint: number): string {
    const { names, model } = this.world.endpoints;
    this.explainOutstanding(request, endpoint);
    const size = this.#sign < 0 ? "largest" : "smallest";
    return `the ${size} model, ${this.world.models[model[endpoint]]}, fewest outstanding requests at ${names[endpoint]}`;
  }
}

/** A candidate at random. */
export class RandomRouter extends PlacingRouter {
  override readonly needs: NonNullable<Router["needs"]> = { telemetry: "counts" };
  #random!: RandomIndex;

  constructor(retrySeconds: number) {
    super({ queue: "arrival", retrySeconds });
  }

  protected override prepare(): void {
    this.#random = new RandomIndex(this.world.random);
  }

  protected override pick(request: number): number {
    return pickAtRandom(this.candidatesOf(request), this.world.telemetry.up, this.blocked, this.#random);
  }

  protected override reason(_request: number, endpoint: number): string {
    return `drawn: ${this.world.endpoints.names[endpoint]}`;
  }
}

/** The least estimated carbon, with no floor and no objective. */
export class CarbonGreedyRouter extends ColumnRouter {
  protected readonly id: string;
  readonly #parameters: EnergyParameters;
  #energy!: EnergyEstimate;

  constructor(id: string, parameters: EnergyParameters & { readonly retrySeconds: number }) {
    super(parameters.retrySeconds);
    this.id = id;
    this.#parameters = parameters;
  }

  signal(_region: number): void {
    this.#energy.refresh();
  }

  protected override prepare(): void {
    super.prepare();
    this.#energy = new EnergyEstimate(this.world, this.id, this.#parameters);
  }

  protected override pick(request: number): number {
    const candidates = this.candidatesOf(request);
    this.fillGrams(request, candidates, Math.round(this.world.meanOutputTokens));
    return this.choice.lowest(candidates, this.choice.grams);
  }

  /** Marks the candidates and estimates their carbon for whole numbers of tokens. */
  protected fillGrams(request: number, candidates: Int32Array, outputs: number): void {
    const { promptTokens, producedTokens } = this.world.requests;
    const { fixed, prompt, output, gramsPerJoule } = this.#energy;
    const { grams } = this.choice;
    const tokens = promptTokens[request] + producedTokens[request];
    this.mark(candidates);
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      grams[e] = (fixed[e] + prompt[e] * tokens + output[e] * outputs) * gramsPerJoule[e];
    }
  }

  protected override reason(request: number, endpoint: number): string {
    for (const e of this.candidatesOf(request)) {
      if (this.choice.usable[e] === 1) this.explained[e] = this.choice.grams[e];
    }
    return `least carbon at ${this.world.endpoints.names[endpoint]} (scores in g)`;
  }
}

/** The least carbon among the models that are truly right, else the least carbon. Clairvoyant on correctness alone. */
export class OracleRouter extends CarbonGreedyRouter {
  declare protected world: ClairvoyantWorld;

  protected override pick(request: number): number {
    const { usable } = this.choice;
    const candidates = this.candidatesOf(request);
    this.fillGrams(request, candidates, Math.round(this.world.meanOutputTokens));
    const fallback = this.choice.lowest(candidates, this.choice.grams);
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      if (usable[e] === 1 && !answersRightly(this.world, this.id, request, e)) usable[e] = 0;
    }
    const right = this.choice.lowest(candidates, this.choice.grams);
    return right >= 0 ? right : fallback;
  }

  protected override reason(request: number, endpoint: number): string {
    const { usable, grams } = this.choice;
    const { names } = this.world.endpoints;
    for (const e of this.candidatesOf(request)) if (usable[e] === 1) this.explained[e] = grams[e];
    return usable[endpoint] === 1
      ? `least carbon among the models that are right at ${names[endpoint]} (scores in g)`
      : `no model is right: least carbon at ${names[endpoint]}`;
  }
}

/** The least estimated tail latency. */
export class LatencyMinRouter extends ColumnRouter {
  override readonly needs: NonNullable<Router["needs"]> = { telemetry: "counts", completions: true };
  readonly #parameters: LatencyParameters;
  #latency!: LatencyEstimate;

  constructor(parameters: LatencyParameters & { readonly retrySeconds: number }) {
    super(parameters.retrySeconds);
    this.#parameters = parameters;
  }

  completion(request: number): void {
    this.#latency.completed(request);
  }

  protected override prepare(): void {
    super.prepare();
    this.#latency = new LatencyEstimate(this.world, this.host, this.#parameters);
  }

  protected override pick(request: number): number {
    const { promptTokens, producedTokens } = this.world.requests;
    const { choice } = this;
    const candidates = this.candidatesOf(request);
    const outputs = Math.round(this.world.meanOutputTokens);
    this.mark(candidates);
    this.#latency.estimate(
      choice.seconds,
      candidates,
      promptTokens[request] + producedTokens[request],
      outputs,
    );
    const endpoint = choice.lowest(candidates, choice.seconds);
    if (endpoint >= 0) this.#latency.note(request, endpoint, outputs);
    return endpoint;
  }

  protected override reason(request: number, endpoint: number): string {
    for (const e of this.candidatesOf(request)) {
      if (this.choice.usable[e] === 1) this.explained[e] = this.choice.seconds[e];
    }
    return `least tail latency in seconds at ${this.world.endpoints.names[endpoint]}`;
  }
}

/** The most accurate among those that meet the objective, else the least latency. */
export class AccuracyMaxRouter extends EstimatingRouter {
  protected override readonly rule = "most accuracy";
  protected override readonly fallbackRule = "least latency";

  protected override floorsOf(taskTypes: readonly string[]): Floors {
    return { values: new Float64Array(taskTypes.length), capped: new Uint8Array(taskTypes.length) };
  }

  protected override choose(_request: number, candidates: Int32Array): number {
    const endpoint = this.choice.mostAccurate(candidates, true);
    this.feasible = endpoint >= 0;
    return this.feasible ? endpoint : this.choice.lowest(candidates, this.choice.seconds);
  }
}

/** The least cost among those that meet GAR-eps's floor, else the most accurate. */
export class CostMinRouter extends EstimatingRouter {
  protected override readonly rule = "least cost";
  protected override readonly fallbackRule = "most accuracy";
  readonly #epsilon: number;
  readonly #referenceBatch: number;
  /** USD of a prompt token and of an output, by endpoint. */
  #usdPrompt!: Float64Array;
  #usdOutput!: Float64Array;
  #usd!: Float64Array;

  constructor(id: string, parameters: CostMinParameters) {
    super(id, parameters);
    this.#epsilon = parameters.epsilon;
    this.#referenceBatch = parameters.referenceBatch;
  }

  protected override prepare(): void {
    super.prepare();
    const { endpoints, meanPromptTokens, meanOutputTokens } = this.world;
    const { usdPerReplicaSecond, law, maxRequests } = endpoints;
    const context = meanPromptTokens + meanOutputTokens / 2;
    this.#usd = new Float64Array(endpoints.count);
    this.#usdPrompt = usdPerReplicaSecond.map((usd, e) => usd / law[e].prefillTokensPerSecond);
    this.#usdOutput = usdPerReplicaSecond.map((usd, e) => {
      const batch = Math.min(this.#referenceBatch, law[e].maxSequences, maxRequests[e]);
      return (usd * law[e].decodeSeconds(batch, batch * context)) / batch;
    });
  }

  protected override floorsOf(_taskTypes: readonly string[], view: CalibrationView): Floors {
    return epsilonFloors(view, this.#epsilon);
  }

  protected override choose(request: number, candidates: Int32Array): number {
    const { choice } = this;
    this.#price(request, candidates);
    const endpoint = choice.lowestAbove(candidates, this.#usd);
    this.feasible = endpoint >= 0;
    return this.feasible ? endpoint : choice.mostAccurate(candidates, false);
  }

  #price(request: number, candidates: Int32Array): void {
    const { promptTokens, producedTokens } = this.world.requests;
    const tokens = promptTokens[request] + producedTokens[request];
    const outputs = this.outputsOf(request);
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      this.#usd[e] = this.#usdPrompt[e] * tokens + this.#usdOutput[e] * outputs;
    }
  }
}

/** Two models: the large one where the predicted difficulty, 1 less the small one's accuracy, is above tau. */
export class ThresholdRouter extends ColumnRouter {
  readonly #id: string;
  readonly #parameters: ThresholdParameters;
  #correctness!: CorrectnessEstimate;
  #rank!: Float64Array;
  #reversed!: Float64Array;
  #smallest = 0;

  constructor(id: string, parameters: ThresholdParameters) {
    super(parameters.retrySeconds);
    this.#id = id;
    this.#parameters = parameters;
  }

  protected override prepare(): void {
    super.prepare();
    const { world } = this;
    const taskTypes = taskTypesOf(world).length;
    const { examples } = readCalibration(world, this.#id, this.#parameters);
    const { fit, held } = splitExamples(examples, quotasOf(taskTypes, this.#parameters));
    this.#correctness = new CorrectnessEstimate(taskTypes, world.models.length, fit, held, this.#parameters);
    const ranks = sizeRanks(world, this.#id, this.#parameters.modelsBySize);
    this.#rank = Float64Array.from(ranks);
    this.#reversed = this.#rank.map((rank) => -rank);
    this.#smallest = world.endpoints.model[this.all.reduce((a, b) => (ranks[b] < ranks[a] ? b : a))];
  }

  protected override pick(request: number): number {
    const { taskType, promptTokens, turns } = this.world.requests;
    const { choice } = this;
    const candidates = this.candidatesOf(request);
    const { byModel } = this.#correctness;
    this.mark(candidates);
    this.#correctness.estimate(taskType[request], promptTokens[request], turns[request]);
    const difficult = 1 - byModel[this.#smallest] > this.#parameters.tau;
    const endpoint = choice.lowest(candidates, difficult ? this.#reversed : this.#rank);
    return endpoint;
  }

  protected override reason(request: number, endpoint: number): string {
    const { names } = this.world.endpoints;
    const difficulty = 1 - this.#correctness.byModel[this.#smallest];
    this.explainOutstanding(request, endpoint);
    return `difficulty ${difficulty.toFixed(3)}, tau ${this.#parameters.tau}: fewest outstanding requests at ${names[endpoint]}`;
  }

  /** Nothing is postponed: the host hears what is believed. */
  protected override postpones(request: number, endpoint: number): boolean {
    const { byModel } = this.#correctness;
    this.host.predict(request, byModel[this.world.endpoints.model[endpoint]], Number.NaN, true);
    return false;
  }
}
