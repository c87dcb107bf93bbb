import { EpochModel } from "../../datacenter/epoch-model.ts";
import type { EpochState } from "../../datacenter/epoch-state.ts";
import type { EpochPlanner, PlanBudget } from "../../datacenter/simulate-epochs.ts";
import { type DatacenterWorld, planRowsOf } from "../../datacenter/world.ts";
import { DivergenceGuard } from "../../learning/checkpoint/divergence-guard.ts";
import { Ddqn } from "../../learning/ddqn/ddqn.ts";
import { chooseDense } from "../../learning/dense/choose-dense.ts";
import type { Dense } from "../../learning/dense/dense.ts";
import { epsilonAt } from "../../learning/q-table/epsilon-schedule.ts";
import { makeBatch } from "../../learning/replay/batch.ts";
import { ReplayBuffer } from "../../learning/replay/replay-buffer.ts";
import { Stream } from "../../numeric/random.ts";
import { type CallOption, type Candidate, COMMON_CALLS, callsOf, makeJudge } from "./calls.ts";
import { paretoSet } from "./choose-plan.ts";
import { NodeAgents } from "./node-agents.ts";
import { scalarCost } from "./scalar-cost.ts";
import { SITE_FEATURES, siteFeatures } from "./site-features.ts";
import { fleetLoad, rowRequests, siteLoads } from "./site-load.ts";

/** All of these are ours: only the abstract of the original could be read. */
export interface DdqnPlannerOptions {
  /** Groups of requests in an epoch, of all rows together. Default 200. */
  readonly groups: number;
  /** Default 128-128. */
  readonly hidden: readonly number[];
  /** Default 1e-3. */
  readonly learningRate: number;
  /** Default 0.95. */
  readonly gamma: number;
  /** Transitions kept. Default 20,000. */
  readonly replay: number;
  /** Default 64. */
  readonly batch: number;
  /** Updates between copies to the target. Default 200. */
  readonly targetEvery: number;
  /** Share of random choices: first, last, and over how many groups. Defaults 1, 0.05, 2,000. */
  readonly epsilonFirst: number;
  readonly epsilonLast: number;
  readonly epsilonGroups: number;
  /** Rewards are cut to this on both sides: waits beyond capacity have no bound. Default 5. */
  readonly rewardLimit: number;
  /** Epochs between averages of the datacentres' networks. Default 4. */
  readonly federateEvery: number;
  /** The plan is the better of the one played and the one without random choices (default), or the latter. */
  readonly choose: "best" | "greedy";
  /** Default: the common number. `own`: groups + 1. */
  readonly calls: CallOption;
  /** Default: the addon's kernels where it loads. */
  readonly dense?: Dense;
}

export const DDQN: DdqnPlannerOptions = {
  groups: 200,
  hidden: [128, 128],
  learningRate: 1e-3,
  gamma: 0.95,
  replay: 20_000,
  batch: 64,
  targetEvery: 200,
  epsilonFirst: 1,
  epsilonLast: 0.05,
  epsilonGroups: 2000,
  rewardLimit: 5,
  federateEvery: 4,
  choose: "best",
  calls: COMMON_CALLS,
};

/** Of a site beside its own features: share of the row, load, energy at the nodes that were chosen last. */
const PER_SITE = SITE_FEATURES + 3;

/**
 * Hierarchical federated double deep Q-learning after Alsalem and Djemame (UCC 2025), adapted: a global agent sends
 * groups of requests to datacentres, agents there choose the type of nodes. Requests not yet sent count as evenly
 * spread, and the reward is the decrease of the mean relative cost by a group, times the number of groups. The model
 * of the epoch fills a site's nodes by itself, so what the lower agents choose reaches the global one, not the model.
 *
 * @throws DivergenceError while planning, once a network's loss is not finite or keeps exploding
 */
