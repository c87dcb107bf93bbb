import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { kvTokensPerReplica, LAW_FITS, MODELS, NODE_TYPES } from "../../src/datacenter/node-types.ts";
import {
  fluidWaitSeconds,
  latencyAt,
  pollaczekKhinchine,
  type Service,
  sakasegawa,
  serviceOf,
} from "../../src/datacenter/service.ts";

const LIMITS = { maxBatch: 256, tokenBudget: 2048, promptScv: 1 };
const LAW = {
  replicas: 1,
  stepBaseSeconds: 0.01,
  perSequenceSeconds: 1e-4,
  perContextTokenSeconds: 1e-7,
  prefillBaseSeconds: 0.01,
  perPromptTokenSeconds: 1e-4,
};

function someService(kvTokens = 20_000): Service {
  return serviceOf(LAW, kvTokens, 400, 200, LIMITS)!;
}

test("the KV cache limits the batch, and the batch the rate", () => {
  const service = someService();
  expect(service.batch).toBe(33);
  // 0.05 s of prefill; 200 steps of 1e-4 + 500e-7 for the sequence and 0.01 / 33 of the base.
  expect(1 / service.requestsPerSecond).toBeCloseTo(0.05 + 200 * (1.5e-4 + 0.01 / 33), 12);
  expect(someService(1e9).batch).toBe(256);
  expect(serviceOf(LAW, 599, 400, 200, LIMITS)).toBeUndefined();
});

test("a small token budget limits the rate: decodes leave too little of it for prompts", () => {
  const free = serviceOf(LAW, 1e9, 400, 200, LIMITS)!;
  const tight = serviceOf(LAW, 1e9, 400, 200, { ...LIMITS, tokenBudget: 300 })!;
  expect(tight.requestsPerSecond).toBeLessThan(0.9 * free.requestsPerSecond);
  // At that rate prompts use what is left: in a second, (1 - work) / decode iterations of (300 - running) tokens.
  const out = { queueSeconds: 0, prefillSeconds: 0, stepSeconds: 0 };
  latencyAt(tight, 1, out);
  const rate = tight.requestsPerSecond;
  const running = rate * 200 * out.stepSeconds;
  const decode = 0.01 + 1.5e-4 * running;
  expect((((1 - rate * 0.05) / decode) * (300 - running)) / (rate * 400)).toBeCloseTo(1, 9);
});

test("a step at low load is the base, and at the sustainable rate the batch is full", () => {
  const service = someService();
  const out = { queueSeconds: 0, prefillSeconds: 0, stepSeconds: 0 };
  latencyAt(service, 0, out);
  expect(out.stepSeconds).toBe(0.01);
  expect(out.queueSeconds).toBe(0.005);
  expect(out.prefillSeconds).toBeCloseTo(0.05 + 0.01, 12);
  latencyAt(service, 1 - 1e-9, out);
  expect(service.requestsPerSecond * 200 * out.stepSeconds).toBeCloseTo(33, 5);
});

test("Little's law and the time balance of a replica hold at every load", () => {
  const service = someService();
  const out = { queueSeconds: 0, prefillSeconds: 0, stepSeconds: 0 };
  let before = 0;
  for (const u of [0.1, 0.3, 0.5, 0.7, 0.9, 0.95]) {
    latencyAt(service, u, out);
    const rate = u * service.requestsPerSecond;
    const running = rate * 200 * out.stepSeconds;
    // Of a second, rate * prefill goes to prompts and the rest to steps of base + perSequence * running.
    const steps = (1 - rate * service.prefillSeconds) / (0.01 + 1.5e-4 * running);
    expect(1 / steps).toBeCloseTo(out.stepSeconds, 12);
    expect(out.queueSeconds).toBeGreaterThan(before);
    before = out.queueSeconds;
  }
});

test("waits in closed form: M/M/1, M/D/1, Erlang's C, the fluid limit", () => {
  expect(pollaczekKhinchine(0.5, 1, 1)).toBeCloseTo(1, 12);
  expect(pollaczekKhinchine(0.5, 1, 0)).toBeCloseTo(0.5, 12);
  expect(pollaczekKhinchine(1, 1, 0)).toBe(Number.POSITIVE_INFINITY);
  expect(sakasegawa(0.8, 1, 1)).toBeCloseTo(4, 12);
  expect(sakasegawa(1, 4, 1)).toBe(Number.POSITIVE_INFINITY);
  expect(sakasegawa(0, 4, 1)).toBe(0);
  for (const [servers, load] of [
    [2, 0.7],
    [8, 0.9],
    [50, 0.9],
  ]) {
    expect(Math.abs(sakasegawa(load, servers, 1) / erlangWait(load, servers) - 1)).toBeLessThan(0.08);
  }
  expect(fluidWaitSeconds(1, 900)).toBe(0);
  expect(fluidWaitSeconds(1.5, 900)).toBe(225);
});

test("the laws are fits to the profiles that come with Canopy", () => {
  for (const law of LAW_FITS) {
    const url = new URL(`../../profiles/${law.profile}.json`, import.meta.url);
    const { decode, prefill } = JSON.parse(readFileSync(url, "utf8"));
    for (const [b, batch] of decode.batch.entries()) {
      for (const [c, context] of decode.contextTokens.entries()) {
        if (context > 2048) continue;
        const ms = law.stepBaseMs + batch * (law.perSequenceMs + law.perContextTokenMs * context);
        expect(Math.abs(ms / decode.iterationMs[b][c] - 1)).toBeLessThan(0.112);
      }
    }
    for (const [i, tokens] of prefill.promptTokens.entries()) {
      if (tokens > 4096) continue;
      const ms = law.prefillBaseMs + law.perPromptTokenMs * tokens;
      expect(Math.abs(ms / prefill.latencyMs[i] - 1)).toBeLessThan(0.17);
    }
  }
});

test("memory of a node: 70B on two GPUs leaves a small KV cache, on one none", () => {
  const [, large] = MODELS;
  const pair = NODE_TYPES.find((type) => type.name === "A100x2")!;
  // 0.9 * 160 GiB - 140 GB = 14.62 GB.
  expect(kvTokensPerReplica(pair, large, 1, 0.9)).toBe(Math.floor((0.9 * 160 * 2 ** 30 - 140e9) / 327680));
  expect(kvTokensPerReplica(pair, large, 2, 0.9)).toBe(0);
  expect(NODE_TYPES.map((type) => type.name)).toEqual([
    "A100x2",
    "A100x4",
    "A100x8",
    "H100x2",
    "H100x4",
    "H100x8",
  ]);
  expect(NODE_TYPES.map((type) => type.tdpWatts)).toEqual([1625, 3250, 6500, 2550, 5100, 10200]);
});

/** Mean wait of M/M/c by Erlang's formula. */
function erlangWait(load: number, servers: number): number {
  const offered = load * servers;
  let inverseB = 1;
  for (let k = 1; k <= servers; k++) inverseB = 1 + (inverseB * k) / offered;
  const blocking = 1 / inverseB;
  const waiting = blocking / (1 - load * (1 - blocking));
  return waiting / (servers * (1 - load));
}
