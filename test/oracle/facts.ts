/**
 * Hand-computed runs of one endpoint under each batching policy, for any implementation of the simulation
 * rules. Times are milliseconds of the law T = 5 + 0.05 P + 0.2 D + 0.0005 K.
 */
import { describe, expect, test } from "vitest";
import type { Batching, BatchingPolicy } from "../../src/fleet/fleet.ts";
import type { World } from "../../src/routers/contract.ts";
import { replayRouter, runParts, type Simulate, type TraceParts, type TraceRow } from "./build.ts";

interface Case {
  readonly name: string;
  readonly policies: readonly BatchingPolicy[];
  readonly batching?: Partial<Batching>;
  readonly rows: readonly TraceRow[];
  readonly trace?: TraceParts;
  readonly priorityOf?: (request: number, world: World) => number;
  /** Per request. */
  readonly firstTokenMs?: readonly number[];
  readonly finishedMs: readonly number[];
  readonly preemptions?: readonly number[];
  readonly iterations?: number;
}

const ALL: readonly BatchingPolicy[] = ["sarathi", "vllm-v0", "vllm-v1", "mixed", "static"];

/** A and B fill the memory of four blocks, three and one. */
const tight = {
  batching: { kvBlocks: 4 },
  rows: [
    { arrival: 0, prompt: 40, output: 3 },
    { arrival: 0, prompt: 10, output: 3 },
  ],
};

/** A and B together, C while their prompts are computed. */
const threeLengths = {
  rows: [
    { arrival: 0, prompt: 100, output: 2 },
    { arrival: 0, prompt: 100, output: 4 },
    { arrival: 0.001, prompt: 100, output: 1 },
  ],
};

const threeOnes = {
  batching: { tokenBudget: 2 },
  rows: [1, 1, 1].map((prompt) => ({ arrival: 0, prompt, output: 3 })),
};

const oneAtATime = {
  batching: { maxRequests: 1 },
  rows: [
    { arrival: 0, prompt: 100, output: 1, tier: 1 },
    { arrival: 0.001, prompt: 100, output: 1, tier: 1 },
    { arrival: 0.002, prompt: 100, output: 1, tier: 0 },
  ],
  trace: {
    tiers: [
      { name: "tight", sloSeconds: 1, deferrable: false },
      { name: "loose", sloSeconds: 10, deferrable: true },
    ],
  },
};

