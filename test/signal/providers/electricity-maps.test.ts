import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  ElectricityMaps,
  type ElectricityMapsOptions,
} from "../../../src/signal/providers/electricity-maps.ts";
import { isoTime, valueAt } from "../../../src/signal/series.ts";
import { type Answer, FakeProvider, ManualClock, type Seen } from "./fake-provider.ts";

const hour = 3600;
const now = Date.UTC(2024, 2, 6, 19, 20) / 1000;
/** Recorded answers (aioelectricitymaps' fixtures). */
const latestBody = {
  zone: "US-CAR-DUK",
  carbonIntensity: 216,
  datetime: "2024-03-06T19:00:00.000Z",
  updatedAt: "2024-03-06T18:48:27.926Z",
  createdAt: "2024-03-03T19:47:16.265Z",
  emissionFactorType: "lifecycle",
  isEstimated: true,
  estimationMethod: "TIME_SLICER_AVERAGE",
};
const historyEntry = {
  zone: "DE",
  carbonIntensity: 599,
  datetime: "2024-03-05T20:00:00.000Z",
  updatedAt: "2024-03-06T15:48:54.012Z",
  createdAt: "2024-03-02T20:47:49.346Z",
  emissionFactorType: "lifecycle",
  isEstimated: false,
  estimationMethod: null,
};

function entries(start: number, end: number, intensity: (t: number) => number | null) {
  const list = [];
  for (let t = start; t < end; t += hour) {
    list.push({ ...historyEntry, datetime: new Date(t * 1000).toISOString(), carbonIntensity: intensity(t) });
  }
  return list;
}

let server: FakeProvider;
let clock: ManualClock;
let folder: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "canopy-em-"));
  clock = new ManualClock(now);
  server = new FakeProvider();
  await server.start();
});
afterEach(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

function client(options: ElectricityMapsOptions = {}): ElectricityMaps {
  const environment = { ELECTRICITY_MAPS_TOKEN: "key", ELECTRICITY_MAPS_API_URL: `${server.url}/v3` };
  return new ElectricityMaps({ clock, environment, attempts: 2, ...options });
}

async function failure(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => new Error("no error"),
    (thrown) => thrown,
  );
  return `${error.code} ${error.exitCode} ${error.message}`;
}

describe("answers", () => {
  test("latest, average, with the token and an explicit zone", async () => {
    server.answer = () => ({ body: latestBody });
    const reading = await client().latest("US-CAR-DUK");
    expect(reading).toMatchObject({ value: 216, timeSeconds: Date.UTC(2024, 2, 6, 19) / 1000, stale: false });
    expect(reading.header).toMatchObject({ signal: "average", accounting: "lifecycle", zone: "US-CAR-DUK" });
    expect(server.seen[0]).toMatchObject({
      path: "/v3/carbon-intensity/latest",
      headers: { "auth-token": "key" },
      query: { zone: "US-CAR-DUK", emissionFactorType: "lifecycle", shouldUseFallbackCallerLookup: "false" },
    });
  });

  test("direct factors and finer steps are asked for and marked", async () => {
    server.answer = () => ({ body: { zone: "DE", forecast: entries(now - 1200, now, () => 50) } });
    const series = await client({ accounting: "direct", granularity: "15_minutes" }).forecast("DE");
    expect(series.header.accounting).toBe("direct");
    expect(series.endSeconds - series.times[0]).toBe(900);
    expect(server.seen[0].query).toMatchObject({
      emissionFactorType: "direct",
      temporalGranularity: "15_minutes",
    });
  });

  test("the last day comes from the free endpoint; nulls are held over", async () => {
    const start = Date.UTC(2024, 2, 5, 20) / 1000;
    const intensity = (t: number) => (t === start + 2 * hour ? null : t - start);
    server.answer = () => ({ body: { zone: "DE", history: entries(start, start + 6 * hour, intensity) } });
    const series = await client().history("DE", start, start + 6 * hour);
    expect(server.seen[0].path).toBe("/v3/carbon-intensity/history");
    expect([1, 2, 3].map((h) => valueAt(series, start + h * hour))).toEqual([hour, hour, 3 * hour]);
    expect(series.endSeconds).toBe(start + 6 * hour);
  });

  test("older times come by pages of at most ten days", async () => {
    server.answer = ({ query }) => {
      const [start, end] = [query["start"], query["end"]].map((time) => Date.parse(time) / 1000);
      return { body: { zone: "DE", data: entries(start, end + hour, (t) => t % 991) } };
    };
    const start = Date.UTC(2024, 0, 1) / 1000;
    const series = await client().history("DE", start, start + 25 * 86400);
    expect(server.seen.map(({ query }) => `${query["start"]} ${query["end"]}`)).toEqual([
      "2024-01-01T00:00:00Z 2024-01-11T00:00:00Z",
      "2024-01-11T00:00:00Z 2024-01-21T00:00:00Z",
      "2024-01-21T00:00:00Z 2024-01-26T00:00:00Z",
    ]);
    expect(server.seen[0].path).toBe("/v3/carbon-intensity/past-range");
    expect(series.times.length).toBe(600);
    expect(isoTime(series.endSeconds)).toBe("2024-01-26T00:00:00Z");
    expect(valueAt(series, start + 300 * hour)).toBe((start + 300 * hour) % 991);
  });
});

