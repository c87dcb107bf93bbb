import { describe, expect, test } from "vitest";
import type { Router } from "../../../src/routers/contract.ts";
import { createRouter, findRouter } from "../../../src/routers/registry.ts";
import { FakeHost, type FakeWorldOptions } from "../fake-host.ts";

const HIGH = 0;
const LOW = 2;

function started(id: string, parameters: object, options: FakeWorldOptions): FakeHost {
  const host = new FakeHost(options);
  host.start(createRouter(findRouter(id), parameters, "test").router as Router);
  return host;
}

const chosen = (host: FakeHost) => host.placements.map((p) => p.endpoint);

/** Two endpoints that differ in price and carbon: 1,000 prompt tokens take 0.1 s, 100 outputs 0.0625 s at batch 16. */
const priced: FakeWorldOptions = {
  endpoints: [
    { region: 0, usdPerReplicaSecond: 0.001 },
    { region: 1, usdPerReplicaSecond: 0.002 },
  ],
  carbon: [400, 100],
};

describe("score", () => {
  test("is the weighted sum of latency, cost and carbon above the minimum over the mean", () => {
    const host = started("cedar-heuristic", {}, priced);
    host.explaining = true;
    host.arrive({ tier: LOW, promptTokens: 1000 });
    // est 0.1 s of 5 s. Cost 1.625e-4 and 3.25e-4, mean 2.4375e-4. CO2 in the ratio 4 : 1, mean 2.5.
    const [first, second] = host.explanations[0].scores;
    expect(first).toBeCloseTo(0.1 * (0.1 / 5) + 0.5 * (3 / 2.5), 12);
    expect(second).toBeCloseTo(0.1 * (0.1 / 5) + 0.5 * (1.625 / 2.4375), 12);
    expect(host.explanations[0].reason).toBe("lowest score at e1");
    expect(chosen(host)).toEqual([1]);
  });

  test("without the carbon term the cheaper endpoint wins", () => {
    const host = started("cedar-no-carbon", {}, priced);
    host.arrive({ tier: LOW });
    expect(chosen(host)).toEqual([0]);
  });

  test("a strict tier cares for latency, a lax one for carbon", () => {
    const options: FakeWorldOptions = {
      endpoints: [
        { region: 0, prefillSecondsPerToken: 1e-4 },
        { region: 1, prefillSecondsPerToken: 3e-4 },
      ],
      carbon: [400, 50],
    };
    const host = started("cedar-heuristic", {}, options);
    host.arrive({ tier: HIGH });
    host.arrive({ tier: LOW });
    expect(chosen(host)).toEqual([0, 1]);
  });

  test("ties go to the lower index", () => {
    const host = started("cedar-heuristic", {}, { endpoints: [{}, {}, {}] });
    host.arrive({ tier: LOW });
    expect(chosen(host)).toEqual([0]);
  });

  test("unknown power switches the carbon term off for the whole fleet", () => {
    const host = started(
      "cedar-heuristic",
      {},
      { ...priced, endpoints: [{ ...priced.endpoints[0], watts: null }, priced.endpoints[1]] },
    );
    host.arrive({ tier: LOW });
    expect(chosen(host)).toEqual([0]);
  });

  test("a share above the target costs h times the excess", () => {
    const host = started(
      "cedar-heuristic",
      {},
      { endpoints: [{ region: 0 }, { region: 1 }], carbon: [400, 400] },
    );
    host.explaining = true;
    host.arrive({ tier: LOW });
    host.arrive({ tier: LOW });
    // All of the tier's requests went to group 0, whose target is 1/2: 0.1 * (1 - 0.5). 1,000 tokens queue, for 0.1 s.
    const [first, second] = host.explanations[1].scores;
    expect(first - second).toBeCloseTo(0.1 * 0.5 + 0.1 * (0.1 / 5), 12);
    expect(chosen(host)).toEqual([0, 1]);
  });

  test("needs slack: when nobody leaves it, the lowest estimate decides", () => {
    const options: FakeWorldOptions = {
      endpoints: [
        { prefillSecondsPerToken: 9e-4, usdPerReplicaSecond: 1e-9 },
        { prefillSecondsPerToken: 5e-4 },
      ],
    };
    const host = started("cedar-heuristic", {}, options);
    host.explaining = true;
    host.arrive({ tier: HIGH, promptTokens: 1000 });
    expect(host.explanations[0]).toMatchObject({
      reason: "no endpoint leaves the slack: lowest estimate in seconds at e1",
      scores: [0.9, 0.5].map((s) => expect.closeTo(s, 12)),
    });
  });

  test("the margin of a tenth of the objective and the network count against the slack", () => {
    const slackOf = (roundTripSeconds: number) => {
      const host = started("cedar-heuristic", {}, { endpoints: [{ roundTripSeconds }] });
      host.explaining = true;
      host.arrive({ tier: HIGH, promptTokens: 1000 });
      return host.explanations[0].reason.startsWith("lowest score");
    };
    // 0.5 s objective, 0.05 s margin, 0.1 s estimate.
    expect(slackOf(0.34)).toBe(true);
    expect(slackOf(0.36)).toBe(false);
  });
});

