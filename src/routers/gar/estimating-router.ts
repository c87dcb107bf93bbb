import { PlacingRouter } from "../placing-router.ts";
import { type CalibrationExample, readCalibration, taskTypesOf } from "./calibration-file.ts";
import { CalibrationView } from "./calibration-view.ts";
import { Choice, FLOOR, LIMIT } from "./choice.ts";
import { CorrectnessEstimate } from "./correctness.ts";
import { EnergyEstimate } from "./energy.ts";
import type { Floors } from "./floors.ts";
import { LatencyEstimate } from "./latency.ts";
import { objectivesOf } from "./objectives.ts";
import type { EstimatingParameters } from "./parameters.ts";
import { quotasOf, splitExamples } from "./split.ts";

/**
 * A router that estimates correctness, tail latency and carbon of a request at every endpoint (specification gar.md
 * sections 2 and 3); what it makes of them is left to {@link choose}. The request is sent on at once.
 */
export abstract class EstimatingRouter extends PlacingRouter {
  override readonly needs = { telemetry: "counts" as const, completions: true };
  protected readonly id: string;
  protected choice!: Choice;
  protected energy!: EnergyEstimate;
  protected view!: CalibrationView;
  /** By task type. */
  protected floors!: Floors;
  /** Endpoint chosen last, and whether some endpoint met everything. */
  protected chosen = -1;
  protected feasible = false;
  readonly #parameters: EstimatingParameters;
  #correctness!: CorrectnessEstimate;
  #latency!: LatencyEstimate;
  /** Mean outputs of the calibration's examples, by task type. */
  #outputs!: Int32Array;
  /** Objective in seconds at `taskType * tiers + tier`. */
  #objectives!: Float64Array;

  constructor(id: string, parameters: EstimatingParameters) {
    super({ queue: "arrival", retrySeconds: parameters.retrySeconds });
    this.id = id;
    this.#parameters = parameters;
  }

  signal(_region: number): void {
    this.energy.refresh();
  }

  completion(request: number): void {
    this.#latency.completed(request);
  }

  protected override prepare(): void {
    const { world, host } = this;
    const parameters = this.#parameters;
    const taskTypes = taskTypesOf(world);
    const calibration = readCalibration(world, this.id, parameters);
    const { fit, held } = splitExamples(calibration.examples, quotasOf(taskTypes.length, parameters));
    this.choice = new Choice(world.endpoints.count);
    const { region, model } = world.endpoints;
    for (let e = 0; e < world.endpoints.count; e++)
      this.choice.twins[e] = region[e] * world.models.length + model[e];
    this.energy = new EnergyEstimate(world, this.id, parameters);
    this.#latency = new LatencyEstimate(world, host, parameters);
    this.#correctness = new CorrectnessEstimate(taskTypes.length, world.models.length, fit, held, parameters);
    this.#outputs = meanOutputs(taskTypes.length, calibration.examples);
    this.#objectives = objectivesOf(world, this.id, taskTypes, parameters);
    this.view = new CalibrationView({
      world,
      held,
      correctness: this.#correctness,
      energy: this.energy,
      latency: this.#latency,
      candidates: this.all,
      outputs: this.#outputs,
      carbon: calibration.carbon.map((mean, region) =>
        Number.isNaN(mean) ? world.signals.carbon[region] : mean,
      ),
      limitSeconds: (tier, taskType) => this.#objectives[taskType * Math.max(1, world.tiers.length) + tier],
    });
    this.floors = this.floorsOf(taskTypes, this.view);
  }

  /** Accuracy floors by task type, from the calibration split. */
  protected abstract floorsOf(taskTypes: readonly string[], view: CalibrationView): Floors;

  /**
   * The endpoint for the request whose estimates, floor and limit are in {@link choice}; -1 when no candidate is
   * usable. Writes {@link feasible}.
   */
  protected abstract choose(request: number, candidates: Int32Array): number;

  protected override pick(request: number): number {
    const { world, choice } = this;
    const { promptTokens, producedTokens, turns, taskType, tier } = world.requests;
    const candidates = this.candidatesOf(request);
    const type = taskType[request];
    const outputs = this.#outputs[type];
    const tokens = promptTokens[request] + producedTokens[request];
    this.#correctness.estimate(type, promptTokens[request], turns[request]);
    this.#latency.estimate(choice.seconds, candidates, tokens, outputs);
    this.#fill(candidates, tokens, outputs);
    choice.terms[FLOOR] = this.floors.values[type];
    choice.terms[LIMIT] = this.#objectives[type * Math.max(1, world.tiers.length) + tier[request]];
    const endpoint = this.choose(request, candidates);
    this.chosen = endpoint;
    if (endpoint < 0) return -1;
    this.#latency.note(request, endpoint, outputs);
    return endpoint;
  }

  /**
   * Nothing is postponed: the host hears what is believed, here and not in {@link pick}, since the fractions would be
   * boxed where its method is not compiled into the caller, and that one is too long for it.
   */
  protected override postpones(request: number, endpoint: number): boolean {
    const { accuracy, terms } = this.choice;
    this.host.predict(request, accuracy[endpoint], terms[FLOOR], this.feasible);
    return false;
  }

  /** Outputs expected of a request: a whole number. */
  protected outputsOf(request: number): number {
    return this.#outputs[this.world.requests.taskType[request]];
  }

  protected override reason(request: number, endpoint: number): string {
    const { choice } = this;
    for (const e of this.candidatesOf(request)) {
      if (choice.usable[e] === 1 && (!this.feasible || choice.meets(e) || e === endpoint)) {
        this.explained[e] = choice.grams[e];
      }
    }
    const name = this.world.endpoints.names[endpoint];
    const held = `floor ${choice.terms[FLOOR].toFixed(3)}, limit ${choice.terms[LIMIT].toFixed(3)} s`;
    return this.feasible
      ? `${this.rule} among those that meet ${held}: ${name} (scores in g)`
      : `no endpoint meets ${held}: ${this.fallbackRule} at ${name} (scores in g)`;
  }

  /** What decides among the feasible, and where nothing is feasible, for {@link reason}. */
  protected readonly rule: string = "least carbon";
  protected readonly fallbackRule: string = "least violation";

  #fill(candidates: Int32Array, tokens: number, outputs: number): void {
    const { choice, energy, blocked } = this;
    const { endpoints, telemetry } = this.world;
    const { model } = endpoints;
    const { up, replicas, outstanding } = telemetry;
    const { fixed, prompt, output, gramsPerJoule } = energy;
    const { byModel } = this.#correctness;
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      choice.usable[e] = up[e] === 1 && blocked[e] === 0 && replicas[e] > 0 ? 1 : 0;
      choice.accuracy[e] = byModel[model[e]];
      choice.grams[e] = (fixed[e] + prompt[e] * tokens + output[e] * outputs) * gramsPerJoule[e];
      choice.outstanding[e] = outstanding[e];
    }
  }
}

function meanOutputs(taskTypes: number, examples: readonly CalibrationExample[]): Int32Array {
  const outputs = new Int32Array(taskTypes);
  for (let j = 0; j < taskTypes; j++) {
    const own = examples.filter((example) => example.taskType === j);
    outputs[j] = Math.max(
      1,
      Math.round(own.reduce((sum, { outputTokens }) => sum + outputTokens, 0) / own.length),
    );
  }
  return outputs;
}
