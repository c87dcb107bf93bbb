import { describe, expect, test } from "vitest";
import type { Router } from "../../../src/routers/contract.ts";
import { createRouter, findRouter } from "../../../src/routers/registry.ts";
import { simulate } from "../../../src/simulator/simulate.ts";
import { runParts } from "../../oracle/build.ts";
import { type FakeEndpoint, FakeHost } from "../fake-host.ts";

const PREFILL = 1;
const DECODE = 2;

function started(id: string, endpoints: readonly FakeEndpoint[], parameters: object = {}): FakeHost {
  const host = new FakeHost({ endpoints, meanPromptTokens: 60, meanOutputTokens: 40 });
  host.start(createRouter(findRouter(id), parameters, "test").router as Router);
  return host;
}

const pools = [
  { role: PREFILL },
  { role: PREFILL },
  { role: DECODE },
  { role: DECODE },
  { role: 0 },
] as const;

describe("splitwise", () => {
  test("the prompt goes to the fewest pending tokens, the sequence to the least memory", () => {
    const host = started("splitwise", pools);
    host.world.telemetry.queuedPrefillTokens.set([10, 4, 0, 0, 0]);
    host.world.telemetry.outstandingTokens.set([0, 0, 7, 9, 0]);
    host.arrive({ promptTokens: 5 });
    expect(host.placements[0]).toMatchObject({ endpoint: 1, decodeAt: 2 });
  });

  test("a queue that would exceed the limit refuses, then a mixed endpoint serves both phases", () => {
    const host = started("splitwise", pools, { pendingTokens: 100 });
    host.world.telemetry.queuedPrefillTokens.set([60, 50, 0, 0, 30]);
    host.arrive({ promptTokens: 60 });
    expect(host.placements[0]).toMatchObject({ endpoint: 4, decodeAt: -1 });
    // An empty queue takes any prompt.
    host.world.telemetry.queuedPrefillTokens.set([60, 0, 0, 0, 30]);
    host.arrive({ promptTokens: 500 });
    expect(host.placements[1]).toMatchObject({ endpoint: 1, decodeAt: 2 });
  });

  test("a full token pool sends both phases to the mixed one; where all are full the least wins", () => {
    const host = started("splitwise", pools);
    host.world.telemetry.outstandingTokens.set([0, 0, 1e6, 1e6 - 1, 0]);
    host.arrive({ promptTokens: 100 });
    expect(host.placements[0]).toMatchObject({ endpoint: 4, decodeAt: -1 });
    host.world.telemetry.outstandingTokens.set([0, 0, 1e6, 1e6 - 1, 1e6]);
    host.arrive({ promptTokens: 100 });
    expect(host.placements[1]).toMatchObject({ endpoint: 0, decodeAt: 3 });
  });

  test("the region with most joint room comes first, the nearer of equals", () => {
    const regions = [0, 1].flatMap((region) =>
      [PREFILL, DECODE].map((role) => ({
        region,
        role: role as 1 | 2,
        roundTripSeconds: 0.1 - 0.05 * region,
      })),
    );
    const host = started("splitwise", regions);
    host.arrive();
    expect(host.placements[0]).toMatchObject({ endpoint: 2, decodeAt: 3 });
    // Prompts may wait at the first region; at the second its memory is short.
    host.world.telemetry.queuedPrefillTokens.set([0, 0, 0, 0]);
    host.world.telemetry.outstandingTokens.set([0, 0, 0, 1e6 - 10]);
    host.arrive({ promptTokens: 5 });
    expect(host.placements[1]).toMatchObject({ endpoint: 0, decodeAt: 1 });
  });

  test("a prefill endpoint without a decode endpoint of its model is refused by name", () => {
    expect(() => started("splitwise", [{ role: PREFILL }, { role: DECODE, model: 1 }])).toThrow(
      /router splitwise: the prefill endpoint e0 has no endpoint of role decode/,
    );
  });
});

