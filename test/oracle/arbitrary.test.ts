import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { arbitraryRun, optionsFrom, type RunConfig } from "./arbitrary.ts";
import { recordingSink } from "./build.ts";
import { runOracle } from "./run-oracle.ts";

function run(config: RunConfig) {
  const sink = recordingSink();
  const log: string[] = [];
  const totals = runOracle(optionsFrom(config, log), sink);
  return { sink, totals, log };
}

const sum = (values: readonly number[]) => values.reduce((x, y) => x + y, 0);

describe("random runs of the oracle", () => {
  test("depend on nothing but their configuration, which is plain JSON", () => {
    fc.assert(
      fc.property(arbitraryRun, (config) => {
        const first = run(config);
        const second = run(JSON.parse(JSON.stringify(config)));
        expect(second.log).toEqual(first.log);
        expect(second.sink.rows).toEqual(first.sink.rows);
        expect(second.totals).toEqual(first.totals);
      }),
      { numRuns: 50 },
    );
  });

  test("end every request once, in time, with all its tokens", () => {
    fc.assert(
      fc.property(arbitraryRun, (config) => {
        const { sink, totals } = run(config);
        const { requests, finished, rejected, unfinished } = totals;
        expect(finished + rejected + unfinished).toBe(requests);
        expect(sink.rows.length).toBe(requests);
        for (const row of sink.rows) {
          const { arrivalSeconds, dispatchedSeconds, startedSeconds, firstTokenSeconds } = row;
          if (row.status !== "finished") continue;
          expect(row.producedTokens).toBe(row.outputTokens);
          const times = [arrivalSeconds, dispatchedSeconds, startedSeconds, firstTokenSeconds];
          expect([...times, row.finishedSeconds].every((time, i, all) => i === 0 || all[i - 1] <= time)).toBe(
            true,
          );
          expect(row.ttftSeconds).toBeGreaterThan(firstTokenSeconds - arrivalSeconds - 1e-12);
          expect(row.energyJoules).toBeGreaterThan(0);
        }
        if (config.end === "drain") expect([requests, unfinished]).toEqual([config.rows.length, 0]);
      }),
      { numRuns: 100 },
    );
  });

  test("balance energy and time", () => {
    fc.assert(
      fc.property(arbitraryRun, (config) => {
        const { sink, totals } = run(config);
        const active = sum(totals.endpoints.map((e) => e.activeJoules));
        expect(sum(sink.rows.map((row) => row.energyJoules))).toBeCloseTo(active, 6);
        for (const e of totals.endpoints) {
          if (totals.horizonSeconds >= totals.endSeconds) {
            expect(e.busySeconds).toBeLessThanOrEqual(e.upSeconds * (1 + 1e-9));
          }
          expect(e.idleJoules).toBeGreaterThanOrEqual(0);
          expect(e.outsideIterations).toBe(0);
        }
      }),
      { numRuns: 100 },
    );
  });

  test("reach every corner", () => {
    const reached = new Map<string, number>();
    const count = (what: string, times: number) => reached.set(what, (reached.get(what) ?? 0) + times);
    for (const config of fc.sample(arbitraryRun, { numRuns: 200, seed: 5 })) {
      const { sink, totals, log } = run(config);
      const said = (word: string) => log.filter((line) => line.includes(` ${word} `)).length;
      count("preempted", sum(totals.endpoints.map((e) => e.preemptions)));
      count("finished", totals.finished);
      count("unfinished", totals.unfinished);
      count("truncated", totals.truncated);
      count("deferred", totals.deferred);
      count("lost", said("lost"));
      count("scaled", said("scaled"));
      count("capacity", said("capacity"));
      count("returned", said("preempted"));
      count("completion", said("completion"));
      count("explained", totals.explanations.length);
      count("weights", sink.weightings.length);
      for (const { reason } of sink.rows) if (reason !== null) count(reason.replace(/^e\d: |\d+/g, ""), 1);
    }
    const corners = [
      "preempted",
      "finished",
      "unfinished",
      "truncated",
      "deferred",
      "lost",
      "scaled",
      "capacity",
      "returned",
      "completion",
      "explained",
      "weights",
      "came back with  tokens of at most ",
      "longer than  tokens",
      "needs  blocks and a free one of ",
      "needs  blocks and a watermark of  of ",
      "a prompt of  tokens is above the padded limit of ",
      "earlier step of the session rejected",
    ];
    expect(corners.filter((corner) => (reached.get(corner) ?? 0) < 10)).toEqual([]);
  });
});
