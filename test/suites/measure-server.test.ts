import { describe, expect, type TestContext, test } from "vitest";
import { examineProfile } from "../../src/profile/load.ts";
import type { Profile } from "../../src/profile/schema.ts";
import { measureServer } from "../../src/profile/server/measure-server.ts";
import { profileOfRecords } from "../../src/profile/server/profile-of-records.ts";
import { packRecords, type ServerSettings, unpackRecords } from "../../src/profile/server/records.ts";
import type { ServerOptions } from "../profile/server/completion-server.ts";
import { startServer } from "../profile/server/start-server.ts";

const SETTINGS: Omit<ServerSettings, "seed"> = {
  id: "toy",
  precision: "bf16",
  tensorParallel: 1,
  gpuName: null,
  gpus: [],
  concurrency: [1, 4],
  promptTokens: [64, 512],
  outputTokens: 60,
  prefillTokens: [64, 512],
  prefillRequests: 5,
  trials: 1,
  warmUpSeconds: 0.2,
  windowSeconds: 2,
  coolDownSeconds: 0,
  timeoutSeconds: 10,
  vocabulary: 30_000,
  lockedClockMHz: null,
};

async function measure(options: ServerOptions, settings: Partial<typeof SETTINGS> = {}) {
  const url = await startServer(options);
  const records = await measureServer({
    url,
    model: undefined,
    settings: { ...SETTINGS, ...settings },
    signal: new AbortController().signal,
    onProgress: () => undefined,
  });
  const stats = (await (await fetch(`${url}/stats`)).json()) as Stats;
  return { records, stats };
}

interface Stats {
  readonly requests: number;
  readonly repeatedBlocks: number;
  /** By how much the server's steps ended after the times of its law. */
  readonly meanLateMs: number;
}

async function profileWith(options: ServerOptions, settings: Partial<typeof SETTINGS> = {}) {
  const { records, stats } = await measure(options, settings);
  const profile = profileOfRecords(records, "toy.raw.msgpack");
  expect(examineProfile(profile).findings.filter(({ level }) => level === "error")).toEqual([]);
  return { profile, stats };
}

/** ms of a decode step by the server's law. */
function stepMs(batch: number, context: number): number {
  return 20 + 0.5 * batch + 0.001 * batch * context;
}

/**
 * Every cell of the decode grid against the law, at the context that the profile states. On a host so busy that the
 * server itself is late there is nothing to compare with: that is skipped, by a name which `npm test` knows.
 */
function expectLaw(context: TestContext, { decode }: Profile, { meanLateMs }: Stats): void {
  if (meanLateMs > 2)
    context.skip(`this host is too busy: the server's steps ended ${meanLateMs.toFixed(1)} ms late`);
  decode.batch.forEach((sequences, b) => {
    decode.contextTokens.forEach((tokens, c) => {
      expect(Math.abs(decode.iterationMs[b][c] / stepMs(sequences, tokens) - 1)).toBeLessThan(0.08);
    });
  });
}

function counts(profile: Profile): Record<string, number> {
  return { ...(profile.protocol?.["requests"] as Record<string, number>) };
}

const LIVE = { timeout: 120_000, retry: 2 };

