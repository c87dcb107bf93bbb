import { describe, expect, test } from "vitest";
import type { Router } from "../../../src/routers/contract.ts";
import { createRouter, findRouter } from "../../../src/routers/registry.ts";
import { FakeHost, type FakeWorldOptions } from "../fake-host.ts";

const HOUR = 3600;

function started(id: string, options: FakeWorldOptions, parameters: object = {}): FakeHost {
  const host = new FakeHost(options);
  host.start(createRouter(findRouter(id), parameters, "test").router as Router);
  return host;
}

const order = (host: FakeHost) => host.placements.map((p) => p.request);

test("rr is round robin", () => {
  expect(findRouter("rr")).toBe(findRouter("round-robin"));
});

describe("edf", () => {
  test("deadlines 5, 3, 9 in this order, one busy GPU: run 3, 5, 9", () => {
    const host = started("edf", { endpoints: [{ maxOutstanding: 1 }] });
    const busy = host.arrive({ deadlineSeconds: 1 });
    const [five, three, nine] = [5, 3, 9].map((deadlineSeconds) => host.arrive({ deadlineSeconds }));
    for (const running of [busy, three, five]) host.finish(running);
    expect(order(host)).toEqual([busy, three, five, nine]);
    expect(host.preemptions).toEqual([]);
  });

  test("without a cap of the host's an endpoint takes as many as its batch holds, and is looked at again", () => {
    const host = started("edf", { endpoints: [{ maxRequests: 2 }, { maxRequests: 1 }] });
    for (let i = 0; i < 5; i++) host.arrive({ deadlineSeconds: 10 - i });
    expect(host.placements.map((p) => p.endpoint)).toEqual([0, 1, 0]);
    host.world.telemetry.outstanding[1] = 0;
    host.advance(0.1);
    expect(order(host)).toEqual([0, 1, 2, 4]);
    expect(host.placements[3].endpoint).toBe(1);
  });

  test("a request that waits for the large model stands in nobody's way, and what comes back keeps its deadline", () => {
    const host = started("edf", {
      endpoints: [{ maxOutstanding: 1 }, { large: false, maxOutstanding: 1 }],
    });
    const first = host.arrive({ needsLarge: true, deadlineSeconds: 1 });
    host.arrive({ needsLarge: true, deadlineSeconds: 2 });
    const small = host.arrive({ deadlineSeconds: 3 });
    expect(order(host)).toEqual([first, small]);
    host.down(0);
    host.up(0);
    expect(order(host)).toEqual([first, small, first]);
  });

  test("what needs a model that nobody has is refused", () => {
    const host = started("edf", { endpoints: [{ large: false }] });
    host.arrive({ needsLarge: true });
    expect(host.rejections).toHaveLength(1);
  });
});

describe("slo-aware", () => {
  const endpoints = ["lp-0", "cp-0", "bp-0"].map((name) => ({ name, maxOutstanding: 1 }));

  test("pool by tier, by deadline inside it, whatever the carbon", () => {
    const host = started("slo-aware", { endpoints, carbon: [100] });
    host.fetch([900]);
    for (const tier of [2, 1, 0]) host.arrive({ tier });
    expect(host.placements.map((p) => p.endpoint)).toEqual([2, 1, 0]);
    const late = host.arrive({ tier: 0, deadlineSeconds: 9 });
    const soon = host.arrive({ tier: 0, deadlineSeconds: 4 });
    host.finish(2);
    host.finish(soon);
    expect(order(host).slice(3)).toEqual([soon, late]);
    expect(host.holds).toEqual([]);
  });

  test("tiers are mapped by strictness, and by name where asked", () => {
    const host = started("slo-aware", { endpoints }, { tierClasses: ["bronze", "gold"] });
    for (const tier of [0, 1]) host.arrive({ tier });
    expect(host.placements.map((p) => p.endpoint)).toEqual([2, 0]);
  });

  test("a pool without the large model hands on what needs it", () => {
    const host = started("slo-aware", { endpoints: endpoints.map((e, i) => ({ ...e, large: i === 1 })) });
    host.arrive({ tier: 0, needsLarge: true });
    host.arrive({ tier: 0 });
    expect(host.placements.map((p) => p.endpoint)).toEqual([1, 0]);
  });
});

describe("carbon-aware", () => {
  const forecast = (_region: number, at: number) => (at < 2 * HOUR ? 400 : at < 4 * HOUR ? 150 : 500);

  test("waits for the cleaner hour, then goes in order of arrival", () => {
    const host = started("carbon-aware", { endpoints: [{}], carbon: [200], forecast });
    const first = host.arrive();
    expect(order(host)).toEqual([first]);
    host.fetch([400]);
    const waiting = [host.arrive({ tier: 2 }), host.arrive({ tier: 0 })];
    expect(host.holds).toEqual(waiting);
    host.now = 2 * HOUR;
    host.fetch([150]);
    expect(order(host)).toEqual([first, ...waiting]);
  });

  test("the wait on purpose ends with the cleaner hour or the horizon, not when there is room", () => {
    const one = { endpoints: [{ maxOutstanding: 1 }], carbon: [200], forecast };
    const host = started("carbon-aware", one);
    host.fetch([400]);
    const waiting = [host.arrive(), host.arrive(), host.arrive()];
    host.now = 2 * HOUR;
    host.fetch([150]);
    expect(order(host)).toEqual(waiting.slice(0, 1));
    expect(host.holds).toEqual(waiting);
    expect(host.releases).toEqual(waiting.slice(1));
    host.finish(waiting[0]);
    expect(order(host)).toEqual(waiting.slice(0, 2));
    expect(host.releases).toEqual(waiting.slice(1));

    const never = started("carbon-aware", one, { horizonHours: 2.5 });
    never.fetch([400]);
    const [first, second] = [never.arrive(), never.arrive()];
    never.advance(60);
    const third = never.arrive();
    never.advance(2.5 * HOUR);
    expect([order(never), never.releases]).toEqual([[first], [second]]);
    never.finish(first);
    never.advance(2.5 * HOUR + 60);
    expect([order(never), never.releases]).toEqual([
      [first, second],
      [second, third],
    ]);
  });

  test("does not wait where no hour within its horizon is cleaner", () => {
    const dirtier = (_region: number, at: number) => 400 + at / HOUR;
    const host = started("carbon-aware", { endpoints: [{}], carbon: [200], forecast: dirtier });
    host.fetch([400]);
    host.arrive();
    expect(host.placements).toHaveLength(1);
    const short = started(
      "carbon-aware",
      { endpoints: [{}], carbon: [200], forecast },
      { horizonHours: 1.5 },
    );
    short.fetch([400]);
    short.arrive();
    expect(short.placements).toHaveLength(1);
  });

  test("nobody waits beyond the horizon", () => {
    const never = (_region: number, at: number) => (at < 100 * HOUR ? 400 - at / HOUR : 0);
    const host = started(
      "carbon-aware",
      { endpoints: [{}], carbon: [200], forecast: never },
      { horizonHours: 2 },
    );
    host.fetch([400]);
    host.arrive();
    host.advance(600);
    host.arrive();
    host.advance(3 * HOUR);
    expect(host.placements.map((p) => p.atSeconds)).toEqual([2 * HOUR, 2 * HOUR + 600]);
  });
});
