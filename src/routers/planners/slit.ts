import { METRICS } from "../../datacenter/epoch-model.ts";
import type { EpochPlanner } from "../../datacenter/simulate-epochs.ts";
import { crossSbx, mutatePolynomial } from "../../numeric/genetic.ts";
import { Stream } from "../../numeric/random.ts";
import { type CallOption, type Candidate, COMMON_CALLS, makeJudge } from "./calls.ts";
import { kneeOf, paretoSet, SAME_EXCESS } from "./choose-plan.ts";
import { moveBetween, planOfGenome } from "./plan-rows.ts";
import { PlanSurrogate } from "./plan-surrogate.ts";
import { nearestWeights, spreadWeights, tchebycheff } from "./tchebycheff.ts";

/** Which plan of the front: the best in one metric, or the knee. */
export const SLIT_VARIANTS = [...METRICS, "balanced"] as const;
export type SlitVariant = (typeof SLIT_VARIANTS)[number];

/** SLIT's algorithm could not be read: all of these are ours. */
export interface SlitOptions {
  /** Default balanced: the one that MARLIN compares with. */
  readonly variant: SlitVariant;
  /** Weights, and a plan for each. Default 50. */
  readonly population: number;
  /** After the first population; fewer where calls run out. Default 40. */
  readonly generations: number;
  /** Nearest weights from which parents come and where children may replace. Default 10. */
  readonly neighbours: number;
  /** Plans that a child may replace. Default 2. */
  readonly replacements: number;
  /** Neighbouring plans that the surrogate looks at for each child. Default 20. */
  readonly localMoves: number;
  /** Share that such a move takes from one datacentre to another. Default 0.05. */
  readonly moveShare: number;
  /** Boosted trees for each metric, trained anew every so many generations. Defaults 100, 4, 5. */
  readonly trees: number;
  readonly treeDepth: number;
  readonly retrainEvery: number;
  /** Fewest plans in a leaf. Default 5. */
  readonly minRows: number;
  /** As in NSGA-II: 15, 0.9, 20. */
  readonly crossoverEta: number;
  readonly crossoverProbability: number;
  readonly mutationEta: number;
  /** Default: the common number. `own`: population times (generations + 1). */
  readonly calls: CallOption;
}

export const SLIT: SlitOptions = {
  variant: "balanced",
  population: 50,
  generations: 40,
  neighbours: 10,
  replacements: 2,
  localMoves: 20,
  moveShare: 0.05,
  trees: 100,
  treeDepth: 4,
  retrainEvery: 5,
  minRows: 5,
  crossoverEta: 15,
  crossoverProbability: 0.9,
  mutationEta: 20,
  calls: COMMON_CALLS,
};

/** A plan with its metrics in units of even shares'. */
interface Member extends Candidate {
  readonly relative: Float64Array;
}

/**
 * SLIT (Moore et al., GLSVLSI 2025), reconstructed: an evolutionary algorithm by decomposition (Tchebycheff) whose
 * children are improved by a local search on boosted trees before they are judged. Metrics count in units of those of
 * even shares; less excess over capacity goes before all. Every epoch begins with a new random population.
 */