export function ddqnPlanner(
  world: DatacenterWorld,
  seed: number,
  given: Partial<DdqnPlannerOptions> = {},
): EpochPlanner {
  const options: DdqnPlannerOptions = { ...DDQN, ...given };
  const { hidden, learningRate, gamma, targetEvery } = options;
  const dense = options.dense ?? chooseDense();
  const model = new EpochModel(world);
  const latency = model.meanNetworkSeconds;
  const sites = world.sites.length;
  const models = world.models.length;
  const rows = planRowsOf(world);
  const stateSize = PER_SITE * sites + models + 2;
  const agent = new Ddqn(
    dense,
    { stateSize, actions: sites, hidden, learningRate, gamma, targetEvery },
    seed,
  );
  const guard = new DivergenceGuard(agent, { learner: "planner ddqn" });
  const nodes = new NodeAgents(world, dense, options, seed);
  const transition = { state: stateSize, action: 1, goal: 0, metrics: 0 };
  const replay = new ReplayBuffer(transition, options.replay);
  const batch = makeBatch(transition, options.batch);
  const random = new Stream(seed, "ddqn replay");
  const allowed = new Uint8Array(sites);
  const loads = new Float64Array(models * sites);
  const energy = new Float64Array(models * sites);
  let groups = 0;
  let found: readonly Candidate[] = [];

  /** What the global agent sees before a group of `row`. */
  function look(
    state: EpochState,
    budget: PlanBudget,
    plan: Float64Array,
    row: number,
    progress: number,
  ): Float32Array {
    const out = new Float32Array(stateSize);
    const v = row % models;
    siteFeatures(state, latency, out, PER_SITE);
    siteLoads(world, state, budget.capacity, plan, loads);
    for (let d = 0; d < sites; d++) {
      const at = d * PER_SITE + SITE_FEATURES;
      out[at] = plan[row * sites + d];
      out[at + 1] = Math.min(2, loads[v * sites + d]);
      out[at + 2] = energy[v * sites + d];
    }
    out[PER_SITE * sites + v] = 1;
    out[PER_SITE * sites + models] = progress;
    out[PER_SITE * sites + models + 1] = Math.min(2, fleetLoad(state, budget.capacity));
    return out;
  }

  /** Sends all groups; with `learn` it explores, calls the model for each and trains. */
  function play(
    state: EpochState,
    budget: PlanBudget,
    perRow: number,
    judge: (plan: Float64Array) => Candidate | undefined,
    learn: boolean,
  ): { plan: Float64Array; last: Candidate | undefined } {
    const plan = new Float64Array(rows * sites).fill(1 / sites);
    const counts = new Int32Array(rows * sites);
    const total = perRow * rows;
    nodes.begin(model.cells(state));
    energy.fill(1);
    let last: Candidate | undefined;
    let cost = scalarCost(budget.uniform, budget.uniform);
    let before = look(state, budget, plan, 0, 0);
    for (let g = 0; g < total; g++) {
      const row = g % rows;
      const v = row % models;
      const epsilon = learn
        ? epsilonAt(groups, options.epsilonFirst, options.epsilonLast, options.epsilonGroups)
        : 0;
      markCapacity(budget.capacity, v, sites, allowed);
      const d = agent.choose(before, epsilon, allowed);
      counts[row * sites + d]++;
      const sent = Math.floor(g / rows) + 1;
      for (let k = row * sites; k < (row + 1) * sites; k++) {
        plan[k] = counts[k] / perRow + (perRow - sent) / perRow / sites;
      }
      energy[v * sites + d] = nodes.book(d, v, rowRequests(world, state, row) / perRow, epsilon, learn);
      const after = look(state, budget, plan, (g + 1) % rows, (g + 1) / total);
      if (learn) {
        last = judge(plan.slice());
        if (last === undefined) throw new Error(`group ${g} of ${total} has no call left`);
        const next = scalarCost(last.metrics, budget.uniform);
        const reward = Math.min(options.rewardLimit, Math.max(-options.rewardLimit, (cost - next) * total));
        replay.push({ state: before, action: [d], reward, nextState: after, done: g === total - 1 });
        cost = next;
        groups++;
        if (replay.length >= options.batch) {
          replay.sample(random, options.batch, batch);
          guard.watch(agent.update(batch));
        }
      }
      before = after;
    }
    return { plan, last };
  }

  return {
    name: "ddqn",
    plan(state, budget, plan) {
      const calls = callsOf(budget, options.calls, options.groups + 1);
      const perRow = Math.floor(Math.min(options.groups, calls - 1) / rows);
      found = [];
      if (perRow < 1) {
        plan.fill(1 / sites);
        return;
      }
      const judge = makeJudge(budget, calls, calls);
      const played = play(state, budget, perRow, judge, true).last;
      const greedy = judge(play(state, budget, perRow, judge, false).plan);
      nodes.endEpoch();
      found = [greedy, played].filter((one) => one !== undefined);
      if (options.choose === "best") {
        const costs = found.map(({ metrics }) => scalarCost(metrics, budget.uniform));
        plan.set(found[costs.indexOf(Math.min(...costs))].plan);
      } else {
        plan.set(found[0].plan);
      }
    },
    archive: () => paretoSet(found),
    figures: () => ({ groups, updates: agent.updates }),
  };
}

/** Sites with nodes for a model; all where there is none. */
function markCapacity(capacity: Float64Array, model: number, sites: number, allowed: Uint8Array): void {
  let any = false;
  for (let d = 0; d < sites; d++) {
    allowed[d] = capacity[model * sites + d] > 0 ? 1 : 0;
    any ||= allowed[d] === 1;
  }
  if (!any) allowed.fill(1);
}
