import { type CapacityCell, EpochModel } from "../../datacenter/epoch-model.ts";
import type { EpochState } from "../../datacenter/epoch-state.ts";
import { energyFactor } from "../../datacenter/physics.ts";
import type { EpochPlanner } from "../../datacenter/simulate-epochs.ts";
import { type DatacenterWorld, planRowsOf } from "../../datacenter/world.ts";
import { ConstrainedUcb } from "./cs-ucb.ts";
import { promptBinMeans } from "./prompt-bins.ts";

export interface PerllmOptions {
  /** Of the confidence bound. Default 0.5 (an independent re-implementation). */
  readonly delta: number;
  /** Weight of the slack in the reward. Default 1 (the same). */
  readonly lambda: number;
  /** Classes of prompt length of each row, equally likely. Default 3 (ours). */
  readonly promptBins: number;
  /** Batches into which the epoch is divided, given out one after another. Default 200 (ours). */
  readonly batches: number;
  /** Seconds within which a request must be done. Default 30 (ours). */
  readonly deadlineSeconds: number;
  /** Weights of the energies of transmission, inference and idling. Default 1 each (ours). */
  readonly transmissionWeight: number;
  readonly inferenceWeight: number;
  readonly idleWeight: number;
  /** While a request and its answer travel. Default 50 (ours). */
  readonly transmissionWatts: number;
  /** theta: above 0 all arms may be taken, and theta times the share of violated constraints is taken off. Default 0. */
  readonly penalty: number;
  /** By which counts are multiplied every epoch; 0.99 where the grid is not stationary. Default 1 (ours). */
  readonly decay: number;
}

export const PERLLM: PerllmOptions = {
  delta: 0.5,
  lambda: 1,
  promptBins: 3,
  batches: 200,
  deadlineSeconds: 30,
  transmissionWeight: 1,
  inferenceWeight: 1,
  idleWeight: 1,
  transmissionWatts: 50,
  penalty: 0,
  decay: 1,
};

/** Constraints: time, compute, memory. */
const CONSTRAINTS = 3;

/** What a request of a class needs at a site, in the mean over its nodes, and what the site has. */
interface ClassAtSite {
  readonly joules: number;
  readonly seconds: number;
  /** In requests of mean length. */
  readonly work: number;
  readonly memory: number;
}

/**
 * PerLLM's CS-UCB at the scale of datacentres. An arm is a class of requests (a row of the plan and a range of prompt
 * lengths) and a datacentre. An epoch's batches are given out one after another; the reward is -E / E_ref + lambda f,
 * with E a request's energy, E_ref that of the worst feasible arm, and f the least slack of time, compute and memory.
 * What was learned stays from epoch to epoch. It calls nothing.
 */
