/**
 * Hand-computed energy, carbon and cost, and what faults, scaling and power states do to them. Milliseconds
 * of T = 5 + 0.05 P + 0.2 D + 0.0005 K; 600 W for prompts, 400 W for decodes, 100 W idle, 0.001 USD/s.
 */
import { describe, expect, test } from "vitest";
import type { Fault, Region } from "../../src/fleet/fleet.ts";
import { Law } from "../../src/profile/law.ts";
import { routerOf, runParts, type Simulate, track } from "./build.ts";

/** Outputs 3 of a prompt of 100, alone: 10, 5.2505 and 5.251 ms. */
const one = { arrival: 0, prompt: 100, output: 3 };
const ONE_SECONDS = 0.0205015;
const ONE_JOULES = 600 * 0.01 + 400 * 0.0105015;
const USD_PER_SECOND = 0.001;
const DIGITS = 12;

export function describeMeteringFacts(name: string, simulate: Simulate): void {
  describe(`meters: ${name}`, () => {
    test("a request alone carries all of it", () => {
      const { sink, totals } = runParts(simulate, { rows: [one], horizonSeconds: 1 });
      const [endpoint] = totals.endpoints;
      expect(sink.row(0).energyJoules).toBeCloseTo(ONE_JOULES, 11);
      expect(sink.row(0).costUsd).toBeCloseTo(ONE_SECONDS * USD_PER_SECOND, 15);
      expect(sink.row(0).carbonGrams).toBeCloseTo((ONE_JOULES * 400) / 3.6e6, 15);
      expect(endpoint.activeJoules).toBeCloseTo(ONE_JOULES, 11);
      expect(endpoint.idleJoules).toBeCloseTo(100 * (1 - ONE_SECONDS), 11);
      expect(endpoint.idleGrams).toBeCloseTo((100 * (1 - ONE_SECONDS) * 400) / 3.6e6, 13);
      expect(endpoint.busySeconds).toBeCloseTo(ONE_SECONDS, DIGITS);
      expect(endpoint.upSeconds).toBe(1);
      expect(endpoint.busyUsd).toBeCloseTo(ONE_SECONDS * USD_PER_SECOND, 15);
      expect(endpoint.fleetUsd).toBeCloseTo(USD_PER_SECOND, 15);
      expect(endpoint.energyUsd).toBe(0);
    });

    test("a shared iteration is shared by tokens, its cost by heads", () => {
      const { sink } = runParts(simulate, {
        rows: [
          { arrival: 0, prompt: 300, output: 2 },
          { arrival: 0, prompt: 300, output: 2 },
        ],
      });
      // P 300 + 212 in 30.6 ms; A's decode and P 88 in 9.7505 ms, 4.4 of them at prefill power; B's decode.
      const first = 600 * 0.0306;
      const second = 400 * 0.0053505 + 600 * 0.0044;
      const third = 400 * 0.0053505;
      expect(sink.row(0).energyJoules).toBeCloseTo((first * 300) / 512 + second / 89, 11);
      expect(sink.row(1).energyJoules).toBeCloseTo((first * 212) / 512 + (second * 88) / 89 + third, 11);
      expect(sink.row(0).costUsd).toBeCloseTo(((0.0306 + 0.0097505) / 2) * USD_PER_SECOND, 15);
      const costOfB = ((0.0306 + 0.0097505) / 2 + 0.0053505) * USD_PER_SECOND;
      expect(sink.row(1).costUsd).toBeCloseTo(costOfB, 15);
    });

    test("decodes share alike, whatever their context", () => {
      const { sink } = runParts(simulate, {
        rows: [
          { arrival: 0, prompt: 100, output: 2 },
          { arrival: 0, prompt: 300, output: 2 },
        ],
      });
      // P 400 in 25 ms; D 2, K 402 in 5.601 ms.
      expect(sink.row(0).energyJoules).toBeCloseTo(600 * 0.025 * 0.25 + 200 * 0.005601, 11);
      expect(sink.row(1).energyJoules).toBeCloseTo(600 * 0.025 * 0.75 + 200 * 0.005601, 11);
    });

    test("charged literally, every member of a batch pays for the whole replica", () => {
      const { totals } = runParts(simulate, {
        endpoints: [{ batching: { tokenBudget: 512 } }],
        rows: [
          { arrival: 0, prompt: 300, output: 2 },
          { arrival: 0, prompt: 300, output: 2 },
        ],
      });
      // As above: two prompts, a decode and a prompt, a decode.
      const [{ activeJoules, literalJoules, literalGrams }] = totals.endpoints;
      const pair = 600 * 0.0306 + 400 * 0.0053505 + 600 * 0.0044;
      const alone = 400 * 0.0053505;
      expect(activeJoules).toBeCloseTo(pair + alone, 11);
      expect(literalJoules).toBeCloseTo(2 * pair + alone, 11);
      expect(literalGrams).toBeCloseTo(((2 * pair + alone) * 400) / 3.6e6, 13);
    });

    test("energy is split where the intensity and the price change", () => {
      const region: Partial<Region> = {
        carbon: track([
          [-100, 100],
          [0.004, 200],
          [0.015, 500],
        ]),
        energyPrice: track([[0, 0.3]]),
      };
      const { sink, totals } = runParts(simulate, { regions: [region], rows: [one], horizonSeconds: 0.02 });
      // Prefill until 10 ms, then decodes until 20.5015 ms.
      const joulesTimesIntensity =
        600 * (0.004 * 100 + 0.006 * 200) + 400 * (0.005 * 200 + (ONE_SECONDS - 0.015) * 500);
      expect(sink.row(0).carbonGrams).toBeCloseTo(joulesTimesIntensity / 3.6e6, 15);
      expect(totals.endpoints[0].activeGrams).toBeCloseTo(joulesTimesIntensity / 3.6e6, 15);
      expect(totals.endpoints[0].energyUsd).toBeCloseTo((ONE_JOULES * 0.3) / 3.6e6, 15);
    });

    test("water is the site's and the grid's for each joule, wherever it was used", () => {
      const rows = [one];
      const wet = { siteLitresPerItKwh: 1.8, gridLitresPerKwh: 2.2 };
      const alone = runParts(simulate, { regions: [{ water: wet }], rows });
      expect(alone.sink.row(0).waterLitres).toBeCloseTo((ONE_JOULES * 4) / 3.6e6, 15);
      expect(runParts(simulate, { rows }).sink.row(0).waterLitres).toBeNaN();
      // The prompt in one region, the outputs in another.
      const parted = runParts(simulate, {
        endpoints: [{ role: "prefill" }, { role: "decode", region: 1 }],
        regions: [{ water: wet }, { water: { siteLitresPerItKwh: 0, gridLitresPerKwh: 10 } }],
        rows,
        router: routerOf((gateway) => ({ arrival: (request) => gateway.host.place(request, 0, 1) })),
      });
      expect(parted.sink.row(0).waterLitres).toBeCloseTo((6 * 4 + 400 * 0.0105015 * 10) / 3.6e6, 15);
    });

    test("host power runs while a replica is up", () => {
      const endpoints = [{ hostWattsPerReplica: 30, replicas: 2 }];
      const { totals } = runParts(simulate, { endpoints, rows: [one], horizonSeconds: 2 });
      expect(totals.endpoints[0].hostJoules).toBeCloseTo(30 * 4, DIGITS);
      expect(totals.endpoints[0].hostGrams).toBeCloseTo((30 * 4 * 400) / 3.6e6, DIGITS);
    });

    test("without a horizon the meters run to the end of the last request", () => {
      const { totals } = runParts(simulate, {
        endpoints: [{ replicas: 2 }],
        rows: [one],
      });
      expect(totals.horizonSeconds).toBeCloseTo(ONE_SECONDS, DIGITS);
      expect(totals.endpoints[0].idleJoules).toBeCloseTo(100 * ONE_SECONDS, DIGITS);
    });

    test("iterations outside the grid are counted, and their energy", () => {
      const law = new Law(
        {
          decode: {
            batch: [1, 2],
            contextTokens: [50, 101],
            seconds: [
              [0.005, 0.006],
              [0.005, 0.006],
            ],
          },
          prefill: { tokens: [1, 50], seconds: [0.005, 0.0099] },
          overheadSeconds: 0.005,
          mixedRule: "add",
          power: {
            idleWatts: 100,
            idleUnloadedWatts: 50,
            prefillWatts: 600,
            decode: { batch: [1], watts: [400] },
          },
        },
        64,
      );
      const { totals } = runParts(simulate, { endpoints: [{ law }], rows: [one] });
      // The prompt of 100 in 14.9 ms is outside, the step at 101 inside, that at 102 (6 + 1/51 ms) outside.
      const outsideJoules = 600 * 0.0149 + 400 * (0.006 + 0.001 / 51);
      expect(totals.endpoints[0]).toMatchObject({ iterations: 3, outsideIterations: 2 });
      expect(totals.endpoints[0].outsideJoules).toBeCloseTo(outsideJoules, 11);
    });

    test("a run that is cut stops in the middle of an iteration", () => {
      const { sink, totals } = runParts(simulate, {
        rows: [one, { arrival: 5, prompt: 10, output: 1 }],
        end: "cut",
        horizonSeconds: 0.012,
      });
      expect(totals).toMatchObject({
        requests: 1,
        unfinished: 1,
        finished: 0,
        endSeconds: 0.012,
        horizonSeconds: 0.012,
      });
      expect(sink.row(0)).toMatchObject({ status: "unfinished", producedTokens: 1 });
      expect(sink.row(0).finishedSeconds).toBeNaN();
      expect(sink.row(0).energyJoules).toBeCloseTo(600 * 0.01 + 400 * 0.002, DIGITS);
      expect(totals.endpoints[0].busySeconds).toBeCloseTo(0.012, DIGITS);
      expect(totals.endpoints[0].idleJoules).toBeCloseTo(0, DIGITS);
    });
  });

  describe(`faults: ${name}`, () => {
    const outage = (downSeconds: number, upSeconds: number): Fault[] => [
      { atSeconds: downSeconds, endpoint: 0, kind: "down" },
      { atSeconds: upSeconds, endpoint: 0, kind: "up" },
    ];

    test("a prompt that is lost is computed again, and paid for", () => {
      const { sink, totals } = runParts(simulate, { rows: [one], faults: outage(0.004, 0.1) });
      const row = sink.row(0);
      expect(row.dispatchedSeconds).toBe(0);
      expect(row.startedSeconds).toBe(0);
      expect(row.firstTokenSeconds).toBeCloseTo(0.11, DIGITS);
      expect(row.finishedSeconds).toBeCloseTo(0.1 + ONE_SECONDS, DIGITS);
      expect(row.preemptions).toBe(0);
      expect(row.energyJoules).toBeCloseTo(600 * 0.004 + ONE_JOULES, 11);
      // Idle: nothing before, nothing while down, nothing after.
      expect(totals.endpoints[0].idleJoules).toBeCloseTo(0, DIGITS);
      expect(totals.endpoints[0].upSeconds).toBeCloseTo(0.004 + ONE_SECONDS, DIGITS);
      expect(totals.endpoints[0].placed).toBe(2);
    });

    test("outputs produced are kept, the first token stays the first", () => {
      const { sink } = runParts(simulate, { rows: [one], faults: outage(0.012, 0.1) });
      // P 101 yields the second token; D 1, K 102.
      const row = sink.row(0);
      expect(row.firstTokenSeconds).toBeCloseTo(0.01, DIGITS);
      expect(row.finishedSeconds).toBeCloseTo(0.1 + 0.01005 + 0.005251, DIGITS);
      const joules = 600 * 0.01 + 400 * 0.002 + 600 * 0.01005 + 400 * 0.005251;
      expect(row.energyJoules).toBeCloseTo(joules, 11);
    });

    test("a batch that ends as the fault strikes is not lost", () => {
      const { sink } = runParts(simulate, {
        rows: [{ ...one, output: 1 }],
        faults: outage(0.01, 0.1),
      });
      expect(sink.row(0).finishedSeconds).toBe(0.01);
    });

    test("notice is given before the endpoint goes down", () => {
      const calls: unknown[] = [];
      const { totals } = runParts(simulate, {
        rows: [
          { arrival: 0, prompt: 10, output: 1 },
          { arrival: 1.7, prompt: 10, output: 1 },
        ],
        faults: [{ atSeconds: 0.5, endpoint: 0, kind: "notice", noticeSeconds: 1 }],
        router: routerOf((gateway) => ({
          arrival(request) {
            if (!gateway.host.place(request, 0)) gateway.host.reject(request, "down");
          },
          fleet(endpoint, change) {
            calls.push([gateway.host.now, endpoint, change, gateway.world.telemetry.up[0]]);
          },
        })),
      });
      expect(calls).toEqual([
        [0.5, 0, "notice", 1],
        [1.5, 0, "down", 0],
      ]);
      expect(totals).toMatchObject({ finished: 1, rejected: 1 });
    });

    test("a slow endpoint takes longer from the next batch on", () => {
      const { sink } = runParts(simulate, {
        rows: [one],
        faults: [{ atSeconds: 0.004, endpoint: 0, kind: "slow", timeFactor: 3 }],
      });
      expect(sink.row(0).finishedSeconds).toBeCloseTo(0.01 + 3 * 0.0105015, DIGITS);
      expect(sink.row(0).energyJoules).toBeCloseTo(600 * 0.01 + 400 * 3 * 0.0105015, 11);
    });
  });

  describe(`scaling and power states: ${name}`, () => {
    test("a power state changes time and power of the batches that follow", () => {
      const { sink } = runParts(simulate, {
        endpoints: [
          {
            powerStates: [
              { name: "full", timeFactor: 1, powerFactor: 1 },
              { name: "low", timeFactor: 2, powerFactor: 0.4 },
            ],
          },
        ],
        rows: [one],
        router: routerOf((gateway) => ({
          start: (_, host) => host.at(1, 0.004),
          timer: () => gateway.host.setPowerState(0, 1),
        })),
      });
      expect(sink.row(0).finishedSeconds).toBeCloseTo(0.01 + 2 * 0.0105015, DIGITS);
      expect(sink.row(0).energyJoules).toBeCloseTo(600 * 0.01 + 0.4 * 400 * 2 * 0.0105015, 11);
    });

    test("a replica starts after its start-up time, idle but paid for", () => {
      const calls: unknown[] = [];
      const { sink, totals } = runParts(simulate, {
        endpoints: [{ replicas: 0, maxReplicas: 2, startupSeconds: 1.5 }],
        rows: [one],
        horizonSeconds: 3,
        router: routerOf((gateway) => ({
          start: (_, host) => host.setReplicas(0, 1),
          fleet(_, change) {
            calls.push([gateway.host.now, change, gateway.world.telemetry.replicas[0]]);
          },
        })),
      });
      expect(calls).toEqual([[1.5, "scaled", 1]]);
      expect(sink.row(0).startedSeconds).toBe(1.5);
      expect(sink.row(0).ttftSeconds).toBeCloseTo(1.51, DIGITS);
      expect(totals.endpoints[0].upSeconds).toBe(3);
      expect(totals.endpoints[0].idleJoules).toBeCloseTo(100 * (3 - ONE_SECONDS), 10);
    });

    test("the replica with the fewest tokens drains, and stops when it is empty", () => {
      const { sink, totals } = runParts(simulate, {
        endpoints: [{ replicas: 2 }],
        rows: [one, { arrival: 0, prompt: 50, output: 3 }, { arrival: 0.002, prompt: 100, output: 1 }],
        router: routerOf((gateway) => ({
          start: (_, host) => host.at(1, 0.001),
          timer: () => gateway.host.setReplicas(0, 1),
        })),
      });
      // The third joins the first: P 100 with D 1, K 101 from 10 ms on. The second drains: 7.5, then K 51, 52.
      const drained = 0.0075 + 0.0052255 + 0.005226;
      const last = 0.01 + 0.0102505 + 0.005251;
      expect(sink.row(2).finishedSeconds).toBeCloseTo(0.0202505, DIGITS);
      expect(sink.row(1).finishedSeconds).toBeCloseTo(drained, DIGITS);
      expect(sink.row(0).finishedSeconds).toBeCloseTo(last, DIGITS);
      expect(totals.endpoints[0].upSeconds).toBeCloseTo(drained + last, DIGITS);
      expect(totals.endpoints[0].idleJoules).toBeCloseTo(0, DIGITS);
    });

    test("a draining replica is kept rather than another started", () => {
      const { totals } = runParts(simulate, {
        endpoints: [{ replicas: 1, maxReplicas: 2, startupSeconds: 10 }],
        rows: [one, { ...one, arrival: 0.015 }],
        router: routerOf((gateway) => ({
          start(_, host) {
            host.at(1, 0.001);
            host.at(2, 0.012);
          },
          timer: (id) => gateway.host.setReplicas(0, id === 1 ? 0 : 1),
        })),
      });
      // The second joins it: P 100 with D 1, K 102 at 15.2505 ms ends at 25.5015 and is the first token.
      expect(totals.endSeconds).toBeCloseTo(0.0152505 + 0.010251 + 0.0052505 + 0.005251, DIGITS);
    });
  });
}
