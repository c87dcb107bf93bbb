import { afterEach, describe, expect, it } from "vitest";
import { ConservationError } from "../../src/errors.ts";
import { Law } from "../../src/profile/law.ts";
import { Meter } from "../../src/simulator/meter.ts";
import { Replica } from "../../src/simulator/replica.ts";
import { RunState } from "../../src/simulator/run-state.ts";
import { simulate } from "../../src/simulator/simulate.ts";
import { fleetOf, optionsOf, recordingSink, traceOf, track } from "../oracle/build.ts";
import { restoreAll, sabotage } from "./sabotage.ts";

afterEach(restoreAll);

function run() {
  const rows = Array.from({ length: 40 }, (_, i) => ({
    arrival: i * 0.01,
    prompt: 20 + ((i * 37) % 100),
    output: 1 + ((i * 13) % 20),
  }));
  const options = optionsOf({
    fleet: fleetOf({
      regions: [{ energyPrice: track([[0, 0.1]]) }],
      endpoints: [{ batching: { kvBlocks: 40 }, hostWattsPerReplica: 100 }],
    }),
    workload: traceOf(rows),
    horizonSeconds: 30,
  });
  return simulate(options, recordingSink());
}

describe("conservation checks", () => {
  it("pass on a sound run", () => {
    expect(run().finished).toBe(40);
  });

  it("catch a lost request", () => {
    let calls = 0;
    sabotage(
      RunState.prototype,
      "finished",
      (original) =>
        function (this: RunState, ...args) {
          original.apply(this, args);
          if (++calls === 7) this.finishedCount--;
        },
    );
    expect(run).toThrow(/40 requests came in, but 39 finished/);
  });

  it("catch a request that ends twice", () => {
    sabotage(
      RunState.prototype,
      "finished",
      (original) =>
        function (this: RunState, ...args) {
          original.apply(this, args);
          if (this.finishedCount === 3) this.finishedCount++;
        },
    );
    expect(run).toThrow(ConservationError);
  });

  it("catch a leaked KV block", () => {
    let calls = 0;
    sabotage(
      Replica.prototype,
      "takeBlocks",
      (original) =>
        function (this: Replica, count) {
          original.call(this, ++calls === 5 ? count + 1 : count);
        },
    );
    expect(run).toThrow(/KV blocks free/);
  });

  it("catch a token that is not counted", () => {
    let calls = 0;
    sabotage(
      Replica.prototype,
      "enqueue",
      (original) =>
        function (this: Replica, ...args) {
          original.apply(this, args);
          if (++calls === 5) this.outstandingTokens--;
        },
    );
    expect(run).toThrow(/outstanding tokens/);
  });

  it("catch a prompt token computed twice", () => {
    let calls = 0;
    sabotage(
      Replica.prototype,
      "addChunk",
      (original) =>
        function (this: Replica, request, chunk) {
          original.call(this, request, chunk);
          if (++calls === 5) this.queuedPrefillTokens++;
        },
    );
    expect(run).toThrow(/queued/);
  });

  it.each([
    ["energy", "joulesPerDecode", /carry the J/],
    ["carbon", "gramsPerDecode", /carry the g/],
    ["cost", "usdPerDecode", /carry the USD/],
  ] as const)("catch %s that is shared out wrongly", (_what, field, message) => {
    let calls = 0;
    sabotage(
      Meter.prototype,
      "shareAmongDecoding",
      (original) =>
        function (this: Meter, decoding) {
          original.call(this, decoding);
          if (++calls === 5) this[field] *= 1 + 1e-6;
        },
    );
    expect(run).toThrow(message);
  });

  it("catch busy energy that nobody carries", () => {
    let calls = 0;
    sabotage(
      Meter.prototype,
      "busy",
      (original) =>
        function (this: Meter, ...args) {
          original.apply(this, args);
          if (++calls === 5) this.activeJoules += 1e-3;
        },
    );
    expect(run).toThrow(/carry the J/);
  });

  it("catch busy time that is not counted", () => {
    let calls = 0;
    sabotage(
      Meter.prototype,
      "busy",
      (original) =>
        function (this: Meter, ...args) {
          original.apply(this, args);
          if (++calls === 5) this.busySeconds += 1e-3;
        },
    );
    expect(run).toThrow(ConservationError);
  });

  it("catch idle energy that is wrong", () => {
    let calls = 0;
    sabotage(
      Meter.prototype,
      "idle",
      (original) =>
        function (this: Meter, from, to, watts) {
          original.call(this, from, to, ++calls === 1 ? watts * 1.001 : watts);
        },
    );
    expect(run).toThrow(/idle J/);
  });

  it.each([
    ["activeGrams", "busy", /active g|carry the g/],
    ["idleGrams", "idle", /idle g/],
    ["energyUsd", "busy", /energy USD/],
    ["hostJoules", "host", /host J/],
    ["hostGrams", "host", /host g/],
  ] as const)("catch a wrong %s", (field, method, message) => {
    sabotage(
      Meter.prototype,
      method,
      (original) =>
        function (this: Meter, from, to, watts) {
          original.call(this, from, to, watts);
          this[field] *= 1 + 1e-6;
        },
    );
    expect(run).toThrow(message);
  });

  it.each([
    ["energy that is carried", "segmentJoules", "busy", /carry the J/],
    ["carbon that is carried", "segmentGrams", "busy", /carry the g/],
    ["cost that is carried", "segmentUsd", "busy", /carry the USD/],
    ["busy energy", "activeJoules", "busy", /carry the J/],
    ["busy carbon", "activeGrams", "busy", /carry the g/],
    ["busy time", "busySeconds", "busy", /carry the USD/],
    ["idle energy", "idleJoules", "idle", /idle J/],
    ["idle carbon", "idleGrams", "idle", /idle g/],
    ["the price of energy", "energyUsd", "idle", /energy USD/],
    ["host energy", "hostJoules", "host", /host J/],
    ["host carbon", "hostGrams", "host", /host g/],
  ] as const)("catch %s that is no number", (_what, field, method, message) => {
    sabotage(
      Meter.prototype,
      method,
      (original) =>
        function (this: Meter, from, to, watts) {
          original.call(this, from, to, watts);
          this[field] = Number.NaN;
        },
    );
    expect(run).toThrow(message);
  });

  it("pass where power is unknown, and still check cost and host power", () => {
    const law = new Law(
      {
        decode: { baseSeconds: 0.005, perSequenceSeconds: 0.0002, perContextTokenSeconds: 0 },
        prefill: { baseSeconds: 0.005, perTokenSeconds: 0.00005 },
        overheadSeconds: 0.005,
        mixedRule: "add",
        power: null,
      },
      64,
    );
    const blind = () =>
      simulate(
        optionsOf({
          fleet: fleetOf({ endpoints: [{ law, hostWattsPerReplica: 100 }] }),
          workload: traceOf([{ arrival: 0, prompt: 100, output: 3 }]),
        }),
        recordingSink(),
      );
    expect(blind().endpoints[0].activeJoules).toBeNaN();
    sabotage(
      Meter.prototype,
      "host",
      () =>
        function (this: Meter) {
          this.hostJoules = Number.NaN;
        },
    );
    expect(blind).toThrow(/host J/);
  });
});