describe.concurrent("a server with a known law, unless the host is too busy", () => {
  test(
    "its decode and prefill times are recovered, and the profile is a pure function of the packed records",
    LIVE,
    async (context) => {
      const { records, stats } = await measure(
        {},
        { concurrency: [1, 4, 16], trials: 2, prefillTokens: [64, 512, 2048] },
      );
      const profile = profileOfRecords(records, "toy.raw.msgpack");
      expect(examineProfile(profile).findings).toEqual([]);
      // About 30 tokens of 60 were there on average.
      expect(profile.decode.contextTokens[0]).toBeGreaterThan(64 + 20);
      expect(profile.decode.contextTokens[0]).toBeLessThan(64 + 40);
      const { promptTokens, latencyMs } = profile.prefill;
      expect(promptTokens).toEqual([64, 512, 2048]);
      expect(profile).toMatchObject({
        provenance: "measured",
        model: { name: "toy" },
        engine: { name: "vllm", version: "0.14.0", backend: "server" },
        kvCapacityTokens: 320_000,
        maxModelTokens: 4096,
        maxBatch: 16,
        power: null,
        powerReason: "no GPUs were named with --gpus",
        raw: "toy.raw.msgpack",
        protocol: { discardedWindows: 0, droppedPoints: [], vllmMetrics: "v1" },
      });
      const point = profile.points?.find(({ batch, promptTokens: prompt }) => batch === 4 && prompt === 64);
      expect(point).toMatchObject({ trials: 2, contaminated: false, wattsPerGpu: null });
      expect(point?.stepMs?.ciLow).toBeLessThan(point?.stepMs?.mean as number);
      // Streams also wait for the prompts of others.
      expect(point?.tpotMs).toBeGreaterThan(point?.stepMs?.mean as number);
      const sent = records.points.reduce((sum, { requests }) => sum + requests.length, 0);
      expect(stats).toMatchObject({ requests: sent, repeatedBlocks: 0 });
      const read = unpackRecords(packRecords(records));
      expect(read && profileOfRecords(read, "toy.raw.msgpack")).toEqual(profile);
      expect(unpackRecords(Buffer.from("something else"))).toBeUndefined();
      expectLaw(context, profile, stats);
      const slope = (latencyMs[2] - latencyMs[0]) / (2048 - 64);
      expect(Math.abs(slope / 0.05 - 1)).toBeLessThan(0.15);
      // A client's own time comes on top.
      expect(latencyMs[0]).toBeGreaterThan(20 + 0.05 * 64);
      expect(latencyMs[0]).toBeLessThan(20 + 0.05 * 64 + 25);
    },
  );

  test(
    "cut messages, pings, CR LF, an end in a chunk of its own, vLLM's older names",
    LIVE,
    async (context) => {
      const { profile, stats } = await profileWith({ ragged: true, emptyEnd: true, metrics: "v0" });
      expect(profile.protocol).toMatchObject({ vllmMetrics: "v0" });
      expect(counts(profile)).toMatchObject({ shortOutput: 0, dropped: 0, withoutUsage: 0, timeout: 0 });
      expectLaw(context, profile, stats);
    },
  );

  test("several tokens in a chunk: its time is shared out", LIVE, async (context) => {
    const { profile, stats } = await profileWith({ tokensPerChunk: 3 }, { windowSeconds: 4 });
    expect(profile.notes).toContain("several tokens");
    expectLaw(context, profile, stats);
  });

  test("no usage, no metrics: chunks are counted, and it says so", LIVE, async (context) => {
    const { profile, stats } = await profileWith({ usage: false, metrics: "none" });
    expect(profile.notes).toContain("tells no usage");
    expect(profile).toMatchObject({ kvCapacityTokens: null, engine: { name: "unknown server" } });
    expectLaw(context, profile, stats);
  });

  test("outputs that end early, whatever was asked for", LIVE, async (context) => {
    const { profile, stats } = await profileWith({ stopAfter: 20 });
    expect(profile.decode.contextTokens[0]).toBeLessThan(64 + 20);
    expect(profile.notes).toContain("in spite of ignore_eos");
    expect(counts(profile)["shortOutput"]).toBeGreaterThan(5);
    expectLaw(context, profile, stats);
  });

  test.each([
    ["429", { busyEach: 7 }, "status429"],
    ["503", { busyEach: 7, busyStatus: 503 }, "status5xx"],
    ["streams that break off", { dropEach: 7 }, "dropped"],
    ["requests without an answer", { hangEach: 9 }, "timeout"],
  ] as const)("%s: waited for and counted", LIVE, async (_, options, key) => {
    const { profile } = await profileWith(options, { timeoutSeconds: 1 });
    expect(counts(profile)[key]).toBeGreaterThan(0);
  });

  test("a server with a smaller batch: points beyond it are dropped by name", LIVE, async () => {
    const { profile } = await profileWith({ maxSequences: 2 }, { concurrency: [1, 2, 4] });
    expect(profile.decode.batch).toEqual([1, 2]);
    const dropped = profile.protocol?.["droppedPoints"] as string[];
    expect(dropped).toHaveLength(2);
    expect(dropped[0]).toMatch(/^concurrency 4, .* only 2 streams decoded at once/);
  });
});

describe.concurrent("what cannot be measured is an error", () => {
  test.each([
    [
      "a status that will not change",
      { status: 400 },
      {},
      "CANOPY_SERVER_REFUSED",
      /answers 400: .*try later/,
    ],
    ["a key that is missing", { status: 401 }, {}, "CANOPY_SERVER_REFUSED", /OPENAI_API_KEY/],
    [
      "no stream",
      { stream: false },
      {},
      "CANOPY_SERVER_STREAM",
      /application\/json: expected text\/event-stream/,
    ],
    [
      "two models",
      { models: ["a", "b"] },
      {},
      "CANOPY_SERVER_MODEL",
      /several models \(a, b\): expected one, or --model/,
    ],
    [
      "prompts beyond the model",
      { maxModelTokens: 300 },
      {},
      "CANOPY_OPTION_VALUE",
      /--prompt-tokens 512 .* 300 tokens/,
    ],
    [
      "only failures",
      { busyEach: 1 },
      { timeoutSeconds: 0.5, prefillRequests: 3 },
      "CANOPY_SERVER_NO_POINT",
      /not every stream got a token \(\d+ x status 429: .*try later/,
    ],
  ] as const)("%s", { timeout: 120_000 }, async (_, options, settings, code, message) => {
    const failure = measure(options, settings).then(({ records }) => profileOfRecords(records, "x"));
    await expect(failure).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  test("nobody there", async () => {
    const options = {
      model: undefined,
      settings: SETTINGS,
      signal: new AbortController().signal,
      onProgress: () => undefined,
    };
    await expect(measureServer({ ...options, url: "http://127.0.0.1:9" })).rejects.toMatchObject({
      code: "CANOPY_SERVER_UNREACHABLE",
    });
    await expect(measureServer({ ...options, url: "localhost:8000" })).rejects.toMatchObject({
      code: "CANOPY_OPTION_VALUE",
    });
  });
});
