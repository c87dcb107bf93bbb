/**
 * Hand-computed runs of what the router is told and may do: order of calls, telemetry, completions, signals,
 * timers, capacity, taking requests back, holding. Milliseconds of T = 5 + 0.05 P + 0.2 D + 0.0005 K.
 */
import { describe, expect, test } from "vitest";
import { replayRouter, routerOf, runParts, type Simulate, track } from "./build.ts";

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

  describe(`telemetry: ${name}`, () => {
    /** What the router sees as each request arrives; requests go to endpoint 0. */
    function seen(telemetryIntervalSeconds: number, arrivals: readonly number[]) {
      const views: Record<string, number>[] = [];
      let completions = 0;
      const { totals } = runParts(simulate, {
        rows: arrivals.map((arrival) => ({ arrival, prompt: 100, output: 3 })),
        telemetryIntervalSeconds,
        router: routerOf((gateway) => ({
          needs: { telemetry: true, completions: true },
          arrival(request) {
            const view = gateway.world.telemetry;
            views.push({
              takenAt: view.takenAtSeconds,
              running: view.running[0],
              waiting: view.waiting[0],
              outstanding: view.outstanding[0],
              queued: view.queuedPrefillTokens[0],
              tokens: view.outstandingTokens[0],
              context: view.contextTokens[0],
              decoding: view.decoding[0],
              kv: view.kvFraction[0],
              utilisation: view.utilisation[0],
              completions,
            });
            gateway.host.place(request, 0);
          },
          completion() {
            completions++;
          },
        })),
      });
      expect(completions).toBe(arrivals.length);
      return { views, totals };
    }
    const empty = {
      running: 0,
      waiting: 0,
      outstanding: 0,
      queued: 0,
      tokens: 0,
      context: 0,
      decoding: 0,
      kv: 0,
      utilisation: 0,
      completions: 0,
    };

    test("with interval 0 the state at the call", () => {
      const { views } = seen(0, [0, 0, 0.012, 0.1]);
      expect(views[0]).toEqual({ ...empty, takenAt: 0 });
      // Corrected by the placement of the first.
      const placed = { waiting: 1, outstanding: 1, queued: 100, tokens: 100 };
      expect(views[1]).toEqual({ ...empty, takenAt: 0, ...placed });
      // P 200 until 15 ms: both run, nothing computed yet, 7 + 7 blocks held.
      expect(views[2]).toEqual({
        ...empty,
        takenAt: 0.012,
        running: 2,
        outstanding: 2,
        queued: 200,
        tokens: 200,
        kv: 14 / 20000,
        utilisation: 2 / 64,
      });
      expect(views[3]).toEqual({ ...empty, takenAt: 0.1, completions: 3 });
    });

    test("decoding requests and their context", () => {
      const { views } = seen(0, [0, 0.012]);
      expect(views[1]).toEqual({
        ...empty,
        takenAt: 0.012,
        running: 1,
        outstanding: 1,
        tokens: 101,
        context: 101,
        decoding: 1,
        kv: 7 / 20000,
        utilisation: 1 / 64,
      });
    });

    test("with an interval the state at its last multiple, and completions up to then", () => {
      const { views, totals } = seen(0.015625, [0, 0.012, 0.020875, 0.046875]);
      expect(views[1]).toEqual({
        ...empty,
        takenAt: 0,
        waiting: 1,
        outstanding: 1,
        queued: 100,
        tokens: 100,
      });
      // At 15.625 ms: the first in its last decode step (it has 2 outputs, 102 tokens) with the second's prompt.
      expect(views[2]).toEqual({
        takenAt: 0.015625,
        running: 2,
        waiting: 0,
        outstanding: 2,
        queued: 100,
        tokens: 202,
        context: 102,
        decoding: 1,
        kv: 14 / 20000,
        utilisation: 2 / 64,
        completions: 0,
      });
      // D 1, K 102 with P 100 ends at 25.5015 ms: the first is done. Then D 1 with P 100, and D 2.
      expect(views[3].takenAt).toBe(0.046875);
      expect(views[3].completions).toBe(3);
      // At 0, 15.625 and 46.875 ms, and at the end.
      expect(totals.telemetrySnapshots).toBe(4);
    });

    test("the state at a multiple is that after the batch ends of that time", () => {
      // The first ends at 10 ms sharp, between two multiples the router hears nothing.
      const views: number[][] = [];
      runParts(simulate, {
        rows: [
          { arrival: 0, prompt: 100, output: 2 },
          { arrival: 0.0125, prompt: 100, output: 1 },
        ],
        telemetryIntervalSeconds: 0.01,
        router: routerOf((gateway) => ({
          needs: { telemetry: true },
          arrival(request) {
            const { decoding, kvFraction, takenAtSeconds } = gateway.world.telemetry;
            views.push([takenAtSeconds, decoding[0], kvFraction[0]]);
            gateway.host.place(request, 0);
          },
        })),
      });
      expect(views).toEqual([
        [0, 0, 0],
        [0.01, 1, 7 / 20000],
      ]);
    });

    test("completions say what the user saw", () => {
      const completed: unknown[] = [];
      const { sink } = runParts(simulate, {
        endpoints: [{ roundTripSeconds: 0.1 }],
        rows: [one],
        trace: { tiers: [{ name: "tight", sloSeconds: 0.1, deferrable: false }] },
        router: routerOf((gateway) => ({
          needs: { completions: true },
          completion: () => completed.push({ ...gateway.world.completed }),
        })),
      });
      const row = sink.row(0);
      expect(completed).toEqual([
        {
          endpoint: 0,
          ttftSeconds: row.ttftSeconds,
          e2eSeconds: row.e2eSeconds,
          finishedAtSeconds: row.finishedSeconds,
          promptTokens: 100,
          outputTokens: 3,
          energyJoules: row.energyJoules,
          costUsd: row.costUsd,
          carbonGrams: row.carbonGrams,
          sloMet: false,
        },
      ]);
    });

    test("signals are those of the last fetch, the future is known ahead", () => {
      const seenCarbon: number[][] = [];
      runParts(simulate, {
        regions: [
          {
            carbon: track([
              [0, 100],
              [7, 200],
              [15, 300],
            ]),
            energyPrice: track([
              [0, 0.1],
              [9, 0.2],
            ]),
          },
        ],
        signalIntervalSeconds: 5,
        rows: [1, 8, 11].map((arrival) => ({ arrival, prompt: 10, output: 1 })),
        router: routerOf((gateway) => ({
          arrival(request) {
            const { carbon, energyPrice, forecastCarbon } = gateway.world.signals;
            seenCarbon.push([carbon[0], energyPrice[0], forecastCarbon.call(gateway.world.signals, 0, 6)]);
            gateway.host.place(request, 0);
          },
        })),
      });
      expect(seenCarbon).toEqual([
        [100, 0.1, 200],
        [100, 0.1, 200],
        [200, 0.2, 300],
      ]);
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

  test(`reasons and scores are kept when asked: ${name}`, () => {
    const router = () =>
      routerOf((gateway) => ({
        arrival(request) {
          gateway.host.explain(request, "the only one", Float64Array.of(0.5));
          gateway.host.place(request, 0);
        },
      }));
    const { totals } = runParts(simulate, { rows: [one], explain: true, router: router() });
    expect(totals.explanations).toEqual([
      { id: 0, atSeconds: 0, endpoint: 0, reason: "the only one", scores: [0.5] },
    ]);
    expect(runParts(simulate, { rows: [one], router: router() }).totals.explanations).toEqual([]);
  });
}
