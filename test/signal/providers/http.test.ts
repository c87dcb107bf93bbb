import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { HttpClient, HttpFailure, TokenBucket } from "../../../src/signal/providers/http.ts";
import { FakeProvider, ManualClock } from "./fake-provider.ts";

let server: FakeProvider;
let clock: ManualClock;
beforeEach(async () => {
  server = new FakeProvider();
  clock = new ManualClock(1_700_000_000);
  await server.start();
});
afterEach(() => server.stop());

function get(options = {}) {
  return new HttpClient({ baseUrl: server.url, clock, ...options }).getJson(
    "/a",
    { zone: "X Y" },
    { "x-key": "k" },
  );
}

async function failure(options = {}): Promise<HttpFailure> {
  const error = await get(options).then(
    () => undefined,
    (thrown) => thrown as HttpFailure,
  );
  expect(error).toBeInstanceOf(HttpFailure);
  return error as HttpFailure;
}

test("query and headers are sent, JSON comes back", async () => {
  server.answer = () => ({ body: { a: [1] } });
  expect(await get({ baseUrl: `${server.url}/v3/` })).toEqual({ a: [1] });
  expect(server.seen[0]).toMatchObject({ path: "/v3/a", query: { zone: "X Y" }, headers: { "x-key": "k" } });
});

describe("retries", () => {
  test.each([429, 500, 502, 503, 504])(
    "%d is tried four times with doubling, jittered waits",
    async (status) => {
      server.answer = () => ({ status, body: { message: "no  luck" } });
      const error = await failure();
      expect(error).toMatchObject({ kind: "status", status, passing: true });
      expect(error.message).toMatch(new RegExp(`/a answered ${status} \\(no luck\\)$`));
      expect(server.count("/a")).toBe(4);
      expect(clock.sleeps.length).toBe(3);
      clock.sleeps.forEach((wait, i) => {
        expect(wait).toBeGreaterThanOrEqual(0.5 * 2 ** i);
        expect(wait).toBeLessThanOrEqual(2 ** i);
      });
    },
  );

  test.each([400, 401, 403, 404, 422])("%d is final", async (status) => {
    server.answer = () => ({ status });
    expect(await failure()).toMatchObject({ status, passing: false });
    expect(server.count("/a")).toBe(1);
  });

  test("success after trouble", async () => {
    server.answer = () => (server.seen.length < 3 ? { status: 503 } : { body: 7 });
    expect(await get()).toBe(7);
  });

  test("Retry-After in seconds or as a date is honoured, unless it is too long", async () => {
    server.answer = () =>
      server.seen.length < 2 ? { status: 429, headers: { "retry-after": "17" } } : { body: 1 };
    await get();
    expect(clock.sleeps).toEqual([17]);
    const later = new Date((clock.seconds + 5) * 1000).toUTCString();
    server.answer = () =>
      server.seen.length < 4 ? { status: 503, headers: { "retry-after": later } } : { body: 1 };
    await get();
    expect(clock.sleeps[1]).toBeCloseTo(5, 6);
    server.answer = () => ({ status: 429, headers: { "retry-after": "900" } });
    expect(await failure()).toMatchObject({ status: 429, retryAfterSeconds: 900 });
    expect(clock.sleeps.length).toBe(2);
  });
});

describe("no answer, or none that can be read", () => {
  test("time-outs are retried", async () => {
    server.answer = () => ({ silent: true });
    const error = await failure({ timeoutSeconds: 0.05, attempts: 2 });
    expect(error).toMatchObject({ kind: "timeout", passing: true });
    expect(error.message).toContain("did not answer within 0.05 s");
    expect(server.count("/a")).toBe(2);
  });

  test("a port that nobody listens on", async () => {
    await server.stop();
    const error = await failure({ attempts: 2 });
    expect(error).toMatchObject({ kind: "network", passing: true });
    expect(error.message).toContain("cannot be reached: connect ECONNREFUSED");
    expect(clock.sleeps.length).toBe(1);
    await server.start();
  });

  test("HTML instead of JSON", async () => {
    server.answer = () => ({ text: "<html>" });
    expect(await failure()).toMatchObject({ kind: "body" });
    expect(server.count("/a")).toBe(1);
  });

  test("an address that is none", () => {
    expect(() => new HttpClient({ baseUrl: "api.example.org" })).toThrow(
      '"api.example.org" is no address; expected one such as https://api.example.org',
    );
  });
});

describe("token bucket, 10 a second", () => {
  test("a burst of ten goes at once, then one each 0.1 s", async () => {
    const bucket = new TokenBucket(10, 10, clock);
    const start = clock.seconds;
    for (let i = 0; i < 10; i++) await bucket.take();
    expect(clock.seconds - start).toBe(0);
    for (let i = 0; i < 20; i++) await bucket.take();
    expect(clock.seconds - start).toBeCloseTo(2, 5);
    clock.seconds += 60;
    const later = clock.seconds;
    for (let i = 0; i < 10; i++) await bucket.take();
    expect(clock.seconds).toBe(later);
  });

  test("callers that come together wait in turn", async () => {
    const waits: number[] = [];
    const still = { nowSeconds: () => 5, sleep: async (seconds: number) => void waits.push(seconds) };
    const bucket = new TokenBucket(10, 1, still);
    await Promise.all([bucket.take(), bucket.take(), bucket.take(), bucket.take()]);
    expect(waits.map((wait) => Number(wait.toFixed(9)))).toEqual([0.1, 0.2, 0.3]);
  });
});
