import type { World } from "../contract.ts";
import type { CalibrationExample } from "./calibration-file.ts";
import { Choice, FLOOR, LIMIT } from "./choice.ts";
import type { CorrectnessEstimate } from "./correctness.ts";
import type { EnergyEstimate } from "./energy.ts";
import type { LatencyEstimate } from "./latency.ts";

/** What a look at the calibration split needs. */
export interface CalibrationSources {
  readonly world: World;
  readonly held: readonly CalibrationExample[];
  readonly correctness: CorrectnessEstimate;
  readonly energy: EnergyEstimate;
  readonly latency: LatencyEstimate;
  /** Endpoints that may serve. */
  readonly candidates: Int32Array;
  /** Mean outputs by task type. */
  readonly outputs: Int32Array;
  /** Mean intensity by region in g/kWh while the examples were taken. */
  readonly carbon: Float64Array;
  /** Objective in seconds by tier and task type. */
  limitSeconds(tier: number, taskType: number): number;
}

interface Scored {
  readonly example: CalibrationExample;
  readonly accuracy: Float64Array;
  readonly grams: Float64Array;
  readonly seconds: Float64Array;
  readonly limit: number;
}

/**
 * The calibration split as the router would see it: estimates at every endpoint with nothing on it, under the mean
 * intensity of the time of the calibration.
 */
export class CalibrationView {
  readonly taskTypes: number;
  readonly #sources: CalibrationSources;
  readonly #byTaskType: Scored[][];
  readonly #choice: Choice;

  constructor(sources: CalibrationSources) {
    this.taskTypes = sources.outputs.length;
    this.#sources = sources;
    this.#choice = new Choice(sources.world.endpoints.count);
    this.#byTaskType = Array.from({ length: this.taskTypes }, (_, j) =>
      sources.held.filter((example) => example.taskType === j).map((example) => this.#score(example)),
    );
  }

  /** Best over the served models of the mean estimate on a task type. */
  bestEstimate(taskType: number): number {
    return this.#bestMean(taskType, ({ accuracy }, e) => accuracy[e]);
  }

  /** Best over the served models of the share of right answers on a task type. */
  bestAccuracy(taskType: number): number {
    const { model } = this.#sources.world.endpoints;
    return this.#bestMean(taskType, ({ example }, e) => example.correct[model[e]]);
  }

  /** Share of right answers when every example goes to the least carbon that meets the floor, or as it falls back. */
  realisedAccuracy(taskType: number, floor: number): number {
    const { candidates, world } = this.#sources;
    let right = 0;
    for (const scored of this.#byTaskType[taskType]) {
      const choice = this.#choiceOf(scored, floor);
      const feasible = choice.leastCarbonFeasible(candidates);
      const e = feasible >= 0 ? feasible : choice.leastViolation(candidates);
      right += scored.example.correct[world.endpoints.model[e]];
    }
    return right / this.#byTaskType[taskType].length;
  }

  /** Share of the examples for which some endpoint meets the floor and the objective. */
  coverage(taskType: number, floor: number): number {
    const { candidates } = this.#sources;
    const own = this.#byTaskType[taskType];
    return (
      own.filter((scored) => this.#choiceOf(scored, floor).feasibleCount(candidates) > 0).length / own.length
    );
  }

  /** Mean carbon in g over all examples, and over the endpoints named. */
  meanGrams(endpoints: readonly number[]): number {
    const all = this.#byTaskType.flat();
    let sum = 0;
    for (const { grams } of all) for (const e of endpoints) sum += grams[e];
    return sum / (all.length * endpoints.length);
  }

  #bestMean(taskType: number, of: (scored: Scored, endpoint: number) => number): number {
    const own = this.#byTaskType[taskType];
    let best = 0;
    for (const e of this.#sources.candidates) {
      best = Math.max(best, own.reduce((sum, scored) => sum + of(scored, e), 0) / own.length);
    }
    return best;
  }

  #score(example: CalibrationExample): Scored {
    const { world, correctness, energy, latency, candidates, outputs, carbon } = this.#sources;
    const { count, model, region } = world.endpoints;
    const { taskType, tier, promptTokens, turns } = example;
    const scored = {
      example,
      accuracy: new Float64Array(count),
      grams: new Float64Array(count),
      seconds: new Float64Array(count),
      limit: this.#sources.limitSeconds(tier, taskType),
    };
    correctness.estimate(taskType, promptTokens, turns);
    for (const e of candidates) {
      scored.accuracy[e] = correctness.byModel[model[e]];
      scored.grams[e] =
        energy.joules(e, promptTokens, outputs[taskType]) * energy.gramsPerJouleAt(e, carbon[region[e]]);
      scored.seconds[e] = latency.unloadedSeconds(e, promptTokens, outputs[taskType]);
    }
    return scored;
  }

  #choiceOf({ accuracy, grams, seconds, limit }: Scored, floor: number): Choice {
    const choice = this.#choice;
    choice.accuracy.set(accuracy);
    choice.grams.set(grams);
    choice.seconds.set(seconds);
    choice.terms[FLOOR] = floor;
    choice.terms[LIMIT] = limit;
    return choice;
  }
}
