import type { EpochPlanner } from "../../datacenter/simulate-epochs.ts";
import { crossSbx, mutatePolynomial } from "../../numeric/genetic.ts";
import { crowdingDistances } from "../../numeric/pareto.ts";
import { Stream } from "../../numeric/random.ts";
import { type CallOption, type Candidate, COMMON_CALLS, makeJudge } from "./calls.ts";
import { constrainedFronts, kneeOf, paretoSet } from "./choose-plan.ts";
import { planOfGenome } from "./plan-rows.ts";

export interface Nsga2Options {
  /** Default 40 (ours; pymoo's is 100). */
  readonly population: number;
  /** After the first population; fewer where calls run out. Default 50 (ours). */
  readonly generations: number;
  /** Default 15 (pymoo). */
  readonly crossoverEta: number;
  /** Default 0.9 (pymoo). */
  readonly crossoverProbability: number;
  /** Default 20 (pymoo). */
  readonly mutationEta: number;
  /** Of each number; default 1 / numbers (pymoo). */
  readonly mutationProbability?: number;
  /** Default: the common number. `own`: population times (generations + 1). */
  readonly calls: CallOption;
}

export const NSGA2: Nsga2Options = {
  population: 40,
  generations: 50,
  crossoverEta: 15,
  crossoverProbability: 0.9,
  mutationEta: 20,
  calls: COMMON_CALLS,
};

interface Individual extends Candidate {
  readonly genome: Float64Array;
}

/**
 * NSGA-II (Deb et al. 2002) over plans: a number in [0, 1] for each share, rows divided by their sums. Minimises the
 * four metrics; the constraint is that nothing exceeds rated capacity. The plan is the knee of the last front. Every
 * epoch begins with a new random population.
 */
export function nsga2Planner(seed: number | string, given: Partial<Nsga2Options> = {}): EpochPlanner {
  const options: Nsga2Options = { ...NSGA2, ...given };
  const random = new Stream(seed, "nsga2");
  let front: readonly Candidate[] = [];
  let generations = 0;
  return {
    name: "nsga2",
    plan(state, budget, plan) {
      const { population, crossoverEta, crossoverProbability, mutationEta } = options;
      const mutationProbability = options.mutationProbability ?? 1 / plan.length;
      const judge = makeJudge(budget, options.calls, population * (options.generations + 1));
      const bring = (genome: Float64Array): Individual | undefined => {
        const candidate = judge(planOfGenome(genome, state.sites));
        return candidate && { ...candidate, genome };
      };
      let people: Individual[] = [];
      for (let i = 0; i < population; i++) {
        const one = bring(Float64Array.from(plan, () => random.uniform()));
        if (one === undefined) break;
        people.push(one);
      }
      front = [];
      generations = 0;
      if (people.length === 0) {
        plan.fill(1 / state.sites);
        return;
      }
      for (; generations < options.generations; generations++) {
        const ranks = rankAndCrowding(people);
        const children: Individual[] = [];
        let spent = false;
        while (children.length < population && !spent) {
          const mother = people[tournament(ranks, random)];
          const father = people[tournament(ranks, random)];
          for (const genome of crossSbx(
            mother.genome,
            father.genome,
            crossoverEta,
            crossoverProbability,
            random,
          )) {
            if (children.length === population) break;
            mutatePolynomial(genome, mutationEta, mutationProbability, random);
            const child = bring(genome);
            if (child === undefined) spent = true;
            else children.push(child);
          }
        }
        people = survivors([...people, ...children], population);
        if (spent) break;
      }
      front = paretoSet(people);
      plan.set(kneeOf(front).plan);
    },
    archive: () => front,
    figures: () => ({ generations }),
  };
}

interface Ranks {
  readonly rank: Int32Array;
  readonly crowding: Float64Array;
}

function rankAndCrowding(people: readonly Candidate[]): Ranks {
  const rank = new Int32Array(people.length);
  const crowding = new Float64Array(people.length);
  for (const [level, front] of constrainedFronts(people).entries()) {
    const distances = crowdingDistances(front.map((i) => people[i].metrics));
    for (const [place, i] of front.entries()) {
      rank[i] = level;
      crowding[i] = distances[place];
    }
  }
  return { rank, crowding };
}

/** The better of two drawn: by front, then the less crowded, then the first. */
function tournament({ rank, crowding }: Ranks, random: Stream): number {
  const a = random.below(rank.length);
  const b = random.below(rank.length);
  if (rank[a] !== rank[b]) return rank[a] < rank[b] ? a : b;
  return crowding[b] > crowding[a] ? b : a;
}

/** The best `size`, front by front; of the front that does not fit the least crowded, the first among equals. */
export function survivors<T extends Candidate>(people: readonly T[], size: number): T[] {
  const kept: T[] = [];
  for (const front of constrainedFronts(people)) {
    const distances = crowdingDistances(front.map((i) => people[i].metrics));
    const order = [...front.keys()];
    if (kept.length + front.length > size) {
      order.sort((a, b) => (distances[a] === distances[b] ? a - b : distances[b] > distances[a] ? 1 : -1));
    }
    for (const place of order) {
      if (kept.length === size) return kept;
      kept.push(people[front[place]]);
    }
  }
  return kept;
}
