import { describe, expect, test } from "vitest";
import { CapsRouter } from "../../../src/routers/caps/caps-router.ts";
import type { CostModel } from "../../../src/routers/caps/cost-model.ts";
import { capsParameters } from "../../../src/routers/caps/parameters.ts";
import type { Router } from "../../../src/routers/contract.ts";
import { createRouter, findRouter } from "../../../src/routers/registry.ts";
import { simulate } from "../../../src/simulator/simulate.ts";
import type { Tier } from "../../../src/workload/requests.ts";
import { runParts } from "../../oracle/build.ts";
import { FakeHost, type FakeWorldOptions } from "../fake-host.ts";

const GOLD = 0;
const SILVER = 1;
const BRONZE = 2;
const HOUR = 3600;

const tiers: readonly Tier[] = [
  { name: "gold", sloSeconds: 0.5, deferrable: false },
  { name: "silver", sloSeconds: 1, deferrable: true, deferralSeconds: 1800 },
  { name: "bronze", sloSeconds: 3, deferrable: true, deferralSeconds: 6 * HOUR },
];

/** One endpoint a pool: 1,000 prompt tokens take 0.1 s, an output 0.01 s at any batch; 64 places. */
const three = [{ name: "lp-0" }, { name: "cp-0" }, { name: "bp-0" }];
const LP0 = 0;
const CP0 = 1;
const BP0 = 2;
const only = { gold: ["lp"], silver: ["cp"], bronze: ["bp"] };

function started(
  parameters: object = {},
  options: Partial<FakeWorldOptions> = {},
  id = "caps-no-predictor",
): FakeHost {
  const host = new FakeHost({ endpoints: three, tiers, ...options });
  host.start(createRouter(findRouter(id), parameters, "test").router as Router);
  return host;
}

const chosen = (host: FakeHost) => host.placements.map((p) => p.endpoint);

