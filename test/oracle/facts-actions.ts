/** What the router may not do, and what its actions leave in the records. */
import { describe, expect, test } from "vitest";
import type { RouterHost } from "../../src/routers/contract.ts";
import { type EndpointParts, factLaw, replayRouter, routerOf, runParts, type Simulate } from "./build.ts";

const one = { arrival: 0, prompt: 100, output: 3 };
const fleet: EndpointParts[] = [
  {},
  { role: "prefill" },
  { role: "decode" },
  { role: "decode", model: 1 },
  { role: "prefill", model: 1 },
];

export function describeActionFacts(name: string, simulate: Simulate): void {
  describe(`misuse ends the run: ${name}`, () => {
    const misuses: readonly [string, (host: RouterHost, request: number) => void][] = [
      ["a prefill endpoint alone", (host, request) => host.place(request, 1)],
      ["a decode endpoint alone", (host, request) => host.place(request, 2)],
      ["a decode endpoint that computes the prompt too", (host, request) => host.place(request, 2, 2)],
      ["a split whose decode endpoint cannot decode", (host, request) => host.place(request, 1, 0)],
      ["a split whose prefill endpoint is none", (host, request) => host.place(request, 0, 2)],
      ["a split over two models", (host, request) => host.place(request, 1, 3)],
      ["a decode endpoint that does not exist", (host, request) => host.place(request, 1, 9)],
      ["a decode endpoint of -2", (host, request) => host.place(request, 1, -2)],
      ["an endpoint that does not exist", (host, request) => host.place(request, 5)],
      ["an endpoint of NaN", (host, request) => host.place(request, Number.NaN)],
      ["no number of replicas", (host) => host.setReplicas(0, Number.NaN)],
      ["half a replica", (host) => host.setReplicas(0, 0.5)],
      ["replicas of no endpoint", (host) => host.setReplicas(-1, 1)],
      ["the power state of no endpoint", (host) => host.setPowerState(7, 0)],
      ["a power state that does not exist", (host) => host.setPowerState(0, 1)],
      ["a timer of a negative id", (host) => host.at(-1, 1)],
      ["a timer of a large id", (host) => host.every(2 ** 27, 1)],
      ["a timer of no id", (host) => host.at(Number.NaN, 1)],
      ["a timer of half an id", (host) => host.every(0.5, 1)],
      ["a timer in the past", (host) => host.at(1, -1)],
      ["a timer at no time", (host) => host.at(1, Number.NaN)],
      ["a timer without an interval", (host) => host.every(1, 0)],
      ["a request that does not exist", (host) => host.preempt(1e6)],
      ["a request placed twice", (host, request) => host.place(request, 0) && host.place(request, 0)],
      ["a request held while it is placed", (host, request) => host.place(request, 0) && host.hold(request)],
    ];
    test.each(misuses)("%s", (_, misuse) => {
      const router = routerOf((gateway) => ({ arrival: (request) => misuse(gateway.host, request) }));
      expect(() => runParts(simulate, { endpoints: fleet, rows: [one], router })).toThrow();
    });

    test.each([
      ["small prefill, small decode", 4, 3],
      ["small mixed", 5, -1],
    ])("a request that needs a large model on a small one: %s", (_, at, decodeAt) => {
      const endpoints = [...fleet, { model: 1 }];
      const place = (needsLarge: boolean) =>
        runParts(simulate, {
          endpoints,
          rows: [{ ...one, needsLarge }],
          router: routerOf((gateway) => ({
            arrival: (request) => gateway.host.place(request, at, decodeAt),
          })),
        });
      expect(place(false).totals.finished).toBe(1);
      expect(() => place(true)).toThrow();
    });
  });

  describe(`actions and records: ${name}`, () => {
    test("taking back what the router has, or what has ended, does nothing", () => {
      const { totals } = runParts(simulate, {
        rows: [one],
        router: routerOf((gateway) => {
          let request = -1;
          return {
            start: (_, host) => host.at(1, 0.001),
            arrival(arrived) {
              request = arrived;
              gateway.host.preempt(request);
            },
            timer() {
              gateway.host.place(request, 0);
            },
            returned: () => expect.unreachable(),
          };
        }),
      });
      expect(totals.finished).toBe(1);
    });

    test("an explanation given before the placement is of that placement", () => {
      const { totals } = runParts(simulate, {
        endpoints: [{}, {}],
        explain: true,
        rows: [one, one],
        router: routerOf((gateway) => {
          let first = true;
          return {
            arrival(request) {
              gateway.host.explain(request, "before");
              gateway.host.explain(request, "also before");
              if (first) gateway.host.place(request, 1);
              else gateway.host.reject(request, "no");
              if (first) gateway.host.explain(request, "after");
              first = false;
            },
          };
        }),
      });
      expect(totals.explanations.map(({ id, endpoint, reason }) => [id, endpoint, reason])).toEqual([
        [0, 1, "before"],
        [0, 1, "also before"],
        [0, 1, "after"],
        [1, -1, "before"],
        [1, -1, "also before"],
      ]);
    });

    test("a request that came back and is held counts as deferred; the time before its first dispatch is 0", () => {
      const { sink, totals } = runParts(simulate, {
        rows: [one],
        router: routerOf((gateway) => ({
          start: (_, host) => host.at(1, 0.001),
          timer(id) {
            if (id === 1) gateway.host.preempt(0);
            else gateway.host.place(0, 0);
          },
          returned(request) {
            gateway.host.hold(request);
            gateway.host.hold(request);
            gateway.host.at(2, 1);
          },
        })),
      });
      expect(totals.deferred).toBe(1);
      expect(sink.row(0).heldSeconds).toBe(0);
    });
  });

  describe(`split placements: ${name}`, () => {
    const split = (parts: readonly [EndpointParts, EndpointParts], log: unknown[]) =>
      runParts(simulate, {
        endpoints: [
          { role: "prefill", ...parts[0] },
          { role: "decode", ...parts[1] },
        ],
        kvTransfer: { latencySeconds: 0.001 },
        rows: [0, 0, 0, 1].map((arrival) => ({ arrival, prompt: 100, output: 3 })),
        router: routerOf((gateway) => {
          let queue: number[] = [];
          const placeAll = () => {
            queue = queue.filter((request) => {
              const placed = gateway.host.place(request, 0, 1);
              log.push([gateway.host.now, placed]);
              return !placed;
            });
          };
          return {
            start: (_, host) => host.watchCapacity(true),
            arrival(request) {
              queue.push(request);
              placeAll();
            },
            capacity(endpoint) {
              log.push(endpoint);
              placeAll();
            },
          };
        }),
      });

    test("the prefill endpoint's cap counts until the prompt is computed", () => {
      const log: unknown[] = [];
      const { totals } = split([{ maxOutstanding: 2 }, {}], log);
      // Two prompts of 100 tokens: 5 + 0.05 * 200 ms.
      const room = expect.closeTo(0.015, 12);
      expect(log.slice(0, 5)).toEqual([[0, true], [0, true], [0, false], 0, [room, true]]);
      expect(totals.finished).toBe(4);
    });

    test("the decode endpoint's cap refuses none of them", () => {
      const log: unknown[] = [];
      const { totals } = split([{}, { maxOutstanding: 1 }], log);
      expect(log.filter((entry) => Array.isArray(entry)).every((entry) => (entry as unknown[])[1])).toBe(
        true,
      );
      expect(totals.finished).toBe(4);
      expect(log).toContain(1);
    });

    test("the length is fitted to the decode endpoint, and to what the prefill endpoint's model takes", () => {
      const placed = (prefill: EndpointParts, decode: EndpointParts) => {
        const { sink } = runParts(simulate, {
          endpoints: [
            { role: "prefill", ...prefill },
            { role: "decode", ...decode },
          ],
          rows: [one],
          router: routerOf((gateway) => ({ arrival: (request) => gateway.host.place(request, 0, 1) })),
        });
        return [sink.row(0).status, sink.row(0).promptTokens, sink.row(0).outputTokens];
      };
      expect(placed({}, { maxModelTokens: 102 })).toEqual(["finished", 100, 2]);
      expect(placed({ maxModelTokens: 102 }, {})).toEqual(["finished", 100, 2]);
      expect(placed({ maxModelTokens: 90 }, {})).toEqual(["finished", 89, 1]);
      expect(placed({ batching: { kvBlocks: 6 } }, {})[0]).toBe("rejected");
    });
  });

  describe(`several things at one instant: ${name}`, () => {
    test("replicas that are ready together share what has waited", () => {
      const told: unknown[] = [];
      const { sink } = runParts(simulate, {
        endpoints: [{ replicas: 0, maxReplicas: 2, startupSeconds: 1 }],
        rows: [0, 0, 0, 0].map((arrival) => ({ arrival, prompt: 100, output: 1 })),
        router: routerOf((gateway) => ({
          start: (_, host) => host.setReplicas(0, 2),
          fleet: (_, change) => told.push([gateway.host.now, change, gateway.world.telemetry.replicas[0]]),
        })),
      });
      expect(told).toEqual([[1, "scaled", 2]]);
      // Two prompts each: 5 + 0.05 * 200 ms.
      for (const row of sink.rows) expect(row.finishedSeconds).toBeCloseTo(1.015, 12);
    });

    test("KV reaches its endpoint before the router acts at that instant", () => {
      // Both prompts end after 15 ms; 100 tokens of 1e5 bytes at 1e9 a second. Then one replica of two is drained.
      const at = factLaw.prefillSeconds(200) + (100 * 1e5) / 1e9;
      const { sink } = runParts(simulate, {
        endpoints: [{ role: "prefill" }, { role: "decode", replicas: 2 }],
        rows: [0, 0].map((arrival) => ({ arrival, prompt: 100, output: 3 })),
        router: routerOf((gateway) => ({
          start: (_, host) => host.at(1, at),
          arrival: (request) => gateway.host.place(request, 0, 1),
          timer: () => gateway.host.setReplicas(1, 1),
        })),
      });
      const alone = at + factLaw.decodeSeconds(1, 101) + factLaw.decodeSeconds(1, 102);
      for (const row of sink.rows) expect(row.finishedSeconds).toBeCloseTo(alone, 12);
    });

    test("at one instant the endpoint's index comes before the kind of the fleet event", () => {
      const told: unknown[] = [];
      runParts(simulate, {
        endpoints: [{ maxReplicas: 2, startupSeconds: 1 }, {}],
        faults: [{ atSeconds: 1, endpoint: 1, kind: "slow", timeFactor: 2 }],
        rows: [{ arrival: 2, prompt: 100, output: 1 }],
        router: routerOf(() => ({
          start: (_, host) => host.setReplicas(0, 2),
          fleet: (endpoint, change) => told.push([endpoint, change]),
        })),
      });
      expect(told).toEqual([
        [0, "scaled"],
        [1, "slow"],
      ]);
    });

    /** The request of endpoint 0, at its cap, ends at 10 ms; who begins to watch then hears of it or does not. */
    const watching = (from: "fleet" | "timer", earlier: "fleet" | "timer" | null) => {
      const calls: string[] = [];
      runParts(simulate, {
        endpoints: [{ maxOutstanding: 1 }, {}],
        faults: [...(from === "fleet" ? [0.01] : []), ...(earlier === "fleet" ? [0.009] : [])]
          .sort()
          .map((atSeconds) => ({ atSeconds, endpoint: 1, kind: "slow", timeFactor: 1 }) as const),
        rows: [0, 0].map((arrival) => ({ arrival, prompt: 100, output: 1 })),
        router: routerOf((gateway) => {
          const requests: number[] = [];
          const watch = () => gateway.host.now === 0.01 && gateway.host.watchCapacity(true);
          return {
            start(_, host) {
              if (from === "timer") host.at(1, 0.01);
              if (earlier === "timer") host.at(2, 0.009);
              host.at(3, 0.02);
            },
            arrival(request) {
              requests.push(request);
              if (requests.length === 1) gateway.host.place(request, 0);
            },
            fleet: watch,
            timer(id) {
              watch();
              if (id === 3) gateway.host.place(requests[1], 0);
            },
            capacity: (endpoint) => calls.push(`${endpoint} at ${gateway.host.now}`),
          };
        }),
      });
      return calls.filter((call) => call === "0 at 0.01");
    };
    test.each([null, "fleet", "timer"] as const)(
      "who begins to watch at a fleet event hears of the room of that instant (before it: %s)",
      (earlier) => expect(watching("fleet", earlier)).toEqual(["0 at 0.01"]),
    );
    test.each([null, "fleet", "timer"] as const)(
      "who begins to watch at a timer does not (before it: %s)",
      (earlier) => expect(watching("timer", earlier)).toEqual([]),
    );
  });

  test(`an endpoint of 5,000 replicas scales: ${name}`, () => {
    const told: number[] = [];
    const { totals } = runParts(simulate, {
      endpoints: [{}, { replicas: 0, maxReplicas: 5000, startupSeconds: 1, batching: { maxRequests: 1 } }],
      rows: [{ arrival: 2, prompt: 100, output: 1, endpoint: "e1" }],
      router: {
        ...replayRouter(),
        ...routerOf((gateway) => ({
          start: (_, host) => host.setReplicas(1, 5000),
          arrival: (request) => gateway.host.place(request, 1),
          fleet: (endpoint) => told.push(endpoint, gateway.world.telemetry.replicas[endpoint]),
        })),
      },
    });
    expect(told).toEqual([1, 5000]);
    expect(totals.endpoints[1].upSeconds).toBeCloseTo(5000 * 2.01, 6);
  });
}
