/**
 * Output lengths that depend on what a gateway can see of a request (caps.md sections 3 and 5):
 *
 *     log nOut = mu + sigma * (rho * z + sqrt(1 - rho^2) * eps),   eps standard normal
 *
 * where z is a function of the prompt's length, the turns of the conversation, the task type and the tenant, with a
 * standard normal distribution over the requests: output lengths keep the log-normal distribution that the workload
 * gives them, whatever the features weigh, and rho is the correlation of log nOut with all that can be known of it.
 *
 * z is the normal score of the sum of the features, each standardised over the requests and multiplied by its weight:
 * z = Phi^-1(F(score)), with F the distribution of the score over the requests. F is enumerated on a grid, not sampled.
 */
import { normalQuantile } from "../numeric/special.ts";
import { expectNotNegative, expectParameter } from "./check.ts";
import type { TaskTypeShare } from "./classes.ts";
import { type Distribution, toTokens } from "./distribution.ts";
import { type TenantParameters, tenantEffect, tenantShares } from "./tenants.ts";
import { weightsOfTokens } from "./token-weights.ts";
import { type TurnParameters, turnProbability } from "./turns.ts";

/** Weights of the standardised features in the score; their scale does not matter. */
export interface FeatureWeights {
  /** Logarithm of the prompt's tokens. */
  readonly prompt: number;
  /** Logarithm of the turns. */
  readonly turns: number;
  /** `outputEffect` of the task type. */
  readonly taskType: number;
  /** Effect of the tenant ({@link tenantEffect}). */
  readonly tenant: number;
}

export interface OutputFeatureParameters {
  /** Correlation of log nOut with what the features tell of it, 0 to 1. */
  readonly rho: number;
  readonly weights?: Partial<FeatureWeights>;
}

/** Ours: no paper says which feature tells how much. */
export const DEFAULT_FEATURE_WEIGHTS: FeatureWeights = { prompt: 1, turns: 0.5, taskType: 1, tenant: 1 };

/** What the features of a workload are drawn from. */
export interface FeatureSources {
  readonly outputFeatures: OutputFeatureParameters;
  readonly prompt?: Distribution;
  readonly lengthFactor?: number;
  readonly turns?: TurnParameters;
  readonly tenants?: TenantParameters;
  readonly taskTypes?: readonly TaskTypeShare[];
}

/** Throws `CANOPY_WORKLOAD_PARAMETER`, also where no feature varies. */
export function checkOutputFeatures(sources: FeatureSources & { readonly output?: Distribution }): void {
  const { outputFeatures, output, taskTypes = [] } = sources;
  const { rho, weights = {} } = outputFeatures;
  expectParameter(rho >= 0 && rho <= 1, "outputFeatures.rho", "a number from 0 to 1", rho);
  for (const [name, weight] of Object.entries(weights)) {
    const known = Object.keys(DEFAULT_FEATURE_WEIGHTS);
    expectParameter(
      known.includes(name),
      `outputFeatures.weights.${name}`,
      `one of ${known.join(", ")}`,
      weight,
    );
    expectNotNegative(weight, `outputFeatures.weights.${name}`);
  }
  const found = output?.dist ?? "nothing";
  expectParameter(found === "lognormal", "output", "dist lognormal, which outputFeatures shapes", found);
  const own = taskTypes.find((type) => type.output !== undefined);
  expectParameter(
    own === undefined,
    `taskTypes.${own?.name}.output`,
    "none, as outputFeatures gives every output its length",
    own?.output?.dist,
  );
  expectParameter(
    FeatureScores.weigh(sources).some((weight) => weight > 0),
    "outputFeatures.weights",
    "a weight above 0 for a feature that varies",
    "0 for every feature that varies",
  );
}

/** Cells of the grid for one standard deviation of the score, and its reach on either side in such deviations. */
const CELLS = 64;
const REACH = 16;
/** Turns beyond this probability are left out of the enumeration. */
const LEAST_TURN = 1e-12;

interface Atoms {
  readonly values: Float64Array;
  readonly weights: Float64Array;
}

/** Turns the features of a request into z. */
export class FeatureScores {
  readonly #weights: readonly number[];
  readonly #promptScale: number;
  readonly #turnScale: number;
  /** Score of each task type and of each tenant, and of everything constant. */
  readonly #taskType: Float64Array;
  readonly #tenant: Float64Array;
  readonly #offset: number;
  /** z at the cells of the grid, and where they lie. */
  readonly #table: Float64Array;
  readonly #from: number;
  readonly #perCell: number;

