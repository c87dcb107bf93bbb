/**
 * Hand-computed runs of what the router is called for and may do: order of calls, timers, capacity, holding,
 * taking requests back. Milliseconds of T = 5 + 0.05 P + 0.2 D + 0.0005 K.
 */
import { describe, expect, test } from "vitest";
import { replayRouter, routerOf, runParts, type Simulate } from "./build.ts";

const one = { arrival: 0, prompt: 100, output: 3 };
const ONE_SECONDS = 0.0205015;
const DIGITS = 12;

export function describeControlFacts(name: string, simulate: Simulate): void {
  describe(`order of calls: ${name}`, () => {
    test("completions, fleet, signals, timers by id, arrivals", () => {
      const calls: string[] = [];
      runParts(simulate, {
        // The first request ends at 10 ms, when everything else happens too.
        rows: [
          { arrival: 0, prompt: 100, output: 1 },
          { arrival: 0.01, prompt: 7, output: 1 },
          { arrival: 0.01, prompt: 8, output: 1 },
        ],
        regions: [{}, {}],
        faults: [{ atSeconds: 0.01, endpoint: 0, kind: "slow", timeFactor: 1 }],
        signalIntervalSeconds: 0.01,
        telemetryIntervalSeconds: 0,
        router: routerOf((gateway) => {
          const log = (call: string) => calls.push(call);
          return {
            needs: { telemetry: true, completions: true },
            start(_, host) {
              host.at(5, 0.01);
              host.every(3, 0.01);
              log("start");
            },
            arrival(request) {
              log(`arrival of ${gateway.world.requests.promptTokens[request]}`);
              gateway.host.place(request, 0);
            },
            timer: (id) => log(`timer ${id}`),
            signal: (region) => log(`signal ${region}`),
            fleet: (_, change) => log(change),
            completion: () => log(`completion at ${gateway.world.completed.finishedAtSeconds}`),
          };
        }),
      });
      expect(calls.slice(0, 4)).toEqual(["start", "signal 0", "signal 1", "arrival of 100"]);
      expect(calls.slice(4, 12)).toEqual([
        "completion at 0.01",
        "slow",
        "signal 0",
        "signal 1",
        "timer 3",
        "timer 5",
        "arrival of 7",
        "arrival of 8",
      ]);
    });

    test("requests that arrive together come in order of the workload, and share the next batch", () => {
      const order: number[] = [];
      const { sink } = runParts(simulate, {
        rows: [30, 10, 20].map((prompt) => ({ arrival: 1, prompt, output: 1 })),
        router: routerOf((gateway) => ({
          arrival(request) {
            order.push(gateway.world.requests.promptTokens[request]);
            gateway.host.place(request, 0);
          },
        })),
      });
      expect(order).toEqual([30, 10, 20]);
      expect(sink.row(1).finishedSeconds).toBeCloseTo(1.008, DIGITS);
    });

    test("timers fire at multiples of their interval, some only while something is held", () => {
      const calls: string[] = [];
      runParts(simulate, {
        rows: [{ arrival: 0.3, prompt: 100, output: 1 }],
        router: routerOf((gateway) => {
          let held = -1;
          return {
            start(_, host) {
              host.every(1, 0.25);
              host.every(2, 0.125, true);
              host.at(3, 0.4);
            },
            arrival(request) {
              held = request;
            },
            timer(id) {
              calls.push(`${id} at ${gateway.host.now}`);
              if (gateway.host.now === 0.5 && id === 2) gateway.host.place(held, 0);
            },
          };
        }),
      });
      expect(calls).toEqual(["1 at 0.25", "2 at 0.375", "3 at 0.4", "1 at 0.5", "2 at 0.5"]);
    });
  });

  describe(`capacity and holding: ${name}`, () => {
    test("an endpoint at its cap refuses, and says when it has room", () => {
      const { sink, totals } = runParts(simulate, {
        endpoints: [{ maxOutstanding: 1 }],
        rows: [0, 0.001, 0.002].map((arrival) => ({ arrival, prompt: 100, output: 1 })),
        router: replayRouter(),
      });
      expect([0, 1, 2].map((r) => sink.row(r).dispatchedSeconds)).toEqual([
        0,
        sink.row(0).finishedSeconds,
        sink.row(1).finishedSeconds,
      ]);
      expect(sink.row(2).finishedSeconds).toBeCloseTo(0.03, DIGITS);
      expect(totals.endpoints[0].placed).toBe(3);
    });

    test("what is held on purpose is counted", () => {
      const { sink, totals } = runParts(simulate, {
        rows: [
          { arrival: 0.5, prompt: 100, output: 1 },
          { arrival: 0.75, prompt: 100, output: 1 },
        ],
        router: routerOf((gateway) => {
          let held = -1;
          return {
            arrival(request) {
              if (gateway.host.now === 0.75) {
                gateway.host.place(request, 0);
                return;
              }
              held = request;
              gateway.host.hold(request);
              gateway.host.at(1, 2);
            },
            timer: () => gateway.host.place(held, 0),
          };
        }),
      });
      expect(sink.row(0)).toMatchObject({ heldSeconds: 1.5, dispatchedSeconds: 2, startedSeconds: 2 });
      expect(sink.row(0).ttftSeconds).toBeCloseTo(1.51, DIGITS);
      expect(sink.row(1).heldSeconds).toBe(0);
      expect(totals.deferred).toBe(1);
    });

    test("a deliberate wait that is released goes on as a wait for room", () => {
      const met: boolean[] = [];
      const { sink, totals } = runParts(simulate, {
        rows: [{ arrival: 0.5, prompt: 100, output: 1 }],
        trace: { tiers: [{ name: "late", sloSeconds: 0.3, deferrable: true, deferralSeconds: 2 }] },
        clock: "dispatch",
        router: routerOf((gateway) => {
          let held = -1;
          return {
            needs: { completions: true },
            arrival(request) {
              held = request;
              gateway.host.release(request);
              gateway.host.hold(request);
              for (const [id, atSeconds] of [1.5, 2, 2.5, 2.75].entries()) gateway.host.at(id, atSeconds);
            },
            timer(id) {
              if (id === 3) gateway.host.place(held, 0);
              else if (id === 1) gateway.host.hold(held);
              else gateway.host.release(held);
            },
            completion: () => met.push(gateway.world.completed.sloMet),
          };
        }),
      });
      // Held from 0.5 to 1.5 and from 2 to 2.5; first token 10 ms after 2.75, which is 0.76 s of other waiting.
      expect(sink.row(0)).toMatchObject({ heldSeconds: 1.5, dispatchedSeconds: 2.75 });
      expect(sink.row(0).ttftSeconds).toBeCloseTo(2.26, DIGITS);
      expect(totals.deferred).toBe(1);
      expect(met).toEqual([false]);
    });

    test.each([
      ["arrival", 2, true, false],
      ["dispatch", 2, true, true],
      ["dispatch", 1.4, true, false],
      ["dispatch", 2, false, false],
    ] as const)(
      "on the %s clock with %f s allowed (%s), the objective is met: %s",
      (clock, deferralSeconds, deferrable, expected) => {
        const met: boolean[] = [];
        runParts(simulate, {
          rows: [{ arrival: 0.5, prompt: 100, output: 1 }],
          trace: { tiers: [{ name: "late", sloSeconds: 0.3, deferrable, deferralSeconds }] },
          clock,
          router: routerOf((gateway) => {
            let held = -1;
            return {
              needs: { completions: true },
              arrival(request) {
                held = request;
                gateway.host.hold(request);
                gateway.host.at(1, 2);
              },
              timer: () => gateway.host.place(held, 0),
              completion: () => met.push(gateway.world.completed.sloMet),
            };
          }),
        });
        expect(met).toEqual([expected]);
      },
    );

    test("a router that holds for ever ends the run, its requests unfinished", () => {
      const holding = { arrival: () => undefined };
      const { sink, totals } = runParts(simulate, { rows: [one], router: routerOf(() => holding) });
      expect(totals).toMatchObject({ finished: 0, unfinished: 1 });
      expect(sink.row(0)).toMatchObject({ status: "unfinished", endpoint: -1, producedTokens: 0 });
      let days = 0;
      const waiting = routerOf(() => ({
        ...holding,
        start: (_, host) => host.every(1, 86400),
        timer() {
          days++;
        },
      }));
      expect(runParts(simulate, { rows: [one], router: waiting }).totals.unfinished).toBe(1);
      expect(days).toBe(7);
    });
  });

  describe(`taking requests back: ${name}`, () => {
    /** Takes the request that arrived as number `taken` back at `atSeconds` and places it again at once. */
    function taking(taken: number, atSeconds: number, log: unknown[]) {
      const arrived: number[] = [];
      return routerOf((gateway) => ({
        start: (_, host) => host.at(1, atSeconds),
        arrival(request) {
          arrived.push(request);
          gateway.host.place(request, 0);
        },
        timer: () => gateway.host.preempt(arrived[taken]),
        returned(request, reason) {
          expect(request).toBe(arrived[taken]);
          log.push([gateway.host.now, reason, gateway.world.requests.producedTokens[request]]);
          gateway.host.place(request, 0);
        },
      }));
    }

    test("a running request leaves at the end of the batch, with its outputs", () => {
      const log: unknown[] = [];
      const { sink, totals } = runParts(simulate, { rows: [one], router: taking(0, 0.012, log) });
      const left = 0.01 + 0.0052505;
      expect(log).toEqual([[expect.closeTo(left, DIGITS), "preempted", 2]]);
      // P 102 yields the third token.
      expect(sink.row(0).finishedSeconds).toBeCloseTo(left + 0.0101, DIGITS);
      expect(sink.row(0).preemptions).toBe(1);
      expect(totals.endpoints[0]).toMatchObject({ placed: 2, preemptions: 1, promptTokens: 100 });
    });

    test("unless it finishes there", () => {
      const log: unknown[] = [];
      const { sink } = runParts(simulate, { rows: [one], router: taking(0, 0.016, log) });
      expect(log).toEqual([]);
      expect(sink.row(0)).toMatchObject({ status: "finished", preemptions: 0 });
      expect(sink.row(0).finishedSeconds).toBeCloseTo(ONE_SECONDS, DIGITS);
    });

    test("a waiting request leaves at once, and not as a preemption", () => {
      const log: unknown[] = [];
      const { sink } = runParts(simulate, {
        endpoints: [{ batching: { maxRequests: 1 } }],
        rows: [0, 0.001, 0.002].map((arrival) => ({ arrival, prompt: 100, output: 1 })),
        router: taking(1, 0.005, log),
      });
      expect(log).toEqual([[0.005, "preempted", 0]]);
      // It is last in the queue now.
      expect(sink.row(2).finishedSeconds).toBeCloseTo(0.02, DIGITS);
      expect(sink.row(1).finishedSeconds).toBeCloseTo(0.03, DIGITS);
      expect(sink.row(1)).toMatchObject({ preemptions: 0, dispatchedSeconds: 0.001 });
    });

    test("so does a request in flight", () => {
      const log: unknown[] = [];
      const { sink } = runParts(simulate, {
        endpoints: [{ roundTripSeconds: 0.1 }],
        rows: [{ arrival: 0, prompt: 100, output: 1 }],
        router: taking(0, 0.03, log),
      });
      expect(log).toEqual([[0.03, "preempted", 0]]);
      expect(sink.row(0).startedSeconds).toBeCloseTo(0.08, DIGITS);
    });

    test("one that runs leaves at once between two batches", () => {
      const log: unknown[] = [];
      const { sink } = runParts(simulate, { rows: [one], router: taking(0, 0.01, log) });
      expect(log).toEqual([[0.01, "preempted", 1]]);
      // P 101; D 1, K 102.
      expect(sink.row(0).finishedSeconds).toBeCloseTo(0.01 + 0.01005 + 0.005251, DIGITS);
      expect(sink.row(0).preemptions).toBe(1);
    });
  });

  test(`an endpoint comes up with the replicas ordered meanwhile: ${name}`, () => {
    const replicas: number[][] = [];
    const { totals } = runParts(simulate, {
      endpoints: [{ replicas: 1, maxReplicas: 3, startupSeconds: 5 }],
      rows: [{ arrival: 3, prompt: 100, output: 1 }],
      faults: [
        { atSeconds: 1, endpoint: 0, kind: "down" },
        { atSeconds: 2, endpoint: 0, kind: "up" },
      ],
      router: routerOf((gateway) => ({
        start: (_, host) => host.at(1, 1.5),
        timer: () => gateway.host.setReplicas(0, 2),
        fleet(_, change) {
          replicas.push([gateway.host.now, gateway.world.telemetry.replicas[0]]);
          expect(change).toBe(replicas.length === 1 ? "down" : "up");
        },
      })),
    });
    expect(replicas).toEqual([
      [1, 0],
      [2, 2],
    ]);
    // One until 1 s, two from 2 s to the end at 3.01 s.
    expect(totals.endpoints[0].upSeconds).toBeCloseTo(1 + 2 * 1.01, DIGITS);
  });

  test(`reasons and scores are kept when asked: ${name}`, () => {
    const router = () =>
      routerOf((gateway) => ({
        arrival(request) {
          gateway.host.place(request, 0);
          gateway.host.explain(request, "the only one", Float64Array.of(0.5));
        },
      }));
    const { totals } = runParts(simulate, { rows: [one], explain: true, router: router() });
    expect(totals.explanations).toEqual([
      { id: 0, atSeconds: 0, endpoint: 0, reason: "the only one", scores: [0.5] },
    ]);
    expect(runParts(simulate, { rows: [one], router: router() }).totals.explanations).toEqual([]);
  });
}
