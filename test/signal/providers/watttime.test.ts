import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WattTime, type WattTimeOptions } from "../../../src/signal/providers/watttime.ts";
import { isoTime, valueAt } from "../../../src/signal/series.ts";
import { type Answer, FakeProvider, ManualClock, type Seen } from "./fake-provider.ts";

const noon = Date.UTC(2022, 6, 15) / 1000;
const meta = {
  data_point_period_seconds: 300,
  region: "CAISO_NORTH",
  warnings: [{ type: "EXAMPLE_WARNING", message: "This is just an example" }],
  signal_type: "co2_moer",
  model: { date: "2023-03-01" },
  units: "lbs_co2_per_mwh",
  generated_at_period_seconds: 300,
};
/** The bodies of WattTime's documentation. */
const forecastBody = {
  data: [
    { point_time: "2022-07-15T00:00:00+00:00", value: 1048.4131919701972 },
    { point_time: "2022-07-15T00:05:00+00:00", value: 1051.0880801214637 },
  ],
  meta: { ...meta, generated_at: "2022-07-15T00:00:00+00:00" },
};
const historicalBody = {
  data: [
    { point_time: "2022-07-15T00:00:00+00:00", value: 870 },
    { point_time: "2022-07-15T00:05:00+00:00", value: 860 },
  ],
  meta: { ...meta, model: { type: "binned_regression", date: "2023-03-01" } },
};
const environment = { WATTTIME_USER: "ada", WATTTIME_PASSWORD: "secret" };

let server: FakeProvider;
let clock: ManualClock;
let folder: string;
let logins: number;
/** Answers of the endpoints other than /login. */
let answer: (request: Seen) => Answer;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "canopy-watttime-"));
  clock = new ManualClock(noon);
  server = new FakeProvider();
  logins = 0;
  server.answer = (request) => {
    if (request.path !== "/login") return answer(request);
    logins++;
    const basic = Buffer.from("ada:secret").toString("base64");
    return request.headers.authorization === `Basic ${basic}`
      ? { body: { token: `t${logins}` } }
      : { status: 401 };
  };
  await server.start();
});
afterEach(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

function client(options: WattTimeOptions = {}): WattTime {
  return new WattTime({ baseUrl: server.url, clock, environment, attempts: 2, ...options });
}

async function failure(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => new Error("no error"),
    (thrown) => thrown,
  );
  return `${error.code} ${error.exitCode} ${error.message}`;
}

