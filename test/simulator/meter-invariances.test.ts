/** What must and must not change the energy, carbon and cost of a run, and what they add up to. */
import { describe, expect, it } from "vitest";
import type { Fleet } from "../../src/fleet/fleet.ts";
import { runMetrics } from "../../src/metrics/run-metrics.ts";
import { SummarySink } from "../../src/metrics/summary-sink.ts";
import type { EndpointTotals, RunOptions } from "../../src/simulator/options.ts";
import { simulate } from "../../src/simulator/simulate.ts";
import type { RunConfig } from "../oracle/arbitrary.ts";
import {
  blindly,
  CHARGES,
  changed,
  expectBalance,
  forRandomRuns,
  type Outcome,
  outcomeOf,
  sumOf,
} from "./outcomes.ts";

const GRAMS = [
  "activeGrams",
  "literalGrams",
  "idleGrams",
  "hostGrams",
] as const satisfies readonly (keyof EndpointTotals)[];
const JOULES_PER_KWH = 3.6e6;
const double = (value: number) => 2 * value;

type Steps = readonly (readonly [number, number])[];

/** The configuration with other carbon tracks and prices. */
function withSignals(config: RunConfig, change: (steps: Steps) => Steps): RunConfig {
  const regions = config.regions.map(({ carbon, energyPrice, water }) => ({
    water,
    carbon: change(carbon),
    energyPrice: energyPrice === null ? null : change(energyPrice),
  }));
  return { ...config, regions };
}

/** The outcome without what depends on the signals. */
function apartFromSignals({ rows, totals }: Outcome): object {
  return {
    rows: rows.map((row) => ({ ...row, carbonGrams: 0 })),
    totals: {
      ...totals,
      endpoints: totals.endpoints.map((e) => changed(e, [...GRAMS, "energyUsd"], () => 0)),
    },
  };
}

function expectNear(found: number, expected: number, tolerance: number): void {
  expect(Math.abs(found - expected)).toBeLessThanOrEqual(tolerance * Math.abs(expected));
}

describe("signals", () => {
  it("twice the carbon intensity and the price: exactly twice the grams and the bill, nothing else", () => {
    forRandomRuns((config) => {
      const once = outcomeOf(blindly(config));
      const twice = outcomeOf(
        blindly(withSignals(config, (steps) => steps.map(([at, value]) => [at, 2 * value]))),
      );
      expect(twice.rows).toEqual(once.rows.map((row) => changed(row, ["carbonGrams"], double)));
      expect(twice.totals.endpoints).toEqual(
        once.totals.endpoints.map((totals) => changed(totals, [...GRAMS, "energyUsd"], double)),
      );
    });
  });

  it("a track cut at odd places is the same track", () => {
    forRandomRuns((config) => {
      const whole = outcomeOf(blindly(config));
      const cut = outcomeOf(blindly(withSignals(config, cutAtOddPlaces)));
      expect(apartFromSignals(cut)).toEqual(apartFromSignals(whole));
      cut.totals.endpoints.forEach((totals, e) => {
        for (const name of [...GRAMS, "energyUsd"] as const) {
          expectNear(totals[name], whole.totals.endpoints[e][name], 1e-12);
        }
      });
      // A request's grams are a difference of two sums over the run.
      const all = sumOf(whole.rows, (row) => row.carbonGrams);
      cut.rows.forEach((row, i) => {
        expect(Math.abs(row.carbonGrams - whole.rows[i].carbonGrams)).toBeLessThanOrEqual(1e-12 * all);
      });
    });
  });

  it("at a constant intensity grams are energy times intensity", () => {
    forRandomRuns((config) => {
      const { rows, totals } = outcomeOf(blindly(withSignals(config, () => [[0, 321]])));
      const grams = (joules: number) => (joules * 321) / JOULES_PER_KWH;
      for (const e of totals.endpoints) {
        expectNear(e.activeGrams, grams(e.activeJoules), 1e-12);
        expectNear(e.idleGrams, grams(e.idleJoules), 1e-12);
        expectNear(e.hostGrams, grams(e.hostJoules), 1e-12);
      }
      const all = sumOf(rows, (row) => row.carbonGrams);
      for (const row of rows) {
        expect(Math.abs(row.carbonGrams - grams(row.energyJoules))).toBeLessThanOrEqual(1e-12 * all);
      }
    });
  });
});

