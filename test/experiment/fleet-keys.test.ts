import { tmpdir } from "node:os";
import { describe, expect, test } from "vitest";
import { executeRun } from "../../src/experiment/execute-run.ts";
import { type ExperimentPlan, expandExperiment } from "../../src/experiment/expand.ts";
import { parseExperiment } from "../../src/experiment/load.ts";
import { resolveRun } from "../../src/experiment/resolve.ts";

const PROFILE =
  "{ law: { baseMs: 1, perPrefillTokenMs: 0.01, perDecodeSequenceMs: 0.1, perContextTokenMs: 0 }, kvCapacityTokens: 100000 }";

const EXPERIMENT = `experiment: gpus
workload:
  requests: 100
  arrival: { ratePerS: 10 }
  prompt: { dist: constant, value: 50 }
  output: { dist: constant, value: 5 }
fleet:
  - { endpoint: "lp-{n}", gpus: 8, gpusPerReplica: 2, region: here, profile: ${PROFILE} }
signals: { carbon: { here: 400 } }
routers: [round-robin]
`;

async function planOf(text: string): Promise<ExperimentPlan> {
  return expandExperiment(parseExperiment(text, { source: "e.yaml", directory: tmpdir() }));
}

async function endpointsOf(text: string) {
  const plan = await planOf(text);
  return (await resolveRun(plan.runs[0], plan.inputs)).options.fleet.endpoints;
}

describe("gpus", () => {
  test("are endpoints of one replica each", async () => {
    const endpoints = await endpointsOf(EXPERIMENT);
    expect(endpoints.map(({ name }) => name)).toEqual(["lp-0", "lp-1", "lp-2", "lp-3"]);
    for (const { replicas, gpusPerReplica } of endpoints) expect([replicas, gpusPerReplica]).toEqual([1, 2]);
  });

  test("come to the same run as count", async () => {
    const [gpus, count] = await Promise.all([
      planOf(EXPERIMENT),
      planOf(EXPERIMENT.replace("gpus: 8", "count: 4")),
    ]);
    expect(gpus.runs[0].key).toBe(count.runs[0].key);
  });

  test("that make no whole number of replicas are refused with the arithmetic", async () => {
    await expect(planOf(EXPERIMENT.replace("gpus: 8", "gpus: 9"))).rejects.toMatchObject({
      code: "CANOPY_EXPERIMENT_FLEET",
      message:
        "e.yaml:8:33 fleet.0.gpus: 9 is no multiple of 2, the GPUs of one replica of law in place: 9 / 2 = 4.5 replicas",
    });
  });

  test("of a profile count as its replicas do", async () => {
    const shipped = EXPERIMENT.replace(PROFILE, "a100-80gb.llama-3-70b.bf16.tp4").replace(
      "gpusPerReplica: 2, ",
      "",
    );
    await expect(planOf(shipped.replace("gpus: 8", "gpus: 6"))).rejects.toThrow(
      /6 is no multiple of 4, the GPUs of one replica of/,
    );
    expect(await endpointsOf(shipped)).toHaveLength(2);
  });

  test("stand for count and replicas", async () => {
    await expect(planOf(EXPERIMENT.replace("gpus: 8", "gpus: 8, replicas: 2"))).rejects.toThrow(
      /fleet\.0\.gpus: is given beside count or replicas/,
    );
  });
});

describe("powerCurve", () => {
  const curve = EXPERIMENT.replace(
    "gpus: 8, gpusPerReplica: 2",
    "gpus: 1, batching: { maxRequests: 20 }, powerCurve: { idleW: 100, peakW: 400 }",
  );

  test("CAPS's curve: P(0) 100, P(.1) 159.858, P(.25) 213.679, P(.5) 284.672, P(.75) 345.281, P(1) 400 W", async () => {
    const [{ law }] = await endpointsOf(curve);
    const watts = [0, 2, 5, 10, 15, 20].map((batch) => Number(law.decodeWatts[batch].toFixed(3)));
    expect(watts).toEqual([100, 159.858, 213.679, 284.672, 345.281, 400]);
    expect([law.idleWatts, law.prefillWatts]).toEqual([100, 400]);
  });

  test("is of one GPU: a replica of several draws as many times as much", async () => {
    const [{ law }] = await endpointsOf(curve.replace("gpus: 1", "gpus: 4, gpusPerReplica: 4"));
    expect(law.decodeWatts[10]).toBeCloseTo(4 * 284.672, 2);
    expect(law.idleWatts).toBe(400);
  });

  test("gives energy to a profile without power, and the result says so", async () => {
    const plan = await planOf(curve);
    const { metrics, notes } = await executeRun(plan.runs[0], plan.inputs);
    expect(metrics["energy_j_per_request"]).toBeGreaterThan(0);
    expect(notes).toContain(
      "lp-{n}: power is 100 W + 300 W x (batch / maxRequests)^0.7 for each GPU, 400 W for prompts, in place of the profile's",
    );
    const [bare] = (await planOf(EXPERIMENT)).runs;
    expect(
      (await executeRun(bare, (await planOf(EXPERIMENT)).inputs)).metrics["energy_j_per_request"],
    ).toBeNull();
  });

  test("below its idle power is refused", async () => {
    await expect(planOf(curve.replace("peakW: 400", "peakW: 40"))).rejects.toThrow(
      /powerCurve\.peakW: is 40, expected at least idleW \(100\)/,
    );
  });
});

describe("breakdowns", () => {
  const text = EXPERIMENT.replace("{ ratePerS: 10 }", "{ process: constant, ratePerS: 10 }")
    .replace("{ dist: constant, value: 50 }", "{ dist: uniform, min: 1, max: 511 }")
    .replace("gpus: 8, gpusPerReplica: 2", "gpus: 1, powerCurve: { idleW: 100, peakW: 400 }")
    .replace("{ here: 400 }", "{ here: { steps: [[0, 300], [2.9, 100], [6.5, 200]] } }")
    .concat("outputs: { breakdowns: [{ by: [prompt-band, carbon-level] }, { by: [tier] }] }\n");

  test("divide the run's carbon: the parts' tokens weigh them to the whole", async () => {
    const plan = await planOf(text);
    const { metrics, reasons } = await executeRun(plan.runs[0], plan.inputs);
    const of = (part: string) => metrics[`carbon_g_per_1k_tokens_${part}`];
    expect(of("default")).toBeCloseTo(metrics["carbon_g_per_1k_tokens"] as number, 12);
    // Of 9.9 s of arrivals the intensity is 100 for 3.6, 200 for 3.4 and 300 for 2.9.
    for (const band of ["short", "long"]) {
      const [low, middle, high] = ["low", "middle", "high"].map((level) => of(`${band}_${level}`) as number);
      expect(low).toBeLessThan(middle);
      expect(middle).toBeLessThan(high);
    }
    expect(of("long_low")).toBeGreaterThan(of("short_low") as number);
    expect(of("agentic_low")).toBeNull();
    expect(reasons["carbon_g_per_1k_tokens_agentic_low"]).toBe("no request of this part finished");
  });

  test("are unknown where carbon is", async () => {
    const plan = await planOf(text.replace(/signals: .*\n/, ""));
    const { reasons } = await executeRun(plan.runs[0], plan.inputs);
    expect(reasons["carbon_g_per_1k_tokens_default"]).toMatch(/gives no carbon intensity/);
  });
});
