import { describe, expect, test } from "vitest";
import type { Router } from "../../src/routers/contract.ts";
import { createRouter, findRouter } from "../../src/routers/registry.ts";
import { FakeHost, type FakeWorldOptions } from "./fake-host.ts";

function started(id: string, parameters: object, options: FakeWorldOptions): FakeHost {
  const host = new FakeHost(options);
  host.start(createRouter(findRouter(id), parameters, "test").router as Router);
  return host;
}

const endpointsOf = (host: FakeHost) => host.placements.map((p) => p.endpoint);

describe("round-robin", () => {
  const three = [{}, { large: false }, {}];

  test("goes through the endpoints in listed order with one counter", () => {
    const host = started("round-robin", {}, { endpoints: three });
    for (let i = 0; i < 5; i++) host.arrive({ tier: i % 3 });
    expect(endpointsOf(host)).toEqual([0, 1, 2, 0, 1]);
  });

  test("steps over the small model for requests that need the large one", () => {
    const host = started("round-robin", {}, { endpoints: three });
    for (let i = 0; i < 4; i++) host.arrive({ needsLarge: true });
    host.arrive();
    expect(endpointsOf(host)).toEqual([0, 2, 0, 2, 0]);
  });

  test("steps over endpoints that refuse, and holds what nobody takes until the next tick", () => {
    const host = started(
      "round-robin",
      {},
      { endpoints: [{ maxOutstanding: 1 }, {}, { maxOutstanding: 1 }] },
    );
    host.world.telemetry.up[1] = 0;
    for (let i = 0; i < 3; i++) host.arrive();
    expect(endpointsOf(host)).toEqual([0, 2]);
    host.world.telemetry.up[1] = 1;
    host.arrive();
    expect(endpointsOf(host)).toEqual([0, 2]);
    host.advance(0.1);
    expect(host.placements.slice(2)).toMatchObject([
      { request: 2, endpoint: 1, atSeconds: 0.1 },
      { request: 3, endpoint: 1, atSeconds: 0.1 },
    ]);
    expect(host.held).toBe(0);
  });

  test("a request that waits for a large endpoint does not stop the others", () => {
    const host = started("round-robin", {}, { endpoints: three });
    host.world.telemetry.up.set([0, 1, 0]);
    host.arrive({ needsLarge: true });
    host.arrive();
    expect(host.placements).toMatchObject([{ request: 1, endpoint: 1 }]);
    expect(host.held).toBe(1);
  });

  test("rejects what needs the large model where the fleet has none", () => {
    const host = started("round-robin", {}, { endpoints: [{ large: false }] });
    host.arrive({ needsLarge: true });
    expect(host.rejections).toEqual([{ request: 0, reason: "needs the large model and no endpoint has it" }]);
  });

  test("leaves prefill and decode endpoints alone", () => {
    const host = started("round-robin", {}, { endpoints: [{ role: 1 }, {}, { role: 2 }] });
    for (let i = 0; i < 2; i++) host.arrive();
    expect(endpointsOf(host)).toEqual([1, 1]);
    expect(() => started("round-robin", {}, { endpoints: [{ role: 1 }, { role: 2 }] })).toThrow(
      expect.objectContaining({ code: "CANOPY_ROUTER_ROLES" }),
    );
  });
});

describe("least-loaded", () => {
  test("counts waiting and running requests, ties by tokens, then by index", () => {
    const host = started("least-loaded", {}, { endpoints: [{}, {}, {}] });
    host.world.telemetry.outstanding.set([2, 1, 1]);
    host.world.telemetry.outstandingTokens.set([10, 900, 800]);
    host.arrive({ promptTokens: 100 });
    host.arrive({ promptTokens: 100 });
    host.arrive({ promptTokens: 100 });
    // After two placements all have two outstanding: 10, 1000 and 900 tokens.
    expect(endpointsOf(host)).toEqual([2, 1, 0]);
  });

  test("by utilisation it sees running requests only", () => {
    const host = started("least-loaded", { by: "utilisation" }, { endpoints: [{}, {}] });
    host.world.telemetry.utilisation.set([0.5, 0.4]);
    host.world.telemetry.outstanding.set([5, 500]);
    host.arrive();
    expect(endpointsOf(host)).toEqual([1]);
  });

  test("by tokens it sends the short queue the work", () => {
    const host = started("least-loaded", { by: "tokens" }, { endpoints: [{}, {}] });
    host.world.telemetry.outstanding.set([1, 9]);
    host.world.telemetry.outstandingTokens.set([5000, 4000]);
    host.arrive({ promptTokens: 500 });
    host.arrive({ promptTokens: 600 });
    host.arrive();
    expect(endpointsOf(host)).toEqual([1, 1, 0]);
  });

  test("an endpoint without replicas is asked last", () => {
    const host = started("least-loaded", {}, { endpoints: [{ replicas: 0 }, {}] });
    host.world.telemetry.outstanding[1] = 7;
    host.arrive();
    expect(endpointsOf(host)).toEqual([1]);
  });

  test("explains itself with one score per endpoint", () => {
    const host = started("least-loaded", {}, { endpoints: [{}, { large: false }] });
    host.explaining = true;
    host.world.telemetry.outstanding[0] = 3;
    host.arrive({ needsLarge: true });
    expect(host.explanations).toEqual([
      { request: 0, reason: "least outstanding at e0", scores: [3, Number.NaN] },
    ]);
  });
});
