/** When the router hears that an endpoint at its cap has room again, and that it hears nothing else. */
import { describe, expect, it } from "vitest";
import { simulate } from "../../src/simulator/simulate.ts";
import { affineLaw, type EndpointParts, routerOf, runParts, type TraceRow } from "../oracle/build.ts";

/** Prefill takes 1/16 s, a decode step 1/8 s, whatever is in it. */
const law = affineLaw({
  baseSeconds: 1 / 16,
  perPromptTokenSeconds: 0,
  perSequenceSeconds: 1 / 16,
  perContextTokenSeconds: 0,
});

interface Call {
  readonly endpoint: number;
  readonly atSeconds: number;
}

/** Watches from the start; places everything at endpoint 0, to be decoded at endpoint 1 if that decodes. */
function callsOf(endpoints: readonly EndpointParts[], latencySeconds: number, rows: TraceRow[]): Call[] {
  const calls: Call[] = [];
  const decodeAt = endpoints.length > 1 ? 1 : -1;
  const router = routerOf((gateway) => ({
    start: () => gateway.host.watchCapacity(true),
    arrival(request) {
      expect(gateway.host.place(request, 0, decodeAt)).toBe(true);
    },
    capacity: (endpoint) => calls.push({ endpoint, atSeconds: gateway.host.now }),
  }));
  const split = endpoints.map((endpoint) => ({ law, ...endpoint }));
  runParts(simulate, {
    endpoints: split,
    kvTransfer: { bytesPerSecond: 1e15, latencySeconds },
    rows,
    router,
  });
  return calls;
}

const split = (maxOutstanding: number): EndpointParts[] => [
  { role: "prefill", kvBytesPerToken: 0 },
  { role: "decode", maxOutstanding },
];

describe("capacity", () => {
  it("is told at the batch end at which an endpoint stops being at its cap", () => {
    const rows = [
      { arrival: 0, prompt: 10, output: 2 },
      { arrival: 0, prompt: 10, output: 3 },
    ];
    expect(callsOf([{ maxOutstanding: 2 }], 0, rows)).toEqual([
      { endpoint: 0, atSeconds: 1 / 16 + 1 / 8 + 1 / 16 },
    ]);
  });

  it("a request on its way as KV fills a decode endpoint, which has room again when another ends", () => {
    const rows = [
      { arrival: 0, prompt: 10, output: 4 },
      { arrival: 1.25, prompt: 10, output: 2 },
    ];
    // The first decodes from 1 1/16 s for three steps; the second is on its way from 1 5/16 s to 2 5/16 s.
    expect(callsOf(split(2), 1, rows)).toEqual([{ endpoint: 1, atSeconds: 1 + 7 / 16 }]);
  });

  it("a request that comes as KV after another ended never filled a decode endpoint for two", () => {
    const rows = [
      { arrival: 0, prompt: 10, output: 4 },
      { arrival: 1.25, prompt: 10, output: 2 },
      { arrival: 9, prompt: 10, output: 1 },
    ];
    expect(callsOf(split(2), 0, rows)).toEqual([]);
  });

  it("what happened before anybody watched is no news", () => {
    const calls: Call[] = [];
    const router = routerOf((gateway) => ({
      start: () => gateway.host.at(1, 2),
      timer: () => gateway.host.watchCapacity(true),
      capacity: (endpoint) => calls.push({ endpoint, atSeconds: gateway.host.now }),
    }));
    const rows = [0, 4].map((arrival) => ({ arrival, prompt: 10, output: 1 }));
    runParts(simulate, { endpoints: [{ law, maxOutstanding: 1 }], rows, router });
    expect(calls).toEqual([{ endpoint: 0, atSeconds: 4 + 1 / 16 }]);
  });
});
