/** Endpoints that die, slow down or get notice while requests run, wait and are on their way. */
import { describe, expect, it } from "vitest";
import type { Fault } from "../../src/fleet/fleet.ts";
import type { Router } from "../../src/routers/contract.ts";
import { simulate } from "../../src/simulator/simulate.ts";
import { optionsFrom } from "../oracle/arbitrary.ts";
import {
  affineLaw,
  type EndpointParts,
  type RecordedRow,
  type RunParts,
  routerOf,
  runParts,
  type TraceRow,
} from "../oracle/build.ts";
import { blindly, expectBalance, forRandomRuns, outcomeOf } from "./outcomes.ts";

interface Return {
  readonly id: number;
  readonly reason: string;
  readonly produced: number;
  readonly atSeconds: number;
}

/** Places at endpoint 0 while it takes requests, else at endpoint 1. Requests are told apart by their arrival. */
function failover(returns: Return[], ids: ReadonlyMap<number, number>): Router {
  return routerOf((gateway) => {
    const place = (request: number) => {
      const { host } = gateway;
      if (!host.place(request, 0)) expect(host.place(request, 1)).toBe(true);
    };
    return {
      arrival: place,
      returned(request, reason) {
        const { requests } = gateway.world;
        const id = ids.get(requests.arrivalSeconds[request]) as number;
        returns.push({ id, reason, produced: requests.producedTokens[request], atSeconds: gateway.host.now });
        place(request);
      },
    };
  });
}

describe("an endpoint that dies", () => {
  const ROUND_TRIP = 0.05;
  const rows: TraceRow[] = Array.from({ length: 60 }, (_, i) => ({
    arrival: i * 0.0071,
    prompt: 20 + ((i * 67) % 180),
    output: 1 + ((i * 13) % 12),
  }));
  const ids = new Map(rows.map((row, i) => [row.arrival as number, i]));
  const run = (faults: readonly Fault[], parts: Partial<RunParts> = {}) => {
    const returns: Return[] = [];
    const endpoints: EndpointParts[] = [
      { roundTripSeconds: ROUND_TRIP, batching: { maxRequests: 4, tokenBudget: 128 } },
      { roundTripSeconds: ROUND_TRIP },
    ];
    const { sink, totals } = runParts(simulate, {
      endpoints,
      faults,
      rows,
      router: failover(returns, ids),
      ...parts,
    });
    return { returns, sink, totals, all: [...sink.rows].sort((a, b) => a.id - b.id) };
  };
  const whole = run([]);

  it.each([0.11, 0.2, 0.333, 0.4])("at %f s: hands back all that run, wait and are on their way", (at) => {
    const { returns, all, totals } = run([{ atSeconds: at, endpoint: 0, kind: "down" }]);
    const reached = (row: RecordedRow) => row.dispatchedSeconds + ROUND_TRIP / 2;
    const classes = {
      running: whole.all.filter((row) => row.startedSeconds < at && row.finishedSeconds > at),
      waiting: whole.all.filter((row) => reached(row) <= at && row.startedSeconds > at),
      onTheirWay: whole.all.filter((row) => row.dispatchedSeconds < at && reached(row) > at),
    };
    for (const [name, members] of Object.entries(classes)) expect(members.length, name).toBeGreaterThan(0);
    const lost = Object.values(classes).flatMap((members) => members.map((row) => row.id));
    expect(returns.map(({ id }) => id)).toEqual(lost.sort((a, b) => a - b));
    expect(returns.every(({ reason, atSeconds }) => reason === "lost" && atSeconds === at)).toBe(true);
    expect(totals).toMatchObject({ requests: 60, finished: 60, rejected: 0, unfinished: 0 });
    expectBalance(all, totals);
    for (const row of all) {
      const before = whole.sink.row(row.id);
      if (before.finishedSeconds <= at) expect(row).toEqual(before);
      if (before.firstTokenSeconds <= at) expect(row.firstTokenSeconds).toBe(before.firstTokenSeconds);
      else expect(row.firstTokenSeconds).toBeGreaterThan(at);
      expect(row.producedTokens).toBe(row.outputTokens);
    }
  });

  it.each([0.11, 0.333])(
    "at %f s: outputs produced are kept, energy is that of a run that stops there",
    (at) => {
      const { returns, totals } = run([{ atSeconds: at, endpoint: 0, kind: "down" }]);
      const stopped = run([], {
        end: "cut",
        horizonSeconds: at,
        rows: rows.filter((row) => (row.arrival ?? 0) < at),
      });
      for (const { id, produced } of returns) {
        expect(stopped.sink.row(id).status).toBe("unfinished");
        expect(produced).toBe(stopped.sink.row(id).producedTokens);
      }
      expect(returns.some(({ produced }) => produced > 1)).toBe(true);
      const until = stopped.totals.endpoints[0];
      expect(totals.endpoints[0]).toMatchObject({
        activeJoules: until.activeJoules,
        busySeconds: until.busySeconds,
        upSeconds: at,
      });
    },
  );

  it("and comes back takes requests again, and nobody ends twice", () => {
    const { returns, all, totals } = run([
      { atSeconds: 0.11, endpoint: 0, kind: "down" },
      { atSeconds: 0.2, endpoint: 0, kind: "up" },
      { atSeconds: 0.3, endpoint: 0, kind: "down" },
      { atSeconds: 0.35, endpoint: 0, kind: "up" },
    ]);
    expect(totals).toMatchObject({ finished: 60, unfinished: 0 });
    expect(new Set(returns.map(({ atSeconds }) => atSeconds))).toEqual(new Set([0.11, 0.3]));
    expect(all.some((row) => row.endpoint === 0 && row.startedSeconds > 0.35)).toBe(true);
    expectBalance(all, totals);
  });

  it("after notice: what the router sends elsewhere in time is not lost", () => {
    const notice: Fault = { atSeconds: 0.1, endpoint: 0, kind: "notice", noticeSeconds: 0.15 };
    const careless = run([notice]);
    const heard: number[] = [];
    const lost: number[] = [];
    const router = routerOf((gateway) => {
      let leaving = false;
      return {
        arrival: (request) => gateway.host.place(request, leaving ? 1 : 0),
        fleet(endpoint, change) {
          expect(endpoint).toBe(0);
          if (change === "notice") leaving = true;
          heard.push(gateway.host.now);
        },
        returned(request) {
          lost.push(request);
          gateway.host.place(request, 1);
        },
      };
    });
    const careful = run([notice], { router });
    expect(heard).toEqual([0.1, 0.25]);
    expect(lost.length).toBeLessThan(careless.returns.length);
    expect(careful.totals.finished).toBe(60);
    expectBalance(careful.all, careful.totals);
    expect(run([{ ...notice, noticeSeconds: 1000 }]).all).toEqual(whole.all);
  });
});

