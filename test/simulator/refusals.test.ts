/** Inputs that no run can be made of, given by code that no reader has checked. */
import { describe, expect, it } from "vitest";
import { Law, type LawInput } from "../../src/profile/law.ts";
import { simulate } from "../../src/simulator/simulate.ts";
import { type EndpointParts, runParts, type TraceRow } from "../oracle/build.ts";

const one: TraceRow = { arrival: 0.5, prompt: 100, output: 3 };

describe("a workload is refused with the request and the column:", () => {
  it.each<[string, TraceRow, RegExp]>([
    [
      "an arrival out of order",
      { ...one, arrival: 0.25 },
      /request 2: arrivalSeconds is 0.25, expected a number of 0.5/,
    ],
    [
      "an arrival at no end",
      { ...one, arrival: Number.POSITIVE_INFINITY },
      /request 2: arrivalSeconds is Infinity/,
    ],
    ["a prompt without tokens", { ...one, prompt: 0 }, /request 2: promptTokens is 0/],
    ["an output below zero", { ...one, output: -1 }, /request 2: outputTokens is -1/],
    ["a tier that is not there", { ...one, tier: 3 }, /request 2: tier is 3, expected below 1/],
    ["thinking at no length", { prompt: 1, output: 1, think: Number.NaN }, /request 2: thinkSeconds is NaN/],
    ["thinking backwards", { prompt: 1, output: 1, think: -1 }, /request 2: thinkSeconds is -1/],
  ])("%s", (_, row, message) => {
    for (const chunkRows of [1, 100]) {
      expect(() => runParts(simulate, { rows: [one, one, row], trace: { chunkRows } })).toThrow(message);
    }
  });

  it("a first request that depends on another, or comes before the start", () => {
    const first = (arrival: number | undefined) => () =>
      runParts(simulate, {
        rows: [{ ...one, ...(arrival === undefined ? { arrival: Number.NaN } : { arrival }) }],
      });
    expect(first(undefined)).toThrow(/request 0: arrivalSeconds is NaN/);
    expect(first(-1)).toThrow(/request 0: arrivalSeconds is -1/);
  });
});

describe("a law is refused by which a batch of the endpoint could take no time:", () => {
  const sound: LawInput = {
    decode: {
      batch: [1, 8],
      contextTokens: [100, 200],
      seconds: [
        [0.02, 0.019],
        [0.03, 0.029],
      ],
    },
    prefill: { tokens: [100, 200], seconds: [0.02, 0.019] },
    overheadSeconds: 0.001,
    mixedRule: "add",
    power: null,
  };
  const at = (input: Partial<LawInput>, endpoint: EndpointParts = {}, maxRequests = 8) => {
    const batching = { maxRequests, tokenBudget: 512, kvBlocks: 100, ...endpoint.batching };
    return () =>
      runParts(simulate, {
        endpoints: [{ ...endpoint, law: new Law({ ...sound, ...input }, maxRequests), batching }],
        rows: [{ ...one, prompt: 10, output: 1 }],
      });
  };

  it("not where the batching keeps clear of that", () => {
    expect(at({})().totals.finished).toBe(1);
  });

  it("contexts beyond the grid", () => {
    // 0.02 - 1e-5 (K - 100) for D = 1: 0 at 2,100 tokens.
    expect(at({}, { batching: { kvBlocks: 200 } })).toThrow(/e0: .*decode\(D = 1, K = 3200\) = -0.01\d* s/);
    expect(at({}, { batching: { kvBlocks: 200 }, maxModelTokens: 1500 })().totals.finished).toBe(1);
  });

  it("batches beyond the grid", () => {
    const seconds = [
      [0.02, 0.02],
      [0.01, 0.01],
    ];
    const decode = { batch: [1, 8], contextTokens: [100, 200], seconds };
    expect(at({ decode }, {}, 16)).toThrow(/decode\(D = 16, K = \d+\) = -0.001\d* s/);
    expect(at({ decode }, {}, 12)().totals.finished).toBe(1);
  });

  it("prompts beyond the grid, where the policy computes them whole", () => {
    const batching = { kvBlocks: 100, paddedTokenLimit: 2200 } as const;
    // 0.02 - 1e-5 (P - 100).
    expect(at({}, { batching: { ...batching, policy: "vllm-v0" } })).toThrow(/prefill\(P = 2200\) = -0.001/);
    expect(at({}, { batching: { ...batching, policy: "sarathi" } })().totals.finished).toBe(1);
  });

  it("the overhead counted off a mixed batch", () => {
    expect(at({ overheadSeconds: 0.03 })).toThrow(/decode.*\+ prefill\(P = 512\).*- overhead = -0.00/);
    expect(
      at({ overheadSeconds: 0.03 }, { batching: { policy: "vllm-v0", paddedTokenLimit: 512 } })().totals
        .finished,
    ).toBe(1);
  });
});
