import { EpochModel } from "../../datacenter/epoch-model.ts";
import type { EpochState } from "../../datacenter/epoch-state.ts";
import type { EpochPlanner } from "../../datacenter/simulate-epochs.ts";
import { type DatacenterWorld, planRowsOf } from "../../datacenter/world.ts";
import { A2cGraph } from "../../learning/a2c/a2c-graph.ts";
import { completeGraph } from "../../learning/a2c/graph.ts";
import { DivergenceGuard } from "../../learning/checkpoint/divergence-guard.ts";
import { chooseDense } from "../../learning/dense/choose-dense.ts";
import type { Dense } from "../../learning/dense/dense.ts";
import { type CallOption, type Candidate, COMMON_CALLS, callsOf, makeJudge } from "./calls.ts";
import { paretoSet } from "./choose-plan.ts";
import { scalarCost } from "./scalar-cost.ts";
import { SITE_FEATURES, siteFeatures } from "./site-features.ts";
import { fleetLoad, siteLoads } from "./site-load.ts";

/** All of these are ours: only the abstract of the original could be read. */
export interface ActorCriticOptions {
  /** Plans drawn side by side. Default 8. */
  readonly environments: number;
  /** Steps between updates, and updates in an epoch, fewer where calls run out. Defaults 5 and 5. */
  readonly steps: number;
  readonly updates: number;
  /** Units of both layers. Default 64. */
  readonly hidden: number;
  /** Default 0.95. */
  readonly gamma: number;
  /** Default 7e-4. */
  readonly learningRate: number;
  /** Defaults 0.01, 0.5, 0.5. */
  readonly entropyCoefficient: number;
  readonly valueCoefficient: number;
  readonly clipNorm: number;
  /** Times the sum of changes of shares since the plan before, taken off the reward. Default 0.02. */
  readonly migrationCost: number;
  /** Datacentres above this load under the plan before get no share. Default 0.9. */
  readonly loadLimit: number;
  /** Rewards are not below minus this: waits beyond capacity have no bound. Default 10. */
  readonly rewardLimit: number;
  /** The plan is the best that was judged (default), or that of the policy's mean. */
  readonly choose: "best" | "policy";
  /** Default: the common number. `own`: environments * steps * updates + 1. */
  readonly calls: CallOption;
  /** Default: the addon's kernels where it loads. */
  readonly dense?: Dense;
}

export const ACTOR_CRITIC: ActorCriticOptions = {
  environments: 8,
  steps: 5,
  updates: 5,
  hidden: 64,
  gamma: 0.95,
  learningRate: 7e-4,
  entropyCoefficient: 0.01,
  valueCoefficient: 0.5,
  clipNorm: 0.5,
  migrationCost: 0.02,
  loadLimit: 0.9,
  rewardLimit: 10,
  choose: "best",
  calls: COMMON_CALLS,
};

/**
 * Synchronous advantage actor-critic after Hidayat et al. (IEEE Access 13), adapted: the graph is that of all
 * datacentres, each seeing its conditions, loads and shares under the plan before; a step draws a whole plan. The
 * reward is minus the mean relative cost, less a cost of migration. Every epoch starts from the last one's plan.
 *
 * @throws DivergenceError while planning, once a loss or a parameter is not finite or the values' loss keeps exploding
 */
