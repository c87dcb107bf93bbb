/**
 * Little's law as an identity of every run: the number in the system over time, as the router sees it, has the
 * integral that the records' stays add up to. Everything happens at whole multiples of UNIT and the router looks
 * half-way between them, so that both sides are sums without rounding and must be equal.
 */
import { describe, expect, it } from "vitest";
import { Stream } from "../../src/numeric/random.ts";
import type { Router } from "../../src/routers/contract.ts";
import { simulate } from "../../src/simulator/simulate.ts";
import {
  affineLaw,
  type EndpointParts,
  fleetOf,
  optionsOf,
  routerOf,
  type TraceRow,
  traceOf,
} from "../oracle/build.ts";
import { ColumnSink, ENDED } from "./column-sink.ts";

const UNIT = 1 / 1024;
const REQUESTS = 300;
const law = affineLaw({
  baseSeconds: 2 * UNIT,
  perPromptTokenSeconds: UNIT,
  perSequenceSeconds: UNIT,
  perContextTokenSeconds: 0,
});

function rowsOf(seed: number, meanGap: number): TraceRow[] {
  const stream = new Stream(seed, "rows");
  let arrival = 0;
  return Array.from({ length: REQUESTS }, () => {
    arrival += stream.below(2 * meanGap) * UNIT;
    return { arrival, prompt: 1 + stream.below(20), output: 1 + stream.below(8) };
  });
}

/** Integrals over time of what the router sees: requests that it holds, that wait, that run. */
class Watch {
  held = 0;
  waiting = 0;
  running = 0;
  outstanding = 0;

  /** A router over `endpoints` in turn that waits for room and looks at everything every half unit. */
  router(endpoints: number): Router {
    let turn = 0;
    let queue: number[] = [];
    const looks = routerOf((gateway) => {
      const placeAll = () => {
        queue = queue.filter((request) => !gateway.host.place(request, turn++ % endpoints));
        gateway.host.watchCapacity(queue.length > 0);
      };
      return {
        start: () => gateway.host.every(1, UNIT / 2),
        arrival(request) {
          queue.push(request);
          placeAll();
        },
        capacity: placeAll,
        timer: () => {
          const { host, world } = gateway;
          if ((host.now / UNIT) % 1 !== 0.5) return;
          this.held += host.held * UNIT;
          for (let e = 0; e < endpoints; e++) {
            this.waiting += world.telemetry.waiting[e] * UNIT;
            this.running += world.telemetry.running[e] * UNIT;
            this.outstanding += world.telemetry.outstanding[e] * UNIT;
          }
        },
      };
    });
    return Object.assign(looks, { needs: { telemetry: true } });
  }
}

describe("Little's law", () => {
  it.each<[string, number, readonly EndpointParts[]]>([
    ["one server", 25, [{ batching: { maxRequests: 1 } }]],
    ["vllm-v1 in small chunks", 9, [{ batching: { tokenBudget: 8, maxRequests: 16 } }]],
    ["sarathi", 9, [{ batching: { policy: "sarathi", tokenBudget: 8, maxRequests: 16 } }]],
    ["vllm-v0", 9, [{ batching: { policy: "vllm-v0", maxRequests: 6 } }]],
    ["mixed", 9, [{ batching: { policy: "mixed", tokenBudget: 24, maxRequests: 16 } }]],
    ["a shared queue", 7, [{ replicas: 4, localBalancer: "shared-queue", batching: { maxRequests: 1 } }]],
    ["replicas", 7, [{ replicas: 3, batching: { maxRequests: 3 } }]],
    ["a distant endpoint", 9, [{ roundTripSeconds: 50 * UNIT, batching: { maxRequests: 8 } }]],
    ["a cap on what is outstanding", 9, [{ maxOutstanding: 4, roundTripSeconds: 6 * UNIT }]],
    ["two endpoints", 6, [{ maxOutstanding: 5 }, { roundTripSeconds: 4 * UNIT }]],
  ])("%s: time held, waiting and running", (_name, meanGap, parts) => {
    const watch = new Watch();
    const sink = new ColumnSink(REQUESTS);
    const options = optionsOf({
      fleet: fleetOf({ endpoints: parts.map((endpoint) => ({ law, ...endpoint })) }),
      workload: traceOf(rowsOf(3, meanGap), { chunkRows: 100 }),
      router: watch.router(parts.length),
      telemetryIntervalSeconds: 0,
    });
    simulate(options, sink);
    expect(sink.ended.every((how) => how === ENDED.finished)).toBe(true);
    const stay = (
      from: "arrivalSeconds" | "dispatchedSeconds" | "startedSeconds",
      to: typeof from | "finishedSeconds",
    ) => sink.sum(to) - sink.sum(from);
    expect(watch.held).toBe(stay("arrivalSeconds", "dispatchedSeconds"));
    expect(watch.waiting).toBe(stay("dispatchedSeconds", "startedSeconds"));
    expect(watch.running).toBe(stay("startedSeconds", "finishedSeconds"));
    expect(watch.outstanding).toBe(stay("dispatchedSeconds", "finishedSeconds"));
    expect(watch.running).toBeGreaterThan(0);
  });

  it("a router that counts arrivals and completions as it is told of them comes to the same", () => {
    let present = 0;
    let integral = 0;
    let last = 0;
    const step = (atSeconds: number, change: number) => {
      expect(atSeconds).toBeGreaterThanOrEqual(last);
      integral += present * (atSeconds - last);
      present += change;
      last = atSeconds;
    };
    const router = routerOf((gateway) => ({
      needs: { completions: true },
      arrival(request) {
        step(gateway.host.now, 1);
        gateway.host.place(request, request % 3);
      },
      completion: () => step(gateway.world.completed.finishedAtSeconds, -1),
    }));
    const sink = new ColumnSink(REQUESTS);
    const options = optionsOf({
      fleet: fleetOf({ endpoints: [{}, { replicas: 2 }, { batching: { policy: "static" } }] }),
      workload: traceOf(rowsOf(8, 9)),
      router,
      telemetryIntervalSeconds: 0,
    });
    simulate(options, sink);
    const stays = sink.sum("finishedSeconds") - sink.sum("arrivalSeconds");
    expect(present).toBe(0);
    expect(Math.abs(integral - stays)).toBeLessThan(1e-9 * stays);
  });
});
