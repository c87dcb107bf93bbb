import { suggestion, UserError } from "../errors.ts";
import { hashUniform } from "../numeric/counter-hash.ts";
import { logistic } from "../numeric/logistic.ts";
import { hashWords } from "../numeric/random.ts";

/** What the response of models to examples is fitted to. */
export interface ItemResponseTargets {
  readonly datasets: readonly string[];
  readonly models: readonly string[];
  /** Share of right answers, 0 to 1, at `dataset * models.length + model`. */
  readonly accuracy: Float64Array;
  /** Mean phi correlation over the pairs of models, by dataset: 0 (independent) up to what the accuracies allow. */
  readonly phi: Float64Array;
}

/**
 * Simulated correctness of models on examples (specification gar.md section 7.3): a one-parameter item response
 *
 *     P(model m right on an example of dataset j) = 1 / (1 + exp(-(skill[j, m] - spread[j] * difficulty)))
 *
 * with `difficulty` standard normal and common to all models. The skills make the share of right answers of every
 * model that of the table; the spread makes the mean phi correlation between models the one asked for. There is no
 * ground truth in it: say "simulated correctness" with every number that rests on it.
 */
export class ItemResponse {
  readonly datasets: readonly string[];
  readonly models: readonly string[];
  /** At `dataset * models.length + model`; infinite where a model is always or never right. */
  readonly skill: Float64Array;
  readonly spread: Float64Array;
  readonly #models: number;

  constructor(
    datasets: readonly string[],
    models: readonly string[],
    skill: Float64Array,
    spread: Float64Array,
  ) {
    this.datasets = datasets;
    this.models = models;
    this.skill = skill;
    this.spread = spread;
    this.#models = models.length;
  }