export function actorCriticPlanner(
  world: DatacenterWorld,
  seed: number,
  given: Partial<ActorCriticOptions> = {},
): EpochPlanner {
  const options: ActorCriticOptions = { ...ACTOR_CRITIC, ...given };
  const { environments, steps, hidden, gamma, learningRate } = options;
  const { entropyCoefficient, valueCoefficient, clipNorm } = options;
  const latency = new EpochModel(world).meanNetworkSeconds;
  const sites = world.sites.length;
  const models = world.models.length;
  const rows = planRowsOf(world);
  const length = rows * sites;
  const width = SITE_FEATURES + rows + models + 1;
  const agent = new A2cGraph(
    options.dense ?? chooseDense(),
    completeGraph(sites),
    {
      features: width,
      heads: rows,
      hidden,
      environments,
      steps,
      gamma,
      learningRate,
      entropyCoefficient,
      valueCoefficient,
      clipNorm,
    },
    seed,
    "actorcritic",
  );
  // Parameters are looked at after every update: a policy without numbers would pass as a plan that is none.
  const guard = new DivergenceGuard(agent, { learner: "planner actorcritic", everyUpdates: 1 });
  const features = new Float32Array(environments * sites * width);
  const allowed = new Uint8Array(environments * sites);
  const before = new Float64Array(environments * length);
  const drawn = new Float64Array(environments * length);
  const rewards = new Float64Array(environments);
  const done = new Float64Array(environments);
  const loads = new Float64Array(models * sites);
  const previous = new Float64Array(length).fill(1 / sites);
  const figures = { updates: 0, policyStd: agent.std };
  let front: readonly Candidate[] = [];

  /** Features and mask of one graph under the plan before. */
  function look(state: EpochState, capacity: Float64Array, plan: Float64Array, environment: number): void {
    const own = features.subarray(environment * sites * width, (environment + 1) * sites * width);
    siteFeatures(state, latency, own, width);
    siteLoads(world, state, capacity, plan, loads);
    const fleet = Math.min(2, fleetLoad(state, capacity));
    for (let d = 0; d < sites; d++) {
      const at = d * width + SITE_FEATURES;
      for (let row = 0; row < rows; row++) own[at + row] = plan[row * sites + d];
      let most = 0;
      for (let v = 0; v < models; v++) {
        const load = loads[v * sites + d];
        own[at + rows + v] = Math.min(2, load);
        most = Math.max(most, load);
      }
      own[at + rows + models] = fleet;
      allowed[environment * sites + d] = most > options.loadLimit ? 0 : 1;
    }
  }

  return {
    name: "actorcritic",
    plan(state, budget, plan) {
      const piece = environments * steps;
      const calls = callsOf(budget, options.calls, piece * options.updates + 1);
      const judge = makeJudge(budget, calls, calls);
      const judged: Candidate[] = [];
      for (let e = 0; e < environments; e++) before.set(previous, e * length);
      const lookAtAll = () => {
        for (let e = 0; e < environments; e++) {
          look(state, budget.capacity, before.subarray(e * length, (e + 1) * length), e);
        }
      };
      const pieces = Math.min(options.updates, Math.floor((calls - 1) / piece));
      for (let u = 0; u < pieces; u++) {
        for (let n = 0; n < steps; n++) {
          lookAtAll();
          agent.act(features, allowed, drawn);
          for (let e = 0; e < environments; e++) {
            const own = drawn.slice(e * length, (e + 1) * length);
            const one = judge(own);
            if (one === undefined) throw new Error(`step ${n} of update ${u} has no call left`);
            judged.push(one);
            const migration = changeOf(own, before.subarray(e * length, (e + 1) * length));
            const reward = -scalarCost(one.metrics, budget.uniform) - options.migrationCost * migration;
            rewards[e] = Math.max(-options.rewardLimit, reward);
          }
          agent.reward(rewards, done);
          before.set(drawn);
        }
        lookAtAll();
        const { policyLoss, valueLoss } = agent.update(features);
        guard.watch(Number.isFinite(policyLoss) ? valueLoss : policyLoss);
        figures.updates++;
      }
      figures.policyStd = agent.std;
      look(state, budget.capacity, previous, 0);
      agent.best(features, allowed, plan);
      const policy = judge(plan.slice());
      if (policy !== undefined) judged.push(policy);
      if (options.choose === "best" && judged.length > 0) {
        const costs = judged.map(({ metrics }) => scalarCost(metrics, budget.uniform));
        plan.set(judged[costs.indexOf(Math.min(...costs))].plan);
      }
      previous.set(plan);
      front = paretoSet(judged);
    },
    archive: () => front,
    figures: () => figures,
  };
}

/** Sum of the changes of all shares. */
function changeOf(plan: Float64Array, before: Float64Array): number {
  return plan.reduce((sum, share, i) => sum + Math.abs(share - before[i]), 0);
}