describe("score", () => {
  const scoresOf = (parameters: object) => {
    const host = started(parameters);
    host.explaining = true;
    host.arrive({ tier: BRONZE, promptTokens: 1000 });
    return host.explanations[0];
  };

  test("literal: one tau for carbon and rate; the emptier pool wins, the batch at 0.9 is dear", () => {
    const { scores, reason } = scoresOf({ tau: "literal" });
    const power = (u: number) => (100 + 300 * u ** 0.7) / 400;
    // Rates are equal and nothing is late, so that G is 1 and V 0.
    expect(scores).toEqual([
      expect.closeTo(1 - 0.5 * power(1 / 64), 9),
      expect.closeTo(1 - 0.5 * power(1 / 64), 9),
      expect.closeTo(1 - 0.5 * power(0.9), 3),
    ]);
    expect(reason).toBe("highest score: lp");
  });

  test("split: a token's share of a step falls with the batch, so that carbon speaks for the batch", () => {
    const { scores } = scoresOf({ tau: "split" });
    const power = (u: number) => (100 + 300 * u ** 0.7) / 400;
    // Cost 0.1 + 100 * 0.01 / 16; alone 0.1 + 1 s; in a batch of 58 0.1 + 1 / 58 s.
    expect(scores).toEqual([
      expect.closeTo(1 - 0.5 * power(1 / 64) * (1.1 / 0.1625), 9),
      expect.closeTo(1 - 0.5 * power(1 / 64) * (1.1 / 0.1625), 9),
      expect.closeTo(1 - 0.5 * power(0.9) * ((0.1 + 1 / 58) / 0.1625), 3),
    ]);
  });

  test("a backlog costs goodput by rate, and risk once the slack is gone", () => {
    const host = started({ tau: "literal", beta: 0 });
    host.explaining = true;
    host.world.telemetry.queuedPrefillTokens[CP0] = 8375;
    host.arrive({ tier: SILVER, promptTokens: 1000 });
    // 0.8375 s ahead and 0.1625 s of its own are the objective of 1 s; the rate is 0.1625 of the other pool's.
    expect(host.explanations[0].scores[CP0]).toBeCloseTo(0.1625, 9);
    host.world.telemetry.queuedPrefillTokens[CP0] = 13_375;
    host.arrive({ tier: SILVER, promptTokens: 1000 });
    // Half a slack late; the first request is ahead in the other pool.
    const risk = 0.5;
    expect(host.explanations[1].scores[CP0]).toBeCloseTo((1 - risk) * ((0.1625 + 0.1) / 1.5) - 2 * risk, 9);
  });

  test.each([
    ["all", 0.1625 / 0.3625],
    ["room", 1],
    ["none", 1],
  ])("requests that the router keeps on purpose are ahead: ownQueue %s", (ownQueue, expected) => {
    const host = started({ tau: "literal", beta: 0, ownQueue }, { carbon: [200] });
    host.fetch([300]);
    host.world.telemetry.queuedPrefillTokens[LP0] = 1e6;
    host.arrive({ tier: SILVER, promptTokens: 1500 });
    host.arrive({ tier: SILVER, promptTokens: 500 });
    expect(host.holds).toHaveLength(2);
    host.world.telemetry.queuedPrefillTokens[LP0] = 0;
    host.explaining = true;
    host.arrive({ tier: SILVER, promptTokens: 1000 });
    // 2,000 prompt tokens ahead take 0.2 s, its own service 0.1625 s.
    expect(host.explanations[0].scores[CP0]).toBeCloseTo(expected, 9);
  });

  test("requests that wait with the router for room are ahead, and so are the outputs before a place is free", () => {
    const endpoints = [three[0], { name: "cp-0", maxRequests: 1, maxOutstanding: 1 }, three[2]];
    const scoreOf = (ownQueue: string) => {
      const candidates = { silver: ["cp"] };
      const host = started({ tau: "literal", beta: 0, ownQueue, candidates }, { endpoints });
      host.arrive({ tier: SILVER, promptTokens: 1000 });
      host.arrive({ tier: SILVER, promptTokens: 1000 });
      expect([chosen(host), host.holds]).toEqual([[CP0], []]);
      host.world.telemetry.queuedPrefillTokens.fill(0);
      host.explaining = true;
      host.arrive({ tier: BRONZE, promptTokens: 1000 });
      return host.explanations[0].scores[CP0];
    };
    // One place, an output 0.01 s. Ahead are 1,000 tokens, 0.1 s, and the 100 outputs of two requests, 2 s; its own
    // service is 1.1 s, 0.1625 s elsewhere: late by 0.2 of its 3 s of slack.
    const risk = (0.1 + 2 + 1.1 - 3) / 3;
    for (const ownQueue of ["all", "room"])
      expect(scoreOf(ownQueue)).toBeCloseTo((1 - risk) * (0.1625 / 3.2) - 2 * risk, 9);
    expect(scoreOf("none")).toBeCloseTo(0.1625 / 2.1, 9);
  });

  test("ties go to LP, then CP, then BP", () => {
    const host = started({ alpha: 0, beta: 0, lambda: 0 });
    host.arrive({ tier: BRONZE });
    host.down(LP0);
    host.arrive({ tier: BRONZE });
    host.down(CP0);
    host.arrive({ tier: BRONZE });
    expect(chosen(host)).toEqual([LP0, CP0, CP0, BP0, BP0, BP0]);
  });

  test("classes go to their pools alone", () => {
    const host = started({ alpha: 0, beta: 0, lambda: 0 }, { tiers: [...tiers, tiers[2]] });
    host.world.telemetry.queuedPrefillTokens.set([1e6, 0, 0]);
    host.explaining = true;
    for (const tier of [GOLD, SILVER, BRONZE, 3]) host.arrive({ tier });
    const admissible = host.explanations.map(({ scores }) => scores.map((s) => (Number.isNaN(s) ? 0 : 1)));
    expect(admissible).toEqual([
      [1, 0, 0],
      [1, 1, 0],
      [1, 1, 1],
      [1, 1, 1],
    ]);
  });

  test("a pool sends to its endpoint with the fewest outstanding requests", () => {
    const host = started({}, { endpoints: [{ name: "lp-0" }, ...three.slice(1), { name: "lp-1" }] });
    host.world.telemetry.outstanding[0] = 2;
    for (let i = 0; i < 4; i++) host.arrive({ tier: GOLD, promptTokens: 10 });
    expect(chosen(host)).toEqual([3, 3, 0, 3]);
  });
});