describe("helix", () => {
  test("interleaved weighted round robin by the flows, near 4, 2 and 1", () => {
    // Prompts are free, so that what an endpoint sustains is its batch over 40 steps.
    const flows = [4.1, 2, 0.99].map((speed) => ({
      stepSeconds: 0.01 / speed,
      prefillSecondsPerToken: 1e-12,
      maxRequests: 1,
    }));
    const host = started("helix", flows);
    for (let i = 0; i < 7; i++) host.arrive({ promptTokens: 60 });
    expect(host.placements.map((p) => p.endpoint)).toEqual([0, 0, 1, 0, 0, 1, 2]);
  });

  test("a flow that the decode endpoints limit is divided by what they sustain", () => {
    const host = started("helix", [
      { role: PREFILL, prefillSecondsPerToken: 1e-6 },
      { role: DECODE, stepSeconds: 0.01, maxRequests: 1 },
      { role: DECODE, stepSeconds: 0.03, maxRequests: 1 },
    ]);
    for (let i = 0; i < 8; i++) host.arrive();
    expect(host.placements.every((p) => p.endpoint === 0)).toBe(true);
    expect(host.placements.filter((p) => p.decodeAt === 1)).toHaveLength(6);
  });

  test("links of less than a twentieth of the flow are not used", () => {
    const host = started("helix", [
      { stepSeconds: 0.001, maxRequests: 1, prefillSecondsPerToken: 1e-12 },
      { stepSeconds: 0.03, maxRequests: 1, prefillSecondsPerToken: 1e-12 },
    ]);
    for (let i = 0; i < 60; i++) host.arrive({ promptTokens: 1 });
    expect(host.placements.every((p) => p.endpoint === 0)).toBe(true);
  });

  test("weak links to the large model are used by what needs it, and by nothing else", () => {
    const engine = { maxRequests: 1, prefillSecondsPerToken: 1e-12 };
    const host = started("helix", [
      { ...engine, stepSeconds: 0.001, large: false, model: 1 },
      { ...engine, stepSeconds: 0.04 },
      { ...engine, stepSeconds: 0.04 },
    ]);
    for (let i = 0; i < 60; i++) host.arrive({ promptTokens: 1, needsLarge: i % 10 === 0 });
    const counts = [0, 1, 2].map((e) => host.placements.filter((p) => p.endpoint === e).length);
    expect(counts).toEqual([54, 3, 3]);
  });

  test("an endpoint that would be filled above the mark is passed over; where all are, the request waits", () => {
    const host = started("helix", [{}, {}]);
    host.world.telemetry.outstanding.set([5, 5]);
    host.world.telemetry.outstandingTokens.set([900_000, 0]);
    host.arrive({ promptTokens: 100 });
    expect(host.placements.map((p) => p.endpoint)).toEqual([1]);
    host.world.telemetry.outstandingTokens.set([900_000, 900_000]);
    host.arrive({ promptTokens: 100 });
    expect(host.placements).toHaveLength(1);
    host.world.telemetry.outstandingTokens.set([0, 900_000]);
    host.advance(0.1);
    expect(host.placements.map((p) => p.endpoint)).toEqual([1, 0]);
  });
});

test.each(["splitwise", "helix"])(
  "%s finishes what comes through prefill and decode, and a lost endpoint",
  (id) => {
    const endpoints = [0, 1].flatMap((region) => [
      { region, role: "prefill" as const },
      { region, role: "prefill" as const },
      { region, role: "decode" as const },
      { region, role: "mixed" as const },
    ]);
    const rows = Array.from({ length: 400 }, (_, i) => ({
      arrival: i / 100,
      prompt: 1 + ((i * 53) % 300),
      output: 1 + ((i * 29) % 40),
    }));
    const { sink, totals } = runParts(simulate, {
      endpoints,
      regions: [{}, {}],
      rows,
      router: createRouter(findRouter(id), {}, "test").router as Router,
      faults: [
        { atSeconds: 1, endpoint: 2, kind: "down" },
        { atSeconds: 2, endpoint: 0, kind: "down" },
        { atSeconds: 3, endpoint: 2, kind: "up" },
      ],
    });
    expect(totals.finished).toBe(400);
    expect(new Set(sink.rows.map((row) => row.endpoint)).size).toBeGreaterThan(2);
    const worked = (role: string) =>
      totals.endpoints.filter((e, i) => endpoints[i].role === role && e.iterations > 0);
    expect([worked("prefill").length, worked("decode").length]).toEqual([4, 2]);
  },
);
