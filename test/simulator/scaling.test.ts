/** Replicas ordered up and down while requests run and wait. Times are whole fractions: exact. */
import { describe, expect, it } from "vitest";
import { simulate } from "../../src/simulator/simulate.ts";
import { affineLaw, type EndpointParts, routerOf, runParts, type TraceRow } from "../oracle/build.ts";
import { expectBalance } from "./outcomes.ts";

describe("replicas that come and go under load", () => {
  /** One second a request, whatever it is. */
  const law = affineLaw({
    baseSeconds: 1,
    perPromptTokenSeconds: 0,
    perSequenceSeconds: 0,
    perContextTokenSeconds: 0,
  });
  const scale = (orders: readonly (readonly [atSeconds: number, replicas: number])[]) =>
    routerOf((gateway) => ({
      start() {
        for (const [i, [atSeconds]] of orders.entries()) gateway.host.at(i, atSeconds);
      },
      timer: (id) => gateway.host.setReplicas(0, orders[id][1]),
    }));
  const run = (
    rows: readonly TraceRow[],
    orders: readonly (readonly [number, number])[],
    endpoint: EndpointParts,
  ) => {
    const parts = { law, maxReplicas: 3, ...endpoint, batching: { maxRequests: 1, ...endpoint.batching } };
    const { sink, totals } = runParts(simulate, { endpoints: [parts], rows, router: scale(orders) });
    const all = rows.map((_, i) => sink.row(i));
    expect(totals).toMatchObject({ finished: rows.length, unfinished: 0 });
    expectBalance(all, totals);
    return { started: all.map((row) => row.startedSeconds), up: totals.endpoints[0].upSeconds };
  };
  const twelve = Array.from({ length: 12 }, () => ({ arrival: 0, prompt: 10, output: 1 }));

  it("up: new replicas draw from the queue once they serve", () => {
    const endpoint = { localBalancer: "shared-queue", startupSeconds: 0.5 } as const;
    const { started, up } = run(twelve, [[1.5, 3]], endpoint);
    expect(started).toEqual([0, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5]);
    expect(up).toBe(6 + 2 * 4.5);
  });

  it("down: a draining replica ends what it has and takes no more", () => {
    const endpoint = { localBalancer: "shared-queue", replicas: 3 } as const;
    const { started, up } = run(twelve, [[1.5, 1]], endpoint);
    expect(started).toEqual([0, 0, 0, 1, 1, 1, 2, 3, 4, 5, 6, 7]);
    expect(up).toBe(8 + 2 * 2);
  });

  it("down with a queue at each replica: what waits there is still served there", () => {
    const { started, up } = run(twelve, [[1.5, 1]], { replicas: 3 });
    expect(started).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]);
    expect(up).toBe(3 * 4);
  });

  it("to none and back: requests wait for the first that serves", () => {
    const rows = [0, 1.5, 3.25, 3.5].map((arrival) => ({ arrival, prompt: 10, output: 1 }));
    const { started, up } = run(
      rows,
      [
        [2, 0],
        [4, 2],
      ],
      { startupSeconds: 0.25, localBalancer: "shared-queue" },
    );
    expect(started).toEqual([0, 1.5, 4.25, 4.25]);
    expect(up).toBe(2.5 + 2 * 1.25);
  });

  it("up and down and up again: a draining replica is kept", () => {
    const { started, up } = run(
      twelve,
      [
        [1.25, 1],
        [1.5, 3],
        [2.5, 2],
        [2.75, 3],
      ],
      {
        localBalancer: "shared-queue",
        replicas: 3,
        startupSeconds: 10,
      },
    );
    expect(started).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]);
    expect(up).toBe(3 * 4);
  });
});
