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

const settings: Readonly<Record<string, SuiteSetting>> = {
  cedar,
  "cedar-sac": cedar,
  caps,
  "caps-no-carbon": caps,
  "caps-no-tenant": caps,
  "caps-no-predictor": caps,
  "slo-aware": { parameters: { pools } },
};

/** Setting of a registered router; empty for those that need nothing. */
export function suiteSettingOf(id: string): SuiteSetting {
  return settings[id] ?? {};
}
