/**
 * Hand-computed runs of the way to a replica and of what befalls it: network, sessions, balancers, prefix
 * reuse, split placement, lengths, faults and scaling. Milliseconds of T = 5 + 0.05 P + 0.2 D + 0.0005 K.
 */
import { describe, expect, test } from "vitest";
import type { Router } from "../../src/routers/contract.ts";
import { type Gateway, routerOf, runParts, type Simulate } from "./build.ts";

/** Outputs 3 of a prompt of 100, alone: 10, 5.2505 and 5.251 ms. */
const one = { arrival: 0, prompt: 100, output: 3 };
const ONE_SECONDS = 0.0205015;
const DIGITS = 12;

/** Prefill at endpoint 0, decode at endpoint 1. */
function splitRouter(): Router {
  return routerOf((gateway: Gateway) => ({
    arrival: (request) => gateway.host.place(request, 0, 1),
    returned: (request) => gateway.host.place(request, 0, 1),
  }));
}

const split = [{ role: "prefill" }, { role: "decode", maxReplicas: 2 }] as const;

export function describeServingFacts(name: string, simulate: Simulate): void {
  describe(`network and sessions: ${name}`, () => {
    test("the user sees half the round trip before and half after", () => {
      const { sink } = runParts(simulate, { endpoints: [{ roundTripSeconds: 0.1 }], rows: [one] });
      const row = sink.row(0);
      expect(row.dispatchedSeconds).toBe(0);
      expect(row.startedSeconds).toBe(0.05);
      expect(row.firstTokenSeconds).toBeCloseTo(0.06, DIGITS);
      expect(row.ttftSeconds).toBeCloseTo(0.11, DIGITS);
      expect(row.e2eSeconds).toBeCloseTo(ONE_SECONDS + 0.1, DIGITS);
    });

    test("the next step arrives after the last token, its way back and the think time", () => {
      const { sink } = runParts(simulate, {
        endpoints: [{ roundTripSeconds: 0.1 }],
        rows: [
          { ...one, session: 4 },
          { prompt: 100, output: 3, session: 4, step: 1, think: 2 },
        ],
      });
      const arrival = 0.05 + ONE_SECONDS + 0.05 + 2;
      expect(sink.row(1).arrivalSeconds).toBeCloseTo(arrival, DIGITS);
      expect(sink.row(1).deadlineSeconds).toBeCloseTo(arrival + 10, DIGITS);
      expect(sink.row(1).finishedSeconds).toBeCloseTo(arrival + 0.05 + ONE_SECONDS, DIGITS);
    });

    test("with a step go the steps after it", () => {
      const { sink, totals } = runParts(simulate, {
        rows: [
          { ...one, session: 4 },
          { prompt: 100, output: 3, session: 4, step: 1 },
          { prompt: 100, output: 3, session: 4, step: 2 },
          one,
        ],
        router: routerOf((gateway) => ({
          arrival(request) {
            const { step, session } = gateway.world.requests;
            if (step[request] === 1) gateway.host.reject(request, "no");
            else expect(gateway.host.place(request, 0)).toBe(true);
            expect(session[request]).toBeLessThan(5);
          },
        })),
      });
      expect([0, 1, 2, 3].map((r) => sink.row(r).status)).toEqual([
        "finished",
        "rejected",
        "rejected",
        "finished",
      ]);
      expect(sink.row(1).reason).toBe("no");
      expect(sink.row(2).reason).toBe("earlier step of the session rejected");
      expect(sink.row(2).arrivalSeconds).toBeNaN();
      expect(totals).toMatchObject({ finished: 2, rejected: 2, unfinished: 0, requests: 4 });
    });
  });

  describe(`local balancers: ${name}`, () => {
    const rows = [
      { arrival: 0, prompt: 100, output: 1 },
      { arrival: 0, prompt: 50, output: 20 },
      { arrival: 0, prompt: 10, output: 1 },
    ];
    const endMs = (
      localBalancer: "outstanding-tokens" | "round-robin" | "shared-queue",
      maxRequests: number,
    ) =>
      runParts(simulate, {
        endpoints: [{ replicas: 2, localBalancer, batching: { maxRequests } }],
        rows,
      }).sink.row(2).finishedSeconds * 1000;

    test("fewest outstanding tokens: the third joins the second", () => {
      // P 60.
      expect(endMs("outstanding-tokens", 64)).toBeCloseTo(8, 9);
    });

    test("fewest outstanding tokens looks at tokens, not at room", () => {
      // P 50; 19 decodes of K 51 to 69; P 10.
      expect(endMs("outstanding-tokens", 1)).toBeCloseTo(7.5 + 19 * 5.2 + 0.0005 * 1140 + 5.5, 9);
    });

    test("round robin: the third joins the first", () => {
      // P 110.
      expect(endMs("round-robin", 64)).toBeCloseTo(10.5, 9);
    });

    test("the shared queue hands out where there is room first", () => {
      expect(endMs("shared-queue", 1)).toBeCloseTo(10 + 5.5, 9);
    });
  });

  describe(`prefix reuse: ${name}`, () => {
    const rows = [
      { arrival: 0, prompt: 32, output: 17, session: 1 },
      { prompt: 60, output: 1, session: 1, step: 1, think: 0.005, prefix: 49 },
    ];
    /** P 32; decodes of K 33 to 48. */
    const FIRST_SECONDS = 0.0066 + 16 * 0.0052 + 0.0000005 * 648;

    test("full blocks of the last step are not computed again", () => {
      const reuse = runParts(simulate, { endpoints: [{ batching: { prefixReuse: true } }], rows });
      // Three blocks of 16 cached: P 12.
      expect(reuse.sink.row(0).finishedSeconds).toBeCloseTo(FIRST_SECONDS, DIGITS);
      expect(reuse.sink.row(1).ttftSeconds).toBeCloseTo(0.0056, DIGITS);
      expect(reuse.totals.endpoints[0].promptTokens).toBe(32 + 60);
      const plain = runParts(simulate, { rows });
      expect(plain.sink.row(1).ttftSeconds).toBeCloseTo(0.008, DIGITS);
    });

    test("at least one token of a prompt is computed", () => {
      const { sink } = runParts(simulate, {
        endpoints: [{ batching: { prefixReuse: true } }],
        rows: [rows[0], { ...rows[1], prompt: 48, prefix: 48 }],
      });
      // floor(47 / 16) blocks: P 16.
      expect(sink.row(1).ttftSeconds).toBeCloseTo(0.0058, DIGITS);
    });

    test("cached blocks are free to others", () => {
      const between = { arrival: FIRST_SECONDS + 0.001, prompt: 96, output: 1 };
      const { sink } = runParts(simulate, {
        endpoints: [{ batching: { prefixReuse: true, kvBlocks: 8 } }],
        rows: [...rows, between],
      });
      // P 96 takes six of eight blocks: the three cached ones are dropped, whole; then P 60.
      const end = between.arrival + 0.0098;
      expect(sink.row(2).finishedSeconds).toBeCloseTo(end, DIGITS);
      expect(sink.row(1).finishedSeconds).toBeCloseTo(end + 0.008, DIGITS);
    });

    test("a session goes to the replica that caches it, loaded or not", () => {
      const other = { arrival: 0.095, prompt: 200, output: 1 };
      const { sink } = runParts(simulate, {
        endpoints: [{ replicas: 2, batching: { prefixReuse: true } }],
        rows: [...rows, other],
      });
      expect(sink.row(1).finishedSeconds).toBeCloseTo(0.095 + 0.015 + 0.0056, DIGITS);
    });
  });

  describe(`split placement: ${name}`, () => {
    test("prompt there, KV on its way, decode here", () => {
      const { sink, totals } = runParts(simulate, {
        endpoints: split,
        kvTransfer: { bytesPerSecond: 1e9, latencySeconds: 0.002 },
        rows: [one],
        router: splitRouter(),
      });
      const row = sink.row(0);
      expect(row.firstTokenSeconds).toBeCloseTo(0.01, DIGITS);
      // 100 tokens of 1e5 bytes: 10 ms.
      expect(row.finishedSeconds).toBeCloseTo(0.01 + 0.002 + 0.01 + 0.0052505 + 0.005251, DIGITS);
      expect(row.endpoint).toBe(1);
      expect(sink.placements).toEqual([{ id: 0, endpoint: 0, atSeconds: 0 }]);
      expect(totals.endpoints.map((e) => e.iterations)).toEqual([1, 2]);
      expect(totals.endpoints.map((e) => e.finished)).toEqual([0, 1]);
    });

    test("a request of one output ends at the prefill endpoint", () => {
      const { sink } = runParts(simulate, {
        endpoints: split,
        rows: [{ ...one, output: 1 }],
        router: splitRouter(),
      });
      expect(sink.row(0)).toMatchObject({ endpoint: 0, status: "finished", finishedSeconds: 0.01 });
    });

    test("a prefill batch takes whole prompts up to the budget", () => {
      const { sink } = runParts(simulate, {
        endpoints: split,
        rows: [200, 300, 300, 900].map((prompt) => ({ arrival: 0, prompt, output: 1 })),
        router: splitRouter(),
      });
      // P 500; P 300; P 900.
      const ends = [0, 1, 2, 3].map((r) => sink.row(r).finishedSeconds * 1000);
      [30, 30, 50, 100].forEach((end, r) => {
        expect(ends[r]).toBeCloseTo(end, 9);
      });
    });

    test("a decode endpoint that goes down sends the KV on its way back, outputs kept", () => {
      const { sink } = runParts(simulate, {
        endpoints: split,
        kvTransfer: { bytesPerSecond: 1e9, latencySeconds: 0.002 },
        faults: [
          { atSeconds: 0.015, endpoint: 1, kind: "down" },
          { atSeconds: 0.015, endpoint: 1, kind: "up" },
        ],
        rows: [one],
        router: routerOf((gateway) => {
          let lost = -1;
          return {
            arrival: (request) => gateway.host.place(request, 0, 1),
            returned(request, reason) {
              expect(reason).toBe("lost");
              expect(gateway.world.requests.producedTokens[request]).toBe(1);
              expect(gateway.host.place(request, 0, 1)).toBe(false);
              lost = request;
            },
            fleet(_, change) {
              if (change === "up") gateway.host.place(lost, 0, 1);
            },
          };
        }),
      });
      // P 101 yields the second token: 10.05 ms; KV of 101 tokens; D 1, K 102.
      const row = sink.row(0);
      expect(row.firstTokenSeconds).toBeCloseTo(0.01, DIGITS);
      expect(row.finishedSeconds).toBeCloseTo(0.015 + 0.01005 + 0.002 + 0.0101 + 0.005251, DIGITS);
      expect(row.preemptions).toBe(0);
    });
  });

  describe(`lengths: ${name}`, () => {
    test("a prompt is cut to leave room for one output", () => {
      const { sink, totals } = runParts(simulate, {
        endpoints: [{ maxModelTokens: 100 }],
        rows: [
          { arrival: 0, prompt: 150, output: 10 },
          { arrival: 1, prompt: 95, output: 10 },
          { arrival: 2, prompt: 90, output: 10 },
        ],
      });
      const lengths = [0, 1, 2].map((r) => [sink.row(r).promptTokens, sink.row(r).outputTokens]);
      expect(lengths).toEqual([
        [99, 1],
        [95, 5],
        [90, 10],
      ]);
      expect(totals.truncated).toBe(2);
    });

    test("the memory of a replica bounds lengths like the model", () => {
      const { sink } = runParts(simulate, {
        endpoints: [{ batching: { kvBlocks: 4 } }],
        rows: [{ arrival: 0, prompt: 60, output: 10 }],
      });
      expect(sink.row(0)).toMatchObject({ status: "finished", producedTokens: 4 });
    });

    test("or it is refused", () => {
      const { totals } = runParts(simulate, {
        endpoints: [{ maxModelTokens: 100, overlong: "reject" }],
        rows: [
          { arrival: 0, prompt: 95, output: 6 },
          { arrival: 0, prompt: 95, output: 5 },
        ],
      });
      expect(totals).toMatchObject({ rejected: 1, finished: 1, truncated: 0 });
    });

    test.each([
      ["vllm-v1", 64, 1, {}, "finished"],
      ["sarathi", 60, 2, {}, "rejected"],
      ["sarathi", 60, 1, {}, "finished"],
      ["vllm-v0", 48, 2, {}, "finished"],
      ["mixed", 48, 3, {}, "rejected"],
      ["static", 46, 3, {}, "finished"],
      ["sarathi", 20, 5, { watermarkFraction: 0.5 }, "finished"],
      ["sarathi", 40, 1, { watermarkFraction: 0.5 }, "rejected"],
      ["vllm-v0", 41, 1, { paddedTokenLimit: 40 }, "rejected"],
      ["sarathi", 41, 1, { paddedTokenLimit: 40 }, "finished"],
    ] as const)(
      "%s: prompt %i, outputs %i, four blocks of 16, %j: %s",
      (policy, prompt, output, batching, status) => {
        const { sink } = runParts(simulate, {
          endpoints: [{ batching: { policy, kvBlocks: 4, ...batching } }],
          rows: [{ arrival: 0, prompt, output }],
        });
        // A prompt of 64 with one output is cut to 63; the rest needs no cut.
        expect(sink.row(0).status).toBe(status);
      },
    );

    test("a model that is not large refuses by failing the run", () => {
      const endpoints = [{ model: 1 }];
      expect(() => runParts(simulate, { endpoints, rows: [{ ...one, needsLarge: true }] })).toThrow();
      expect(runParts(simulate, { endpoints, rows: [one] }).totals.finished).toBe(1);
    });
  });
}
