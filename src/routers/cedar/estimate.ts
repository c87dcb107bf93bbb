import type { Law } from "../../profile/law.ts";
import type { World } from "../contract.ts";
import { FIXED, NETWORK, PROMPT, ROW, STEP, WAIT } from "./coefficients.ts";

/** Added to the estimate of an endpoint that has no serving replica: it is asked last, never divided by zero. */
const NO_REPLICA_SECONDS = 1e6;
/** Utilisation at which the scaling u / (1 - u) is held, so that a full endpoint keeps a finite estimate. */
const HIGHEST_UTILISATION = 0.99;

export interface EstimateOptions {
  /** False: the backlog is not seen, the unloaded service time is scaled by 1 + u / (1 - u) (`cedar-no-queue`). */
  readonly queue: boolean;
  /** True: every endpoint has the fleet's mean rates (`cedar-no-model`). */
  readonly meanModel: boolean;
}

/**
 * CEDAR's service estimate (specification section 4) as a row of coefficients per endpoint, so that an estimate is
 *
 *     est(x, f) = FIXED + queuedPrefillTokens * WAIT + tokens * PROMPT + outputs * STEP   (seconds)
 *
 * with `tokens` the prompt tokens to compute and `outputs` the outputs expected. The prefill rate is the law's at
 * a prompt of 2,048 tokens, divided among the replicas for the queue and slowed by the endpoint's time factor.
 * Where the objectives bound the first token (`world.latency` "ttft") the decode part is left out.
 */
export class ServiceEstimate {
  /** Rows of coefficients; those of cost and carbon are left to {@link EndpointScore}. */
  readonly table: Float64Array;
  /** Mean of the completed outputs, starting from the workload's: element 0. */
  readonly meanOutput = new Float64Array(1);
  /** Grows whenever the coefficients are made anew. */
  revision = 0;
  readonly #world: World;
  readonly #options: EstimateOptions;
  readonly #secondsPerPromptToken: Float64Array;
  /** Step seconds by batch at the mean context: of the fleet's mean model. */
  readonly #meanStep: Float64Array;
  /** Time of the telemetry in the coefficients. */
  readonly #takenAt = new Float64Array([Number.NaN]);
  readonly #outputs = new Float64Array(2);

  constructor(world: World, options: EstimateOptions) {
    this.#world = world;
    this.#options = options;
    const n = world.endpoints.count;
    this.table = new Float64Array(ROW * n);
    for (let e = 0; e < n; e++) this.table[ROW * e + NETWORK] = world.endpoints.roundTripSeconds[e];
    this.#secondsPerPromptToken = secondsPerPromptToken(world, options.meanModel);
    this.#meanStep =
      options.meanModel && world.latency === "e2e" ? meanStepByBatch(world) : new Float64Array(0);
    this.meanOutput[0] = world.meanOutputTokens;
    this.#outputs[0] = 1;
    this.#outputs[1] = world.meanOutputTokens;
  }

  /** Takes the length of a completed output into the mean. */
  completed(): void {
    this.#outputs[0] += 1;
    this.#outputs[1] += this.#world.completed.outputTokens;
    this.meanOutput[0] = this.#outputs[1] / this.#outputs[0];
  }

  /** Makes the coefficients those of the current telemetry; costs nothing while that is the same snapshot. */
  refresh(): void {
    if (this.#world.telemetry.takenAtSeconds !== this.#takenAt[0]) this.refreshAll();
  }

  /** Like {@link refresh}, even within a snapshot: replicas and faults are told at once. */
  refreshAll(): void {
    const { telemetry, endpoints, latency } = this.#world;
    const { replicas, timeFactor, utilisation } = telemetry;
    this.#takenAt[0] = telemetry.takenAtSeconds;
    this.revision++;
    const decodes = latency === "e2e";
    for (let e = 0; e < endpoints.count; e++) {
      const serving = replicas[e];
      let prompt = this.#secondsPerPromptToken[e] * timeFactor[e];
      let step = decodes ? this.#stepSeconds(e) * timeFactor[e] : 0;
      const row = ROW * e;
      this.table[row + FIXED] = serving > 0 ? 0 : NO_REPLICA_SECONDS;
      if (this.#options.queue) {
        this.table[row + WAIT] = prompt / Math.max(1, serving);
      } else {
        const used = Math.min(HIGHEST_UTILISATION, serving > 0 ? utilisation[e] : 0);
        const scale = 1 + used / (1 - used);
        prompt *= scale;
        step *= scale;
      }
      this.table[row + PROMPT] = prompt;
      this.table[row + STEP] = step;
    }
  }

  /** stepTime(batch + 1, ctx): of one replica, at the mean context of what decodes there; batch 0 when unloaded. */
  #stepSeconds(e: number): number {
    const { telemetry, endpoints } = this.#world;
    const law = endpoints.law[e];
    const decoding = this.#options.queue ? telemetry.decoding[e] : 0;
    const batch = Math.min(
      law.maxSequences,
      endpoints.maxRequests[e],
      Math.floor(decoding / Math.max(1, telemetry.replicas[e])) + 1,
    );
    if (this.#options.meanModel) return this.#meanStep[Math.min(batch, this.#meanStep.length - 1)];
    const context = decoding > 0 ? telemetry.contextTokens[e] / decoding : meanContextTokens(this.#world);
    return law.decodeSeconds(batch, batch * context);
  }
}

/** Context of the mean request half way through its outputs. */
export function meanContextTokens(world: World): number {
  return world.meanPromptTokens + world.meanOutputTokens / 2;
}

/**
 * The mean over the models of a figure of each endpoint: first within the endpoints of a model, then over the
 * models, so that a model with many endpoints counts no more than one with few.
 */
export function meanOverModels(world: World, figure: ArrayLike<number>): number {
  const { count, model } = world.endpoints;
  const sums = new Map<number, { sum: number; count: number }>();
  for (let e = 0; e < count; e++) {
    const entry = sums.get(model[e]) ?? { sum: 0, count: 0 };
    entry.sum += figure[e];
    entry.count++;
    sums.set(model[e], entry);
  }
  let total = 0;
  for (const { sum, count: endpoints } of sums.values()) total += sum / endpoints;
  return total / sums.size;
}

/** Seconds of a prompt token on one replica of each endpoint, or the fleet's mean for all of them. */
export function secondsPerPromptToken(world: World, meanModel: boolean): Float64Array {
  const own = Float64Array.from(world.endpoints.law, (law) => 1 / law.prefillTokensPerSecond);
  return meanModel ? own.fill(meanOverModels(world, own)) : own;
}

function meanStepByBatch(world: World): Float64Array {
  const laws: readonly Law[] = world.endpoints.law;
  const context = meanContextTokens(world);
  const steps = new Float64Array(1 + Math.max(...laws.map((law) => law.maxSequences)));
  for (let batch = 1; batch < steps.length; batch++) {
    steps[batch] = meanOverModels(
      world,
      laws.map((law) => {
        const own = Math.min(batch, law.maxSequences);
        return law.decodeSeconds(own, own * context);
      }),
    );
  }
  return steps;
}
