import { expect, test } from "vitest";
import type { PointRecord, RequestRecord } from "../../../src/profile/server/records.ts";
import { stepsOf } from "../../../src/profile/server/steps.ts";

interface Live {
  readonly sentSeconds: number;
  readonly promptTokens: number;
  readonly limit: number;
  readonly chunkSeconds: number[];
  tokens: number;
}

/**
 * What a client would see of a closed loop on a server whose every step follows
 * seconds = 0.01 + 0.0005 sequences + 1e-6 context + 5e-5 prompt tokens; time is computed, nothing waits.
 */
function closedLoop(concurrency: number, perChunk: number): PointRecord {
  const requests: RequestRecord[] = [];
  const finish = (live: Live, endSeconds: number, cancelled: boolean) =>
    requests.push({
      sentSeconds: live.sentSeconds,
      endSeconds,
      promptTokens: live.promptTokens,
      maxTokens: live.limit,
      outcome: cancelled ? "cancelled" : "completed",
      status: 200,
      chunkSeconds: Float64Array.from(live.chunkSeconds),
      usage: cancelled ? null : { promptTokens: live.promptTokens, completionTokens: live.tokens },
      message: "",
    });
  const begin = (sentSeconds: number, limit: number): Live => {
    return { sentSeconds, promptTokens: 200, limit, chunkSeconds: [], tokens: 0 };
  };
  let now = 0;
  let waiting = Array.from({ length: concurrency }, (_, i) => begin(0, 1 + 40 * (i + 1)));
  let running: Live[] = [];
  while (now < 60) {
    const context = running.reduce((sum, { promptTokens, tokens }) => sum + promptTokens + tokens, 0);
    now += 0.01 + 0.0005 * running.length + 1e-6 * context + 5e-5 * 200 * waiting.length;
    running.push(...waiting);
    waiting = [];
    for (const live of [...running]) {
      live.tokens++;
      if ((live.tokens - 1) % perChunk === 0) live.chunkSeconds.push(now);
      if (live.tokens < live.limit) continue;
      running = running.filter((other) => other !== live);
      finish(live, now, false);
      waiting.push(begin(now + 1e-4, 301));
    }
  }
  for (const live of running) finish(live, now, true);
  const window = { fromSeconds: 10, toSeconds: 50 };
  const nothing = { metricsBefore: null, metricsAfter: null };
  return {
    kind: "decode",
    trial: 0,
    concurrency,
    promptTokens: 200,
    outputTokens: 301,
    window,
    requests,
    ...nothing,
  };
}

test.each([1, 3, 8, 24])(
  "steps of %d streams are exactly the law's, without those that read prompts",
  (concurrency) => {
    const { steps, mostDecoding, pureShare } = stepsOf(closedLoop(concurrency, 1));
    expect(mostDecoding).toBe(concurrency);
    expect(pureShare).toBeGreaterThan(0.5);
    expect(pureShare).toBeLessThan(1);
    expect(steps.length).toBeGreaterThan(1000);
    const pure = 0.01 + 0.0005 * concurrency;
    // Streams differ in context; one stream alone has its own.
    const seconds = steps.map((step) => step.seconds);
    expect(Math.min(...seconds)).toBeGreaterThan(pure + 1e-6 * concurrency * 200 - 1e-9);
    expect(Math.max(...seconds)).toBeLessThan(pure + 1e-6 * concurrency * 1200);
    if (concurrency > 1) return;
    const errors = steps.map((step) => Math.abs(step.seconds - pure - 1e-6 * step.contextTokens));
    expect(Math.max(...errors)).toBeLessThan(1e-9);
  },
);

test("chunks of several tokens: their time is shared out, their context is counted in tokens", () => {
  const { steps } = stepsOf(closedLoop(1, 5));
  expect(steps.length).toBeGreaterThan(100);
  const errors = steps.map(({ seconds, contextTokens }) => Math.abs(seconds - 0.0105 - 1e-6 * contextTokens));
  expect(Math.max(...errors)).toBeLessThan(1e-9);
});

test("fewer streams than asked for leave no step", () => {
  const point = closedLoop(3, 1);
  expect(stepsOf({ ...point, concurrency: 4 })).toMatchObject({ steps: [], mostDecoding: 3, pureShare: 0 });
  expect(stepsOf({ ...point, window: null })).toEqual({
    steps: [],
    mostDecoding: 0,
    pureShare: 0,
    tokens: 0,
  });
});

test("tokens of the window are counted, those of mixed steps too", () => {
  const point = closedLoop(8, 1);
  const all = point.requests
    .flatMap(({ chunkSeconds }) => [...chunkSeconds])
    .filter((at) => at >= 10 && at < 50);
  expect(stepsOf(point).tokens).toBe(all.length);
});