  /** Probability that the model is right on an example of the difficulty (a standard normal quantile). */
  probability(difficulty: number, dataset: number, model: number): number {
    return logistic(this.skill[dataset * this.#models + model] - this.spread[dataset] * difficulty);
  }

  /** @param uniform of {@link responseUniform}: the same for a request and a model, whoever routes */
  correct(difficulty: number, dataset: number, model: number, uniform: number): boolean {
    return uniform < this.probability(difficulty, dataset, model);
  }
}

/**
 * The uniform number behind a model's answer to a request: a function of the three arguments alone, so that an answer
 * is the same under every router, and whether or not other answers are looked at.
 *
 * @param seed word of {@link responseSeed}
 * @param row number of the request in its workload, from 0
 */
export function responseUniform(seed: number, row: number, model: number): number {
  return hashUniform(seed, row, model);
}

/** Seed word of a run for {@link responseUniform}, apart from every other stream of the run. */
export function responseSeed(seed: number | string): number {
  return hashWords(`${seed}\u0000workload/correctness`)[0];
}

/**
 * Fits skills and spreads to accuracies and phi. Marginals hold to 1e-9, phi to 1e-6.
 *
 * The accuracy of a model under a skill is an integral over the difficulties, taken by the trapezoidal rule (which
 * converges exponentially for it); the skill is found by Newton steps kept inside a bracket, the spread by bisection.
 * Models that are always or never right have no part in phi; a lone model is paired with itself.
 *
 * @throws UserError `CANOPY_ACCURACY_RANGE` (an accuracy outside 0 to 1), `CANOPY_ACCURACY_PHI` (a phi that these
 * accuracies cannot have, with the largest one they can)
 */
export function fitItemResponse(targets: ItemResponseTargets): ItemResponse {
  const { datasets, models, accuracy, phi } = targets;
  const skill = new Float64Array(accuracy.length);
  const spread = new Float64Array(datasets.length);
  for (let j = 0; j < datasets.length; j++) {
    const wanted = accuracy.subarray(j * models.length, (j + 1) * models.length);
    for (let m = 0; m < models.length; m++) {
      if (wanted[m] >= 0 && wanted[m] <= 1) continue;
      throw new UserError(
        "CANOPY_ACCURACY_RANGE",
        `${models[m]} on ${datasets[j]} is ${100 * wanted[m]} percent, expected 0 to 100`,
      );
    }
    const fitted = fitDataset(datasets[j], wanted, phi[j]);
    skill.set(fitted.skill, j * models.length);
    spread[j] = fitted.spread;
  }
  return new ItemResponse(datasets, models, skill, spread);
}

/** A table of accuracies in percent, by model and dataset, as an experiment writes it. */
export type AccuracyTable = Readonly<Record<string, Readonly<Record<string, number>>>>;

/**
 * The targets of the datasets and models of a run, looked up in a table.
 *
 * @param datasets names of the workload's task types, or what the experiment maps them to
 * @param models names of the fleet's models, or what the experiment maps them to
 * @param phi dependence of every dataset, or one for all
 * @throws UserError `CANOPY_ACCURACY_MODEL`, `CANOPY_ACCURACY_DATASET`, `CANOPY_ACCURACY_RANGE`, `CANOPY_ACCURACY_PHI`
 */
export function itemResponseTargets(
  table: AccuracyTable,
  datasets: readonly string[],
  models: readonly string[],
  phi: number | Readonly<Record<string, number>>,
): ItemResponseTargets {
  const accuracy = new Float64Array(datasets.length * models.length);
  const phis = new Float64Array(datasets.length);
  for (const [m, model] of models.entries()) {
    const row = Object.hasOwn(table, model) ? table[model] : undefined;
    if (row === undefined) {
      throw new UserError(
        "CANOPY_ACCURACY_MODEL",
        `the table has no model "${model}", which the fleet serves${suggestion(model, Object.keys(table))}`,
      );
    }
    for (const [j, dataset] of datasets.entries()) {
      const percent = Object.hasOwn(row, dataset) ? row[dataset] : undefined;
      if (percent === undefined) {
        throw new UserError(
          "CANOPY_ACCURACY_DATASET",
          `the table has no dataset "${dataset}" for ${model}, which the workload names${suggestion(dataset, Object.keys(row))}`,
        );
      }
      if (!(percent >= 0 && percent <= 100)) {
        throw new UserError(
          "CANOPY_ACCURACY_RANGE",
          `${model} on ${dataset} is ${percent} percent, expected 0 to 100`,
        );
      }
      accuracy[j * models.length + m] = percent / 100;
    }
  }
  for (const [j, dataset] of datasets.entries()) {
    const value = typeof phi === "number" ? phi : Object.hasOwn(phi, dataset) ? phi[dataset] : undefined;
    if (value === undefined) {
      throw new UserError(
        "CANOPY_ACCURACY_PHI",
        `phi is not given for the dataset "${dataset}"${suggestion(dataset, Object.keys(phi))}`,
      );
    }
    phis[j] = value;
  }
  return { datasets, models, accuracy, phi: phis };
}

/** Difficulties of the grid, and the normal probability of each; tails beyond 8.5 weigh 2e-17. */
const REACH = 8.5;
const STEPS = 850;
const NODES = Float64Array.from({ length: STEPS + 1 }, (_, i) => -REACH + (2 * REACH * i) / STEPS);
const WEIGHTS = normalised(NODES.map((z) => Math.exp(-0.5 * z * z)));
/** Two models of one accuracy of a half reach phi 0.96 at this spread, and the grid still resolves their response. */
const LARGEST_SPREAD = 40;
const PHI_TOLERANCE = 1e-6;

function fitDataset(
  dataset: string,
  accuracy: Float64Array,
  phi: number,
): { readonly skill: Float64Array; readonly spread: number } {
  const skillsAt = (spread: number) => accuracy.map((p) => skillFor(p, spread));
  const phiAt = (spread: number) => meanPhi(accuracy, skillsAt(spread), spread);
  let low = 0;
  let high = LARGEST_SPREAD;
  const largest = phiAt(high);
  const informative = !Number.isNaN(largest);
  if (!(phi >= 0) || (informative && phi > largest)) {
    const most = informative ? (Math.floor(1000 * largest) / 1000).toString() : "1";
    throw new UserError(
      "CANOPY_ACCURACY_PHI",
      `phi of ${dataset} is ${phi}, expected 0 to ${most}, the most that the accuracies of the models allow`,
    );
  }
  if (phi === 0 || !informative) return { skill: skillsAt(0), spread: 0 };
  for (let step = 0; step < 60 && high - low > 1e-12; step++) {
    const middle = (low + high) / 2;
    const reached = phiAt(middle);
    if (Math.abs(reached - phi) < PHI_TOLERANCE) {
      low = middle;
      high = middle;
    } else if (reached < phi) low = middle;
    else high = middle;
  }
  const spread = (low + high) / 2;
  return { skill: skillsAt(spread), spread };
}

/** The skill at which a model is right with the probability given, over all difficulties. */
function skillFor(probability: number, spread: number): number {
  if (probability === 0) return Number.NEGATIVE_INFINITY;
  if (probability === 1) return Number.POSITIVE_INFINITY;
  let low = -60 - REACH * spread;
  let high = -low;
  // Exact without spread, near with it (the normal approximation of the logistic).
  let skill = Math.log(probability / (1 - probability)) * Math.sqrt(1 + 0.346 * spread * spread);
  for (let step = 0; step < 200; step++) {
    let mean = 0;
    let slope = 0;
    for (let i = 0; i < NODES.length; i++) {
      const p = logistic(skill - spread * NODES[i]);
      mean += WEIGHTS[i] * p;
      slope += WEIGHTS[i] * p * (1 - p);
    }
    if (Math.abs(mean - probability) < 1e-12) return skill;
    if (mean < probability) low = skill;
    else high = skill;
    const next = skill + (probability - mean) / slope;
    skill = next > low && next < high ? next : (low + high) / 2;
    if (high - low < 1e-12) return skill;
  }
  return skill;
}

/** Mean over the pairs of models of the phi correlation of their answers; NaN where no model is ever in doubt. */
function meanPhi(accuracy: Float64Array, skill: Float64Array, spread: number): number {
  const doubtful = [...accuracy.keys()].filter((m) => accuracy[m] > 0 && accuracy[m] < 1);
  const pairs = doubtful.flatMap((m, i) => doubtful.slice(i + 1).map((n) => [m, n]));
  if (doubtful.length === 1) pairs.push([doubtful[0], doubtful[0]]);
  if (pairs.length === 0) return Number.NaN;
  const answers = new Map(
    doubtful.map((m) => [m, NODES.map((z) => logistic(skill[m] - spread * z))] as const),
  );
  let total = 0;
  for (const [m, n] of pairs) {
    const a = answers.get(m) as Float64Array;
    const b = answers.get(n) as Float64Array;
    let both = 0;
    for (let i = 0; i < NODES.length; i++) both += WEIGHTS[i] * a[i] * b[i];
    const p = accuracy[m];
    const q = accuracy[n];
    total += (both - p * q) / Math.sqrt(p * (1 - p) * q * (1 - q));
  }
  return total / pairs.length;
}

function normalised(weights: Float64Array): Float64Array {
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((w) => w / total);
}
