import { projectSimplex } from "../../numeric/simplex.ts";
import type { MarlinParameters } from "./parameters.ts";

/** Agents as the negotiation sees them: by number, with a value for every plan. */
export interface Parties {
  /** The agents' own plans. */
  readonly plans: readonly Float64Array[];
  readonly capitals: Float64Array;
  /**
   * What a plan is worth to an agent: the lesser of its two critics.
   *
   * @param gradient filled where given: by the plan's shares
   */
  value(agent: number, plan: Float64Array, gradient?: Float64Array): number;
}

/** What of {@link MarlinParameters} the negotiation depends on. */
export type NegotiationParameters = Pick<
  MarlinParameters,
  | "blending"
  | "blendStart"
  | "blendSteps"
  | "blendRate"
  | "veto"
  | "vetoOrder"
  | "vetoThreshold"
  | "vetoMax"
  | "lossThreshold"
  | "capital"
>;

export interface Outcome {
  /** Weights of the agents' plans before the vetoes. */
  readonly weights: Float64Array;
  /** Pull of each agent's veto; 0: none. */
  readonly vetoes: Float64Array;
}

/** Against a value of zero in relative losses (specification section 7). */
const SMALLEST_VALUE = 1e-6;

/**
 * MARLIN's phase 2: weights of the agents' plans by projected gradient ascent on the sum of their values, then vetoes
 * one after another.
 *
 * @param plan receives the consensus
 * @param fixed weights that are not optimised; then `soleVeto` alone may veto
 */
export function negotiate(
  parties: Parties,
  parameters: NegotiationParameters,
  plan: Float64Array,
  fixed?: { readonly weights: Float64Array; readonly soleVeto: number },
): Outcome {
  const agents = parties.plans.length;
  const own = Float64Array.from(parties.plans, (one, j) => parties.value(j, one));
  const weights = fixed === undefined ? blendWeights(parties, own, parameters, plan) : fixed.weights.slice();
  blend(parties.plans, weights, plan);
  const vetoes = new Float64Array(agents);
  // Where one agent's plan is taken whole, nothing is blended, neither by a veto.
  if (!parameters.veto || (parameters.blending === "none" && fixed === undefined)) return { weights, vetoes };
  for (const j of vetoSequence(parties.capitals, parameters.vetoOrder)) {
    if (fixed !== undefined && j !== fixed.soleVeto) continue;
    const pull = vetoPull(own[j], parties.value(j, plan), parties.capitals[j], parameters);
    vetoes[j] = pull;
    for (let i = 0; i < plan.length; i++) plan[i] = (1 - pull) * plan[i] + pull * parties.plans[j][i];
  }
  return { weights, vetoes };
}

/**
 * The share by which an agent pulls the consensus to its own plan: 0 unless the consensus is worth less to it than its
 * own plan, by more than `lossThreshold` in relation, and its capital suffices.
 */
export function vetoPull(
  own: number,
  consensus: number,
  capital: number,
  parameters: Pick<NegotiationParameters, "vetoThreshold" | "vetoMax" | "lossThreshold" | "capital">,
): number {
  if (parameters.capital && capital < parameters.vetoThreshold) return 0;
  const loss = Math.abs(own - consensus) / (Math.abs(own) + SMALLEST_VALUE);
  if (!(consensus < own) || !(loss > parameters.lossThreshold)) return 0;
  return Math.min(parameters.vetoMax, loss * capital);
}

/** The agents in the order in which they may veto. */
export function vetoSequence(capitals: Float64Array, order: NegotiationParameters["vetoOrder"]): number[] {
  const agents = Array.from(capitals, (_, j) => j);
  return order === "fixed" ? agents : agents.sort((a, b) => capitals[a] - capitals[b] || a - b);
}

/** plan = sum over agents of weight x own plan. */
export function blend(plans: readonly Float64Array[], weights: Float64Array, plan: Float64Array): void {
  plan.fill(0);
  for (const [j, one] of plans.entries()) {
    for (let i = 0; i < plan.length; i++) plan[i] += weights[j] * one[i];
  }
}

function blendWeights(
  parties: Parties,
  own: Float64Array,
  parameters: NegotiationParameters,
  plan: Float64Array,
): Float64Array {
  const { plans, capitals } = parties;
  const weights = startWeights(capitals, own, parameters.blendStart);
  if (parameters.blending === "start") return weights;
  if (parameters.blending === "none") {
    const richest = capitals.indexOf(Math.max(...capitals));
    return weights.fill(0).fill(1, richest, richest + 1);
  }
  const gradient = new Float64Array(plan.length);
  const slopes = new Float64Array(plans.length);
  for (let step = 0; step < parameters.blendSteps; step++) {
    blend(plans, weights, plan);
    slopes.fill(0);
    for (let j = 0; j < plans.length; j++) {
      parties.value(j, plan, gradient);
      for (let i = 0; i < plans.length; i++) {
        for (let k = 0; k < plan.length; k++) slopes[i] += (gradient[k] * plans[i][k]) / plans.length;
      }
    }
    for (let i = 0; i < weights.length; i++) weights[i] += parameters.blendRate * slopes[i];
    projectSimplex(weights, weights);
  }
  return weights;
}

/** Capitals over their sum; or values over theirs, brought to the simplex, which mean little where they are negative. */
function startWeights(
  capitals: Float64Array,
  own: Float64Array,
  start: NegotiationParameters["blendStart"],
): Float64Array {
  const from = start === "capital" ? capitals : own;
  let sum = 0;
  for (const value of from) sum += value;
  if (sum === 0) return new Float64Array(from.length).fill(1 / from.length);
  return projectSimplex(from.map((value) => value / sum));
}
