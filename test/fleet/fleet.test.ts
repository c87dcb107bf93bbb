import { describe, expect, test } from "vitest";
import { buildFleet, type EndpointPlan } from "../../src/fleet/build-fleet.ts";
import { endpointNames } from "../../src/fleet/endpoint-names.ts";
import { usdPerReplicaHour } from "../../src/fleet/replica-price.ts";
import { lawFromAffine } from "../../src/profile/to-law.ts";

test("names of like endpoints", () => {
  expect(endpointNames("r", 1)).toEqual(["r"]);
  expect(endpointNames("r", 3)).toEqual(["r-0", "r-1", "r-2"]);
  expect(endpointNames("east-{n}-a", 2)).toEqual(["east-0-a", "east-1-a"]);
  expect(endpointNames("x{n}", 1)).toEqual(["x0"]);
});

describe("price of a replica", () => {
  test("CEDAR's instances of 8 GPUs: 70B on four GPUs, two to an instance; 8B on one, eight to an instance", () => {
    const price = (usdPerGpuHour: number, gpusPerReplica: number) =>
      usdPerReplicaHour({ usdPerGpuHour, gpusPerInstance: 8, gpusPerReplica });
    expect(price(3.43, 4)).toBeCloseTo(13.72, 12);
    expect(price(6.88, 4)).toBeCloseTo(27.52, 12);
    expect(price(2.96, 1)).toBeCloseTo(2.96, 12);
    // Four instances of each kind, at prices rounded to a cent.
    expect(8 * price(3.43, 4) + 8 * price(6.88, 4) + 32 * price(2.96, 1)).toBeCloseTo(424.64, 2);
  });

  test("GPUs that no replica can use are paid for", () => {
    expect(usdPerReplicaHour({ usdPerGpuHour: 1, gpusPerInstance: 8, gpusPerReplica: 3 })).toBe(4);
    expect(usdPerReplicaHour({ usdPerInstanceHour: 30, gpusPerInstance: 8, gpusPerReplica: 8 })).toBe(30);
    expect(usdPerReplicaHour({ usdPerGpuHour: 2, gpusPerReplica: 3 })).toBe(6);
    expect(usdPerReplicaHour({ usdPerReplicaHour: 5, gpusPerInstance: 8, gpusPerReplica: 3 })).toBe(5);
  });
});

const endpoint = (
  name: string,
  region: string,
  model: string,
  more: Partial<EndpointPlan> = {},
): EndpointPlan => ({
  name,
  region,
  model,
  large: false,
  group: undefined,
  role: "mixed",
  replicas: 1,
  minReplicas: 1,
  maxReplicas: 1,
  startupSeconds: 0,
  law: lawFromAffine(
    { baseMs: 5, perPrefillTokenMs: 0.05, perDecodeSequenceMs: 0.2, perContextTokenMs: 0.0005 },
    4,
  ),
  profileId: "p",
  provenance: "modelled",
  batching: {
    policy: "vllm-v1",
    maxRequests: 4,
    tokenBudget: 512,
    kvBlocks: 100,
    blockTokens: 16,
    watermarkFraction: 0,
    paddedTokenLimit: 4096,
    order: "fifo",
    victim: "youngest",
    prefixReuse: false,
  },
  maxModelTokens: 1600,
  overlong: "truncate",
  kvBytesPerToken: 0,
  gpusPerReplica: 1,
  usdPerReplicaHour: 1,
  hostWattsPerReplica: 0,
  roundTripSeconds: 0,
  localBalancer: "outstanding-tokens",
  maxOutstanding: Number.POSITIVE_INFINITY,
  powerStates: [{ name: "default", timeFactor: 1, powerFactor: 1 }],
  ...more,
});

describe("a fleet from names", () => {
  const signal = {
    times: Float64Array.of(0),
    values: Float64Array.of(1),
    endSeconds: Number.POSITIVE_INFINITY,
  };
  const regions = ["a", "b"].map((name) => ({
    name,
    carbon: signal,
    energyPrice: null,
    pue: 1,
    water: null,
  }));
  const kvTransfer = { bytesPerSecond: 1e9, latencySeconds: 0 };
  const build = (endpoints: EndpointPlan[], faults: Parameters<typeof buildFleet>[0]["faults"] = []) =>
    buildFleet({ regions, endpoints, faults, kvTransfer });

  test("groups are region/model pairs in order of first mention, unless a group is named", () => {
    const fleet = build([
      endpoint("0", "b", "small"),
      endpoint("1", "a", "big", { large: true }),
      endpoint("2", "b", "small"),
      endpoint("3", "a", "small", { group: "own" }),
    ]);
    expect(fleet.groups).toEqual(["b/small", "a/big", "own"]);
    expect(fleet.endpoints.map(({ group }) => group)).toEqual([0, 1, 0, 2]);
    expect(fleet.endpoints.map(({ region }) => region)).toEqual([1, 0, 1, 0]);
    expect(fleet.models).toEqual([
      { name: "small", large: false },
      { name: "big", large: true },
    ]);
  });

  test("faults are sorted by time and name their endpoint", () => {
    const fleet = build(
      [endpoint("x", "a", "m"), endpoint("y", "a", "m")],
      [
        { atSeconds: 9, endpoint: "y", kind: "up" },
        { atSeconds: 3, endpoint: "y", kind: "down" },
      ],
    );
    expect(fleet.faults).toEqual([
      { atSeconds: 3, endpoint: 1, kind: "down" },
      { atSeconds: 9, endpoint: 1, kind: "up" },
    ]);
    expect(() => build([endpoint("x", "a", "m")], [{ atSeconds: 1, endpoint: "z", kind: "up" }])).toThrow(
      'fault at 1 s: no endpoint "z"',
    );
  });

  test("a model is large everywhere or nowhere", () => {
    expect(() => build([endpoint("x", "a", "m"), endpoint("y", "b", "m", { large: true })])).toThrow(
      "endpoint y: model m is large here and not large at another endpoint",
    );
  });
});
