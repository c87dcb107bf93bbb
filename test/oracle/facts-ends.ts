/** How runs end that do not end by themselves: what the router holds, and what is still to come. */
import { describe, expect, test } from "vitest";
import { affineLaw, routerOf, runParts, type Simulate } from "./build.ts";

const DAY = 86_400;
/** Every iteration takes 9.5 days. */
const slowLaw = affineLaw({
  baseSeconds: 9.5 * DAY,
  perPromptTokenSeconds: 0,
  perSequenceSeconds: 0,
  perContextTokenSeconds: 0,
});
const both = [0, 0].map((arrival) => ({ arrival, prompt: 10, output: 1 }));

/** Places what arrives first and holds the rest until `timer` of every day has seen `days` of them. */
function daily(days: number) {
  return routerOf((gateway) => {
    const held: number[] = [];
    let first = true;
    return {
      start: (_, host) => host.every(1, DAY),
      arrival(request) {
        if (first) gateway.host.place(request, 0);
        else held.push(request);
        first = false;
      },
      timer() {
        if (gateway.host.now >= days * DAY)
          for (const request of held.splice(0)) gateway.host.place(request, 0);
      },
    };
  });
}

export function describeEndFacts(name: string, simulate: Simulate): void {
  describe(`ends of runs: ${name}`, () => {
    test("seven days of patience count from the last end of a request", () => {
      const { sink, totals } = runParts(simulate, {
        endpoints: [{ law: slowLaw }],
        rows: both,
        router: daily(10),
      });
      expect(totals).toMatchObject({ finished: 2, unfinished: 0 });
      expect(sink.row(1).dispatchedSeconds).toBe(10 * DAY);
      const given = runParts(simulate, { endpoints: [{ law: slowLaw }], rows: both, router: daily(17) });
      expect(given.totals).toMatchObject({ finished: 1, unfinished: 1, endSeconds: 9.5 * DAY });
    });

    test("a step that is still to come is waited for", () => {
      const { sink, totals } = runParts(simulate, {
        rows: [
          { arrival: 0, prompt: 10, output: 1, session: 0, step: 0 },
          { prompt: 10, output: 1, session: 0, step: 1, think: 20 * DAY },
          { arrival: 0, prompt: 10, output: 1 },
        ],
        router: daily(26),
      });
      expect(sink.row(1).arrivalSeconds).toBe(sink.row(0).finishedSeconds + 20 * DAY);
      expect(totals).toMatchObject({ finished: 3, unfinished: 0 });
      expect(runParts(simulate, { rows: both, router: daily(8) }).totals.unfinished).toBe(1);
    });

    test("so is a fault that is still to come", () => {
      const { totals } = runParts(simulate, {
        rows: both,
        faults: [
          { atSeconds: 1, endpoint: 0, kind: "slow", timeFactor: 1 },
          { atSeconds: 20 * DAY, endpoint: 0, kind: "slow", timeFactor: 1 },
        ],
        router: daily(26),
      });
      expect(totals).toMatchObject({ finished: 2, unfinished: 0 });
    });

    test("a router may place when it is told of the last completion", () => {
      const times: number[] = [];
      const router = routerOf((gateway) => {
        const held: number[] = [];
        return {
          needs: { completions: true },
          arrival: (request) => held.push(request) === 1 && gateway.host.place(request, 0),
          completion(request) {
            times.push(gateway.host.now);
            held.splice(held.indexOf(request), 1);
            if (held.length > 0) gateway.host.place(held[0], 0);
          },
        };
      });
      const rows = [0, 0, 0].map((arrival) => ({ arrival, prompt: 100, output: 1 }));
      const { sink, totals } = runParts(simulate, { rows, router });
      expect(totals).toMatchObject({ finished: 3, unfinished: 0 });
      const ends = [0, 1, 2].map((id) => sink.row(id).finishedSeconds);
      expect(times).toEqual(ends);
      expect([0, 1, 2].map((id) => sink.row(id).dispatchedSeconds)).toEqual([0, ends[0], ends[1]]);
      expect(totals.endSeconds).toBe(ends[2]);
    });
  });
}