describe("estimate", () => {
  const firstScore = (options: FakeWorldOptions, set: (host: FakeHost) => void = () => undefined) => {
    const host = started(
      "cedar-heuristic",
      { latencyWeights: [1], costWeights: [0], carbonWeights: [0], epsilon: "off", controlSeconds: 1000 },
      options,
    );
    set(host);
    host.explaining = true;
    host.arrive({ tier: LOW, deadlineSeconds: host.now + 1e6 });
    return 5 * host.explanations[0].scores[0];
  };

  test("is the queued and the own prompt over the prefill rate, the queue divided among the replicas", () => {
    const seconds = firstScore({ endpoints: [{ replicas: 2 }] }, (host) => {
      host.world.telemetry.queuedPrefillTokens[0] = 6000;
    });
    expect(seconds).toBeCloseTo(6000 / 10_000 / 2 + 0.1, 12);
  });

  test("end to end it adds the expected outputs at the step time of one more sequence", () => {
    const endpoint = { replicas: 2, stepSeconds: 0.01, stepSecondsPerSequence: 0.001 };
    const seconds = firstScore({ endpoints: [endpoint], latency: "e2e" }, (host) => {
      host.world.telemetry.decoding[0] = 7;
    });
    // 3 of the 7 decode on this replica, so the batch becomes 4: 0.014 s for each of 100 outputs.
    expect(seconds).toBeCloseTo(0.1 + 100 * 0.014, 12);
  });

  test("learns the mean output from completions", () => {
    const seconds = firstScore({ endpoints: [{}], latency: "e2e" }, (host) => {
      for (const outputTokens of [200, 600]) host.complete(0, { outputTokens });
    });
    expect(seconds).toBeCloseTo(0.1 + ((100 + 200 + 600) / 3) * 0.01, 12);
  });

  test("a slowed endpoint is slow in the estimate too", () => {
    const seconds = firstScore({ endpoints: [{}] }, (host) => {
      host.world.telemetry.timeFactor[0] = 3;
      host.world.telemetry.takenAtSeconds = 0.1;
    });
    expect(seconds).toBeCloseTo(0.3, 12);
  });

  test("a request that came back computes prompt and outputs anew", () => {
    const host = started(
      "cedar-heuristic",
      { latencyWeights: [1], costWeights: [0], carbonWeights: [0] },
      { endpoints: [{}] },
    );
    host.explaining = true;
    host.arrive({ tier: LOW, promptTokens: 1000, producedTokens: 500 });
    expect(host.explanations[0].scores[0]).toBeCloseTo(0.15 / 5, 12);
  });
});

describe("ablations", () => {
  test("cedar-no-queue scales the unloaded service time by 1 + u / (1 - u) and sees no backlog", () => {
    const host = started(
      "cedar-no-queue",
      { latencyWeights: [1], costWeights: [0], carbonWeights: [0] },
      { endpoints: [{}, {}] },
    );
    host.explaining = true;
    host.world.telemetry.queuedPrefillTokens.set([1e6, 0]);
    host.world.telemetry.utilisation.set([0.5, 0.75]);
    host.arrive({ tier: LOW });
    expect(host.explanations[0].scores).toEqual([0.2 / 5, 0.4 / 5].map((s) => expect.closeTo(s, 12)));
    expect(host.holds).toEqual([]);
  });

  test("cedar-no-model sees the mean over the models, each model counted once", () => {
    const host = started(
      "cedar-no-model",
      { latencyWeights: [1], costWeights: [0], carbonWeights: [0] },
      {
        endpoints: [
          { model: 0, prefillSecondsPerToken: 4e-4 },
          { model: 0, prefillSecondsPerToken: 4e-4 },
          { model: 1, prefillSecondsPerToken: 1e-4, large: false },
        ],
      },
    );
    host.explaining = true;
    host.arrive({ tier: LOW });
    expect(host.explanations[0].scores).toEqual(
      [0.25 / 5, 0.25 / 5, 0.25 / 5].map((s) => expect.closeTo(s, 12)),
    );
    host.arrive({ tier: LOW, needsLarge: true });
    expect(host.placements[1].endpoint).toBeLessThan(2);
  });

  test("cedar-no-model can draw the model uniformly within the region", () => {
    const host = started(
      "cedar-no-model",
      { uniformWithinRegion: true },
      {
        endpoints: [
          { region: 0, model: 0 },
          { region: 0, model: 1, prefillSecondsPerToken: 3e-4 },
          { region: 1, model: 1 },
        ],
        carbon: [10, 900],
        requestCapacity: 400,
      },
    );
    for (let i = 0; i < 400; i++) {
      host.arrive({ tier: LOW, promptTokens: 1 });
      host.world.telemetry.queuedPrefillTokens.fill(0);
    }
    const counts = [0, 1, 2].map((e) => chosen(host).filter((c) => c === e).length);
    const inFirstRegion = counts[0] + counts[1];
    expect(inFirstRegion).toBeGreaterThan(200);
    // Two equally likely models: five standard deviations.
    expect(Math.abs(counts[0] - inFirstRegion / 2)).toBeLessThan(2.5 * Math.sqrt(inFirstRegion));
  });
});