describe("predicted costs", () => {
  test("lengths order the batch and risks the pools; what came is compared with them", () => {
    const lengths = [300, 100, 200];
    const heard: [number, number, boolean][] = [];
    const costs: CostModel = {
      classifies: true,
      expect: (request, _tier, out, at) => {
        out[at] = lengths[request];
      },
      // Low latency is said to be late, for the load that the test gives it.
      risk: (load, out, at) => {
        out[at] = load.waiting > 4 ? 0.9 : 0.1;
      },
      completed: (request, tokens, missed) => heard.push([request, tokens, missed]),
    };
    const host = new FakeHost({ endpoints: three, tiers });
    const router = new CapsRouter(capsParameters.parse({ beta: 0 }), {
      carbon: true,
      tenants: true,
      costs: () => costs,
    });
    host.start(router);
    host.world.telemetry.waiting[LP0] = 5;
    const request = host.arrive({ tier: SILVER });
    expect(chosen(host)).toEqual([CP0]);
    host.finish(request, { outputTokens: 250, sloMet: false });
    expect(heard).toEqual([[0, 250, true]]);
    expect(router.figures()).toMatchObject({
      predictor_mae_tokens: 50,
      predictor_mape: 0.2,
      pool_share_lp: 0,
      pool_share_cp: 1,
    });
  });

  test("a pool that would not win without any risk is not asked for its own, unless reasons are kept", () => {
    const asked: number[] = [];
    const costs: CostModel = {
      classifies: true,
      expect: (_request, _tier, out, at) => {
        out[at] = 100;
      },
      risk: (load, out, at) => {
        asked.push(load.waiting);
        out[at] = 0.01;
      },
      completed() {},
    };
    const host = new FakeHost({ endpoints: three, tiers });
    const p = capsParameters.parse({ beta: 0, candidates: { silver: ["lp", "cp", "bp"] } });
    host.start(new CapsRouter(p, { carbon: true, tenants: true, costs: () => costs }));
    const { waiting, queuedPrefillTokens } = host.world.telemetry;
    waiting.set([1, 2, 3]);
    // 0.01 s ahead in the middle pool take little of its rate, 100 s in the last nearly all.
    queuedPrefillTokens.set([0, 100, 1e6]);
    host.arrive({ tier: SILVER, promptTokens: 1000 });
    expect(asked).toEqual([1, 2]);
    host.explaining = true;
    waiting.set([1, 2, 3]);
    queuedPrefillTokens.set([0, 100, 1e6]);
    host.arrive({ tier: SILVER, promptTokens: 1000 });
    expect(asked).toEqual([1, 2, 1, 2, 3]);
    expect(chosen(host)).toEqual([LP0, LP0]);
    expect(host.explanations[0].scores.every(Number.isFinite)).toBe(true);
  });

  test("without a predictor the tenant's mean output is expected, before its first the workload's", () => {
    const host = started({ tau: "literal", beta: 0, lambda: 0 });
    host.explaining = true;
    const first = host.request({ tenant: 4 });
    for (const outputTokens of [300, 500]) host.complete(first, { outputTokens });
    for (const tenant of [4, 5]) {
      host.world.telemetry.queuedPrefillTokens.set([0, 1000]);
      host.arrive({ tier: SILVER, tenant, promptTokens: 1000 });
    }
    // Rate against the other pool: tau / (0.1 + tau), tau 0.1 + 400 or 100 outputs at 0.01 / 16 s.
    const [known, unknown] = host.explanations.map(({ scores }) => scores[CP0]);
    expect(known).toBeCloseTo(0.35 / 0.45, 9);
    expect(unknown).toBeCloseTo(0.1625 / 0.2625, 9);
  });
});

