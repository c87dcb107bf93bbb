import type { CostPredictor, LengthQuantile } from "../../learning/cost-predictor/cost-predictor.ts";
import { fillLoad, type PoolLoad } from "../../learning/cost-predictor/features.ts";
import { TenantStatistics } from "../../learning/cost-predictor/tenant-statistics.ts";
import { type FastForest, fastForest } from "../../learning/trees/masked-forest.ts";
import type { World } from "../contract.ts";
import type { CostModel } from "./cost-model.ts";
import { type Clock, PromptRow } from "./prompt-row.ts";

/** CAPS's predictor: output length and risk from two boosted forests (CAPS, section 4, Prompt-level cost prediction). */
export class LearnedCosts implements CostModel {
  readonly classifies: boolean;
  readonly #world: World;
  readonly #tenants = new TenantStatistics();
  readonly #prompt: PromptRow;
  readonly #length: FastForest;
  readonly #risk: FastForest;
  /** Added to the predicted logarithm of the length. */
  readonly #shift = new Float64Array(1);

  constructor(world: World, clock: Clock, predictor: CostPredictor, lengthQuantile: LengthQuantile) {
    this.#world = world;
    this.#prompt = new PromptRow(world, clock, this.#tenants, predictor.names.taskTypes);
    this.#length = fastForest(predictor.length);
    this.#risk = predictor.risk === undefined ? this.#length : fastForest(predictor.risk);
    this.#shift[0] = predictor.lengthShift(lengthQuantile);
    this.classifies = predictor.risk !== undefined;
  }

  expect(request: number, tier: number, out: Float64Array, at: number): void {
    const { row } = this.#prompt;
    const { features } = this.#prompt;
    this.#prompt.fill(request, tier);
    this.#length.place(row, 0, 0, features);
    this.#length.scoreInto(out, at);
    out[at] = Math.max(1, Math.expm1(out[at] + this.#shift[0]));
    if (this.classifies) this.#risk.place(row, 0, 0, features);
  }

  risk(load: PoolLoad, out: Float64Array, at: number): void {
    const { row, taskTypes } = this.#prompt;
    fillLoad(row, 0, load, taskTypes);
    this.#risk.place(row, 0, this.#prompt.features, row.length);
    this.#risk.scoreInto(out, at);
    // Written out: a call that is not inlined would box its result.
    out[at] = 1 / (1 + Math.exp(-out[at]));
  }

  completed(request: number, outputTokens: number, missed: boolean): void {
    this.#tenants.add(this.#world.requests.tenant[request], outputTokens, missed ? 1 : 0);
  }
}
