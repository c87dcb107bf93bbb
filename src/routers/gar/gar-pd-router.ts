import { RollingEmissions, stepDual } from "./budget.ts";
import type { CalibrationView } from "./calibration-view.ts";
import { ACCURACY_DUAL, CARBON_DUAL, CARBON_PRICE, LATENCY_DUAL } from "./choice.ts";
import { EstimatingRouter } from "./estimating-router.ts";
import { epsilonFloors, type Floors } from "./floors.ts";
import { LatencyQuantiles } from "./latency-quantiles.ts";
import { sizeRanks } from "./model-sizes.ts";
import { objectivesOf } from "./objectives.ts";
import type { GarPdParameters } from "./parameters.ts";

/**
 * GAR-PD: a carbon budget kept by an online dual, over the floors of GAR-eps (specification gar.md section 5).
 *
 * With hard gates and carbon alone as the objective a dual on carbon changes no choice, so that something else has to
 * be priced. Form U (`priced`) takes the most a - lambda c / cref among the feasible; form L (`lagrangian`) prices
 * accuracy, latency and carbon, and has no gate. Where nothing is feasible, form U falls back as the heuristics do;
 * the emission counts all the same.
 */
export class GarPdRouter extends EstimatingRouter {
  protected override readonly rule: string;
  readonly #parameters: GarPdParameters;
  readonly #lagrangian: boolean;
  /** cref and B, in g. */
  readonly #reference = new Float64Array(1);
  readonly #budget = new Float64Array(1);
  #emissions!: RollingEmissions;
  /** Carbon dual; accuracy and latency duals by task type. */
  readonly #carbonDual = new Float64Array(1);
  #accuracyDuals!: Float64Array;
  #latencyDuals!: Float64Array;
  #accuracies!: RollingEmissions[];
  #latencies!: LatencyQuantiles;
  /** Least objective of each task type over the tiers, for the latency duals. */
  #objectives!: Float64Array;
  /** Operands of a step, and its size. */
  readonly #value = new Float64Array(1);
  readonly #excess = new Float64Array(1);
  readonly #step = new Float64Array(1);
  /** Sums over the placements: of the carbon dual, and of estimated emissions. */
  readonly #sums = new Float64Array(2);
  #count = 0;
  #lastTaskType = 0;

  constructor(id: string, parameters: GarPdParameters) {
    super(id, parameters);
    this.#parameters = parameters;
    this.#lagrangian = parameters.form === "lagrangian";
    this.rule = this.#lagrangian ? "least Lagrangian" : "most accuracy less priced carbon";
  }