describe("answers", () => {
  test("latest is the forecast's first point in g/kWh, marginal", async () => {
    answer = () => ({ body: forecastBody });
    const reading = await client().latest("CAISO_NORTH");
    expect(reading.value).toBeCloseTo(1048.4131919701972 * 0.45359237, 10);
    expect(isoTime(reading.timeSeconds)).toBe("2022-07-15T00:00:00Z");
    expect(reading).toMatchObject({ stale: false, ageSeconds: 0 });
    expect(reading.header).toMatchObject({
      signal: "marginal",
      accounting: "direct",
      zone: "CAISO_NORTH",
      unit: "g/kWh",
      source: "WattTime co2_moer",
    });
    expect(server.seen[1]).toMatchObject({
      path: "/v3/forecast",
      query: { region: "CAISO_NORTH", signal_type: "co2_moer", horizon_hours: "0" },
      headers: { authorization: "Bearer t1" },
    });
  });

  test("the average signal is marked so", async () => {
    answer = () => ({ body: historicalBody });
    const series = await client({ signalType: "co2_aoer" }).history("CAISO_NORTH", noon, noon + 600);
    expect(series.header.signal).toBe("average");
    expect(server.seen[1].query["signal_type"]).toBe("co2_aoer");
  });

  test("forecast", async () => {
    answer = () => ({ body: forecastBody });
    const series = await client({ horizonHours: 72 }).forecast("CAISO_NORTH");
    expect(series.values.length).toBe(2);
    expect(series.endSeconds - series.times[0]).toBe(600);
    expect(server.seen[1].query["horizon_hours"]).toBe("72");
  });

  test("history asks at most 30 days at once, ends inclusive, and joins without doubles", async () => {
    answer = ({ query }) => {
      const [start, end] = [query["start"], query["end"]].map((time) => Date.parse(time) / 1000);
      const data = [];
      for (let t = start; t <= end; t += 43200)
        data.push({ point_time: new Date(t * 1000).toISOString(), value: t % 977 });
      // A point beyond the range asked for, as an inclusive end brings.
      data.push({ point_time: new Date((end + 1) * 1000).toISOString(), value: 1e9 });
      return { body: { data, meta: { ...meta, data_point_period_seconds: 43200 } } };
    };
    const end = noon + 70 * 86400;
    const series = await client().history("CAISO_NORTH", noon, end);
    expect(server.seen.slice(1).map(({ query }) => [query["start"], query["end"]])).toEqual([
      ["2022-07-15T00:00:00Z", "2022-08-13T23:59:59Z"],
      ["2022-08-14T00:00:00Z", "2022-09-12T23:59:59Z"],
      ["2022-09-13T00:00:00Z", "2022-09-22T23:59:59Z"],
    ]);
    expect(series.times.length).toBe(140);
    expect(series.endSeconds).toBe(end);
    expect(valueAt(series, noon + 86400)).toBeCloseTo(((noon + 86400) % 977) * 0.45359237, 9);
  });

  test("past forecasts come a day at a time", async () => {
    const issued = { generated_at: "2022-07-15T00:00:00+00:00", forecast: historicalBody.data };
    answer = () => ({ body: { data: [issued], meta } });
    const forecasts = await client().forecastHistory("CAISO_NORTH", noon, noon + 2 * 86400);
    expect(server.count("/v3/forecast/historical")).toBe(2);
    expect(forecasts[0].issuedSeconds).toBe(noon);
    expect(forecasts[0].series.values[0]).toBeCloseTo(870 * 0.45359237, 10);
  });

  test("region of a place", async () => {
    answer = () => ({ body: { region: "SPP_WESTNE", region_full_name: "SPP Western Nebraska" } });
    expect(await client().region(41.5, -104)).toBe("SPP_WESTNE");
    expect(server.seen[1].query).toEqual({ latitude: "41.5", longitude: "-104", signal_type: "co2_moer" });
  });
});

describe("tokens", () => {
  beforeEach(() => {
    answer = () => ({ body: forecastBody });
  });

  test("one login serves concurrent and later requests for half an hour", async () => {
    const watttime = client();
    await Promise.all([watttime.latest("A"), watttime.latest("B"), watttime.forecast("A")]);
    clock.seconds += 28 * 60;
    await watttime.latest("A");
    expect(logins).toBe(1);
    clock.seconds += 2 * 60;
    await watttime.latest("A");
    expect(logins).toBe(2);
  });

  test("a token that expired early is renewed once, unseen", async () => {
    const watttime = client();
    await watttime.latest("A");
    answer = ({ headers }) =>
      headers.authorization === "Bearer t1" ? { status: 401 } : { body: forecastBody };
    expect((await watttime.latest("A")).stale).toBe(false);
    expect(logins).toBe(2);
  });
});

