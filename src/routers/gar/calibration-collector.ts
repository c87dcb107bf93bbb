import { UserError } from "../../errors.ts";
import type { ClairvoyantWorld, LearningRouter } from "../contract.ts";
import { PlacingRouter } from "../placing-router.ts";
import { RandomIndex } from "../random-index.ts";
import { CALIBRATION, type CalibrationExample, encodeCalibration, taskTypesOf } from "./calibration-file.ts";
import type { CalibrationParameters } from "./parameters.ts";
import { quotasOf } from "./split.ts";

/**
 * Serves the training requests at random and notes, for as many of each task type as a calibration needs, what a
 * gateway sees of them, how long the answer was and which model was right.
 */
export class CalibrationCollector extends PlacingRouter implements LearningRouter {
  override readonly needs = { telemetry: "counts" as const };
  declare protected world: ClairvoyantWorld;
  readonly #id: string;
  readonly #parameters: CalibrationParameters;
  readonly #examples: CalibrationExample[] = [];
  /** Examples still wanted, by task type. */
  #wanted: number[] = [];
  /** An endpoint of each model. */
  #endpointOf: number[] = [];
  /** Sum of the intensities at the examples, by region. */
  #carbon!: Float64Array;
  #random!: RandomIndex;

  constructor(id: string, parameters: CalibrationParameters) {
    super({ queue: "arrival", retrySeconds: 0.1 });
    this.#id = id;
    this.#parameters = parameters;
  }

  learned(): ReadonlyMap<string, Uint8Array> {
    const { taskTypes, models, signals } = this.world;
    const carbon = Object.fromEntries(
      signals.regions.map((region, r) => [region, this.#carbon[r] / Math.max(1, this.#examples.length)]),
    );
    return new Map([[CALIBRATION, encodeCalibration(taskTypes, models, carbon, this.#examples)]]);
  }

  protected override prepare(): void {
    const { models, endpoints, signals, random } = this.world;
    const taskTypes = taskTypesOf(this.world);
    const { fit, held } = quotasOf(taskTypes.length, this.#parameters);
    this.#examples.length = 0;
    this.#wanted = held.map((wanted) => fit + wanted);
    this.#endpointOf = models.map((_, m) => endpoints.model.indexOf(m));
    this.#carbon = new Float64Array(signals.regions.length);
    this.#random = new RandomIndex(random);
  }

  protected override arrived(request: number): void {
    const { requests, hidden, signals } = this.world;
    const taskType = requests.taskType[request];
    if (this.#wanted[taskType] === 0) return;
    this.#wanted[taskType]--;
    for (let r = 0; r < this.#carbon.length; r++) this.#carbon[r] += signals.carbon[r];
    this.#examples.push({
      taskType,
      tier: requests.tier[request],
      promptTokens: requests.promptTokens[request],
      turns: requests.turns[request],
      outputTokens: hidden.outputTokens[request],
      correct: this.#endpointOf.map((e) =>
        e >= 0 && answersRightly(this.world, this.#id, request, e) ? 1 : 0,
      ),
    });
  }

  protected override pick(request: number): number {
    return pickAtRandom(this.candidatesOf(request), this.world.telemetry.up, this.blocked, this.#random);
  }
}

/** A usable candidate, each with the same probability; -1 for none. */
export function pickAtRandom(
  candidates: Int32Array,
  up: Uint8Array,
  blocked: Uint8Array,
  random: RandomIndex,
): number {
  let count = 0;
  for (let i = 0; i < candidates.length; i++) {
    if (up[candidates[i]] === 1 && blocked[candidates[i]] === 0) count++;
  }
  if (count === 0) return -1;
  let left = random.below(count);
  for (let i = 0; i < candidates.length; i++) {
    const e = candidates[i];
    if (up[e] === 1 && blocked[e] === 0 && left-- === 0) return e;
  }
  return -1;
}

/**
 * Whether the model of an endpoint answers the request rightly.
 * @throws UserError `CANOPY_ACCURACY_MISSING` where the experiment does not say how correctness is simulated
 */
export function answersRightly(
  world: ClairvoyantWorld,
  router: string,
  request: number,
  endpoint: number,
): boolean {
  try {
    return world.hidden.correct(request, endpoint);
  } catch (cause) {
    throw new UserError(
      "CANOPY_ACCURACY_MISSING",
      `router ${router}: it needs to know which answers are right, expected accuracy in the experiment`,
      { cause },
    );
  }
}
