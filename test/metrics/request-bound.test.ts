import { describe, expect, test } from "vitest";
import { executeRun } from "../../src/experiment/execute-run.ts";
import { expandExperiment } from "../../src/experiment/expand.ts";
import { parseExperiment } from "../../src/experiment/load.ts";
import { planBounds } from "../../src/experiment/plan-bounds.ts";
import { BOUNDED_METRICS } from "../../src/metrics/request-bound.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const folder = temporaryFolder("request-bound");
const plan = (text: string, sets: string[] = []) =>
  expandExperiment(parseExperiment(text, { directory: folder, sets }));

/** Power does not depend on the batch, the law not on the context: everything can be worked out by hand. */
const PLAIN = `experiment: plain
workload: { requests: 3, arrival: { process: constant, ratePerS: 1 }, prompt: { dist: constant, value: 100 }, output: { dist: constant, value: 11 } }
fleet:
  - endpoint: one
    region: here
    profile:
      law: { baseMs: 10, perPrefillTokenMs: 0.1, perDecodeSequenceMs: 1, perContextTokenMs: 0 }
      power: { idleWatts: 100, prefillWatts: 300, decode: [{ batch: 1, watts: 300 }] }
    price: { usdPerReplicaHour: 3.6 }
batching: { policy: vllm-v1, maxRequests: 10, tokenBudget: 200, kvBlocks: 1000, blockTokens: 16 }
regions: { here: { water: { siteLPerItKwh: 1, gridLPerKwh: 2 } } }
signals: { carbon: { here: { steps: [[0, 360], [2, 180], [4, 720]] } } }
routers: [round-robin]
seeds: 1
`;

describe("lower bounds of requests", () => {
  test("by hand: a full batch of ten decodes, prompts at the law's slope, the best intensity in time", async () => {
    // In a mixed iteration the base of 10 ms counts once, so that a prompt token costs its 0.1 ms alone; ten decodes
    // take 20 ms together, 2 ms each. 100 tokens and 10 steps: 10 + 20 ms, at 300 W 9 J.
    const within1 = planBounds(await plan(PLAIN), 1)[0].bounds;
    expect(within1.requests).toBe(3);
    expect(within1.metrics.energy_j_per_request).toBeCloseTo(9, 9);
    expect(within1.metrics.cost_usd_per_request).toBeCloseTo(0.03 * 0.001, 12);
    expect(within1.metrics.water_l_per_request).toBeCloseTo((9 * 3) / 3.6e6, 15);
    // Arrivals at 0, 1 and 2 s; the second's last second ends where 180 g/kWh begin.
    expect(within1.metrics.carbon_g_per_request).toBeCloseTo((9 * (360 + 360 + 180)) / 3 / 3.6e6, 15);
    const within3 = planBounds(await plan(PLAIN), 3)[0].bounds;
    expect(within3.metrics.carbon_g_per_request).toBeCloseTo((9 * 180) / 3.6e6, 15);
    // Idle for two seconds, to the last arrival, and 200 W more for 30 ms of each request.
    expect(within3.metrics.energy_server_j_per_request).toBeCloseTo((100 * 2) / 3 + 6, 9);
    expect(within3.metrics.carbon_server_g_per_request).toBeCloseTo(
      (100 * 2 * 360) / 3 / 3.6e6 + (6 * 180) / 3.6e6,
      12,
    );
  });

  test("of sessions nothing is said, for their arrivals depend on the run", async () => {
    const sessions = PLAIN.replace(
      /^workload:.*$/m,
      "workload: { requests: 4, arrival: { ratePerS: 1 }, sessions: { steps: { dist: constant, value: 2 } } }",
    );
    const [{ bounds }] = planBounds(await plan(sessions), 100);
    expect(Object.values(bounds.metrics)).toEqual(BOUNDED_METRICS.map(() => null));
    expect(bounds.reasons.carbon_g_per_request).toBe("arrivals of sessions depend on the run");
  });

  const LAWS = [
    "{ law: { baseMs: 5, perPrefillTokenMs: 0.05, perDecodeSequenceMs: 0.2, perContextTokenMs: 0.0005 }, power: { idleWatts: 100, prefillWatts: 400, decode: [{ batch: 1, watts: 200 }, { batch: 64, watts: 350 }] }, kvCapacityTokens: 60000 }",
    "a100-40gb.llama-3-8b.bf16.tp1",
  ];
  const ROUTERS = [
    "round-robin",
    "least-loaded",
    "power-of-two",
    "performance-only",
    "cedar-heuristic",
    "carbon-greedy",
    "largest-model",
    "edf",
    "{ router: carbon-aware, horizonHours: 1 }",
    "random",
    "splitwise",
  ];

  test.each([
    ["vllm-v1", "add", 4],
    ["vllm-v1", "max", 60],
    ["sarathi", "add", 60],
    ["vllm-v0", "add", 20],
    ["mixed", "max", 20],
    ["static", "add", 8],
  ])("no router beats them: %s, %s, %d requests/s", async (policy, mixedRule, rate) => {
    const text = `experiment: bounded
workload: { requests: 300, arrival: { ratePerS: ${rate} }, prompt: { dist: lognormal, mu: 5, sigma: 1.4 }, output: { dist: lognormal, mu: 3.5, sigma: 1.2 } }
tiers:
  - { name: HIGH, share: 0.5, sloS: 0.5 }
  - { name: LOW, share: 0.5, sloS: 20, deferrable: true }
floors: { HIGH: 0.5, LOW: 0 }
latency: ttft
fleet:
  - { endpoint: "big-{n}", count: 2, region: here, model: big, large: true, profile: ${LAWS[0]}, mixedRule: ${mixedRule}, price: { usdPerReplicaHour: 4 } }
  - { endpoint: small, region: there, model: small, profile: ${LAWS[1]}, mixedRule: ${mixedRule}, replicas: 2, price: { usdPerReplicaHour: 1 }, powerStates: [{ name: slow, timeFactor: 1.2, powerFactor: 0.7 }] }
batching: { policy: ${policy}, maxRequests: 16, tokenBudget: 512, paddedTokenLimit: 60000 }
faults: [{ atS: 3, endpoint: big-1, kind: slow, timeFactor: 0.8 }]
regions: { here: { water: { siteLPerItKwh: 1, gridLPerKwh: 2 } }, there: { water: { siteLPerItKwh: 2, gridLPerKwh: 1 } } }
signals: { carbon: { here: { steps: [[0, 400], [5, 100], [15, 300], [60, 250]] }, there: { steps: [[0, 90], [20, 500]] } } }
routers: [${ROUTERS.join(", ")}]
seeds: 2
`;
    const made = await plan(text);
    const bounds = planBounds(made, 4000);
    for (const run of made.runs) {
      const { metrics } = await executeRun(run, made.inputs);
      const own = bounds.find(({ seed }) => seed === run.seed)?.bounds;
      expect(metrics["finished"]).toBe(own?.requests);
      for (const metric of BOUNDED_METRICS) {
        const least = own?.metrics[metric] as number;
        expect(least).toBeGreaterThan(0);
        expect(metrics[metric], `${run.router.label} ${metric}`).toBeGreaterThanOrEqual(least * (1 - 1e-12));
      }
    }
  });
});