describe("carbon gate", () => {
  test("threshold 200: 200 g/kWh admits, 201 queues on purpose", () => {
    const host = started({ candidates: only }, { carbon: [200] });
    host.arrive({ tier: SILVER });
    expect(chosen(host)).toEqual([CP0]);
    // 201 is above the 40th percentile of (200, 201), 200.4.
    host.fetch([201]);
    const waiting = host.arrive({ tier: SILVER });
    expect(chosen(host)).toEqual([CP0]);
    expect(host.holds).toEqual([waiting]);
  });

  test("opens at the next clean fetch, in order of arrival", () => {
    const host = started({ candidates: only }, { carbon: [200] });
    host.fetch([300]);
    const requests = [1, 2, 3].map(() => host.arrive({ tier: SILVER }));
    host.now = 300;
    host.fetch([150]);
    expect(host.placements.map((p) => p.request)).toEqual(requests);
  });

  test("the wait on purpose ends when the gate opens, not when there is room", () => {
    const host = started(
      { candidates: only },
      { carbon: [200], endpoints: [three[0], { name: "cp-0", maxOutstanding: 1 }, three[2]] },
    );
    host.fetch([300]);
    const requests = [1, 2, 3].map(() => host.arrive({ tier: SILVER }));
    expect(host.holds).toEqual(requests);
    host.now = 300;
    host.fetch([150]);
    expect(host.placements.map((p) => p.request)).toEqual(requests.slice(0, 1));
    expect(host.releases).toEqual(requests.slice(1));
    // What comes now waits for room alone, and what leaves was released already.
    host.arrive({ tier: SILVER });
    host.finish(requests[0]);
    expect(host.placements).toHaveLength(2);
    expect([host.holds, host.releases]).toEqual([requests, requests.slice(1)]);
  });

  test("the wait on purpose ends when the request may wait no longer, not when there is room", () => {
    const host = started(
      { candidates: only },
      { carbon: [200], endpoints: [three[0], { name: "cp-0", maxOutstanding: 1 }, three[2]] },
    );
    const running = host.arrive({ tier: SILVER });
    host.fetch([300]);
    const first = host.arrive({ tier: SILVER });
    host.advance(600);
    const second = host.arrive({ tier: SILVER });
    host.advance(1799);
    expect(host.releases).toEqual([]);
    host.advance(1800);
    expect(host.releases).toEqual([first]);
    host.finish(running);
    host.advance(2400);
    expect(host.placements.map((p) => p.request)).toEqual([running, first]);
    expect(host.releases).toEqual([first, second]);
  });

  test("nobody waits longer than 30 minutes, or than its tier may", () => {
    const host = started({ candidates: only }, { carbon: [200] });
    host.fetch([300]);
    host.arrive({ tier: SILVER });
    host.advance(600);
    host.arrive({ tier: SILVER });
    host.advance(1799);
    expect(host.placements).toEqual([]);
    host.advance(4000);
    expect(host.placements.map((p) => p.atSeconds)).toEqual([1800, 2400]);

    const strict = started({ candidates: { ...only, gold: ["cp"] } }, { carbon: [200] });
    strict.fetch([300]);
    strict.arrive({ tier: GOLD });
    expect(chosen(strict)).toEqual([CP0]);
  });

  test("a tier that may be held only within its objective leaves room for the service", () => {
    const within: Tier[] = [tiers[0], { name: "silver", sloSeconds: 5, deferrable: true }, tiers[2]];
    const host = started({ candidates: only }, { carbon: [200], tiers: within });
    host.fetch([300]);
    host.arrive({ tier: SILVER });
    host.advance(5);
    // The mean prompt takes 0.1 s.
    expect(host.placements).toMatchObject([{ atSeconds: 4.9 }]);
  });
});