  constructor(sources: FeatureSources) {
    const { taskTypes = [{ name: "", share: 1 }] } = sources;
    this.#weights = FeatureScores.weigh(sources);
    const [prompt, turns, taskType, tenant] = this.#weights;
    const prompts = taskTypes.map((type) => promptAtoms(type.prompt ?? sources.prompt, sources.lengthFactor));
    const shares = taskTypes.map((type) => type.share);
    const ofPrompt = momentsOf(mix(prompts, shares));
    const turnAtoms = atomsOfTurns(sources.turns);
    const ofTurns = momentsOf(turnAtoms);
    const effects: Atoms = {
      values: Float64Array.from(taskTypes, (type) => type.outputEffect ?? 0),
      weights: Float64Array.from(shares),
    };
    const ofTypes = momentsOf(effects);
    const tenantAtoms = atomsOfTenants(sources.tenants);
    const ofTenants = momentsOf(tenantAtoms);

    this.#promptScale = scale(prompt, ofPrompt);
    this.#turnScale = scale(turns, ofTurns);
    this.#offset = -this.#promptScale * ofPrompt.mean - this.#turnScale * ofTurns.mean;
    this.#taskType = effects.values.map((value) => scale(taskType, ofTypes) * (value - ofTypes.mean));
    this.#tenant = tenantAtoms.values.map((value) => scale(tenant, ofTenants) * (value - ofTenants.mean));

    // Prompt and task type may go together; turns and tenant are independent of them and of each other.
    const joint = mix(
      prompts.map(({ values, weights }, t) => ({
        values: values.map((value) => this.#promptScale * value + this.#taskType[t]),
        weights,
      })),
      shares,
    );
    const ofTurn = {
      ...turnAtoms,
      values: turnAtoms.values.map((value) => this.#turnScale * value + this.#offset),
    };
    const ofTenant = { ...tenantAtoms, values: this.#tenant };
    const parts = [joint, ofTurn, ofTenant];
    const deviation = Math.sqrt(parts.reduce((sum, part) => sum + momentsOf(part).deviation ** 2, 0));
    this.#perCell = CELLS / deviation;
    let grid = histogram(parts[0], this.#perCell);
    for (const part of parts.slice(1)) grid = convolve(grid, histogram(part, this.#perCell));
    this.#from = grid.from;
    this.#table = normalScores(grid.mass);
  }

  /** Weights of prompt, turns, task type and tenant; 0 where the feature is the same for all requests. */
  static weigh({ outputFeatures, prompt, taskTypes = [], turns, tenants }: FeatureSources): number[] {
    const weights = { ...DEFAULT_FEATURE_WEIGHTS, ...outputFeatures.weights };
    const isConstant = (d: Distribution | undefined) => d === undefined || d.dist === "constant";
    const varies = {
      prompt: !isConstant(prompt) || taskTypes.some((type) => type.prompt !== undefined),
      turns: turns !== undefined && turns.mean > 1,
      taskType:
        new Set(taskTypes.filter(({ share }) => share > 0).map((type) => type.outputEffect ?? 0)).size > 1,
      tenant: tenants !== undefined && tenants.count > 1,
    };
    return (["prompt", "turns", "taskType", "tenant"] as const).map((name) =>
      varies[name] ? weights[name] : 0,
    );
  }

  /** The standard normal score of a request; `taskType` and `tenant` are ignored where the workload has none. */
  z(promptTokens: number, turns: number, taskType: number, tenant: number): number {
    let score = this.#offset + this.#taskType[taskType] + this.#tenant[tenant];
    if (this.#promptScale !== 0) score += this.#promptScale * Math.log(promptTokens);
    if (this.#turnScale !== 0) score += this.#turnScale * Math.log(turns);
    const table = this.#table;
    const place = score * this.#perCell - this.#from;
    if (place <= 0) return table[0];
    const last = table.length - 1;
    if (place >= last) return table[last];
    const cell = Math.floor(place);
    return table[cell] + (place - cell) * (table[cell + 1] - table[cell]);
  }
}

function promptAtoms(d: Distribution | undefined, lengthFactor = 1): Atoms {
  if (d === undefined) return { values: new Float64Array(1), weights: Float64Array.of(1) };
  const { values, weights } = weightsOfTokens(d);
  return { values: values.map((draw) => Math.log(toTokens(draw * lengthFactor))), weights };
}

function atomsOfTurns(turns: TurnParameters | undefined): Atoms {
  const weights: number[] = [];
  if (turns !== undefined)
    for (let turn = 1; turnProbability(turns, turn) > LEAST_TURN; turn++)
      weights.push(turnProbability(turns, turn));
  if (weights.length === 0) weights.push(1);
  return {
    values: Float64Array.from(weights, (_, i) => Math.log(i + 1)),
    weights: Float64Array.from(weights),
  };
}

function atomsOfTenants(tenants: TenantParameters | undefined): Atoms {
  if (tenants === undefined) return { values: new Float64Array(1), weights: Float64Array.of(1) };
  return {
    values: Float64Array.from({ length: tenants.count }, (_, tenant) => tenantEffect(tenant)),
    weights: tenantShares(tenants),
  };
}

function mix(parts: readonly Atoms[], shares: readonly number[]): Atoms {
  const size = parts.reduce((sum, part) => sum + part.values.length, 0);
  const values = new Float64Array(size);
  const weights = new Float64Array(size);
  let at = 0;
  for (const [i, part] of parts.entries()) {
    const total = part.weights.reduce((sum, weight) => sum + weight, 0);
    values.set(part.values, at);
    weights.set(
      part.weights.map((weight) => (weight / total) * shares[i]),
      at,
    );
    at += part.values.length;
  }
  return { values, weights };
}

function momentsOf({ values, weights }: Atoms): { readonly mean: number; readonly deviation: number } {
  let mass = 0;
  let mean = 0;
  for (let i = 0; i < values.length; i++) {
    mass += weights[i];
    mean += weights[i] * values[i];
  }
  mean /= mass;
  let square = 0;
  for (let i = 0; i < values.length; i++) square += weights[i] * (values[i] - mean) ** 2;
  return { mean, deviation: Math.sqrt(square / mass) };
}

function scale(weight: number, { deviation }: { readonly deviation: number }): number {
  return deviation === 0 ? 0 : weight / deviation;
}

interface Grid {
  /** Place of the first cell, in cells from 0. */
  readonly from: number;
  readonly mass: Float64Array;
}

/** Spreads every atom over the two cells beside it, which keeps the mean. */
function histogram({ values, weights }: Atoms, perCell: number): Grid {
  const reach = REACH * CELLS;
  const placeOf = (value: number) => Math.min(Math.max(value * perCell, -reach), reach);
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    low = Math.min(low, Math.floor(placeOf(value)));
    high = Math.max(high, Math.floor(placeOf(value)));
  }
  const mass = new Float64Array(high - low + 2);
  for (let i = 0; i < values.length; i++) {
    const place = placeOf(values[i]) - low;
    const cell = Math.floor(place);
    mass[cell] += weights[i] * (1 - (place - cell));
    mass[cell + 1] += weights[i] * (place - cell);
  }
  return { from: low, mass };
}

function convolve(a: Grid, b: Grid): Grid {
  const mass = new Float64Array(a.mass.length + b.mass.length - 1);
  for (let i = 0; i < a.mass.length; i++) {
    if (a.mass[i] === 0) continue;
    for (let j = 0; j < b.mass.length; j++) mass[i + j] += a.mass[i] * b.mass[j];
  }
  return { from: a.from + b.from, mass };
}

/** Normal quantile of the middle of each cell's step of the distribution function. */
function normalScores(mass: Float64Array): Float64Array {
  const total = mass.reduce((sum, cell) => sum + cell, 0);
  let below = 0;
  let last = Number.NEGATIVE_INFINITY;
  const scores = mass.map((cell) => {
    const middle = (below + cell / 2) / total;
    below += cell;
    if (cell > 0)
      last =
        middle <= 0.5
          ? normalQuantile(middle)
          : -normalQuantile(Math.max(0, total - below + cell / 2) / total);
    return last;
  });
  // The distribution's far ends, thinner than the arithmetic: as far out as its thinnest cell.
  const finite = scores.filter(Number.isFinite);
  return scores.map((score) => Math.min(Math.max(score, finite[0]), finite[finite.length - 1]));
}