describe("deferral (specification, section 10)", () => {
  /** A LOW request with deadline 5 at time 1, on an endpoint whose estimate is `est`, of which 0.1 s its own. */
  const at = (est: number, fields: { tier?: number } = {}, parameters = {}) => {
    const host = started("cedar-heuristic", parameters, { endpoints: [{}] });
    host.now = 1;
    host.world.telemetry.queuedPrefillTokens[0] = (est - 0.1) * 10_000;
    host.arrive({ tier: LOW, deadlineSeconds: 5, ...fields });
    return host;
  };

  test("now 1, deadline 5: an estimate of 3 defers, one of 4.5 does not", () => {
    expect(at(3).holds).toEqual([0]);
    expect(at(4.5).holds).toEqual([]);
    expect(at(4.5).placements).toHaveLength(1);
  });

  test("only deferrable tiers wait, and only for a full endpoint", () => {
    expect(at(3, { tier: HIGH }).holds).toEqual([]);
    expect(at(2.05).holds).toEqual([]);
    expect(at(2.15).holds).toEqual([0]);
    expect(at(3, {}, { queueFullSeconds: 4 }).holds).toEqual([]);
  });

  test("a deferred request goes at the tick at which its endpoint has room, in order of deadline", () => {
    const host = at(3);
    host.arrive({ tier: LOW, deadlineSeconds: 4.9 });
    host.arrive({ tier: HIGH, deadlineSeconds: 9 });
    expect(host.placements).toEqual([]);
    host.advance(1.1);
    expect(host.placements).toMatchObject([{ request: 2 }]);
    host.world.telemetry.queuedPrefillTokens[0] = 0;
    host.advance(1.25);
    expect(host.placements.map((p) => p.request)).toEqual([2, 1, 0]);
    expect(host.placements[1].atSeconds).toBeCloseTo(1.2, 12);
    expect(host.held).toBe(0);
  });
});

describe("dispatch", () => {
  test("goes by strict tiers and hands the order on as a priority", () => {
    const host = started("cedar-heuristic", {}, { endpoints: [{}] });
    host.world.telemetry.up[0] = 0;
    const low = host.arrive({ tier: LOW, deadlineSeconds: 1 });
    const late = host.arrive({ tier: HIGH, deadlineSeconds: 9 });
    const soon = host.arrive({ tier: HIGH, deadlineSeconds: 2 });
    host.world.telemetry.up[0] = 1;
    host.advance(0.1);
    expect(host.placements.map((p) => p.request)).toEqual([soon, late, low]);
    const priorities = host.placements.map((p) => p.priority);
    expect(priorities).toEqual([...priorities].sort((a, b) => b - a));
    expect(new Set(priorities).size).toBe(3);
  });
});