describe("failures say what is wrong", () => {
  test("missing and wrong credentials", async () => {
    answer = () => ({ body: forecastBody });
    expect(await failure(client({ environment: { WATTTIME_USER: "ada" } }).latest("A"))).toContain(
      "CANOPY_PROVIDER_CREDENTIALS 2 WattTime needs WATTTIME_PASSWORD in the environment: register at",
    );
    expect(server.seen.length).toBe(0);
    const wrong = client({ environment: { ...environment, WATTTIME_PASSWORD: "x" } });
    const message = await failure(wrong.latest("A"));
    expect(message).toContain("CANOPY_PROVIDER_UNAUTHORISED 2 WattTime: the credentials are refused");
    expect(message).not.toContain("Basic");
  });

  test("a region outside the plan: 403 stands after one more login", async () => {
    answer = () => ({ status: 403, body: { message: "not entitled" } });
    expect(await failure(client().latest("PJM_DC"))).toMatch(
      /^CANOPY_PROVIDER_PLAN 2 WattTime: zone PJM_DC is not in the account's plan: .* answered 403 \(not entitled\)$/,
    );
    expect(logins).toBe(2);
  });

  test.each([
    [{ status: 404 }, "CANOPY_PROVIDER_ZONE 2 WattTime: zone A is unknown"],
    [{ status: 429 }, "CANOPY_PROVIDER_RATE_LIMIT 1 WattTime: too many requests, try again later"],
    [
      { status: 429, headers: { "retry-after": "300" } },
      "CANOPY_PROVIDER_RATE_LIMIT 1 WattTime: too many requests, try again in 300 s",
    ],
    [{ status: 500 }, "CANOPY_PROVIDER_FAILED 1 WattTime: 127.0.0.1"],
    [{ text: "oops" }, "CANOPY_PROVIDER_BODY 1 WattTime: 127.0.0.1"],
    [
      { body: [] },
      "CANOPY_PROVIDER_BODY 1 WattTime: the answer is not of the documented form: the answer is no object",
    ],
    [{ body: { data: [], meta } }, "the forecast has no first point"],
    [{ body: { ...forecastBody, meta: { ...meta, units: "percentile" } } }, 'units are "percentile"'],
    [{ body: { data: [{ point_time: "today", value: 1 }], meta } }, 'point_time is "today", not a time'],
    [
      { body: { data: [{ point_time: forecastBody.data[0].point_time, value: "1" }], meta } },
      'value is "1", not a number',
    ],
  ] as [Answer, string][])("%j", async (reply, message) => {
    answer = () => reply;
    expect(await failure(client().latest("A"))).toContain(message);
  });

  test("a silent provider, an empty zone, an empty range, a hole in the history", async () => {
    answer = () => ({ silent: true });
    const silent = client({ timeoutSeconds: 0.2, attempts: 1 });
    expect(await failure(silent.latest("A"))).toContain("CANOPY_PROVIDER_TIMEOUT 1 WattTime: ");
    expect(await failure(client().history(" ", noon, noon + 1))).toContain("CANOPY_PROVIDER_ZONE 2");
    expect(await failure(client().history("A", noon, noon))).toContain("CANOPY_SIGNAL_RANGE 2");
    const late = { point_time: "2022-07-16T00:00:00Z", value: 1 };
    answer = () => ({ body: { data: [...historicalBody.data, late], meta } });
    expect(await failure(client().history("A", noon, noon + 2 * 86400))).toContain(
      "CANOPY_SIGNAL_GAP 2 WattTime co2_moer, zone A, 2022-07-16T00:00:00Z: no value from 2022-07-15T00:10:00Z",
    );
    answer = () => ({ body: { data: [], meta } });
    expect(await failure(client().history("A", noon, noon + 600))).toContain(
      "CANOPY_PROVIDER_EMPTY 1 WattTime co2_moer has no value for zone A from 2022-07-15T00:00:00Z to 2022-07-15T00:10:00Z",
    );
  });
});

describe("with a cache", () => {
  test("within five minutes nothing is asked twice; while down the last value is given with its age", async () => {
    answer = () => ({ body: forecastBody });
    const watttime = () => client({ cacheDirectory: folder });
    const first = await watttime().latest("CAISO_NORTH");
    clock.seconds += 120;
    expect(await watttime().latest("CAISO_NORTH")).toMatchObject({ stale: false, ageSeconds: 120 });
    expect(server.count("/v3/forecast")).toBe(1);
    clock.seconds += 3600;
    for (const trouble of [
      { status: 503 },
      { status: 429 },
      { text: "<html>" },
      { body: { data: 1, meta } },
    ]) {
      answer = () => trouble;
      const then = clock.seconds;
      const held = await watttime().latest("CAISO_NORTH");
      expect(held).toMatchObject({ stale: true, value: first.value, timeSeconds: first.timeSeconds });
      expect(held.ageSeconds).toBeGreaterThanOrEqual(then - noon);
    }
    await server.stop();
    expect(await watttime().latest("CAISO_NORTH")).toMatchObject({ stale: true, value: first.value });
    await server.start();
  });

  test("a settled history is asked for once a day, one of today every five minutes", async () => {
    answer = () => ({ body: historicalBody });
    const watttime = client({ cacheDirectory: folder });
    await watttime.history("A", noon, noon + 600);
    clock.seconds += 600;
    await watttime.history("A", noon, noon + 600);
    expect(server.count("/v3/historical")).toBe(2);
    clock.seconds += 2 * 86400;
    await watttime.history("A", noon, noon + 600);
    clock.seconds += 3600;
    const series = await watttime.history("A", noon, noon + 600);
    expect(server.count("/v3/historical")).toBe(3);
    expect(series).toMatchObject({ stale: false, ageSeconds: 3600 });
  });
});