describe("delay-tolerant pool", () => {
  const profile = [400, 380, 150, 160, 300, 420, 400, 400, 400, 400, 400, 400];
  const forecast = (_region: number, atSeconds: number) => profile[Math.floor(atSeconds / HOUR)];
  const bronzeOnly = { candidates: only };

  test("collects until the forecast's low hour, then sends batches of 64, the shortest expected output first", () => {
    const host = started(bronzeOnly, {
      carbon: [400],
      forecast,
      endpoints: [...three.slice(0, 2), { name: "bp-0", maxOutstanding: 64 }],
      requestCapacity: 400,
    });
    // Tenant t has a mean output of 1000 - t tokens.
    for (let tenant = 0; tenant < 100; tenant++) {
      host.complete(host.request({ tenant }), { outputTokens: 1000 - tenant });
    }
    const requests = Array.from({ length: 100 }, (_, tenant) => host.arrive({ tier: BRONZE, tenant }));
    expect(host.placements).toEqual([]);
    expect(host.holds).toEqual(requests);
    host.advance(2 * HOUR - 1);
    expect(host.placements).toEqual([]);
    host.advance(2 * HOUR);
    const shortest = [...requests].reverse();
    expect(host.placements.map((p) => p.request)).toEqual(shortest.slice(0, 64));
    expect([...host.releases].sort((a, b) => a - b)).toEqual(requests.slice(0, 36));
    host.finish(shortest[10]);
    expect(host.placements.at(-1)?.request).toBe(shortest[64]);
    expect(host.held).toBe(35);
    // In a window a full pool is no reason to hold anybody.
    const late = host.arrive({ tier: BRONZE, tenant: 0 });
    expect(host.holds).not.toContain(late);
  });

  test("without a forecast of its own the signal stands for it, and nothing waits", () => {
    const host = started(bronzeOnly, { carbon: [400] });
    host.arrive({ tier: BRONZE });
    expect(chosen(host)).toEqual([BP0]);
    expect(host.holds).toEqual([]);
  });

  test.each([
    ["batch", [HOUR, HOUR]],
    ["due", [HOUR, 1.5 * HOUR]],
  ])("forced start %s: who may wait no longer goes, with or without company", (forcedStart, times) => {
    const short = tiers.map((tier) => ({ ...tier, deferralSeconds: HOUR }));
    const host = started({ ...bronzeOnly, forcedStart }, { carbon: [400], forecast, tiers: short });
    host.arrive({ tier: BRONZE });
    host.advance(0.5 * HOUR);
    host.arrive({ tier: BRONZE });
    host.advance(1.9 * HOUR);
    expect(host.placements.map((p) => p.atSeconds)).toEqual(times);
  });

  test("the score reckons with the intensity of the planned start", () => {
    const host = started({ tau: "literal" }, { carbon: [400], forecast });
    host.explaining = true;
    host.arrive({ tier: BRONZE });
    const batchPower = (100 + 300 * 0.9 ** 0.7) / 400;
    // Window in hour 2 at 150 g/kWh; the mean seen so far is 400.
    expect(host.explanations[0].scores[BP0]).toBeCloseTo(1 - 0.5 * (150 / 400) * batchPower, 3);
  });
});

