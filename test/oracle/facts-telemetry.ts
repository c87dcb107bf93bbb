/**
 * Hand-computed runs of what the router sees: telemetry, completions, signals. Milliseconds of
 * T = 5 + 0.05 P + 0.2 D + 0.0005 K.
 */
import { describe, expect, test } from "vitest";
import type { ClairvoyantWorld, World } from "../../src/routers/contract.ts";
import { routerOf, runParts, type Simulate, track } from "./build.ts";

export function describeTelemetryFacts(name: string, simulate: Simulate): void {
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
      const { views } = seen(0.015625, [0, 0.012, 0.020875, 0.046875]);
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

    test("and before the batch starts of that time", () => {
      const views: number[][] = [];
      runParts(simulate, {
        endpoints: [{ roundTripSeconds: 0.02 }],
        rows: [
          { arrival: 0, prompt: 100, output: 1 },
          { arrival: 0.0125, prompt: 100, output: 1 },
        ],
        telemetryIntervalSeconds: 0.01,
        router: routerOf((gateway) => ({
          needs: { telemetry: true },
          arrival(request) {
            const { running, waiting, kvFraction, takenAtSeconds } = gateway.world.telemetry;
            views.push([takenAtSeconds, running[0], waiting[0], kvFraction[0]]);
            gateway.host.place(request, 0);
          },
        })),
      });
      // The first reaches its replica at 10 ms and starts at once.
      expect(views[1]).toEqual([0.01, 0, 1, 0]);
    });

    test("completions say what the user saw", () => {
      const completed: unknown[] = [];
      const { sink } = runParts(simulate, {
        endpoints: [{ roundTripSeconds: 0.1 }],
        rows: [{ arrival: 0, prompt: 100, output: 3 }],
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
          correct: Number.NaN,
        },
      ]);
    });

    test("answers are right or wrong by request and model, and kept with what the router believed", () => {
      const asked: unknown[] = [];
      const completed: number[] = [];
      const { sink } = runParts(simulate, {
        endpoints: [{ model: 0 }, { model: 1 }],
        rows: [
          { arrival: 0, prompt: 10, output: 1, difficulty: -0.5, taskType: 1 },
          { arrival: 1, prompt: 10, output: 1, difficulty: 2 },
          { arrival: 2, prompt: 10, output: 1, difficulty: 2 },
        ],
        trace: { taskTypes: ["easy", "hard"] },
        clairvoyant: true,
        // The small model knows nothing; the large one whatever is not difficult.
        answers: {
          correct(id, difficulty, taskType, model) {
            asked.push([id, difficulty, taskType, model]);
            return model === 0 && difficulty < 1;
          },
        },
        router: routerOf((gateway) => ({
          needs: { completions: true },
          arrival(request) {
            const { hidden } = gateway.world as ClairvoyantWorld;
            const isKnown = hidden.correct(request, 0);
            gateway.host.predict(request, 0.1, 0.9, false);
            if (gateway.host.now < 2) gateway.host.predict(request, isKnown ? 0.75 : 0.25, 0.5, isKnown);
            gateway.host.place(request, isKnown ? 0 : 1);
          },
          completion: () => completed.push(gateway.world.completed.correct),
        })),
      });
      expect(asked).toEqual([
        [0, -0.5, 1, 0],
        [0, -0.5, 1, 0],
        [1, 2, 0, 0],
        [1, 2, 0, 1],
        [2, 2, 0, 0],
        [2, 2, 0, 1],
      ]);
      expect(completed).toEqual([1, 0, 0]);
      expect(sink.row(0)).toMatchObject({
        correct: 1,
        taskType: 1,
        predictedAccuracy: 0.75,
        accuracyFloor: 0.5,
        feasible: 1,
      });
      expect(sink.row(1)).toMatchObject({ correct: 0, predictedAccuracy: 0.25, feasible: 0 });
      expect(sink.row(2)).toMatchObject({ correct: 0, predictedAccuracy: 0.1, accuracyFloor: 0.9 });
    });

    test("without modelled answers nobody can ask for them", () => {
      const run = () =>
        runParts(simulate, {
          rows: [{ arrival: 0, prompt: 10, output: 1 }],
          clairvoyant: true,
          router: routerOf((gateway) => ({
            arrival: (request) => (gateway.world as ClairvoyantWorld).hidden.correct(request, 0),
          })),
        });
      expect(run).toThrow(/not modelled/);
    });

    test("the world names tenant, turns, models and the hour of the day", () => {
      const seenTenants: number[][] = [];
      let world: World | undefined;
      runParts(simulate, {
        rows: [
          { arrival: 0, prompt: 10, output: 1, tenant: 7, turns: 3 },
          { arrival: 1, prompt: 10, output: 1 },
        ],
        startHour: 13.25,
        router: routerOf((gateway) => ({
          arrival(request) {
            world = gateway.world;
            seenTenants.push([world.requests.tenant[request], world.requests.turns[request]]);
            gateway.host.place(request, 0);
          },
        })),
      });
      expect(seenTenants).toEqual([
        [7, 3],
        [-1, 1],
      ]);
      expect(world?.startHour).toBe(13.25);
      expect(world?.models).toEqual(["large", "small"]);
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
}