const cases: readonly Case[] = [
  {
    name: "one request alone: 10.0, then 5.2505, then 5.251",
    policies: ALL,
    rows: [{ arrival: 0, prompt: 100, output: 3 }],
    firstTokenMs: [10],
    finishedMs: [20.5015],
    iterations: 3,
  },
  {
    name: "a prompt above the budget is computed in two chunks",
    policies: ["sarathi", "vllm-v1"],
    rows: [{ arrival: 0, prompt: 1000, output: 1 }],
    firstTokenMs: [60],
    finishedMs: [60],
    iterations: 2,
  },
  {
    name: "a prompt above the budget is computed whole",
    policies: ["vllm-v0", "mixed", "static"],
    rows: [{ arrival: 0, prompt: 1000, output: 1 }],
    finishedMs: [55],
    iterations: 1,
  },
  {
    name: "the second prompt is cut by the budget and shares a batch with the first decode",
    policies: ["sarathi", "vllm-v1"],
    rows: [
      { arrival: 0, prompt: 300, output: 2 },
      { arrival: 0, prompt: 300, output: 2 },
    ],
    firstTokenMs: [30.6, 40.3505],
    finishedMs: [40.3505, 45.701],
    iterations: 3,
  },
  {
    name: "the first of a batch over the budget enters alone",
    policies: ["mixed"],
    rows: [
      { arrival: 0, prompt: 300, output: 2 },
      { arrival: 0, prompt: 300, output: 2 },
    ],
    // A's 300; B's 300 with A's decode, 301 tokens; B's decode.
    firstTokenMs: [20, 40.3505],
    finishedMs: [40.3505, 45.701],
    iterations: 3,
  },
  {
    name: "preemption by recompute with three outputs each",
    policies: ["sarathi", "vllm-v0", "vllm-v1"],
    batching: { kvBlocks: 4 },
    rows: [
      { arrival: 0, prompt: 32, output: 3 },
      { arrival: 0, prompt: 32, output: 3 },
    ],
    firstTokenMs: [8.2, 8.2],
    finishedMs: [18.6335, 30.5005],
    preemptions: [0, 1],
    iterations: 5,
  },
  {
    name: "preemption by recompute with two outputs each",
    policies: ["sarathi", "vllm-v0", "vllm-v1"],
    batching: { kvBlocks: 4 },
    rows: [
      { arrival: 0, prompt: 32, output: 2 },
      { arrival: 0, prompt: 32, output: 2 },
    ],
    firstTokenMs: [8.2, 8.2],
    finishedMs: [13.4165, 20.0665],
    preemptions: [0, 1],
    iterations: 3,
  },
  {
    name: "no block free but none needed: both decode",
    policies: ["vllm-v1"],
    ...tight,
    // P 50; D 2, K 41 + 11; D 2, K 42 + 12.
    firstTokenMs: [7.5, 7.5],
    finishedMs: [18.353, 18.353],
    preemptions: [0, 0],
    iterations: 3,
  },
  {
    name: "no block free: the victim re-enters the same batch",
    policies: ["sarathi"],
    ...tight,
    // P 50; A's decode with K 41 and B again with P 11; A's with K 42 and B again with P 12.
    finishedMs: [19.0915, 19.0915],
    preemptions: [0, 2],
    iterations: 3,
  },
  {
    name: "no block free: the victim's prompt comes before the next decode",
    policies: ["vllm-v0"],
    ...tight,
    // P 50; A, K 41; B, P 11; A, K 42 with B preempted again; B, P 12.
    finishedMs: [23.4915, 29.0915],
    preemptions: [0, 2],
    iterations: 5,
  },
  {
    name: "no block free: the victim waits for the end of the fixed batch",
    policies: ["static"],
    ...tight,
    // P 50; A, K 41; A, K 42; B, P 11; B, K 12.
    finishedMs: [17.9415, 28.6975],
    preemptions: [0, 1],
    iterations: 5,
  },
  {
    name: "no block free: a prompt that enters first drives decodes out",
    policies: ["mixed"],
    ...tight,
    // P 50; A, K 41 with B out; B, P 11 with A out; A, P 42 with B out; B, P 12.
    finishedMs: [25.3705, 30.9705],
    preemptions: [1, 2],
    iterations: 5,
  },
  {
    name: "prompts and decodes share batches",
    policies: ["sarathi", "vllm-v1", "mixed"],
    ...threeLengths,
    // P 200; P 100 with D 2, K 202; B alone, K 102 and 103.
    firstTokenMs: [15, 15, 25.501],
    finishedMs: [25.501, 36.0035, 25.501],
    iterations: 4,
  },
  {
    name: "prompts go first",
    policies: ["vllm-v0"],
    ...threeLengths,
    // P 200; P 100; D 2, K 202; B alone, K 102 and 103.
    firstTokenMs: [15, 15, 25],
    finishedMs: [30.501, 41.0035, 25],
    iterations: 5,
  },
  {
    name: "a fixed batch runs to the end of its longest request",
    policies: ["static"],
    ...threeLengths,
    // P 200; D 2, K 202; B alone, K 102 and 103; P 100.
    firstTokenMs: [15, 15, 41.0035],
    finishedMs: [20.501, 31.0035, 41.0035],
    iterations: 5,
  },
  {
    name: "decodes use the budget up: the third waits for the first two",
    policies: ["sarathi", "vllm-v1"],
    ...threeOnes,
    // P 2; D 2, K 4 and 6; P 1; D 1, K 2 and 3.
    finishedMs: [15.905, 15.905, 31.3575],
    iterations: 6,
  },
  {
    name: "decodes beyond the budget are left out",
    policies: ["mixed"],
    ...threeOnes,
    // A and B, P 2; C, P 1 with A, K 2; A and B, K 3 + 2; B and C, K 3 + 2; C, K 3.
    firstTokenMs: [5.1, 5.1, 10.351],
    finishedMs: [15.7535, 21.156, 26.3575],
    iterations: 5,
  },
  {
    name: "the budget fills with a long prompt while two decode",
    policies: ["vllm-v1", "sarathi"],
    batching: { tokenBudget: 100 },
    rows: [
      { arrival: 0, prompt: 50, output: 4 },
      { arrival: 0, prompt: 50, output: 2 },
      { arrival: 0.001, prompt: 150, output: 1 },
    ],
    // P 100; P 98 with D 2, K 102; P 52 with D 1, K 52; D 1, K 53.
    firstTokenMs: [10, 10, 28.177],
    finishedMs: [33.4035, 20.351, 28.177],
    iterations: 4,
  },
  {
    name: "padded tokens bound a batch of prompts",
    policies: ["vllm-v0", "static"],
    batching: { paddedTokenLimit: 400 },
    rows: [100, 300, 50].map((prompt) => ({ arrival: 0, prompt, output: 1 })),
    finishedMs: [10, 30, 37.5],
    iterations: 3,
  },
  {
    name: "prompts that just fit the padded limit",
    policies: ["vllm-v0", "static"],
    batching: { paddedTokenLimit: 400 },
    rows: [100, 100, 100, 100].map((prompt) => ({ arrival: 0, prompt, output: 1 })),
    finishedMs: [25, 25, 25, 25],
    iterations: 1,
  },
  {
    name: "the watermark keeps the second prompt out",
    policies: ["sarathi", "vllm-v0", "mixed", "static"],
    batching: { kvBlocks: 14, watermarkFraction: 0.1 },
    rows: [
      { arrival: 0, prompt: 100, output: 1 },
      { arrival: 0, prompt: 100, output: 1 },
    ],
    // Seven blocks each, one must stay free.
    finishedMs: [10, 20],
    iterations: 2,
  },
  {
    name: "there is no watermark",
    policies: ["vllm-v1"],
    batching: { kvBlocks: 14, watermarkFraction: 0.1 },
    rows: [
      { arrival: 0, prompt: 100, output: 1 },
      { arrival: 0, prompt: 100, output: 1 },
    ],
    finishedMs: [15, 15],
    iterations: 1,
  },
  {
    name: "blocks are taken chunk by chunk, and the youngest loses its own",
    policies: ["vllm-v1"],
    batching: { kvBlocks: 6, tokenBudget: 48 },
    rows: [
      { arrival: 0, prompt: 80, output: 1 },
      { arrival: 0, prompt: 40, output: 1 },
    ],
    // A 48 of 80, three blocks; A 32, two more, and B 16, the last one; B 24.
    finishedMs: [7.4 + 7.4, 7.4 + 7.4 + 6.2],
    preemptions: [0, 0],
    iterations: 3,
  },
  {
    name: "a chunk that finds no block preempts the last and ends the scan",
    policies: ["vllm-v1"],
    batching: { kvBlocks: 3, tokenBudget: 32 },
    rows: [
      { arrival: 0, prompt: 16, output: 3 },
      { arrival: 0, prompt: 40, output: 1 },
    ],
    // A 16 and B 16, a block each; A's decode takes the third, B (chunk of 24) finds none and goes:
    // D 1, K 17; D 1, K 18, B not admitted with its first chunk of 31 needing two; B 32 and 8.
    finishedMs: [6.6 + 5.2085 + 5.209, 6.6 + 5.2085 + 5.209 + 6.6 + 5.4],
    preemptions: [0, 1],
    iterations: 5,
  },
  {
    name: "first in, first out",
    policies: ALL,
    ...oneAtATime,
    finishedMs: [10, 20, 30],
  },
  {
    name: "earliest deadline first",
    policies: ALL,
    ...oneAtATime,
    batching: { ...oneAtATime.batching, order: "edf" },
    finishedMs: [10, 30, 20],
  },
  {
    name: "larger priority first",
    policies: ALL,
    ...oneAtATime,
    batching: { ...oneAtATime.batching, order: "priority" },
    priorityOf: (request, world) => (world.requests.arrivalSeconds[request] > 0.0015 ? 5 : 1),
    finishedMs: [10, 30, 20],
  },
  {
    name: "the lowest priority is preempted instead of the youngest",
    policies: ["vllm-v1"],
    batching: { kvBlocks: 6, victim: "lowest-priority" },
    rows: [
      { arrival: 0, prompt: 32, output: 2 },
      { arrival: 0, prompt: 33, output: 2 },
      { arrival: 0, prompt: 16, output: 2 },
    ],
    // Blocks 2, 3 and 1. A's decode needs one: B, of the lowest priority, gives three. A and C decode,
    // K 33 + 17. B again, P 34.
    priorityOf: (request, world) => (world.requests.promptTokens[request] === 33 ? 0 : 1),
    finishedMs: [9.05 + 5.425, 9.05 + 5.425 + 6.7, 9.05 + 5.425],
    preemptions: [0, 1, 0],
    iterations: 3,
  },
];

/** Registers the facts as tests of `simulate`. */
export function describeBatchingFacts(name: string, simulate: Simulate): void {
  describe(`batching facts: ${name}`, () => {
    for (const fact of cases) {
      test.each(fact.policies)(`${fact.name} (%s)`, (policy) => {
        const { sink, totals } = runParts(simulate, {
          endpoints: [{ batching: { ...fact.batching, policy } }],
          rows: fact.rows,
          trace: fact.trace ?? {},
          router: replayRouter(fact.priorityOf),
        });
        fact.rows.forEach((_, r) => {
          const row = sink.row(r);
          expect(row.status).toBe("finished");
          expect(row.finishedSeconds).toBeCloseTo(fact.finishedMs[r] / 1000, 12);
          if (fact.firstTokenMs) {
            expect(row.firstTokenSeconds).toBeCloseTo(fact.firstTokenMs[r] / 1000, 12);
          }
          if (fact.preemptions) expect(row.preemptions).toBe(fact.preemptions[r]);
        });
        if (fact.iterations) expect(totals.endpoints[0].iterations).toBe(fact.iterations);
      });
    }
  });
}
