/** Runs in which all sorts of things happen to requests: held, refused, preempted by the engine, lost with an endpoint. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { executeRun } from "../../src/experiment/execute-run.ts";
import { type ExperimentPlan, expandExperiment } from "../../src/experiment/expand.ts";
import { parseExperiment } from "../../src/experiment/load.ts";
import type { RunSpec } from "../../src/experiment/run-spec.ts";
import { type WatchedRun, watchRun } from "../../src/explain/watch-run.ts";
import type { WatchedRequest } from "../../src/explain/watched-request.ts";

const LAW = "{ baseMs: 5, perPrefillTokenMs: 0.05, perDecodeSequenceMs: 0.2, perContextTokenMs: 0.0005 }";
const POWER =
  "{ idleWatts: 100, prefillWatts: 400, decode: [{ batch: 1, watts: 200 }, { batch: 64, watts: 350 }] }";

/** Little KV, two tiers of which one waits, a fault, carbon that falls after 5 s. */
const PRESSED = `experiment: pressed
workload:
  requests: 300
  arrival: { ratePerS: 60 }
  prompt: { dist: lognormal, mu: 4.5, sigma: 0.8, max: 400 }
  output: { dist: lognormal, mu: 3.5, sigma: 0.8, max: 300 }
  tenants: { count: 5 }
tiers:
  - { name: gold, share: 0.5, sloS: 0.5 }
  - { name: bronze, share: 0.5, sloS: 5, deferrable: true }
latency: ttft
fleet:
  - { endpoint: "a-{n}", count: 2, region: here, model: m, profile: { law: ${LAW}, power: ${POWER} }, replicas: 2, price: { usdPerReplicaHour: 4 } }
  - { endpoint: b, region: there, model: m, profile: { law: ${LAW}, power: ${POWER} }, replicas: 1, price: { usdPerReplicaHour: 1 }, maxOutstanding: 12 }
batching: { policy: vllm-v1, maxRequests: 16, tokenBudget: 256, kvBlocks: 90, blockTokens: 16 }
network: { roundTripMs: { here: 2, there: 60 } }
regions: { here: { pue: 1.2 }, there: { pue: 1.1 } }
faults: [{ atS: 2, endpoint: a-0, kind: down }, { atS: 4, endpoint: a-0, kind: up }]
signals: { carbon: { here: 400, there: { steps: [[0, 500], [5, 50]] } }, refreshS: 1 }
routers: [round-robin]
seeds: 1
`;

export async function planOf(sets: readonly string[], text: string = PRESSED): Promise<ExperimentPlan> {
  return expandExperiment(parseExperiment(text, { sets }));
}

export async function watchAll(
  { inputs }: ExperimentPlan,
  run: RunSpec,
): Promise<WatchedRun & { readonly requests: readonly WatchedRequest[] }> {
  const requests: WatchedRequest[] = [];
  const watched = await watchRun(run, inputs, {
    wants: () => true,
    ended: (request) => requests.push(request),
  });
  return { ...watched, requests: requests.sort((a, b) => a.id - b.id) };
}

/** The request records of the same run, unwatched, by number. */
export async function recordsOf(
  { inputs }: ExperimentPlan,
  run: RunSpec,
  folder: string,
): Promise<Record<string, string>[]> {
  const recordsPath = join(folder, "records.csv");
  await executeRun(run, inputs, { recordsPath });
  const [header, ...lines] = readFileSync(recordsPath, "utf8").trimEnd().split("\n");
  const names = header.split(",");
  return lines
    .map((line) => Object.fromEntries(line.split(",").map((cell, i) => [names[i], cell])))
    .sort((a, b) => Number(a["request_id"]) - Number(b["request_id"]));
}