export function slitPlanner(seed: number | string, given: Partial<SlitOptions> = {}): EpochPlanner {
  const options: SlitOptions = { ...SLIT, ...given };
  const { population, variant } = options;
  const random = new Stream(seed, "slit");
  const weights = spreadWeights(population, METRICS.length);
  const near = nearestWeights(weights, options.neighbours);
  let front: readonly Candidate[] = [];
  let trainings = 0;
  return {
    name: variant === "balanced" ? "slit" : `slit-${variant}`,
    plan(state, budget, plan) {
      const { sites } = state;
      const judge = makeJudge(budget, options.calls, population * (options.generations + 1));
      const ideal = new Float64Array(METRICS.length).fill(Number.POSITIVE_INFINITY);
      const seen: Member[] = [];
      const bring = (candidate: Float64Array): Member | undefined => {
        const judged = judge(candidate);
        if (judged === undefined) return undefined;
        const relative = judged.metrics.map((value, j) =>
          budget.uniform[j] > 0 ? value / budget.uniform[j] : 1,
        );
        for (let j = 0; j < ideal.length; j++) ideal[j] = Math.min(ideal[j], relative[j]);
        const member = { ...judged, relative };
        seen.push(member);
        return member;
      };
      const people: Member[] = [];
      for (let i = 0; i < population; i++) {
        const one = bring(
          planOfGenome(
            Float64Array.from(plan, () => random.uniform()),
            sites,
          ),
        );
        if (one === undefined) break;
        people.push(one);
      }
      front = [];
      trainings = 0;
      if (people.length === 0) {
        plan.fill(1 / sites);
        return;
      }
      let surrogate: PlanSurrogate | undefined;
      let spent = people.length < population;
      for (let g = 0; g < options.generations && !spent; g++) {
        if (g % options.retrainEvery === 0 || surrogate === undefined) {
          surrogate = trainSurrogate(seen, options);
          trainings++;
        }
        for (let i = 0; i < population && !spent; i++) {
          const child = bearChild(people, near[i], options, random, sites);
          const better = searchLocally(child, surrogate, weights[i], ideal, options, random, sites);
          const one = bring(better);
          if (one === undefined) spent = true;
          else replaceNeighbours(people, near[i], weights, ideal, one, options.replacements);
        }
      }
      front = paretoSet(seen);
      plan.set(chooseVariant(front, variant).plan);
    },
    archive: () => front,
    figures: () => ({ trainings }),
  };
}

function trainSurrogate(seen: readonly Member[], options: SlitOptions): PlanSurrogate {
  return new PlanSurrogate(
    seen.map(({ plan }) => plan),
    seen.map(({ relative }) => relative),
    { trees: options.trees, depth: options.treeDepth, minRows: options.minRows },
  );
}

function bearChild(
  people: readonly Member[],
  near: readonly number[],
  options: SlitOptions,
  random: Stream,
  sites: number,
): Float64Array {
  const mother = people[near[random.below(near.length)]].plan;
  const father = people[near[random.below(near.length)]].plan;
  const [genome] = crossSbx(mother, father, options.crossoverEta, options.crossoverProbability, random);
  mutatePolynomial(genome, options.mutationEta, 1 / genome.length, random);
  return planOfGenome(genome, sites);
}

/** The best by the surrogate of a plan and some that differ from it by one move. */
function searchLocally(
  plan: Float64Array,
  surrogate: PlanSurrogate,
  weights: Float64Array,
  ideal: Float64Array,
  { localMoves, moveShare }: SlitOptions,
  random: Stream,
  sites: number,
): Float64Array {
  const predicted = new Float64Array(ideal.length);
  surrogate.predict(plan, predicted);
  let best = plan;
  let least = tchebycheff(predicted, weights, ideal);
  for (let n = 0; n < localMoves && sites > 1; n++) {
    const moved = plan.slice();
    const from = random.below(plan.length);
    const row = from - (from % sites);
    const to = row + ((from - row + 1 + random.below(sites - 1)) % sites);
    moveBetween(moved, from, to, moveShare);
    surrogate.predict(moved, predicted);
    const value = tchebycheff(predicted, weights, ideal);
    if (value >= least) continue;
    best = moved;
    least = value;
  }
  return best;
}

function replaceNeighbours(
  people: Member[],
  near: readonly number[],
  weights: readonly Float64Array[],
  ideal: Float64Array,
  one: Member,
  most: number,
): void {
  let replaced = 0;
  for (const k of near) {
    if (replaced === most) return;
    if (!isBetter(one, people[k], weights[k], ideal)) continue;
    people[k] = one;
    replaced++;
  }
}

function isBetter(a: Member, b: Member, weights: Float64Array, ideal: Float64Array): boolean {
  const [left, right] = [a, b].map(({ excess }) => (excess > SAME_EXCESS ? excess : 0));
  if (left !== right) return left < right;
  return tchebycheff(a.relative, weights, ideal) < tchebycheff(b.relative, weights, ideal);
}

function chooseVariant(front: readonly Candidate[], variant: SlitVariant): Candidate {
  if (variant === "balanced") return kneeOf(front);
  const j = METRICS.indexOf(variant);
  return front.reduce((best, one) => (one.metrics[j] < best.metrics[j] ? one : best));
}