describe("failures say what is wrong", () => {
  test.each([
    [{ status: 401 }, "CANOPY_PROVIDER_UNAUTHORISED 2 Electricity Maps: the credentials are refused"],
    [{ status: 403 }, "CANOPY_PROVIDER_PLAN 2 Electricity Maps: zone DE is not in the account's plan"],
    [
      { status: 404, body: { status: "error", message: "Zone 'XX' does not exist." } },
      "CANOPY_PROVIDER_ZONE 2 Electricity Maps: zone DE is unknown or cannot be had so: 127.0.0.1",
    ],
    [{ status: 429 }, "CANOPY_PROVIDER_RATE_LIMIT 1"],
    [{ status: 502 }, "CANOPY_PROVIDER_FAILED 1"],
    [{ text: "" }, "CANOPY_PROVIDER_BODY 1"],
    [{ body: { ...latestBody, carbonIntensity: null } }, "carbonIntensity of zone DE is null"],
    [{ body: { ...latestBody, carbonIntensity: undefined } }, "carbonIntensity is undefined, not a number"],
    [{ body: "DE" }, "the answer is no object"],
  ] as [Answer, string][])("%j", async (reply, message) => {
    server.answer = () => reply;
    expect(await failure(client().latest("DE"))).toContain(message);
  });

  test("no token, no zone, a history of nulls, a body without its list", async () => {
    expect(await failure(client({ environment: {}, baseUrl: server.url }).latest("DE"))).toContain(
      "CANOPY_PROVIDER_CREDENTIALS 2 Electricity Maps needs ELECTRICITY_MAPS_TOKEN in the environment",
    );
    expect(await failure(client().forecast(""))).toContain(
      "CANOPY_PROVIDER_ZONE 2 Electricity Maps: the zone is empty",
    );
    const start = now - 5 * hour - 1200;
    server.answer = () => ({ body: { history: entries(start, start + 3 * hour, () => null) } });
    expect(await failure(client().history("DE", start, now))).toContain("CANOPY_PROVIDER_EMPTY 1");
    server.answer = () => ({ body: { zone: "DE" } });
    expect(await failure(client().history("DE", start, now))).toContain("history is no list");
  });
});

test("with a cache a failing provider leaves the last good value and its age, and a refusal is not hidden", async () => {
  server.answer = () => ({ body: latestBody });
  const em = client({ cacheDirectory: folder });
  await em.latest("US-CAR-DUK");
  clock.seconds += 3 * hour;
  const trouble: (request: Seen) => Answer = () => ({ body: { ...latestBody, carbonIntensity: null } });
  server.answer = trouble;
  expect(await em.latest("US-CAR-DUK")).toMatchObject({ value: 216, stale: true, ageSeconds: 3 * hour });
  server.answer = () => ({ status: 401 });
  expect(await failure(em.latest("US-CAR-DUK"))).toContain("CANOPY_PROVIDER_UNAUTHORISED");
});