describe("controller", () => {
  test("moves the target weights of every tier by at most 0.2 each ten seconds, on the simplex", () => {
    const host = started("cedar-heuristic", {}, { ...priced, carbon: [400, 4] });
    host.advance(60);
    for (const requestClass of [0, 1, 2]) {
      const rows = host.weights.filter((w) => w.requestClass === requestClass);
      expect(rows.map((w) => w.atSeconds)).toEqual([10, 20, 30, 40, 50, 60]);
      let previous = [0.5, 0.5];
      for (const { weights } of rows) {
        expect(weights[0] + weights[1]).toBeCloseTo(1, 12);
        expect(Math.abs(weights[0] - previous[0])).toBeLessThanOrEqual(0.2 + 1e-12);
        previous = weights;
      }
    }
    const low = host.weights.filter((w) => w.requestClass === LOW);
    // Score difference of LOW: 0.5 * (1.98 - 0.6667); the softmin at temperature 0.1 leaves the first group little.
    const difference = 0.5 * ((400 - 4) / 202 - 1.625 / 2.4375);
    expect(low[0].weights[1]).toBeCloseTo(0.7, 12);
    expect(low[5].weights[1]).toBeCloseTo(1 / (1 + Math.exp(-difference / 0.1)), 12);
  });

  test("a tier whose requests all need the large model gets no weight elsewhere", () => {
    const host = started("cedar-heuristic", {}, { endpoints: [{ large: false }, {}, {}] });
    for (let i = 0; i < 4; i++) host.arrive({ tier: HIGH, needsLarge: true, promptTokens: 10 });
    host.world.telemetry.queuedPrefillTokens.fill(0);
    host.advance(30);
    const last = host.weights.filter((w) => w.requestClass === HIGH).at(-1);
    expect(last?.weights).toEqual([0, 0.5, 0.5].map((w) => expect.closeTo(w, 12)));
  });
});

describe("fallback", () => {
  test("enters after two intervals beyond epsilon and leaves after three inside", () => {
    const host = started("cedar-heuristic", { violationWindowSeconds: 10 }, priced);
    host.explaining = true;
    const states = [0.2, 0.1, 0.2, 0.2, 0.1, 0.1, 0.2, 0.1, 0.1, 0.1].map((share, i) => {
      for (let k = 0; k < 20; k++) host.complete(0, { sloMet: k >= 20 * share });
      host.advance(10 * (i + 1));
      host.arrive({ tier: HIGH, promptTokens: 1 });
      return host.explanations[i].reason.startsWith("fallback");
    });
    expect(states).toEqual([false, false, false, true, true, true, true, true, true, false]);
  });

  test("uses the least loaded endpoint, and epsilon off never falls back", () => {
    for (const [epsilon, expected] of [
      [0.15, 1],
      ["off", 0],
    ] as const) {
      const host = started("cedar-heuristic", { epsilon, carbonWeights: [0] }, priced);
      host.world.telemetry.outstanding.set([3, 1]);
      for (const until of [10, 20]) {
        host.complete(0, { sloMet: false });
        host.advance(until);
      }
      host.arrive({ tier: LOW });
      expect(chosen(host)).toEqual([expected]);
    }
  });

  test("violations count over the last 60 s", () => {
    const host = started("cedar-heuristic", {}, priced);
    host.explaining = true;
    for (let k = 0; k < 4; k++) host.complete(0, { sloMet: k > 0 });
    const states = Array.from({ length: 10 }, (_, i) => {
      host.advance(10 * (i + 1));
      host.arrive({ tier: HIGH, promptTokens: 1 });
      return host.explanations[i].reason.startsWith("fallback");
    });
    // Beyond epsilon at 10 s to 60 s, inside from 70 s: in fallback from 20 s until the third good interval.
    expect(states).toEqual([false, true, true, true, true, true, true, true, false, false]);
  });
});

describe("scaling", () => {
  test("is off by default", () => {
    const host = started("cedar-heuristic", {}, { endpoints: [{}] });
    host.world.telemetry.queuedPrefillTokens[0] = 1e6;
    host.advance(200);
    expect(host.replicaOrders).toEqual([]);
  });

  test("adds a replica after two intervals of long waits, releases one after six idle ones", () => {
    const host = started("cedar-heuristic", { scaling: true }, { endpoints: [{ replicas: 2 }] });
    const { telemetry } = host.world;
    telemetry.utilisation[0] = 0.9;
    // Slack of HIGH: 0.5 - 0.1 s; half of it is 0.2 s, 4,000 tokens on two replicas.
    telemetry.queuedPrefillTokens[0] = 4100;
    host.advance(20);
    expect(host.replicaOrders).toEqual([{ endpoint: 0, replicas: 3 }]);
    telemetry.queuedPrefillTokens[0] = 3900;
    host.advance(60);
    expect(host.replicaOrders).toHaveLength(1);
    telemetry.utilisation[0] = 0.29;
    host.advance(110);
    expect(host.replicaOrders).toHaveLength(1);
    host.advance(120);
    expect(host.replicaOrders).toEqual([
      { endpoint: 0, replicas: 3 },
      { endpoint: 0, replicas: 2 },
    ]);
  });
});