describe("gold", () => {
  const lpOnly = { candidates: { gold: ["lp"], silver: ["lp"], bronze: ["lp"] } };

  test("pauses the youngest other request where it would be late behind it, once each", () => {
    const host = started(lpOnly);
    const older = host.arrive({ tier: SILVER, promptTokens: 3000 });
    const younger = host.arrive({ tier: BRONZE, promptTokens: 3000 });
    const gold = host.arrive({ tier: GOLD, promptTokens: 100 });
    // 6,000 tokens are 0.6 s, its objective 0.5: the younger one makes way, and comes back behind it.
    expect(host.preemptions).toEqual([younger]);
    expect(host.placements.map((p) => p.request)).toEqual([older, younger, gold, younger]);
    host.arrive({ tier: GOLD, promptTokens: 100 });
    host.arrive({ tier: GOLD, promptTokens: 100 });
    expect(host.preemptions).toEqual([younger, older]);
  });

  test("leaves the others alone where it is in time, and where it may not", () => {
    const early = started(lpOnly);
    early.arrive({ tier: SILVER, promptTokens: 3000 });
    early.arrive({ tier: GOLD, promptTokens: 100 });
    expect(early.preemptions).toEqual([]);
    for (const preempt of ["off", "full"]) {
      const host = started({ ...lpOnly, preempt });
      host.arrive({ tier: SILVER, promptTokens: 9000 });
      host.arrive({ tier: GOLD, promptTokens: 100 });
      expect(host.preemptions).toEqual([]);
    }
  });

  test("takes the place of another where none is free, and goes before it in the queue", () => {
    const endpoints = [{ name: "lp-0", maxOutstanding: 1 }, ...three.slice(1)];
    const host = started({ ...lpOnly, preempt: "full" }, { endpoints });
    const silver = host.arrive({ tier: SILVER });
    const gold = host.arrive({ tier: GOLD });
    expect(host.placements.map((p) => p.request)).toEqual([silver, gold]);
    const second = host.arrive({ tier: GOLD });
    expect(host.preemptions).toEqual([silver]);
    host.finish(gold);
    host.finish(second);
    expect(host.placements.map((p) => p.request)).toEqual([silver, gold, second, silver]);
    expect(host.watching).toBe(false);
  });

  test("finds room at any endpoint of its pool where another may be paused, and pauses the youngest there", () => {
    const full = (name: string) => ({ name, maxOutstanding: 1 });
    const endpoints = [full("lp-0"), full("lp-1"), full("lp-2"), ...three.slice(1)];
    const host = started({ ...lpOnly, preempt: "full" }, { endpoints });
    const first = host.arrive({ tier: GOLD });
    const silver = host.arrive({ tier: SILVER });
    const bronze = host.arrive({ tier: BRONZE });
    expect(chosen(host)).toEqual([0, 1, 2]);
    // All three have one request, the first of them gold.
    const second = host.arrive({ tier: GOLD });
    expect(host.preemptions).toEqual([bronze]);
    const third = host.arrive({ tier: GOLD });
    expect(host.preemptions).toEqual([bronze, silver]);
    expect(host.placements.slice(3)).toMatchObject([
      { request: second, endpoint: 2 },
      { request: third, endpoint: 1 },
    ]);
    // Nobody is left who might be paused: gold waits.
    host.arrive({ tier: GOLD });
    expect([host.preemptions.length, host.placements.length]).toEqual([2, 5]);
    host.finish(first);
    expect(host.placements.at(-1)?.endpoint).toBe(0);
  });

  test("the paused prompt is computed again", () => {
    const rows = [
      { arrival: 0, prompt: 12_000, output: 50, tier: SILVER },
      { arrival: 0.05, prompt: 100, output: 5, tier: GOLD },
    ];
    const run = (preempt: string) => {
      const { router } = createRouter(findRouter("caps-no-predictor"), { ...lpOnly, preempt }, "test");
      const endpoints = three.map((endpoint) => ({ ...endpoint }));
      return runParts(simulate, { endpoints, rows, trace: { tiers }, router: router as Router }).sink;
    };
    const [kept, paused] = [run("off"), run("late")];
    expect([kept.row(0).preemptions, paused.row(0).preemptions]).toEqual([0, 1]);
    expect(paused.row(1).ttftSeconds).toBeLessThan(kept.row(1).ttftSeconds);
    expect(paused.row(0).finishedSeconds).toBeGreaterThan(kept.row(0).finishedSeconds);
    expect(paused.row(0).outputTokens).toBe(50);
  });
});

