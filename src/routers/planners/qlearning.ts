import { METRICS } from "../../datacenter/epoch-model.ts";
import type { EpochState } from "../../datacenter/epoch-state.ts";
import type { EpochPlanner, PlanBudget } from "../../datacenter/simulate-epochs.ts";
import { type DatacenterWorld, planRowsOf } from "../../datacenter/world.ts";
import { epsilonAt } from "../../learning/q-table/epsilon-schedule.ts";
import { QTable } from "../../learning/q-table/q-table.ts";
import { Stream } from "../../numeric/random.ts";
import { type CallOption, type Candidate, COMMON_CALLS, callsOf, makeJudge } from "./calls.ts";
import { paretoSet } from "./choose-plan.ts";
import { moveBetween } from "./plan-rows.ts";
import { moveOf, qActions, qState, qStates } from "./q-states.ts";
import { scalarCost } from "./scalar-cost.ts";
import { fleetLoad } from "./site-load.ts";

/** All of these are ours: only the abstract of the original could be read. */
export interface QLearningOptions {
  /** In an epoch, for each preference. Default 50. */
  readonly moves: number;
  /** Taken from one datacentre to another by a move, of one row. Default 0.1. */
  readonly moveShare: number;
  /** Default 0.1. */
  readonly learningRate: number;
  /** Default 0.9. */
  readonly gamma: number;
  /** Share of random moves: first, last, and over how many moves. Defaults 1, 0.05, 2,000. */
  readonly epsilonFirst: number;
  readonly epsilonLast: number;
  readonly epsilonMoves: number;
  /** Taken off the reward for a move. Default 0.01. */
  readonly moveCost: number;
  /** Times the growth of the share of nodes that are off. Default 0.05. */
  readonly offReward: number;
  /** The plan is the best that was visited (default), or the last. */
  readonly choose: "best" | "last";
  /** Whether agents with each metric by itself learn as well, for the front. Default true. */
  readonly front: boolean;
  /** Default: the common number, which leaves 40 moves. `own`: (moves + 1) for each preference. */
  readonly calls: CallOption;
}

export const QLEARNING: QLearningOptions = {
  moves: 50,
  moveShare: 0.1,
  learningRate: 0.1,
  gamma: 0.9,
  epsilonFirst: 1,
  epsilonLast: 0.05,
  epsilonMoves: 2000,
  moveCost: 0.01,
  offReward: 0.05,
  choose: "best",
  front: true,
  calls: COMMON_CALLS,
};

/** One preference: a table of its own, and the plan it goes on from. */
interface Agent {
  readonly weights: Float64Array;
  readonly table: QTable;
  readonly random: Stream;
  readonly plan: Float64Array;
  moves: number;
}

/**
 * Tabular Q-learning after Guo, Li and Zukerman (2025), adapted: agents move shares between datacentres, row after
 * row, from the plan of the epoch before. One agent weighs all metrics alike and gives the plan; those that mind one
 * metric each make up the front with it. The reward is the decrease of the weighted cost, less a cost of the move, and
 * a little for nodes that go off.
 */
export function qlearningPlanner(
  world: DatacenterWorld,
  seed: number | string,
  given: Partial<QLearningOptions> = {},
): EpochPlanner {
  const options: QLearningOptions = { ...QLEARNING, ...given };
  const sites = world.sites.length;
  const length = planRowsOf(world) * sites;
  const preferences = [
    new Float64Array(METRICS.length).fill(1 / METRICS.length),
    ...(options.front ? METRICS.map((_, j) => Float64Array.from(METRICS, (_, k) => Number(j === k))) : []),
  ];
  const agents = preferences.map((weights, i): Agent => {
    const table = new QTable(qStates(sites), qActions(sites), options.learningRate, options.gamma);
    const plan = new Float64Array(length).fill(1 / sites);
    return { weights, table, random: new Stream(seed, `qlearning ${i}`), plan, moves: 0 };
  });
  let front: readonly Candidate[] = [];
  return {
    name: "qlearning",
    plan(state, budget, plan) {
      const own = agents.length * (options.moves + 1);
      const each = Math.floor(callsOf(budget, options.calls, own) / agents.length);
      const results = agents.map((agent) => runAgent(agent, state, budget, options, each));
      front = paretoSet(results.filter((result) => result !== undefined));
      plan.set(agents[0].plan);
    },
    archive: () => front,
    figures: () => ({ epsilon: epsilonOf(agents[0], options), moves: agents[0].moves }),
  };
}

function epsilonOf({ moves }: Agent, { epsilonFirst, epsilonLast, epsilonMoves }: QLearningOptions): number {
  return epsilonAt(moves, epsilonFirst, epsilonLast, epsilonMoves);
}

/** @returns what becomes the agent's plan; undefined without a call, when it keeps the plan it has */
function runAgent(
  agent: Agent,
  state: EpochState,
  budget: PlanBudget,
  options: QLearningOptions,
  calls: number,
): Candidate | undefined {
  const { table, random, weights } = agent;
  const { sites } = state;
  const rows = agent.plan.length / sites;
  const judge = makeJudge(budget, calls, calls);
  const load = fleetLoad(state, budget.capacity);
  let here = judge(agent.plan.slice());
  if (here === undefined) return undefined;
  let cost = scalarCost(here.metrics, budget.uniform, weights);
  let best = here;
  let least = cost;
  for (let n = 0; n < options.moves; n++) {
    const first = (n % rows) * sites;
    const before = qState(state, load, here.plan, first);
    const action = table.choose(before, epsilonOf(agent, options), random);
    const moved = here.plan.slice();
    if (action > 0) {
      const { from, to } = moveOf(action, sites);
      moveBetween(moved, first + from, first + to, options.moveShare);
    }
    const there = judge(moved);
    if (there === undefined) break;
    agent.moves++;
    const next = scalarCost(there.metrics, budget.uniform, weights);
    const reward =
      cost - next - (action > 0 ? options.moveCost : 0) + options.offReward * (there.off - here.off);
    // The next move is in the next row: that is the state in which it is chosen.
    table.update(before, action, reward, qState(state, load, moved, ((n + 1) % rows) * sites));
    here = there;
    cost = next;
    if (cost >= least) continue;
    best = here;
    least = cost;
  }
  const result = options.choose === "best" ? best : here;
  agent.plan.set(result.plan);
  return result;
}
