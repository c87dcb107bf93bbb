import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { aggregate } from "../../src/experiment/aggregate.ts";
import { executeRun } from "../../src/experiment/execute-run.ts";
import { type ExperimentPlan, expandExperiment } from "../../src/experiment/expand.ts";
import { loadExperiment } from "../../src/experiment/load.ts";
import type { ExperimentResult } from "../../src/experiment/result.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const POWER =
  "{ idleWatts: 100, prefillWatts: 400, decode: [{ batch: 1, watts: 200 }, { batch: 64, watts: 350 }] }";

/** Two regions with two models, three routers, and a paper whose grams are impossible. */
const EXPERIMENT = `experiment: sample
description: Two regions, two models.
workload:
  requests: 200
  arrival: { ratePerS: 40 }
  prompt: { dist: lognormal, mu: 5.5, sigma: 1 }
  output: { dist: lognormal, mu: 3.5, sigma: 0.8 }
tiers:
  - { name: HIGH, share: 0.3, sloS: 0.1 }
  - { name: LOW, share: 0.7, sloS: 5, deferrable: true }
floors: { HIGH: 1, LOW: 0 }
latency: ttft
fleet:
  - { endpoint: "big-{n}", count: 2, region: here, model: big, large: true, profile: { law: { baseMs: 5, perPrefillTokenMs: 0.05, perDecodeSequenceMs: 0.2, perContextTokenMs: 0.0005 }, power: ${POWER}, kvCapacityTokens: 100000 }, replicas: 2, price: { usdPerGpuHour: 4, source: a list }, gpusPerReplica: 2 }
  - { endpoint: small, region: there, model: small, profile: { law: { baseMs: 3, perPrefillTokenMs: 0.01, perDecodeSequenceMs: 0.05, perContextTokenMs: 0.0001 }, power: ${POWER}, kvCapacityTokens: 100000 }, replicas: 2, price: { usdPerReplicaHour: 1 } }
signals: { carbon: { here: 400, there: { steps: [[0, 100], [3, 50]] } } }
routers: [{ router: cedar-heuristic, as: cedar }, round-robin, least-loaded]
seeds: 3
baseline: round-robin
published:
  - { router: cedar, metric: latency_p95_s, value: 0.05 }
  - { router: round-robin, metric: latency_p95_s, value: 0.1 }
  - { router: least-loaded, metric: latency_p95_s, value: 0.08 }
  - { router: cedar, metric: carbon_g_per_request, value: 60 }
  - { router: round-robin, metric: carbon_g_per_request, value: 90 }
  - { router: cedar, metric: oscillation, value: 0.5, ratioTo: least-loaded }
comparable: { carbon_g_per_request: 60 g would take a megawatt }
outputs:
  tables:
    - title: Table 1
      columns:
        - { metric: latency_p95_s, header: p95 }
        - slo_violation
        - cost_usd_per_request
        - carbon_g_per_request
  figures:
    - { kind: scatter, title: Cost against carbon, x: cost_usd_per_request, y: carbon_g_per_request, ratioTo: round-robin }
    - { kind: percentiles, title: Latency, of: ttft }
    - { kind: bars, title: Violations, metric: slo_violation }
    - { kind: timeline, title: Shares, of: shares }
    - { kind: timeline, title: Carbon, of: carbon }
`;

/** The sample after real runs, with values of the file overridden. */
export async function sampleResult(
  sets: readonly string[] = [],
  more = "",
): Promise<{ readonly plan: ExperimentPlan; readonly result: ExperimentResult }> {
  const file = join(temporaryFolder("sample"), "sample.yaml");
  writeFileSync(file, EXPERIMENT + more);
  const plan = await expandExperiment(await loadExperiment(file, { sets }));
  const results = new Map<string, Awaited<ReturnType<typeof executeRun>>>();
  for (const run of plan.runs) results.set(run.key, await executeRun(run, plan.inputs));
  return { plan, result: aggregate(plan, results) };
}