describe("endpoints that go", () => {
  test("what is lost is placed anew, where nobody is up it waits for one", () => {
    const host = started();
    const gold = host.arrive({ tier: GOLD });
    host.down(LP0);
    host.down(CP0);
    host.down(BP0);
    expect(chosen(host)).toEqual([LP0, BP0]);
    expect(host.held).toBe(1);
    host.up(CP0);
    expect(host.placements.at(-1)).toMatchObject({ request: gold, endpoint: CP0 });
    expect(host.held).toBe(0);
  });

  test("the collection of a pool that goes dark looks for another pool", () => {
    const forecast = (_region: number, at: number) => (at < HOUR ? 400 : 100);
    const host = started(
      { candidates: { ...only, bronze: ["bp", "lp"] }, beta: 9 },
      { carbon: [400], forecast },
    );
    host.arrive({ tier: BRONZE });
    expect(host.placements).toEqual([]);
    host.down(BP0);
    expect(chosen(host)).toEqual([LP0]);
  });

  test("caps of endpoints are kept to, and watched only while something waits", () => {
    const endpoints = three.map((endpoint) => ({ ...endpoint, maxOutstanding: 1 }));
    const host = started({ preempt: "off" }, { endpoints });
    const [first, second] = [host.arrive({ tier: GOLD }), host.arrive({ tier: GOLD })];
    expect([chosen(host), host.watching]).toEqual([[LP0], true]);
    host.finish(first);
    expect(host.placements.at(-1)?.request).toBe(second);
    expect(host.watching).toBe(false);
  });

  test("a request that needs the large model has only pools that serve it", () => {
    const endpoints = [{ name: "lp-0", large: false }, { name: "cp-0" }, { name: "bp-0", large: false }];
    const host = started({}, { endpoints });
    host.arrive({ tier: GOLD, needsLarge: true });
    host.arrive({ tier: GOLD });
    expect(chosen(host)).toEqual([CP0, LP0]);
    const none = started({}, { endpoints: endpoints.map((e) => ({ ...e, large: false })) });
    none.arrive({ tier: GOLD, needsLarge: true });
    expect(none.rejections).toHaveLength(1);
  });
});

describe("ablations", () => {
  const forecast = (_region: number, at: number) => (at < HOUR ? 400 : 100);

  test("caps-no-carbon opens the gate and waits for nothing", () => {
    const host = new FakeHost({ endpoints: three, tiers, carbon: [200], forecast });
    host.start(new CapsRouter(capsParameters.parse({ candidates: only }), { carbon: false, tenants: true }));
    host.fetch([900]);
    host.arrive({ tier: SILVER });
    host.arrive({ tier: BRONZE });
    expect(chosen(host)).toEqual([CP0, BP0]);
  });

  test("caps-no-tenant takes gold for silver: every pool may have it, nobody makes way for it", () => {
    const router = new CapsRouter(capsParameters.parse({ alpha: 0, beta: 0, lambda: 0 }), {
      carbon: true,
      tenants: false,
    });
    const host = new FakeHost({ endpoints: three, tiers });
    host.start(router);
    host.explaining = true;
    host.arrive({ tier: SILVER, promptTokens: 9000 });
    host.arrive({ tier: GOLD });
    expect(host.preemptions).toEqual([]);
    expect(host.explanations[1].scores.every((score) => score === 0)).toBe(true);
  });

  test("a router that has to be trained says so", () => {
    expect(() => started({}, {}, "caps")).toThrow(
      expect.objectContaining({ code: "CANOPY_TRAINING_MISSING" }),
    );
  });
});
