import { fillLoad } from "../../learning/cost-predictor/features.ts";
import { encodePredictor } from "../../learning/cost-predictor/predictor-file.ts";
import { TenantStatistics } from "../../learning/cost-predictor/tenant-statistics.ts";
import { trainPredictor } from "../../learning/cost-predictor/train-predictor.ts";
import { TrainingSample } from "../../learning/cost-predictor/training-rows.ts";
import type { LearningRouter } from "../contract.ts";
import { RequestSlots } from "../ingress/request-slots.ts";
import type { CapsParameters } from "./parameters.ts";
import { PoolLoads } from "./pool-load.ts";
import { POOLS } from "./pools.ts";
import { PromptRow } from "./prompt-row.ts";
import { SloAwareRouter } from "./slo-aware.ts";

/** Name of the artefact that `caps` asks for. */
export const PREDICTOR = "predictor";

const NO_TOKENS = new Float64Array(POOLS.length);

/** What of CAPS's parameters its predictor depends on. */
export type PredictorBasis = Pick<
  CapsParameters,
  "pools" | "tierClasses" | "pollSeconds" | "trainingRows" | "ownQueue"
>;

export function predictorBasis({ pools, tierClasses, pollSeconds, trainingRows, ownQueue }: PredictorBasis) {
  return { pools, tierClasses, pollSeconds, trainingRows, ownQueue: ownQueue !== "none" };
}

/**
 * The run from which the predictor of CAPS learns: `slo-aware`, which also labels the risk (the paper does not say
 * under which router its labels came about). A row is what is known of a prompt when it arrives, with the load of
 * its pool and of the queue before it; its labels are its true output length and whether it missed its objective.
 */
export class CapsTrainingRouter extends SloAwareRouter implements LearningRouter {
  override readonly needs = { telemetry: "counts" as const, completions: true };
  readonly #rows: number;
  /** Whether the queue before a pool is part of its load. */
  readonly #counts: boolean;
  #tenants!: TenantStatistics;
  #prompt!: PromptRow;
  #load!: PoolLoads;
  #sample!: TrainingSample;
  #slots!: RequestSlots;
  /** Rows of the requests that have not ended, by slot. */
  #values = new Float64Array(0);

  constructor(parameters: PredictorBasis) {
    super(parameters);
    this.#rows = parameters.trainingRows;
    this.#counts = parameters.ownQueue !== "none";
  }

  learned(): ReadonlyMap<string, Uint8Array> {
    const trained = trainPredictor(this.#sample.rows(), { source: "training run under slo-aware" });
    return new Map([[PREDICTOR, encodePredictor(trained)]]);
  }

  override arrival(request: number): void {
    const { row } = this.#prompt;
    const slot = this.#slots.take(request);
    if ((slot + 1) * row.length > this.#values.length) this.#grow(row.length);
    this.#prompt.fill(request, this.world.requests.tier[request]);
    const queue = this.queueOf(request);
    this.#load.read(
      this.pools[queue],
      this.#counts ? this.queuedIn(queue) : 0,
      this.#counts ? this.queuedTokens : NO_TOKENS,
      queue,
    );
    fillLoad(row, 0, this.#load, this.#prompt.taskTypes);
    this.#values.set(row, slot * row.length);
    super.arrival(request);
  }

  completion(request: number): void {
    const { completed, requests } = this.world;
    const { outputTokens, sloMet } = completed;
    const missed = sloMet ? 0 : 1;
    const slot = this.#slots.find(request);
    if (slot >= 0) {
      const at = slot * this.#prompt.row.length;
      this.#sample.add(this.#values, at, requests.arrivalSeconds[request], outputTokens, missed);
      this.#slots.release(request);
    }
    this.#tenants.add(requests.tenant[request], outputTokens, missed);
  }

  protected override prepare(): void {
    const { world } = this;
    this.#tenants = new TenantStatistics();
    this.#prompt = new PromptRow(world, this.host, this.#tenants, world.taskTypes);
    this.#load = new PoolLoads(world);
    this.#sample = new TrainingSample(world.taskTypes, { rows: this.#rows, seed: world.random.uint32() });
    this.#slots = new RequestSlots();
  }

  #grow(width: number): void {
    const wider = new Float64Array(this.#slots.capacity * width);
    wider.set(this.#values);
    this.#values = wider;
  }
}
