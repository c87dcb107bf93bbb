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

describe("performance-only", () => {
  test("takes the least estimate plus network and sees neither cost nor carbon", () => {
    const host = started(
      "performance-only",
      {},
      {
        endpoints: [
          { prefillSecondsPerToken: 1e-4, roundTripSeconds: 0.2 },
          { prefillSecondsPerToken: 2e-4, usdPerReplicaSecond: 99, region: 1 },
        ],
        carbon: [1, 1000],
      },
    );
    host.explaining = true;
    host.arrive({ promptTokens: 1000 });
    // 0.1 + 0.2 s against 0.2 s; then 0.3 s against 0.2 + 0.2 s.
    host.arrive({ promptTokens: 1000 });
    expect(endpointsOf(host)).toEqual([1, 0]);
    expect(host.explanations[0].scores).toEqual([0.3, 0.2].map((s) => expect.closeTo(s, 12)));
    expect(host.explanations[1].scores).toEqual([0.3, 0.4].map((s) => expect.closeTo(s, 12)));
  });

  test("never defers, and holds in order of tier and deadline what nobody takes", () => {
    const host = started("performance-only", {}, { endpoints: [{ maxOutstanding: 1 }] });
    host.world.telemetry.queuedPrefillTokens[0] = 1e6;
    host.arrive({ tier: 2, deadlineSeconds: 1000 });
    expect(host.placements).toHaveLength(1);
    for (const deadlineSeconds of [9, 8]) host.arrive({ tier: 1, deadlineSeconds });
    host.arrive({ tier: 0, deadlineSeconds: 10 });
    expect(host.holds).toEqual([]);
    for (const k of [1, 2, 3]) {
      host.world.telemetry.outstanding[0] = 0;
      host.advance(0.1 * k);
    }
    expect(host.placements.slice(1).map((p) => p.request)).toEqual([3, 2, 1]);
  });
});

describe("shortest-queue", () => {
  test("sends to the fewest outstanding tokens, running ones included", () => {
    const host = started("shortest-queue", {}, { endpoints: [{}, {}] });
    // The defect of peers: waiting requests alone would look at 0 against 1.
    host.world.telemetry.waiting.set([0, 1]);
    host.world.telemetry.outstanding.set([5, 1]);
    host.world.telemetry.outstandingTokens.set([4000, 900]);
    host.arrive();
    expect(endpointsOf(host)).toEqual([1]);
  });
});

describe("power-of-two", () => {
  test("two endpoints: always both are drawn, so the shorter queue gets it", () => {
    const host = started("power-of-two", {}, { endpoints: [{}, {}] });
    host.world.telemetry.outstandingTokens.set([10, 0]);
    host.arrive({ promptTokens: 100 });
    host.arrive({ promptTokens: 100 });
    expect(endpointsOf(host)).toEqual([1, 0]);
  });

  test("with equal queues each of n endpoints is the lower index of a pair as often as it should be", () => {
    const host = started("power-of-two", {}, { endpoints: [{}, {}, {}, {}], requestCapacity: 6000 });
    for (let i = 0; i < 6000; i++) {
      host.arrive({ promptTokens: 0 });
      host.world.telemetry.outstandingTokens.fill(0);
    }
    // Pairs out of four: index 0 is the lower of 3, 1 of 2, 2 of 1 and 3 of none; five standard deviations.
    const counts = [0, 1, 2, 3].map((e) => endpointsOf(host).filter((c) => c === e).length);
    for (const [e, share] of [3 / 6, 2 / 6, 1 / 6, 0].entries()) {
      expect(Math.abs(counts[e] - 6000 * share)).toBeLessThanOrEqual(
        5 * Math.sqrt(6000 * share * (1 - share)),
      );
    }
  });

  test("finds the last endpoint that is up", () => {
    const host = started("power-of-two", {}, { endpoints: Array.from({ length: 9 }, () => ({})) });
    host.world.telemetry.up.fill(0);
    host.world.telemetry.up[7] = 1;
    for (let i = 0; i < 20; i++) host.arrive();
    expect(new Set(endpointsOf(host))).toEqual(new Set([7]));
    expect(host.placements).toHaveLength(20);
  });
});