  /**
   * `carbon_dual`: mean of the carbon dual over the placements. `carbon_budget_ratio`: mean of their estimated
   * emissions over the budget.
   */
  figures(): Readonly<Record<string, number>> {
    const n = Math.max(1, this.#count);
    return { carbon_dual: this.#sums[0] / n, carbon_budget_ratio: this.#sums[1] / n / this.#budget[0] };
  }

  override completion(request: number): void {
    super.completion(request);
    const { completed, requests, latency } = this.world;
    const { emissions } = this.#parameters;
    if (emissions === "realised" && completed.carbonGrams >= 0) {
      this.#value[0] = completed.carbonGrams;
      this.#emitted();
    }
    if (!this.#lagrangian) return;
    const taskType = requests.taskType[request];
    const seconds = latency === "ttft" ? completed.ttftSeconds : completed.e2eSeconds;
    this.#latencies.add(taskType, seconds, this.host.now);
  }

  protected override floorsOf(taskTypes: readonly string[], view: CalibrationView): Floors {
    const { world } = this;
    const p = this.#parameters;
    const ranks = sizeRanks(world, this.id, p.modelsBySize);
    const highest = Math.max(...Array.from(this.all, (e) => ranks[e]));
    const largest = [...this.all].filter((e) => ranks[e] === highest);
    this.#reference[0] = view.meanGrams(largest);
    this.#budget[0] = p.budgetGrams ?? p.budget * this.#reference[0];
    const window = { requests: p.window, seconds: p.windowSeconds };
    this.#emissions = new RollingEmissions({ ...window, mode: p.budgetMode });
    this.#accuracies = taskTypes.map(() => new RollingEmissions({ ...window, mode: "window" }));
    this.#latencies = new LatencyQuantiles(
      taskTypes.length,
      p.latencyQuantile,
      p.latencySamples,
      p.latencyMinSamples,
    );
    this.#accuracyDuals = new Float64Array(taskTypes.length);
    this.#latencyDuals = new Float64Array(taskTypes.length);
    const tiers = Math.max(1, world.tiers.length);
    const objectives = objectivesOf(world, this.id, taskTypes, p);
    this.#objectives = Float64Array.from(taskTypes, (_, j) =>
      Math.min(...objectives.subarray(j * tiers, (j + 1) * tiers)),
    );
    this.#carbonDual[0] = Math.min(p.lambda, p.lambdaMax);
    this.#sums.fill(0);
    this.#count = 0;
    return epsilonFloors(view, p.epsilon);
  }

  protected override choose(request: number, candidates: Int32Array): number {
    const { choice } = this;
    const { terms } = choice;
    const taskType = this.world.requests.taskType[request];
    this.#lastTaskType = taskType;
    if (this.#lagrangian) {
      terms[CARBON_DUAL] = this.#carbonDual[0];
      terms[ACCURACY_DUAL] = this.#accuracyDuals[taskType];
      terms[LATENCY_DUAL] = this.#latencyDuals[taskType];
      this.feasible = choice.feasibleCount(candidates) > 0;
      return choice.leastLagrangian(candidates, this.#reference);
    }
    terms[CARBON_PRICE] = this.#carbonDual[0] / this.#reference[0];
    const endpoint = choice.mostValueFeasible(candidates);
    this.feasible = endpoint >= 0;
    return this.feasible ? endpoint : choice.leastViolation(candidates);
  }

  protected override placed(_tier: number, endpoint: number): void {
    const { choice } = this;
    this.#count++;
    this.#sums[0] += this.#carbonDual[0];
    this.#sums[1] += choice.grams[endpoint];
    if (this.#parameters.emissions === "estimated") {
      this.#value[0] = choice.grams[endpoint];
      this.#emitted();
    }
    if (this.#lagrangian) this.#stepServiceDuals(this.#lastTaskType, endpoint);
  }

  /** lambda = clamp(lambda + eta (mean emission - B) / cref, 0, lambdaMax), for the emission in `#value`. */
  #emitted(): void {
    const { eta, etaRule, lambdaMax } = this.#parameters;
    this.#emissions.add(this.#value, this.host.now);
    this.#step[0] = etaRule === "root" ? eta / Math.sqrt(Math.max(1, this.#count)) : eta;
    this.#excess[0] = (this.#emissions.mean[0] - this.#budget[0]) / this.#reference[0];
    stepDual(this.#carbonDual, 0, this.#excess, this.#step, lambdaMax);
  }

  #stepServiceDuals(taskType: number, endpoint: number): void {
    const { etaAccuracy, etaLatency, lambdaMax } = this.#parameters;
    const accuracies = this.#accuracies[taskType];
    this.#value[0] = this.choice.accuracy[endpoint];
    accuracies.add(this.#value, this.host.now);
    this.#step[0] = etaAccuracy;
    this.#excess[0] = this.floors.values[taskType] - accuracies.mean[0];
    stepDual(this.#accuracyDuals, taskType, this.#excess, this.#step, lambdaMax);
    const late = this.#latencies.values[taskType] / this.#objectives[taskType] - 1;
    if (Number.isNaN(late)) return;
    this.#step[0] = etaLatency;
    this.#excess[0] = late;
    stepDual(this.#latencyDuals, taskType, this.#excess, this.#step, lambdaMax);
  }
}