describe("an endpoint that slows down", () => {
  const law = affineLaw({
    baseSeconds: 1 / 64,
    perPromptTokenSeconds: 1 / 1024,
    perSequenceSeconds: 1 / 256,
    perContextTokenSeconds: 1 / 2 ** 16,
  });
  const rows = Array.from({ length: 6 }, (_, i) => ({ arrival: 0, prompt: 10 + i, output: 20 + 3 * i }));
  const finishes = (faults: readonly Fault[]) => {
    const { sink } = runParts(simulate, { endpoints: [{ law }], faults, rows });
    return rows.map((_, i) => sink.row(i).finishedSeconds);
  };

  it("takes exactly that much longer from its next batch on", () => {
    // The prompts of 75 tokens make the first batch; the fault strikes in it.
    const first = law.prefillSeconds(75);
    const slow: Fault = { atSeconds: first / 2, endpoint: 0, kind: "slow", timeFactor: 4 };
    expect(finishes([slow])).toEqual(finishes([]).map((end) => first + 4 * (end - first)));
  });

  it("and recovers is as fast as before", () => {
    const faults: Fault[] = [
      { atSeconds: 0.1, endpoint: 0, kind: "slow", timeFactor: 2 },
      { atSeconds: 0.3, endpoint: 0, kind: "slow", timeFactor: 1 },
    ];
    const plain = finishes([]);
    const delays = finishes(faults).map((end, i) => end - plain[i]);
    // Time lost: half of the slow time, which ends with the batch that is running at 0.3 s.
    expect(delays.every((delay) => delay === delays[0])).toBe(true);
    expect(delays[0]).toBeGreaterThan(0.07);
    expect(delays[0]).toBeLessThan(0.13);
  });
});

describe("random runs", () => {
  it("what happened before a fault is the same without it, for the router and in the records", () => {
    let compared = 0;
    forRandomRuns((config) => {
      const calls: string[][] = [[], []];
      const calm = outcomeOf(optionsFrom({ ...config, faults: [] }, calls[0]));
      const ends = calm.rows.map((row) => row.finishedSeconds).filter((end) => end > 0);
      if (ends.length === 0) return;
      const at = ends.sort((a, b) => a - b)[Math.floor(ends.length / 2)];
      const endpoint = config.seed % config.endpoints.length;
      const faults: Fault[] = [
        { atSeconds: at, endpoint, kind: "slow", timeFactor: 3 },
        { atSeconds: at, endpoint, kind: "down" },
        { atSeconds: at + 0.05, endpoint, kind: "up" },
      ];
      const struck = outcomeOf(optionsFrom({ ...config, faults }, calls[1]));
      const [without, before] = calls.map((lines) => lines.filter((line) => Number.parseFloat(line) < at));
      expect(before).toEqual(without);
      for (const row of calm.rows) {
        const other = struck.rows.find(({ id }) => id === row.id);
        if (row.finishedSeconds <= at) expect(other).toEqual(row);
        if (row.firstTokenSeconds <= at) expect(other?.firstTokenSeconds).toBe(row.firstTokenSeconds);
        compared++;
      }
    }, 30);
    expect(compared).toBeGreaterThan(200);
  });

  it("under faults every request ends once with what it carries, and never before it began", () => {
    forRandomRuns((config) => {
      for (const options of [blindly(config), optionsFrom(config)]) {
        const { rows, totals } = outcomeOf(options);
        expect(rows.length).toBe(totals.requests);
        expect(totals.finished + totals.rejected + totals.unfinished).toBe(totals.requests);
        expect(rows.filter((row) => row.status === "finished").length).toBe(totals.finished);
        expectBalance(rows, totals);
        for (const row of rows) {
          if (row.status !== "finished") continue;
          const { arrivalSeconds, dispatchedSeconds, startedSeconds, firstTokenSeconds, finishedSeconds } =
            row;
          const times = [
            arrivalSeconds,
            dispatchedSeconds,
            startedSeconds,
            firstTokenSeconds,
            finishedSeconds,
          ];
          expect([...times].sort((a, b) => a - b)).toEqual(times);
          expect(startedSeconds).toBeLessThan(firstTokenSeconds);
          expect(row.producedTokens).toBe(row.outputTokens);
        }
      }
    });
  });
});