describe("prefix-affinity", () => {
  const three = { endpoints: [{}, {}, { large: false }] };

  test("a session stays where its last step went", () => {
    const host = started("prefix-affinity", {}, three);
    host.arrive({ session: 7, promptTokens: 5000 });
    host.arrive({ session: 8, promptTokens: 10 });
    host.arrive({ session: 7, promptTokens: 10 });
    expect(endpointsOf(host)).toEqual([0, 1, 0]);
  });

  test("until its endpoint is overloaded by both measures", () => {
    const host = started("prefix-affinity", { overloadTokens: 1000, overloadFactor: 2 }, three);
    host.arrive({ session: 7, promptTokens: 0 });
    host.world.telemetry.outstandingTokens.set([3000, 1999, 1999]);
    host.arrive({ session: 7, promptTokens: 0 });
    host.world.telemetry.outstandingTokens.set([3000, 1501, 1501]);
    host.arrive({ session: 7, promptTokens: 0 });
    host.world.telemetry.outstandingTokens.set([3000, 1499, 1501]);
    host.arrive({ session: 7, promptTokens: 0 });
    expect(endpointsOf(host)).toEqual([0, 0, 0, 1]);
    // The table follows: it stays at the new place.
    host.world.telemetry.outstandingTokens.set([0, 900, 900]);
    host.arrive({ session: 7, promptTokens: 0 });
    expect(endpointsOf(host).at(-1)).toBe(1);
  });

  test("a step that needs the large model leaves the small one", () => {
    const host = started("prefix-affinity", {}, three);
    host.world.telemetry.outstandingTokens.set([9, 9, 0]);
    host.arrive({ session: 1, promptTokens: 0 });
    host.arrive({ session: 1, promptTokens: 0, needsLarge: true });
    expect(endpointsOf(host)).toEqual([2, 0]);
  });

  test("without a session it is the shortest queue", () => {
    const host = started("prefix-affinity", {}, three);
    for (let i = 0; i < 3; i++) host.arrive();
    expect(endpointsOf(host)).toEqual([0, 1, 2]);
  });
});

describe("regional-split", () => {
  const endpoints = [{ region: 0 }, { region: 0 }, { region: 1, group: 2 }];

  test("keeps the shares by smooth weighted round robin, fewest outstanding inside", () => {
    const host = started("regional-split", { shares: { r0: 3, r1: 1 } }, { endpoints });
    for (let i = 0; i < 8; i++) host.arrive();
    expect(endpointsOf(host)).toEqual([0, 1, 2, 0, 1, 0, 2, 1]);
  });

  test("a region that is down is left out, and one without a share is the last resort", () => {
    const host = started("regional-split", { shares: { r0: 1 } }, { endpoints });
    host.world.telemetry.up.set([0, 1, 1]);
    host.arrive();
    host.world.telemetry.up.set([0, 0, 1]);
    host.arrive();
    expect(endpointsOf(host)).toEqual([1, 2]);
  });

  test("a refusal tries the next best of the region without losing its turn", () => {
    const host = started(
      "regional-split",
      {},
      { endpoints: [{ region: 0, maxOutstanding: 1 }, { region: 0 }, { region: 1 }] },
    );
    host.world.telemetry.outstanding[1] = 5;
    for (let i = 0; i < 4; i++) host.arrive();
    expect(endpointsOf(host)).toEqual([0, 2, 1, 2]);
  });

  test("by group, and an unknown name is told", () => {
    const host = started("regional-split", { by: "group", shares: { g1: 1 } }, { endpoints });
    host.arrive();
    expect(endpointsOf(host)).toEqual([1]);
    expect(() => started("regional-split", { shares: { r9: 1 } }, { endpoints })).toThrow(
      expect.objectContaining({
        code: "CANOPY_ROUTER_PARAMETER",
        message: expect.stringMatching(
          /names the region "r9", which the fleet does not have \(did you mean "r0"\?\)/,
        ),
      }),
    );
  });
});

describe("replay", () => {
  const endpoints = [{}, { large: false }, { maxOutstanding: 1 }];

  test("places where the trace says, and waits for an endpoint that is full without stopping the others", () => {
    const host = started("replay", {}, { endpoints });
    for (const recordedEndpoint of [1, 2, 2, 0]) host.arrive({ recordedEndpoint });
    expect(endpointsOf(host)).toEqual([1, 2, 0]);
    host.world.telemetry.outstanding[2] = 0;
    host.advance(0.1);
    expect(host.placements[3]).toMatchObject({ request: 2, endpoint: 2, atSeconds: 0.1 });
  });

  test("a row without an endpoint, or with one that may not serve it, is told", () => {
    const host = started("replay", {}, { endpoints });
    expect(() => host.arrive({ arrivalSeconds: 1.5 })).toThrow(
      expect.objectContaining({
        code: "CANOPY_REPLAY_UNRECORDED",
        message: expect.stringMatching(/arrives at 1\.5 s names no endpoint/),
      }),
    );
    expect(() => host.arrive({ recordedEndpoint: 1, needsLarge: true })).toThrow(
      expect.objectContaining({
        code: "CANOPY_REPLAY_INADMISSIBLE",
        message: expect.stringMatching(/recorded at e1, which may not serve it \(it needs the large model\)/),
      }),
    );
  });
});
