import { expect, test } from "vitest";
import { profileOfRecords } from "../../../src/profile/server/profile-of-records.ts";
import type { PointRecord, RequestRecord, ServerRecords } from "../../../src/profile/server/records.ts";

/** A step takes 10 ms, and 10 microseconds for each token of context. */
function stepSeconds(context: number): number {
  return 0.01 + 1e-5 * context;
}

/** A request sent at 0 whose first token comes at 0.1 s and whose steps follow the law. */
function request(promptTokens: number, outputs: number): RequestRecord {
  const chunkSeconds = new Float64Array(outputs);
  chunkSeconds[0] = 0.1;
  for (let i = 1; i < outputs; i++) chunkSeconds[i] = chunkSeconds[i - 1] + stepSeconds(promptTokens + i);
  return {
    sentSeconds: 0,
    endSeconds: chunkSeconds[outputs - 1],
    promptTokens,
    maxTokens: outputs,
    outcome: "completed",
    status: 200,
    chunkSeconds,
    usage: { promptTokens, completionTokens: outputs },
    message: "",
  };
}

function decode(concurrency: number, promptTokens: number, fromSeconds: number): PointRecord {
  return {
    kind: "decode",
    trial: 0,
    concurrency,
    promptTokens,
    outputTokens: 400,
    window: { fromSeconds, toSeconds: fromSeconds + 1 },
    requests: Array.from({ length: concurrency }, () => request(promptTokens, 400)),
    metricsBefore: null,
    metricsAfter: null,
  };
}

function prefill(promptTokens: number, seconds: number): PointRecord {
  const one = (at: number): RequestRecord => ({
    ...request(promptTokens, 1),
    sentSeconds: at,
    endSeconds: at + seconds,
    chunkSeconds: Float64Array.of(at + seconds),
  });
  return {
    ...decode(1, promptTokens, 0),
    kind: "prefill",
    outputTokens: 1,
    window: { fromSeconds: 0, toSeconds: 3 },
    requests: [one(0), one(1), one(2)],
  };
}

function records(points: readonly PointRecord[]): ServerRecords {
  return {
    schema: "canopy/server-records/1",
    measuredAt: "2026-01-01T00:00:00.000Z",
    settings: {
      id: "hand",
      precision: "bf16",
      tensorParallel: 1,
      gpuName: null,
      gpus: [],
      concurrency: [1, 2, 4],
      promptTokens: [100, 1000],
      outputTokens: 400,
      prefillTokens: [100, 1000],
      prefillRequests: 3,
      trials: 1,
      warmUpSeconds: 0,
      windowSeconds: 0.9,
      coolDownSeconds: 0,
      timeoutSeconds: 10,
      vocabulary: 30_000,
      lockedClockMHz: null,
      seed: "x",
    },
    server: { url: "http://x", local: false, model: "m", maxModelTokens: 4096, version: null, metrics: null },
    host: { cpuModel: null, kernel: null, gitHash: null },
    points,
    power: null,
    powerReason: "none",
  };
}

test("times are read at the context of the column, whatever that of the window was", () => {
  // The windows of one stream lie early in its output, those of two late.
  const points = [
    prefill(100, 0.03),
    prefill(1000, 0.025),
    decode(1, 100, 0.2),
    decode(1, 1000, 0.2),
    decode(2, 100, 2.5),
    decode(2, 1000, 2.5),
    decode(4, 100, 0.2),
  ];
  const profile = profileOfRecords(records(points), "hand.raw.msgpack");
  expect(profile.decode.batch).toEqual([1, 2]);
  const [first, second] = profile.points?.map(({ contextTokens }) => contextTokens ?? 0) ?? [];
  expect(second - first).toBeGreaterThan(800);
  for (const row of profile.decode.iterationMs) {
    row.forEach((ms, c) => {
      expect(ms).toBeCloseTo(1e3 * stepSeconds(profile.decode.contextTokens[c]), 2);
    });
  }
  // Both prefills meet at their mean; that is a change of 10 % of the shorter time.
  expect(profile.prefill.latencyMs.map((ms) => Number(ms.toFixed(6)))).toEqual([27.5, 27.5]);
  expect(profile.protocol?.["largestIsotonicChange"]).toBeCloseTo(0.1, 6);
  expect(profile.notes).toContain("the isotonic fit is up to 10 % away");
  // What was measured at four streams stays among the points, and is said to have no row.
  expect(profile.points?.map(({ batch }) => batch)).toEqual([1, 1, 2, 2, 4]);
  expect(profile.protocol?.["droppedPoints"]).toEqual([
    "concurrency 4: no row in the grid, for want of prompts of 1000 tokens",
  ]);
});

test("rates are those of the window's own length", () => {
  const points = [prefill(100, 0.02), prefill(1000, 0.05), decode(1, 100, 0.2), decode(1, 1000, 0.2)];
  const profile = profileOfRecords(records(points), "hand.raw.msgpack");
  const { chunkSeconds } = points[2].requests[0];
  const inside = chunkSeconds.filter((at) => at >= 0.2 && at < 1.2).length;
  expect(profile.points?.[0].decodeTokensPerSecond).toBeCloseTo(inside, 9);
});
