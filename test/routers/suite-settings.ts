/** What routers need beside their defaults to be run over the fleets of the contract suite and the allocation probe. */
import type { SuiteSetting } from "./contract-suite.ts";

const pools = {
  lp: ["e0", "e1", "e6", "e7"],
  cp: ["e2", "e3", "e8", "e9"],
  bp: ["e4", "e5", "e10", "e11"],
};
const caps: SuiteSetting = {
  parameters: { pools },
  blindParameters: { pools, preempt: "off" },
};

/** A policy that can be trained on the suite's 20 s of requests. */
const cedar: SuiteSetting = {
  parameters: {
    controlSeconds: 1,
    referenceIntervals: 2,
    minBuffer: 4,
    rampIntervals: 8,
    blockIntervals: 2,
    settleIntervals: 0,
    keepTransitions: 16,
    batch: 8,
    hidden: [8],
    dense: "typescript",
  },
};
/** Epochs that the suite's 20 s have several of, and planners that take milliseconds. */
const planned = (planner: object): SuiteSetting => ({ parameters: { epochSeconds: 4, planner } });
const marlin = planned({
  steps: 4,
  batch: 4,
  learningStarts: 4,
  actorHidden: [8],
  criticHidden: [8],
  herCopies: 1,
});

const settings: Readonly<Record<string, SuiteSetting>> = {
  cedar,
  "cedar-sac": cedar,
  caps,
  "caps-no-carbon": caps,
  "caps-no-tenant": caps,
  "caps-no-predictor": caps,
  "slo-aware": { parameters: { pools } },
  "marlin-balanced": marlin,
  "marlin-min-latency": marlin,
  "marlin-min-carbon": marlin,
  "marlin-min-water": marlin,
  "marlin-min-cost": marlin,
  nsga2: planned({ population: 8, generations: 2 }),
  perllm: planned({ batches: 20 }),
  slit: planned({ population: 8, generations: 1, neighbours: 4, localMoves: 2, trees: 2, treeDepth: 2 }),
  qlearning: planned({ moves: 4 }),
  ddqn: planned({ groups: 10, hidden: [8], replay: 50, batch: 4 }),
  actorcritic: planned({ environments: 2, updates: 1, hidden: 8 }),
  uniform: planned({}),
  nearest: planned({}),
  "greedy-carbon": planned({}),
  "greedy-water": planned({}),
  "greedy-cost": planned({}),
};

/** Setting of a registered router; empty for those that need nothing. */
export function suiteSettingOf(id: string): SuiteSetting {
  return settings[id] ?? {};
}