export function perllmPlanner(world: DatacenterWorld, given: Partial<PerllmOptions> = {}): EpochPlanner {
  const options: PerllmOptions = { ...PERLLM, ...given };
  const { promptBins, batches } = options;
  const model = new EpochModel(world);
  const means = model.meanNetworkSeconds;
  const sites = world.sites.length;
  const models = world.models.length;
  const rows = planRowsOf(world);
  const bins = promptBinMeans(promptBins, world.limits.promptScv);
  const ucb = new ConstrainedUcb(rows * promptBins, sites, options.delta);
  const slacks = new Float64Array(sites);
  const feasible = new Uint8Array(sites);
  const penalties = new Float64Array(sites);
  const figures = { infeasibleChoices: 0 };
  return {
    name: "perllm",
    plan(state, budget, plan) {
      plan.fill(0);
      figures.infeasibleChoices = 0;
      const cells = model.cells(state);
      const work = new Float64Array(models * sites);
      const memory = new Float64Array(models * sites);
      const table = Array.from({ length: rows * promptBins }, (_, c) => {
        const row = Math.floor(c / promptBins);
        const origin = Math.floor(row / models);
        return world.sites.map((_, d) => {
          const network = world.planRows === "origins" ? world.networkSeconds[origin * sites + d] : means[d];
          return classAtSite(world, state, cells, options, row % models, d, bins[c % promptBins], network);
        });
      });
      for (let b = 0; b < batches; b++) {
        for (const [c, classes] of table.entries()) {
          const row = Math.floor(c / promptBins);
          const v = row % models;
          const share = world.planRows === "origins" ? world.origins[Math.floor(row / models)].share : 1;
          const requests = (state.expectedRequests[v] * share) / (batches * promptBins);
          let worst = 0;
          for (let d = 0; d < sites; d++) {
            const at = v * sites + d;
            const { seconds, work: own, memory: bytes, joules } = classes[d];
            const left = [
              slackOf(seconds, options.deadlineSeconds),
              slackOf(work[at] + requests * own, budget.capacity[at]),
              slackOf(memory[at] + requests * bytes, budget.capacity[at]),
            ];
            slacks[d] = Math.min(...left);
            const violated = left.filter((slack) => slack < 0).length;
            penalties[d] = (options.penalty * violated) / CONSTRAINTS;
            feasible[d] = violated === 0 || options.penalty > 0 ? 1 : 0;
            if (violated === 0) worst = Math.max(worst, joules);
          }
          let d = ucb.choose(c, feasible, penalties);
          if (d < 0) d = slacks.indexOf(Math.max(...slacks));
          if (slacks[d] < 0) figures.infeasibleChoices++;
          const reference = worst > 0 ? worst : Math.max(...classes.map(({ joules }) => joules));
          ucb.learn(c, d, csUcbReward(classes[d].joules, reference, slacks[d], options.lambda));
          work[v * sites + d] += requests * classes[d].work;
          memory[v * sites + d] += requests * classes[d].memory;
          plan[row * sites + d] += 1 / (batches * promptBins);
        }
      }
      ucb.forget(options.decay);
    },
    figures: () => figures,
  };
}

/** -E / E_ref + lambda f; the slack of what is violated counts as it is, and energy does not where no arm takes any. */
export function csUcbReward(joules: number, reference: number, slack: number, lambda: number): number {
  return (reference > 0 ? -joules / reference : 0) + lambda * slack;
}

/** What is left of a limit as a share of it, negative beyond; -1 where there is nothing at all. */
function slackOf(used: number, limit: number): number {
  return limit > 0 ? Math.max(-1, 1 - used / limit) : -1;
}

/** @param bin mean prompt of the class in units of the mean of all */
function classAtSite(
  world: DatacenterWorld,
  state: EpochState,
  cells: readonly CapacityCell[],
  options: PerllmOptions,
  v: number,
  d: number,
  bin: number,
  networkSeconds: number,
): ClassAtSite {
  const prompt = bin * state.promptTokens[v];
  const output = state.outputTokens[v];
  let weight = 0;
  let joules = 0;
  let seconds = 0;
  let work = 0;
  for (const cell of cells) {
    if (cell.site !== d || cell.model !== v || cell.requests === 0) continue;
    const type = world.nodeTypes[cell.type];
    const law = type.laws[world.models[v].name];
    if (law === undefined) continue;
    const { service, requests } = cell;
    // A long prompt takes more of an engine's time, by what its prefill is longer.
    const engine =
      1 / service.requestsPerSecond + law.perPromptTokenSeconds * (prompt - state.promptTokens[v]);
    const nodeSeconds = engine / law.replicas;
    const step = service.stepBaseSeconds + service.stepPerSequence * service.batch;
    const { full, idle } = world.power;
    const inference = full * options.inferenceWeight;
    const waiting = ((idle * (1 - world.fill)) / world.fill) * options.idleWeight;
    weight += requests;
    joules += requests * nodeSeconds * type.tdpWatts * (inference + waiting);
    seconds += requests * (law.prefillBaseSeconds + law.perPromptTokenSeconds * prompt + output * step);
    work += requests * engine * service.requestsPerSecond;
  }
  const travel = 2 * networkSeconds;
  const sent = options.transmissionWeight * options.transmissionWatts * travel;
  const memory = (prompt + output) / (state.promptTokens[v] + output);
  if (weight === 0) return { joules: sent, seconds: Number.POSITIVE_INFINITY, work: 1, memory };
  return {
    joules: (joules / weight) * energyFactor(state.cop[d], world.physics) + sent,
    seconds: seconds / weight + travel,
    work: work / weight,
    memory,
  };
}
