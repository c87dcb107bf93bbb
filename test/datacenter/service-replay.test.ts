import { expect, test } from "vitest";
import { type Latency, latencyAt, serviceOf } from "../../src/datacenter/service.ts";
import { simulate } from "../../src/simulator/simulate.ts";
import { SyntheticWorkload } from "../../src/workload/synthetic.ts";
import { affineLaw, fleetOf, optionsOf } from "../oracle/build.ts";
import { ColumnSink } from "../simulator/column-sink.ts";

const LAW = {
  baseSeconds: 0.0162,
  perPromptTokenSeconds: 7.3e-5,
  perSequenceSeconds: 8.5e-5,
  perContextTokenSeconds: 2.7e-8,
};
const SIGMA = 0.6;
const MEAN = { prompt: 534, output: 200 };
const BATCH = 256;

/** Means of the request-level simulator and of the closed form at a share of the sustainable rate. */
function compare(utilisation: number, tokenBudget: number) {
  const service = serviceOf(
    {
      replicas: 1,
      stepBaseSeconds: LAW.baseSeconds,
      perSequenceSeconds: LAW.perSequenceSeconds,
      perContextTokenSeconds: LAW.perContextTokenSeconds,
      prefillBaseSeconds: 0,
      perPromptTokenSeconds: LAW.perPromptTokenSeconds,
    },
    1e6,
    MEAN.prompt,
    MEAN.output,
    { maxBatch: BATCH, tokenBudget, promptScv: Math.expm1(SIGMA ** 2) },
  )!;
  const closed: Latency = { queueSeconds: 0, prefillSeconds: 0, stepSeconds: 0 };
  latencyAt(service, utilisation, closed);
  const lengths = (mean: number) => ({
    dist: "lognormal" as const,
    mu: Math.log(mean) - SIGMA ** 2 / 2,
    sigma: SIGMA,
  });
  const workload = new SyntheticWorkload({
    seed: 3,
    requests: 30_000,
    arrival: { process: "poisson", ratePerSecond: utilisation * service.requestsPerSecond },
    prompt: lengths(MEAN.prompt),
    output: lengths(MEAN.output),
  });
  const batching = { maxRequests: BATCH, tokenBudget, kvBlocks: 1e6, blockTokens: 16 };
  const fleet = fleetOf({ endpoints: [{ law: affineLaw(LAW), batching }] });
  const sink = new ColumnSink(workload.requests, ["ttftSeconds", "e2eSeconds", "outputTokens"]);
  simulate(optionsOf({ fleet, workload }), sink);
  let ttft = 0;
  let decode = 0;
  let tokens = 0;
  const [first, all, outputs] = [
    sink.column("ttftSeconds"),
    sink.column("e2eSeconds"),
    sink.column("outputTokens"),
  ];
  // The first and last tenth are the warming up and the draining.
  for (let i = 3000; i < 27_000; i++) {
    ttft += first[i] / 24_000;
    decode += all[i] - first[i];
    tokens += outputs[i] - 1;
  }
  return {
    ttft: (closed.queueSeconds + closed.prefillSeconds) / ttft,
    step: closed.stepSeconds / (decode / tokens),
  };
}

test.each([
  [0.2, 2048, 0.1],
  [0.5, 2048, 0.1],
  [0.7, 2048, 0.1],
  [0.9, 2048, 0.1],
  [0.5, 512, 0.2],
  [0.9, 512, 0.35],
])(
  "at %f of the sustainable rate, budget %d: within %f of the request-level simulator",
  (u, budget, share) => {
    const ratio = compare(u, budget);
    expect(Math.abs(ratio.step - 1)).toBeLessThan(share);
    expect(Math.abs(ratio.ttft - 1)).toBeLessThan(share);
  },
);