describe("power and price of replicas", () => {
  it("twice the power and the price: exactly twice the energy, carbon and cost", () => {
    forRandomRuns((config) => {
      const once = outcomeOf(blindly(config));
      const endpoints = config.endpoints.map((endpoint) => ({
        ...endpoint,
        usdPerReplicaHour: 2 * (endpoint.usdPerReplicaHour as number),
        hostWattsPerReplica: 2 * (endpoint.hostWattsPerReplica as number),
        law: {
          ...endpoint.law,
          idleWatts: 200,
          prefillWatts: 1200,
          decodeWatts: 800,
          decodeWattsPerSequence: 2 * (endpoint.law.decodeWattsPerSequence ?? 0),
        },
      }));
      const twice = outcomeOf(blindly({ ...config, endpoints }));
      expect(twice.rows).toEqual(once.rows.map((row) => changed(row, CHARGES, double)));
      const charges = (totals: EndpointTotals) =>
        (Object.keys(totals) as (keyof EndpointTotals)[]).filter((name) => /Joules|Grams|Usd/.test(name));
      expect(twice.totals.endpoints).toEqual(
        once.totals.endpoints.map((totals) => changed(totals, charges(totals), double)),
      );
    });
  });
});

describe("what adds up", () => {
  it("requests carry the active energy, carbon and cost, those that never finished included", () => {
    forRandomRuns((config) => {
      const { rows, totals } = outcomeOf(blindly(config));
      expectBalance(rows, totals);
    });
  });

  it("energy grows with the boundary: gpu, then idle and host power, then the facility", () => {
    let compared = 0;
    forRandomRuns((config) => {
      const options = blindly(config);
      const regions = options.fleet.regions.map((region, i) => ({ ...region, pue: 1.1 + i / 4 }));
      const fleet = { ...options.fleet, regions };
      const { metrics, totals } = metricsOf({ ...options, fleet }, fleet);
      if (totals.finished === 0) return;
      compared++;
      const { endpoints } = totals;
      for (const [quantity, unit] of [
        ["energy", "j"],
        ["carbon", "g"],
      ]) {
        const [gpu, server, facility] = ["", "_server", "_facility"].map(
          (boundary) => metrics[`${quantity}${boundary}_${unit}_per_request`] as number,
        );
        expect(gpu).toBeLessThanOrEqual(server);
        expect(server).toBeLessThanOrEqual(facility);
        expect(facility).toBeGreaterThanOrEqual(1.1 * server * (1 - 1e-12));
        expect(facility).toBeLessThanOrEqual((1.1 + (regions.length - 1) / 4) * server * (1 + 1e-12));
      }
      const server = (metrics["energy_server_j_per_request"] as number) * totals.finished;
      const gpu = (metrics["energy_j_per_request"] as number) * totals.finished;
      expectNear(
        gpu,
        sumOf(endpoints, (e) => e.activeJoules),
        1e-12,
      );
      if (totals.endSeconds > totals.horizonSeconds) return;
      // Idle power is 100 W of every builder's law.
      const standing = endpoints.map((e, i) => {
        const host = (config.endpoints[i].hostWattsPerReplica as number) * e.upSeconds;
        return 100 * (e.upSeconds - e.busySeconds) + host;
      });
      expectNear(server, gpu + sumOf(standing, (joules) => joules), 1e-9);
      const scaled = endpoints.map(
        (e, i) => (e.activeJoules + standing[i]) * regions[fleet.endpoints[i].region].pue,
      );
      expectNear(
        (metrics["energy_facility_j_per_request"] as number) * totals.finished,
        sumOf(scaled, (joules) => joules),
        1e-9,
      );
    });
    expect(compared).toBeGreaterThan(15);
  });
});

/** Every step in three, at places that are no multiple of anything. */
function cutAtOddPlaces(steps: Steps): Steps {
  return steps.flatMap(([from, value], i): [number, number][] => {
    const to = i + 1 < steps.length ? steps[i + 1][0] : from + 1.7320508;
    return [0, 0.2718281828, 0.8414709848].map((share) => [from + share * (to - from), value]);
  });
}

function metricsOf(options: RunOptions, fleet: Fleet) {
  const sink = new SummarySink({
    tiers: options.workload.tiers,
    latency: options.latency,
    groupOf: fleet.endpoints.map((endpoint) => endpoint.group),
    groups: fleet.groups.length,
    firstCounted: 0,
    timeline: false,
  });
  const totals = simulate(options, sink);
  sink.close(totals.horizonSeconds, totals.endSeconds);
  const { metrics } = runMetrics(totals, sink, {
    fleet,
    unknown: {
      carbon: undefined,
      water: undefined,
      energyPrice: undefined,
      price: undefined,
      tokenPrice: undefined,
    },
    taskTypes: [],
    tokenPrices: fleet.endpoints.map(() => ({ prompt: 1, output: 1 })),
  });
  return { metrics, totals };
}
